// The guest as the server knows it: what it has, what its displays and pointers show, which of its
// streams are there. What it says is taken here; what concerns clients is passed on.

import type { GraphicsDevice } from "@caraway/protocol";
import { CarawayError, type Infer } from "@caraway/wire";
import type { ChannelId } from "./channel-name.ts";
import type { GuestOutput } from "./guest.ts";
import type { DisplayHardware, GuestDevice, StreamName } from "./guest-device.ts";
import { GuestStream } from "./guest-stream.ts";
import { ServedCursor } from "./served-cursor.ts";
import { ServedDisplay } from "./served-display.ts";
import type { ServedSound } from "./served-sound.ts";
import type { Wiring } from "./wiring.ts";

/** What the server does when the guest changes. */
export interface MirrorOwner {
  ready(): void;
  identityChanged(): void;
  /** Channels appeared or went. */
  channelsChanged(): void;
  /** Keyboard, mouse or tablet came or went. */
  inputsChanged(): void;
  ledsAre(modifiers: number): void;
  runningChanged(running: boolean): void;
  streamAttached(stream: GuestStream): void;
  streamDetached(stream: GuestStream): void;
  streamOpened(stream: GuestStream, open: boolean): void;
  streamData(stream: GuestStream, bytes: Uint8Array): void;
  streamCredited(stream: GuestStream): void;
  ended(error: CarawayError | null): void;
}

export class GuestMirror {
  readonly #wiring: Wiring;
  readonly #sound: ServedSound;
  readonly #owner: MirrorOwner;
  readonly #displays = new Map<number, ServedDisplay>();
  readonly #hardware = new Map<number, DisplayHardware>();
  readonly #cursors = new Map<number, ServedCursor>();
  readonly #streams = new Map<string, GuestStream>();
  readonly #kinds = new Set<GuestDevice["kind"]>();
  #name = "";
  #uuid: Uint8Array | null = null;
  #isReady = false;
  #isRunning = false;

  constructor(wiring: Wiring, sound: ServedSound, owner: MirrorOwner) {
    this.#sound = sound;
    this.#wiring = wiring;
    this.#owner = owner;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get name(): string {
    return this.#name;
  }

  get uuid(): Uint8Array | null {
    return this.#uuid;
  }

  get hasKeyboard(): boolean {
    return this.#kinds.has("keyboard");
  }

  get hasMouse(): boolean {
    return this.#kinds.has("mouse");
  }

  get hasTablet(): boolean {
    return this.#kinds.has("tablet");
  }

  get takesMonitors(): boolean {
    return this.#kinds.has("monitors");
  }

