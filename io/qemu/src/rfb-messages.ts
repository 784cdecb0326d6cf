// The remote framebuffer protocol (RFC 6143, with QEMU's encodings for sound, LEDs, pointer and size)
// as a viewer speaks it that only looks and listens: what it says as bytes, and what it reads as news.

import { CarawayError } from "@caraway/wire";

/** What QEMU's VNC server says is not the protocol. */
export class RfbError extends CarawayError {
  readonly code = "RFB_ERROR";
}

export const rfbEncoding = {
  RAW: 0,
  COPY_RECT: 1,
  DESKTOP_SIZE: -223,
  POINTER_MODE: -257,
  AUDIO: -259,
  LED_STATE: -261,
  EXTENDED_DESKTOP_SIZE: -308,
  ALPHA_CURSOR: -314,
} as const;

export type RfbNews =
  | {
      readonly type: "hello";
      readonly width: number;
      readonly height: number;
      readonly name: string;
    }
  | { readonly type: "size"; readonly width: number; readonly height: number }
  /** Four bytes a pixel: blue, green, red, nothing. */
  | (RfbBox & { readonly type: "pixels"; readonly data: Uint8Array })
  | (RfbBox & { readonly type: "copy"; readonly fromX: number; readonly fromY: number })
  /** Four bytes a pixel: blue, green, red, alpha; `x` and `y` are its hot spot. */
  | (RfbBox & { readonly type: "cursor"; readonly data: Uint8Array })
  | { readonly type: "pointer-mode"; readonly isAbsolute: boolean }
  /** Bits as SPICE has them. */
  | { readonly type: "leds"; readonly modifiers: number }
  /** It has sound. */
  | { readonly type: "sound-offered" }
  | { readonly type: "sound"; readonly isOn: boolean }
  | { readonly type: "samples"; readonly data: Uint8Array }
  /** All of an update has come; `area`: of its pixels. */
  | { readonly type: "updated"; readonly area: number };

export interface RfbBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Of 32 bits a pixel, least byte first: blue, green, red. */
const pixelFormat = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
const version = "RFB 003.008\n";
const noAuthentication = 1;
/** Longest text that is skipped, and longest name. */
const textMax = 1 << 20;
const areaMax = 16_384 * 16_384;
const samplesMax = 1 << 20;
const qemuMessage = 255;
const audioMessage = 1;
/** Signed, of 16 bits. */
const audioFormat = 3;

/** Pixels as surfaces have them, and all encodings that are read here. */
function rfbSetUp(): Uint8Array {
  const encodings = Object.values(rfbEncoding);
  const bytes = new Uint8Array(20 + 4 + 4 * encodings.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, 0, 0, ...pixelFormat]);
  view.setUint8(20, 2);
  view.setUint16(22, encodings.length);
  for (const [at, encoding] of encodings.entries()) view.setInt32(24 + 4 * at, encoding);
  return bytes;
}

/** Asks for what has changed, or for all. */
export function rfbUpdateRequest(isAll: boolean, width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  bytes.set([3, isAll ? 0 : 1]);
  view.setUint16(6, width);
  view.setUint16(8, height);
  return bytes;
}

/** Asks for another size of the only screen. */
export function rfbSetDesktopSize(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  bytes[0] = 251;
  view.setUint16(2, width);
  view.setUint16(4, height);
  bytes[6] = 1;
  view.setUint16(16, width);
  view.setUint16(18, height);
  return bytes;
}

/** An empty text for the clipboard, of which nothing comes but that QEMU looks at its screen soon. */
export function rfbStir(): Uint8Array {
  return Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0);
}

/** Sound of that format, from now on. */
export function rfbListen(channels: number, frequency: number): Uint8Array {
  const bytes = new Uint8Array(14);
  const view = new DataView(bytes.buffer);
  bytes.set([qemuMessage, audioMessage, 0, 2, audioFormat, channels]);
  view.setUint32(6, frequency);
  bytes.set([qemuMessage, audioMessage, 0, 0], 10);
  return bytes;
}

