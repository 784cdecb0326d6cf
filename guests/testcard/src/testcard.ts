// The testcard: a guest that is a small desktop. It takes keys and the pointer, draws, and can be
// stopped, saved and loaded between any two drawings of the painter.

import type { Surface } from "@caraway/canvas";
import type { Instant } from "@caraway/channel";
import type { Drawing, GuestInput, GuestOutput, MonitorWish, SavableGuest } from "@caraway/server";
import { encodeUtf8 } from "@caraway/wire";
import { type AgentHands, AgentProgram, type ArrivedFile, agentStream } from "./agent-program.ts";
import { CardSlot, type CardSlotState, cardFacts } from "./card-slot.ts";
import {
  type CounterState,
  counterDue,
  hearCounter,
  isCounter,
  openCounter,
  tickCounter,
} from "./counter-stream.ts";
import { describe } from "./description.ts";
import { clockMs, runtimeAt } from "./desktop.ts";
import { nextChange, setUpDesktop, tickDesktop, typeKey } from "./desktop-changes.ts";
import { editText } from "./editor-window.ts";
import { hasLetter } from "./font.ts";
import {
  hearSound,
  type SoundState,
  soundDevice,
  soundDue,
  startSound,
  tickSound,
} from "./melody.ts";
import { displaysOf, primarySize } from "./monitors.ts";
import { pngPicture } from "./png-picture.ts";
import { cursorOutputs, handlePointer } from "./pointer.ts";
import { boxAt, intersectRegion, type Region } from "./region.ts";
import { resize } from "./resize.ts";
import { saveState } from "./save-state.ts";
import { drawScene } from "./scene.ts";
import { surfacePixels } from "./screen.ts";
import { DesktopStage } from "./stage.ts";
import { changedStatus, statusBox, statusTexts } from "./status-bar.ts";
import { type DeviceInput, type TestcardState, waitingMax } from "./testcard-state.ts";
import { UsbSlot, type UsbSlotState, usbFacts } from "./usb-slot.ts";

/** Milliseconds between two batches of the painter. */
const batchPauseMs = 4;

const controlKeys = [0x1d, 0xe01d];
const copyKey = 0x2e;
const pasteKey = 0x2f;
const printKey = 0xe037;
const restartKey = 0x58;

type Clock = { readonly kind: "stopped" } | { readonly kind: "running"; readonly since: Instant };

type SceneDrawing = readonly [display: number, drawing: Drawing];

export class Testcard implements SavableGuest {
  readonly #state: TestcardState;
  readonly #stage: DesktopStage;
  readonly #agent: AgentProgram | null;
  readonly #slots: readonly UsbSlot[];
  readonly #card: CardSlot | null;
  #outputs: GuestOutput[];
  #clock: Clock = { kind: "stopped" };
  /** All drawings of `painting`, made when they are needed. */
  #scene: readonly SceneDrawing[] | null = null;