  /** Which monitor of which channel is which output of which device. */
  get graphicsDevices(): Infer<typeof GraphicsDevice>[] {
    return [...this.#hardware].flatMap(([channelId, { address, outputs }]) => {
      return outputs.map((deviceDisplayId, monitorId) => {
        return { channelId, monitorId, deviceDisplayId, deviceAddress: address };
      });
    });
  }

  get displayCount(): number {
    return this.#displays.size;
  }

  display(id: number): ServedDisplay | null {
    return this.#displays.get(id) ?? null;
  }

  cursor(id: number): ServedCursor | null {
    return this.#cursors.get(id) ?? null;
  }

  /** Channels beside main that clients may open. */
  channels(): ChannelId[] {
    const channels: ChannelId[] = [];
    for (const id of this.#displays.keys()) {
      channels.push({ name: "display", id }, { name: "cursor", id });
    }
    channels.push({ name: "inputs", id: 0 });
    for (const { name } of this.#streams.values()) {
      if (name.use !== "agent") channels.push({ name: name.use, id: name.id });
    }
    return [...channels, ...this.#sound.channels()];
  }

  /**
   * The guest came from another server and stands still: what its displays show from now on is
   * noted, for clients that come over and have all that is there now. Until `forgetChanges`.
   */
  noteChanges(): void {
    for (const display of this.#displays.values()) display.noteChanges();
  }

  /** Nobody comes over any more. */
  forgetChanges(): void {
    for (const display of this.#displays.values()) display.forgetChanges();
  }

  handle(output: GuestOutput): void {
    try {
      this.#handle(output);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      const what = output.type === "draw" ? output.drawing.name : output.type;
      this.#wiring.event({ name: "guest-fault", what, error });
    }
  }

  snapshot(): unknown {
    return {
      isReady: this.#isReady,
      isRunning: this.#isRunning,
      kinds: [...this.#kinds],
      displays: [...this.#displays.values()].map((display) => display.snapshot()),
      cursors: [...this.#cursors.values()].map((cursor) => cursor.snapshot()),
      streams: [...this.#streams.values()].map((stream) => stream.snapshot()),
      sound: this.#sound.snapshot(),
    };
  }

  #handle(output: GuestOutput): void {
    switch (output.type) {
      case "identity":
        this.#name = output.name;
        this.#uuid = output.uuid?.length === 16 ? output.uuid : null;
        this.#owner.identityChanged();
        break;
      case "attach":
        this.#attach(output.device);
        break;
      case "detach":
        this.#detach(output.device);
        break;
      case "ready":
        this.#isReady = true;
        this.#owner.ready();
        break;
      case "running":
        this.#isRunning = output.running;
        for (const stream of this.#streams.values()) stream.setRunning(output.running);
        for (const display of this.#displays.values()) display.setRunning(output.running);
        this.#owner.runningChanged(output.running);
        this.#wiring.event({ name: "guest-running", running: output.running });
        break;
      case "surface-create":
      case "surface-destroy":
      case "draw":
      case "update":
      case "monitors":
        this.#need(this.#displays.get(output.display), `display ${output.display}`).handle(output);
        break;
      case "cursor-shape":
      case "cursor-move":
        this.#need(this.#cursors.get(output.display), `display ${output.display}`).handle(output);
        break;
      case "leds":
        this.#owner.ledsAre(output.modifiers);
        break;
      case "stream-open":
      case "stream-data":
      case "stream-credit":
        this.#stream(this.#needStream(output.stream), output);
        break;
      case "ended":
        this.#isReady = false;
        this.#owner.ended(output.error);
        break;
      default:
        this.#sound.handle(output);
        break;
    }
  }

  #stream(
    stream: GuestStream,
    output: Extract<GuestOutput, { readonly type: `stream-${string}` }>,
  ): void {
    switch (output.type) {
      case "stream-open":
        stream.openedThere(output.open);
        this.#owner.streamOpened(stream, output.open);
        break;
      case "stream-data":
        if (!stream.took(output.bytes.length)) {
          throw new GuestFault(`${labelOf(stream.name)} sends more than it was granted`);
        }
        this.#owner.streamData(stream, output.bytes);
        break;
      case "stream-credit":
        stream.credited(output.bytes);
        this.#owner.streamCredited(stream);
        break;
    }
  }

  #attach(device: GuestDevice): void {
    switch (device.kind) {
      case "display":
        if (this.#displays.has(device.id)) throw new GuestFault(`display ${device.id} is there`);
        if (device.id > 255) throw new GuestFault(`display ${device.id} has no channel`);
        this.#displays.set(device.id, new ServedDisplay(device.id, () => this.#wiring.now));
        if (device.hardware !== undefined) this.#hardware.set(device.id, device.hardware);
        this.#cursors.set(device.id, new ServedCursor());
        this.#owner.channelsChanged();
        break;
      case "stream": {
        const label = labelOf(device);
        if (this.#streams.has(label)) throw new GuestFault(`${label} is there`);
        if (device.id > 255) throw new GuestFault(`${label} has no channel`);
        const name = { use: device.use, id: device.id };
        const stream = new GuestStream(name, device.name, this.#isRunning, this.#wiring);
        this.#streams.set(label, stream);
        this.#owner.streamAttached(stream);
        break;
      }
      case "playback":
      case "record":
        this.#sound.attach(device);
        this.#owner.channelsChanged();
        break;
      default:
        this.#kinds.add(device.kind);
        this.#owner.inputsChanged();
        break;
    }
  }

  #detach(device: GuestDevice): void {
    switch (device.kind) {
      case "display":
        this.#displays.get(device.id)?.clear();
        this.#displays.delete(device.id);
        this.#hardware.delete(device.id);
        this.#cursors.delete(device.id);
        this.#owner.channelsChanged();
        break;
      case "stream": {
        const stream = this.#needStream(device);
        this.#streams.delete(labelOf(device));
        stream.detach();
        this.#owner.streamDetached(stream);
        break;
      }
      case "playback":
      case "record":
        this.#sound.detach(device);
        this.#owner.channelsChanged();
        break;
      default:
        this.#kinds.delete(device.kind);
        this.#owner.inputsChanged();
        break;
    }
  }

  #needStream(name: StreamName): GuestStream {
    return this.#need(this.#streams.get(labelOf(name)), labelOf(name));
  }

  #need<T>(found: T | undefined, what: string): T {
    if (found === undefined) throw new GuestFault(`there is no ${what}`);
    return found;
  }
}

function labelOf({ use, id }: StreamName): string {
  return `${use} ${id}`;
}

/** The guest does not keep to its contract. */
export class GuestFault extends CarawayError {
  readonly code = "GUEST_FAULT";
}
