// A guest that is as small as one can be and still tells every loss: one little screen on which
// each key leaves its mark, a clock that draws, and a stream that counts. Whoever shows its pixels
// and hears its bytes has missed nothing and got nothing twice.

import type { Instant } from "@caraway/channel";
import { BitmapFormat, BrushType, ClipType, RopDescriptor, SurfaceFormat } from "@caraway/protocol";
import type {
  Drawing,
  DrawingBody,
  GuestInput,
  GuestOutput,
  SavableGuest,
  StreamName,
} from "@caraway/server";
import { firstUsbSlot, loadSlots, saveSlots, UsbSlot } from "@caraway/testcard";
import { CarawayError } from "@caraway/wire";
import { hashNumbers } from "./fingerprint.ts";

export interface MiniGuestOptions {
  /** Pictures that its clock draws, `framePeriodMs` apart. */
  readonly frames: number;
  readonly framePeriodMs: number;
  /** Bytes that it sends on its stream as soon as it may; null: it has no stream. */
  readonly streamBytes: number | null;
  readonly streamUse: "port" | "usbredir";
  /** Commands for a client's stick, in a USB slot of the testcard's; null: it has no slot. */
  readonly usbCommands: number | null;
}

export const plainMiniGuest: MiniGuestOptions = {
  frames: 0,
  framePeriodMs: 40,
  streamBytes: null,
  streamUse: "usbredir",
  usbCommands: null,
};

export const screenWidth = 24;
export const screenHeight = 8;
/** Bytes that the stream's device takes before it grants more. */
const streamGrant = 16;
/** Bytes of one write to the stream. */
const streamPiece = 5;

export interface GuestKey {
  readonly code: number;
  readonly down: boolean;
}

interface State {
  readonly options: MiniGuestOptions;
  keys: GuestKey[];
  held: number[];
  /** How far the mouse went to the right. */
  moved: number;
  /** Marks on the screen so far. */
  marks: number;
  framesDone: number;
  /** Of the guest's clock, which stands while the guest does. */
  clockMs: number;
  pixels: number[];
  streamIsOpen: boolean;
  streamSent: number;
  streamCredit: number;
  streamHeard: number[];
  streamGranted: number;
  /** How often it was saved while requests of its USB slot were open. */
  busyMoves: number;
  /** The USB slot as it was saved. */
  usb: number[] | null;
}

export class MiniGuest implements SavableGuest {
  readonly #state: State;
  readonly #outputs: GuestOutput[] = [];
  #since: Instant | null = null;
  /** What does not keep to the contract, in words. */
  readonly complaints: string[] = [];
  readonly usb: UsbSlot | null;

  constructor(options: MiniGuestOptions | State) {
    this.#state = "keys" in options ? options : firstState(options);
    this.usb = this.#loadUsb();
    this.#describe();
  }

  static load(bytes: Uint8Array, _now: Instant): MiniGuest {
    try {
      return new MiniGuest(JSON.parse(new TextDecoder().decode(bytes)) as State);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new BadState("the state is cut", { cause: error });
    }
  }

