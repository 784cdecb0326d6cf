// The inputs channel: keys, buttons and motion on their way to the guest, in order, as fast as a
// guest takes them.
//
// A hypervisor drops input while its guest does not run, at the source between the guest's stop
// and MIGRATE, at the target until the guest goes on there; a client sees neither. So nothing is
// sent for a moment after MIGRATE, and releases that were sent shortly before it are said again to
// the target: a release too many does nothing in a guest, a release too few leaves a key stuck.

import type { Instant } from "@caraway/channel";
import {
  type ClientMessage,
  type Inputs,
  inputMotionAckBunch,
  inputsCodec,
  KeyboardModifier,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { MouseModeName } from "./events.ts";
import {
  buttonMask,
  bytesOf,
  type InputCommand,
  isMotion,
  isRelease,
  pressCode,
  type ReleaseCommand,
  releaseCode,
  releasesSame,
} from "./input-command.ts";
import { InputPace } from "./input-pace.ts";
import type { Wiring } from "./wiring.ts";

/** Motions under way from which on further motion is merged rather than sent. */
const motionsInFlightMax = 2 * inputMotionAckBunch;

/**
 * Releases of this long before MIGRATE are said again: many times a usual stop phase. Those of the
 * last moments are the likely ones to be lost, and go before what was held; the others behind it.
 */
const releaseWindowMs = 3000;
const likelyWindowMs = 1000;

/**
 * How long after MIGRATE a target's guest may still stand: QEMU's goes on within some 20 ms, after
 * 100 ms in postcopy, and later where management starts it by a command of its own.
 */
const targetStartMs = 400;

/** Commands that may wait; a release may wait even then, up to twice as many. */
const queueMax = 1024;

interface Release {
  readonly at: Instant;
  readonly command: ReleaseCommand;
}

export class InputsChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #pace = new InputPace();
  /** What is not sent yet. Motion stands in it once for each run without keys and buttons. */
  readonly #queue: InputCommand[] = [];
  /** Nothing is sent before. */
  #holdUntil: Instant = 0;
  /** When the queue can go on; null if something else must happen first. */
  #wakeAt: Instant | null = null;
  #moving = false;
  /** The target has not been told the releases of the last moments yet. */
  #resend = false;
  #buttonsState = 0;
  #motionsInFlight = 0;
  #mouseMode: MouseModeName = "server";
  /** The pointer's newest place; null when it was moved by motion since. */
  #position: Extract<InputCommand, { kind: "position" }> | null = null;
  #releases: Release[] = [];
  /** When keys and buttons of the last moments were sent. */
  #sent: Instant[] = [];
  #dropped = 0;

  constructor(end: ChannelEnd, wiring: Wiring) {
    this.#end = end;
    this.#wiring = wiring;
  }

  snapshot(): unknown {
    return {
      queue: [...this.#queue],
      moving: this.#moving,
      buttonsState: this.#buttonsState,
      motionsInFlight: this.#motionsInFlight,
      holdUntil: this.#holdUntil,
      wakeAt: this.#wakeAt,
      resend: this.#resend,
      releases: this.#releases.map(({ at }) => at),
      sent: [...this.#sent],
    };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#motionsInFlight = 0;
    this.#arrive();
  }

  moved(): void {
    this.#arrive();
  }

  deadline(): Instant | null {
    return this.#wakeAt;
  }

  timeout(): void {
    if (this.#wakeAt !== null && this.#wakeAt <= this.#wiring.now) this.#drain();
  }

  /** The guest has moved, or will have in a moment: what was sent just now may be lost. */
  moving(): void {
    if (this.#moving) return;
    this.#moving = true;
    this.#wakeAt = null;
    const { now } = this.#wiring;
    this.#holdUntil = now + targetStartMs;
    this.#sent = this.#sent.filter((at) => at >= now - releaseWindowMs);
    this.#releases = this.#releases.filter(({ at }) => at >= now - releaseWindowMs);
  }

  /** In mode `server` a server passes over positions: it learns the newest one again. */
  mouseModeIs(mode: MouseModeName): void {
    const before = this.#mouseMode;
    this.#mouseMode = mode;
    if (mode !== "client" || before === mode || this.#position === null) return;
    // A newer place on its way is all that the server needs.
    if (!this.#queue.some(isMotion)) this.handle(this.#position);
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "INIT":
        this.#leds(message.body.keyboardModifiers);
        break;
      case "KEY_MODIFIERS":
        this.#leds(message.body.modifiers);
        break;
      case "MOUSE_MOTION_ACK":
        this.#motionsInFlight = Math.max(0, this.#motionsInFlight - inputMotionAckBunch);
        this.#drain();
        break;
      default:
        break;
    }
    return true;
  }

  handle(command: InputCommand): void {
    if (isMotion(command)) this.#queueMotion(command);
    else if (this.#queue.length < (isRelease(command) ? 2 * queueMax : queueMax)) {
      this.#queue.push(command);
    } else {
      this.#dropped += 1;
      this.#wiring.event({ name: "input-dropped", count: this.#dropped });
    }
    this.#drain();
  }

  #decode(id: number, body: Uint8Array): ServerMessage<typeof Inputs> | null {
    try {
      return inputsCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #leds(modifiers: number): void {
    this.#wiring.event({
      name: "lock-leds",
      scrollLock: (modifiers & KeyboardModifier.SCROLL_LOCK) !== 0,
      numLock: (modifiers & KeyboardModifier.NUM_LOCK) !== 0,
      capsLock: (modifiers & KeyboardModifier.CAPS_LOCK) !== 0,
    });
  }

  /** Merges with motion that waits behind the last key or button. */
  #queueMotion(command: InputCommand): void {
    for (let index = this.#queue.length - 1; index >= 0; index--) {
      const waiting = this.#queue[index]!;
      if (!isMotion(waiting)) break;
      if (waiting.kind !== command.kind) continue;
      this.#queue[index] = merged(waiting, command);
      return;
    }
    this.#queue.push(command);
  }

  #drain(): void {
    this.#wakeAt = null;
    if (!this.#end.isOpen) return;
    if (this.#wiring.now < this.#holdUntil) {
      if (this.#queue.length > 0 || this.#resend) this.#wakeAt = this.#holdUntil;
      return;
    }
    if (this.#resend) this.#queueReleases();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (!this.#isDue(next)) return;
      this.#queue.shift();
      this.#send(next);
    }
  }

  #isDue(command: InputCommand): boolean {
    const { now } = this.#wiring;
    if (isMotion(command)) {
      // A click must land where it was made: motion before it does not wait for acks.
      const urgent = this.#queue.slice(1, 3).some((behind) => !isMotion(behind));
      return urgent || this.#motionsInFlight < motionsInFlightMax;
    }
    const free = this.#pace.whenFree(bytesOf(command), now);
    this.#wakeAt = now < free ? free : null;
    return this.#wakeAt === null;
  }

  #send(command: InputCommand): void {
    if (isMotion(command)) {
      this.#motionsInFlight += 1;
      this.#position = command.kind === "position" ? command : null;
    } else {
      this.#pace.spend(bytesOf(command), this.#wiring.now);
      this.#remember(command);
    }
    this.#end.send(inputsCodec.client.encode(this.#messageOf(command)));
  }

  #messageOf(command: InputCommand): ClientMessage<typeof Inputs> {
    switch (command.kind) {
      case "key-down":
        return { name: "KEY_DOWN", body: { code: pressCode(command.scancode) } };
      case "key-up":
        return { name: "KEY_UP", body: { code: releaseCode(command.scancode) } };
      case "lock-keys":
        return { name: "KEY_MODIFIERS", body: { modifiers: command.modifiers } };
      case "motion": {
        const { dx, dy } = command;
        return { name: "MOUSE_MOTION", body: { dx, dy, buttonsState: this.#buttonsState } };
      }
      case "position": {
        const { x, y, display: displayId } = command;
        const buttonsState = this.#buttonsState;
        return { name: "MOUSE_POSITION", body: { x, y, buttonsState, displayId } };
      }
      case "button-down": {
        const { button } = command;
        this.#buttonsState |= buttonMask(button);
        return { name: "MOUSE_PRESS", body: { button, buttonsState: this.#buttonsState } };
      }
      case "button-up": {
        const { button } = command;
        this.#buttonsState &= ~buttonMask(button);
        return { name: "MOUSE_RELEASE", body: { button, buttonsState: this.#buttonsState } };
      }
    }
  }

  /** Keeps the newest release of each key and button, unless it was pressed again since. */
  #remember(command: InputCommand): void {
    const { now } = this.#wiring;
    const since = now - releaseWindowMs;
    this.#releases = this.#releases.filter(({ at, command: release }) => {
      return at >= since && !releasesSame(release, command);
    });
    if (isRelease(command)) this.#releases.push({ at: now, command });
    this.#sent.push(now);
    while (this.#sent[0]! < since) this.#sent.shift();
  }

  /** There is a server again. */
  #arrive(): void {
    if (this.#moving) {
      this.#moving = false;
      this.#wiring.event({
        name: "migration",
        phase: "input-window",
        sentInWindow: this.#sent.length,
        windowMs: releaseWindowMs,
        resentReleases: this.#releases.length,
        held: this.#queue.length,
      });
      this.#resend = this.#releases.length > 0;
    }
    this.#drain();
  }

  #queueReleases(): void {
    this.#resend = false;
    const likelySince = this.#holdUntil - targetStartMs - likelyWindowMs;
    const likely = this.#releases.filter(({ at }) => at >= likelySince);
    // Behind what was held, a release may not undo a press.
    const others = this.#releases.filter(({ at, command }) => {
      return at < likelySince && !this.#queue.some((held) => releasesSame(command, held));
    });
    this.#queue.unshift(...likely.map(({ command }) => command));
    this.#queue.push(...others.map(({ command }) => command));
  }
}

function merged(waiting: InputCommand, command: InputCommand): InputCommand {
  if (waiting.kind !== "motion" || command.kind !== "motion") return command;
  return { kind: "motion", dx: waiting.dx + command.dx, dy: waiting.dy + command.dy };
}