  /** Begins stopped, about to describe itself. */
  constructor(state: TestcardState) {
    this.#state = state;
    this.#stage = new DesktopStage(state.desktop, (display, drawing) => {
      this.#draw(display, drawing);
    });
    this.#agent = state.desktop.settings.agent ? this.#newAgent() : null;
    this.#slots = state.slots.map((slot) => new UsbSlot(slot));
    const slots = this.#slots.flatMap((slot) => slot.describe());
    this.#card = state.card === null ? null : new CardSlot(state.card);
    slots.push(...(this.#card?.describe() ?? []));
    this.#outputs = describe(state, [...(this.#agent?.describe() ?? []), ...slots]);
  }

  /** Files that the client sent to it and that arrived whole, oldest first. */
  get files(): readonly ArrivedFile[] {
    return this.#agent?.files ?? [];
  }

  handle(input: GuestInput, now: Instant): void {
    this.#advanceClock(now);
    switch (input.type) {
      case "timeout":
        break;
      case "run":
        this.#run(now);
        break;
      case "stop":
        this.#clock = { kind: "stopped" };
        this.#outputs.push({ type: "running", running: false });
        return;
      case "key":
      case "mouse-motion":
      case "tablet-position":
      case "buttons":
      case "wheel":
        this.#hear(input);
        break;
      case "monitors-wish":
        this.#hearWishes(input.monitors);
        break;
      case "stream-open":
      case "stream-data":
      case "stream-credit":
      case "stream-break":
        this.#hearStream(input);
        break;
      case "record-samples":
        if (input.device !== soundDevice) break;
        hearSound(this.#state.sound, input.samples);
        this.#state.desktop.loudness = this.#state.sound.loudest;
        break;
      default:
        // It has no such device.
        break;
    }
    if (this.#clock.kind === "running") this.#live();
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    if (this.#clock.kind === "stopped") return null;
    const { desktop, painting, counters } = this.#state;
    const soundAt = desktop.settings.sound ? soundDue(this.#state.sound) : null;
    const devices = [...counters.map(counterDue), ...this.#slots.map((slot) => slot.due())];
    devices.push(this.#card?.due() ?? null);
    const due = [painting?.dueMs ?? this.#nextChange(), soundAt, ...devices]
      .filter((at) => at !== null)
      .reduce<number | null>((first, at) => Math.min(first ?? at, at), null);
    return due === null ? null : this.#clock.since + Math.max(0, due - desktop.runtimeMs);
  }

  snapshot(now: Instant): unknown {
    const { desktop, painting, waiting, wishes, isSetUp, counters, sound } = this.#state;
    const { runtimeMs, ...rest } = desktop;
    const deadline = this.deadline();
    return {
      ...rest,
      running: this.#clock.kind === "running",
      isSetUp,
      clockMs: clockMs(desktop),
      deadline: deadline === null ? null : deadline - now,
      painting:
        painting === null
          ? null
          : {
              damage: [...painting.damage],
              done: painting.done,
              dueMs: painting.dueMs - runtimeMs,
            },
      waiting,
      wishes,
      counterDevices: counters.map((counter) => ({ ...counter, dueMs: counter.dueMs - runtimeMs })),
      card: this.card && { ...this.card, dueMs: this.card.dueMs - runtimeMs },
      usb: this.#slots.map(({ state: slot }) => ({ ...slot, dueMs: slot.dueMs - runtimeMs })),
      sound: desktop.settings.sound ? { ...sound, playedMs: sound.playedMs - runtimeMs } : null,
      agent: this.#agent?.state() ?? null,
    };
  }

  /** Its devices that count, as they are at this moment. */
  get counters(): readonly Readonly<CounterState>[] {
    return this.#state.counters;
  }

  facts(): Readonly<Record<string, number>> {
    const usb = this.usb.map((slot, index) => usbFacts(`usb${index}`, slot));
    return Object.assign({}, ...usb, this.#card === null ? {} : cardFacts(this.#card.state));
  }

  /** What its smartcard reader has done; null: it has none. */
  get card(): Readonly<CardSlotState> | null {
    return this.#card?.state ?? null;
  }

  /** What its USB slots have done. */
  get usb(): readonly Readonly<UsbSlotState>[] {
    return this.#slots.map(({ state }) => state);
  }

  /** What it has played and heard. */
  get sound(): Readonly<SoundState> {
    return this.#state.sound;
  }

  /** What it shows at this moment, and what it draws from; read it before the next input. */
  surface(display: number, surface: number): Surface | null {
    return this.#state.screen.surface(display, surface);
  }

  save(_now: Instant): Uint8Array {
    if (this.#clock.kind === "running" || this.#outputs.length > 0) {
      throw new Error("only a testcard that is stopped and drained can be saved");
    }
    this.#state.agent = this.#agent?.state() ?? null;
    this.#state.slots = this.#slots.map((slot) => slot.save());
    return saveState(this.#state);
  }

  /** `since` becomes now, and the time until now is added up: both count in whole milliseconds. */
  #advanceClock(now: Instant): void {
    if (this.#clock.kind === "stopped") return;
    // A deadline that was computed in floating point counts as reached.
    const passed = Math.floor(now - this.#clock.since + 1e-3);
    if (passed <= 0) return;
    this.#state.desktop.runtimeMs += passed;
    this.#clock = { kind: "running", since: this.#clock.since + passed };
  }

  #run(now: Instant): void {
    if (this.#clock.kind === "stopped") this.#clock = { kind: "running", since: now };
    this.#outputs.push({ type: "running", running: true });
    const state = this.#state;
    if (!state.isSetUp) {
      state.isSetUp = true;
      if (state.desktop.settings.sound) this.#outputs.push(...startSound());
      this.#act(() => setUpDesktop(state.desktop, this.#stage));
      this.#agent?.start(this.#outputs);
    } else this.#agent?.resume(this.#outputs);
    const { waiting, wishes } = state;
    state.waiting = [];
    state.wishes = [];
    if (wishes.length > 0) this.#hearWishes(wishes);
    for (const input of waiting) this.#hear(input);
  }

  #hearStream(input: Extract<GuestInput, { readonly type: `stream-${string}` }>): void {
    const { use, id } = input.stream;
    if (use === agentStream.use && id === agentStream.id && input.type !== "stream-break") {
      this.#agent?.handle(input, this.#clock.kind === "stopped", this.#outputs);
      return;
    }
    const slot = this.#slots.find(({ stream }) => stream.use === use && stream.id === id);
    slot?.hear(input, this.#state.desktop.runtimeMs);
    if (use === "smartcard") this.#card?.hear(input, this.#state.desktop.runtimeMs);
    const counter = this.#state.counters.find((candidate) => isCounter(candidate, input.stream));
    if (counter === undefined) return;
    switch (input.type) {
      case "stream-open":
        openCounter(counter, input.open);
        break;
      case "stream-data":
        if (hearCounter(counter, input.bytes)) {
          this.#outputs.push({ type: "stream-open", stream: input.stream, open: false });
        }
        break;
      case "stream-credit":
        counter.credit += input.bytes;
        break;
      case "stream-break":
        counter.breaks += 1;
        break;
    }
  }

  #hear(input: DeviceInput): void {
    const state = this.#state;
    if (this.#clock.kind === "stopped") {
      state.waiting = joinWaiting(state.waiting, input);
      return;
    }
    this.#act(() => {
      if (input.type === "key") typeKey(state.desktop, this.#stage, input, this.#outputs);
      else handlePointer(state.desktop, this.#stage, input);
    });
    if (input.type === "key" && input.down) this.#useClipboard(input.code);
  }

  /** Ctrl+C copies the text, Print Screen the picture, Ctrl+V pastes; F12 restarts the agent. */
  #useClipboard(code: number): void {
    const { desktop, screen } = this.#state;
    const hasControl = desktop.keyboard.held.some((held) => controlKeys.includes(held));
    if (code === restartKey) this.#agent?.start(this.#outputs);
    else if (code === printKey) {
      const { width, height, pixmap } = screen.surface(desktop.monitors[0]!.display, 0)!;
      const data = pngPicture(width, height, Uint32Array.from(pixmap.pixels));
      this.#agent?.copy({ format: "IMAGE_PNG", data }, this.#outputs);
    } else if (hasControl && code === copyKey) {
      const data = encodeUtf8(desktop.editor.text);
      this.#agent?.copy({ format: "UTF8_TEXT", data }, this.#outputs);
    } else if (hasControl && code === pasteKey) this.#agent?.paste(this.#outputs);
  }

  #newAgent(): AgentProgram {
    const state = this.#state;
    const hands: AgentHands = {
      write: (text) => {
        const letters = [...text].filter((letter) => letter === "\n" || hasLetter(letter));
        const change = { kind: "insert", text: letters.join("") } as const;
        this.#act(() => editText(state.desktop, this.#stage, change));
      },
      resize: (wishes) => this.#hearWishes(wishes),
    };
    const agent = new AgentProgram(hands, state.desktop.settings.sound);
    if (state.agent !== null) agent.restore(state.agent);
    return agent;
  }

  #hearWishes(wishes: readonly MonitorWish[]): void {
    const state = this.#state;
    if (this.#clock.kind === "stopped") {
      state.wishes = wishes.slice(0, state.desktop.monitors.length);
      return;
    }
    this.#act(() => resize(state, this.#stage, wishes, this.#outputs));
  }

  /** Changes the desktop; what is shown of counters and pointer follows. */
  #act(change: () => void): void {
    this.#paint(Number.POSITIVE_INFINITY);
    const { desktop } = this.#state;
    const pointer = desktop.pointer;
    const status = statusTexts(desktop);
    change();
    this.#outputs.push(...cursorOutputs(desktop, pointer));
    const { display } = desktop.monitors[0]!;
    for (const part of changedStatus(status, statusTexts(desktop), statusBox(desktop))) {
      this.#stage.damageOn(display, part);
    }
    this.#beginPainting();
  }

  /** All that happens by itself: paint on, and when nothing is to be painted, move on. */
  #live(): void {
    const state = this.#state;
    if (state.desktop.settings.sound) {
      tickSound(state.sound, state.desktop.runtimeMs, (output) => this.#outputs.push(output));
    }
    for (const counter of state.counters) {
      tickCounter(counter, state.desktop.runtimeMs, (output) => this.#outputs.push(output));
    }
    for (const slot of this.#slots) {
      slot.tick(state.desktop.runtimeMs, (output) => this.#outputs.push(output));
    }
    this.#card?.tick(state.desktop.runtimeMs, (output) => this.#outputs.push(output));
    while (state.painting !== null && state.painting.dueMs <= state.desktop.runtimeMs) {
      this.#paint(state.desktop.settings.batch);
    }
    const change = state.painting === null ? this.#nextChange() : null;
    if (change !== null && change <= state.desktop.runtimeMs) {
      this.#act(() => tickDesktop(state.desktop, this.#stage));
      this.#paint(state.desktop.settings.batch);
    }
    this.#update();
  }

  #nextChange(): number | null {
    const { desktop } = this.#state;
    return runtimeAt(desktop, nextChange(desktop));
  }

  /** Takes over what was damaged as the painter's next work. */
  #beginPainting(): void {
    const { desktop } = this.#state;
    const damage = new Map<number, Region>();
    for (const [display, region] of this.#stage.takeDamage()) {
      const { width, height } = primarySize(desktop.monitors, display);
      const seen = intersectRegion(region, boxAt(0, 0, width, height));
      if (seen.length > 0) damage.set(display, seen);
    }
    if (damage.size === 0) return;
    this.#state.painting = { damage, done: 0, dueMs: desktop.runtimeMs };
    this.#scene = null;
  }

  /** Draws so many of the drawings that are left. */
  #paint(count: number): void {
    const state = this.#state;
    if (state.painting === null) return;
    const { damage, done, dueMs } = state.painting;
    this.#scene ??= [...damage].flatMap(([display, region]) =>
      drawScene(state.desktop, display, region).map((drawing) => [display, drawing] as const),
    );
    const end = Math.min(this.#scene.length, done + count);
    for (const [display, drawing] of this.#scene.slice(done, end)) this.#draw(display, drawing);
    const isDone = end === this.#scene.length;
    state.painting = isDone ? null : { damage, done: end, dueMs: dueMs + batchPauseMs };
    if (isDone) this.#scene = null;
  }

  #draw(display: number, drawing: Drawing): void {
    this.#state.screen.draw(display, drawing);
    if (this.#state.desktop.settings.output === "drawing") {
      this.#outputs.push({ type: "draw", display, drawing });
    }
  }

  /** As a framebuffer: tells what changed, however it did. */
  #update(): void {
    const { desktop, screen } = this.#state;
    for (const display of displaysOf(desktop.monitors)) {
      const changed = screen.takeChanged(display);
      if (desktop.settings.output === "drawing") continue;
      const primary = screen.surface(display, 0)!;
      for (const box of changed) {
        const pixels = surfacePixels(primary, box);
        this.#outputs.push({ type: "update", display, surface: 0, box, pixels });
      }
    }
  }
}

/** Motions become one, as long as the buttons stay as they are. */
function joinWaiting(waiting: readonly DeviceInput[], input: DeviceInput): readonly DeviceInput[] {
  const last = waiting.at(-1);
  if (last?.type === "mouse-motion" && input.type === "mouse-motion") {
    if (last.buttons === input.buttons) {
      const joined = { ...input, dx: last.dx + input.dx, dy: last.dy + input.dy };
      return [...waiting.slice(0, -1), joined];
    }
  }
  if (last?.type === "tablet-position" && input.type === "tablet-position") {
    const isSame = last.buttons === input.buttons && last.display === input.display;
    if (isSame) return [...waiting.slice(0, -1), input];
  }
  return waiting.length < waitingMax ? [...waiting, input] : waiting;
}