/** Reads as much as has come; yields how many further bytes it needs, and is given them. */
export function* rfbReading(
  say: (bytes: Uint8Array) => void,
  tell: (news: RfbNews) => void,
): Generator<number, never, Uint8Array> {
  const greeting = new TextDecoder().decode(yield 12);
  if (!greeting.startsWith("RFB 003.")) throw new RfbError(`it greets with ${greeting.trim()}`);
  say(new TextEncoder().encode(version));
  const [count = 0] = yield 1;
  const kinds = yield count;
  if (!kinds.includes(noAuthentication)) throw new RfbError("it asks for a password");
  say(Uint8Array.of(noAuthentication));
  if (u32(yield 4) !== 0) throw new RfbError("it refuses");
  // Others may look, too.
  say(Uint8Array.of(1));
  const hello = yield 24;
  const size = u32(hello, 20);
  if (size > textMax) throw new RfbError("its name has no end");
  const name = new TextDecoder().decode(yield size);
  say(rfbSetUp());
  tell({ type: "hello", width: u16(hello, 0), height: u16(hello, 2), name });
  for (;;) {
    const [kind = 0] = yield 1;
    if (kind === 0) yield* readUpdate(tell);
    else if (kind === 1) yield 6 * u16((yield 5).subarray(3));
    else if (kind === 3) yield limited(u32(yield 7, 3), textMax);
    else if (kind === qemuMessage) yield* readSound(tell);
    // A bell has nothing behind it.
    else if (kind !== 2) throw new RfbError(`it says ${kind}`);
  }
}

function* readUpdate(tell: (news: RfbNews) => void): Generator<number, void, Uint8Array> {
  const count = u16(yield 3, 1);
  let area = 0;
  for (let at = 0; at < count; at++) {
    const head = yield 12;
    const [x, y, width, height] = [0, 2, 4, 6].map((from) => u16(head, from)) as [
      number,
      number,
      number,
      number,
    ];
    const box = { x, y, width, height };
    const pixels = limited(width * height, areaMax);
    switch (u32(head, 8) | 0) {
      case rfbEncoding.RAW:
        area += pixels;
        tell({ type: "pixels", ...box, data: yield pixels * 4 });
        break;
      case rfbEncoding.COPY_RECT: {
        const from = yield 4;
        tell({ type: "copy", ...box, fromX: u16(from, 0), fromY: u16(from, 2) });
        break;
      }
      case rfbEncoding.DESKTOP_SIZE:
        tell({ type: "size", width, height });
        break;
      case rfbEncoding.EXTENDED_DESKTOP_SIZE: {
        const [screens = 0] = yield 4;
        yield screens * 16;
        // `y`: whether a wish was refused; the size is told all the same.
        tell({ type: "size", width, height });
        break;
      }
      case rfbEncoding.POINTER_MODE:
        tell({ type: "pointer-mode", isAbsolute: x === 1 });
        break;
      case rfbEncoding.LED_STATE: {
        const [modifiers = 0] = yield 1;
        tell({ type: "leds", modifiers: modifiers & 7 });
        break;
      }
      case rfbEncoding.AUDIO:
        tell({ type: "sound-offered" });
        break;
      case rfbEncoding.ALPHA_CURSOR:
        if (u32(yield 4) !== rfbEncoding.RAW) throw new RfbError("a pointer that is not raw");
        tell({ type: "cursor", ...box, data: yield pixels * 4 });
        break;
      default:
        throw new RfbError(`it sends the encoding ${u32(head, 8) | 0}`);
    }
  }
  tell({ type: "updated", area });
}

function* readSound(tell: (news: RfbNews) => void): Generator<number, void, Uint8Array> {
  const head = yield 3;
  if (head[0] !== audioMessage) throw new RfbError(`it says ${qemuMessage} ${head[0]}`);
  const operation = u16(head, 1);
  if (operation === 2) tell({ type: "samples", data: yield limited(u32(yield 4), samplesMax) });
  else if (operation < 2) tell({ type: "sound", isOn: operation === 1 });
  else throw new RfbError(`it does ${operation} with sound`);
}

function limited(size: number, max: number): number {
  if (size > max) throw new RfbError("it sends more than there can be");
  return size;
}

function u16(bytes: Uint8Array, at = 0): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at = 0): number {
  return ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;
}