  save(now: Instant): Uint8Array {
    if (this.isRunning || this.#outputs.length > 0) throw new Error("saved while it runs");
    this.#pass(now);
    const { clockMs } = this.#state;
    if ((this.usb?.state.requests.length ?? 0) > 0) this.#state.busyMoves += 1;
    this.#state.usb = this.usb && [...saveSlots([this.usb.save()], clockMs)];
    return new TextEncoder().encode(JSON.stringify(this.#state));
  }

  get isRunning(): boolean {
    return this.#since !== null;
  }

  get keys(): readonly GuestKey[] {
    return this.#state.keys;
  }

  /** Keys that are down. */
  get held(): readonly number[] {
    return this.#state.held;
  }

  get moved(): number {
    return this.#state.moved;
  }

  /** Colours `0xffRRGGBB`, row by row. */
  get colors(): Uint32Array {
    return Uint32Array.from(this.#state.pixels, (pixel) => (pixel | 0xff000000) >>> 0);
  }

  get hasStream(): boolean {
    return this.#state.options.streamBytes !== null;
  }

  /** What the far end of the stream sent. */
  get streamHeard(): readonly number[] {
    return this.#state.streamHeard;
  }

  /** How many bytes it sent; byte n is n modulo 256. */
  get streamSent(): number {
    return this.#state.streamSent;
  }

  handle(input: GuestInput, now: Instant): void {
    this.#pass(now);
    switch (input.type) {
      case "run":
        this.#since ??= now;
        this.#outputs.push({ type: "running", running: true });
        break;
      case "stop":
        this.#since = null;
        this.#outputs.push({ type: "running", running: false });
        return;
      case "key":
        this.#key(input);
        break;
      case "mouse-motion":
        if (this.isRunning) this.#state.moved += input.dx;
        else this.complaints.push(`motion by ${input.dx} while it stands`);
        break;
      case "stream-open":
        this.usb?.hear(input, this.#state.clockMs);
        this.#state.streamIsOpen = input.open;
        break;
      case "stream-credit":
        this.usb?.hear(input, this.#state.clockMs);
        this.#state.streamCredit += input.bytes;
        break;
      case "stream-data":
        if (this.usb === null) this.#hear(input.bytes);
        else if (this.isRunning) this.usb.hear(input, this.#state.clockMs);
        else this.complaints.push(`${input.bytes.length} bytes while it stands`);
        break;
      default:
        break;
    }
    if (this.isRunning) this.#live();
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    const { options, framesDone, clockMs } = this.#state;
    if (this.#since === null) return null;
    const usb = this.usb?.due(this.mayUseUsb) ?? null;
    const frame = framesDone < options.frames ? (framesDone + 1) * options.framePeriodMs : null;
    if (usb === null && frame === null) return null;
    const due = Math.min(usb ?? Number.POSITIVE_INFINITY, frame ?? Number.POSITIVE_INFINITY);
    return this.#since + Math.max(0, due - clockMs);
  }

  snapshot(now: Instant): unknown {
    const { options: _options, ...state } = this.#state;
    const slot =
      this.usb === null ? null : hashNumbers(saveSlots([this.usb.save()], state.clockMs));
    const deadline = this.deadline();
    return { ...state, usb: slot, isRunning: this.isRunning, wakes: deadline && deadline - now };
  }

  #describe(): void {
    const { options, pixels } = this.#state;
    const surface = { width: screenWidth, height: screenHeight, format: SurfaceFormat["32_xRGB"] };
    const content = { stride: screenWidth * 4, data: bytesOf(pixels) };
    this.#outputs.push(
      { type: "identity", name: "mini", uuid: new Uint8Array(16).fill(9) },
      { type: "attach", device: { kind: "display", id: 0 } },
      { type: "attach", device: { kind: "keyboard" } },
      { type: "attach", device: { kind: "mouse" } },
      { type: "surface-create", display: 0, surface: 0, ...surface, content },
    );
    const stream = this.#stream;
    if (stream !== null) {
      this.#outputs.push(
        { type: "attach", device: { kind: "stream", ...stream, name: "count" } },
        { type: "stream-open", stream, open: true },
      );
      this.#grant();
    }
    if (this.usb !== null) this.#outputs.push(...this.usb.describe());
    this.#outputs.push({ type: "ready" });
    // Attached anew, it grants and is granted from zero.
    this.#state.streamCredit = 0;
    if (options.streamBytes === null) this.#state.streamIsOpen = false;
  }

  get #stream(): StreamName | null {
    const { streamBytes, streamUse } = this.#state.options;
    return streamBytes === null ? null : { use: streamUse, id: 0 };
  }

  get busyMoves(): number {
    return this.#state.busyMoves;
  }

  /** Whether it has commands left for the stick. */
  get mayUseUsb(): boolean {
    return (this.usb?.state.nextTag ?? 0) <= (this.#state.options.usbCommands ?? 0);
  }

  #loadUsb(): UsbSlot | null {
    const { options, usb, clockMs } = this.#state;
    if (options.usbCommands === null) return null;
    const [slot] = usb === null ? [] : loadSlots(Uint8Array.from(usb), 0, clockMs);
    return new UsbSlot(slot ?? firstUsbSlot(0));
  }

  #pass(now: Instant): void {
    if (this.#since === null) return;
    this.#state.clockMs += now - this.#since;
    this.#since = now;
  }

  /** A hypervisor drops what comes while its guest stands, and so does this. */
  #key({ code, down }: GuestKey): void {
    const state = this.#state;
    if (!this.isRunning) {
      this.complaints.push(`key ${code} ${down ? "down" : "up"} while it stands`);
      return;
    }
    // A client says releases again behind a move; to a guest that is nothing.
    if (!down && !state.held.includes(code)) return;
    state.keys.push({ code, down });
    state.held = state.held.filter((other) => other !== code);
    if (down) {
      state.held.push(code);
      this.#mark(code);
    }
  }

  #live(): void {
    const { options } = this.#state;
    while (
      this.#state.framesDone < options.frames &&
      (this.#state.framesDone + 1) * options.framePeriodMs <= this.#state.clockMs
    ) {
      this.#state.framesDone += 1;
      this.#mark(0x100 + this.#state.framesDone);
    }
    this.usb?.tick(this.#state.clockMs, (output) => this.#outputs.push(output), this.mayUseUsb);
    this.#speak();
  }

  #speak(): void {
    const state = this.#state;
    const stream = this.#stream;
    if (stream === null) return;
    const wanted = state.options.streamBytes ?? 0;
    while (state.streamSent < wanted && state.streamCredit > 0) {
      const size = Math.min(streamPiece, state.streamCredit, wanted - state.streamSent);
      const bytes = Uint8Array.from({ length: size }, (_, index) => state.streamSent + index);
      state.streamSent += size;
      state.streamCredit -= size;
      this.#outputs.push({ type: "stream-data", stream, bytes });
    }
  }

  #hear(bytes: Uint8Array): void {
    const state = this.#state;
    if (!this.isRunning) this.complaints.push(`${bytes.length} bytes while it stands`);
    state.streamGranted -= bytes.length;
    if (state.streamGranted < 0) this.complaints.push("more bytes than it granted");
    state.streamHeard.push(...bytes);
    if (state.streamGranted <= 0) this.#grant();
  }

  #grant(): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#state.streamGranted = streamGrant;
    this.#outputs.push({ type: "stream-credit", stream, bytes: streamGrant });
  }

  /** Draws in each of the ways that there are: filled, copied and cached, copied, as pixels. */
  #mark(code: number): void {
    const state = this.#state;
    const number = state.marks++;
    const left = (number * 3) % screenWidth;
    const top = (number * 5) % (screenHeight - 3);
    const box = { left, top, right: Math.min(left + 4, screenWidth), bottom: top + 3 };
    const color = (code * 0x10305 + number * 0x40811) & 0xffffff;
    const way = number % 4;
    const width = box.right - left;
    const pixels: number[] = [];
    for (let y = 0; y < 3; y++) {
      // The picture that is cached looks the same each time.
      for (let x = 0; x < width; x++) pixels.push(way === 1 ? 0x204060 * (x + y + 1) : color);
    }
    this.#paint(box, pixels);
    if (way === 0) this.#draw(fill(box, color));
    else if (way === 3) {
      const data = bytesOf(pixels);
      this.#outputs.push({
        type: "update",
        display: 0,
        surface: 0,
        box,
        pixels: { stride: width * 4, data },
      });
    } else this.#draw(copy(box, bytesOf(pixels), way === 1 ? BigInt(width) : null));
  }

  #draw(drawing: Drawing): void {
    this.#outputs.push({ type: "draw", display: 0, drawing });
  }

  #paint(box: Area, pixels: readonly number[]): void {
    let from = 0;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        this.#state.pixels[y * screenWidth + x] = pixels[from++]! & 0xffffff;
      }
    }
  }
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function firstState(options: MiniGuestOptions): State {
  return {
    options,
    keys: [],
    held: [],
    moved: 0,
    marks: 0,
    framesDone: 0,
    clockMs: 0,
    pixels: new Array<number>(screenWidth * screenHeight).fill(0x101010),
    streamIsOpen: false,
    streamSent: 0,
    streamCredit: 0,
    streamHeard: [],
    streamGranted: 0,
    busyMoves: 0,
    usb: null,
  };
}

const noMask: DrawingBody<"DRAW_FILL">["mask"] = { flags: 0, pos: { x: 0, y: 0 }, bitmap: null };

function base(box: Area): DrawingBody<"DRAW_FILL">["base"] {
  return { surfaceId: 0, box, clip: { type: ClipType.NONE } };
}

function fill(box: Area, color: number): Drawing {
  const brush = { type: BrushType.SOLID, color } as const;
  const ropDescriptor = RopDescriptor.OP_PUT;
  return { name: "DRAW_FILL", body: { base: base(box), brush, ropDescriptor, mask: noMask } };
}

function copy(box: Area, data: Uint8Array, key: bigint | null): Drawing {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  return {
    name: "DRAW_COPY",
    body: {
      base: base(box),
      srcBitmap: {
        kind: "pixels",
        key,
        width,
        height,
        format: BitmapFormat["32BIT"],
        stride: width * 4,
        topDown: true,
        data,
        palette: null,
        highBitsSet: false,
      },
      srcArea: { left: 0, top: 0, right: width, bottom: height },
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: 0,
      mask: noMask,
    },
  };
}

function bytesOf(pixels: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(pixels).buffer);
}

class BadState extends CarawayError {
  readonly code = "BAD_STATE";
}
