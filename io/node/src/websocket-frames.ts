// WebSocket frames (RFC 6455, section 5) as a server reads and writes them, without the rest of the
// protocol: what a message carries is passed on as it comes, unmasked where it lies, so that bytes
// on their way through are neither collected nor copied.

import { joinBytes } from "@caraway/wire";

export interface FrameSink {
  /** Bytes of a binary message: message borders mean nothing to SPICE. */
  data(bytes: Uint8Array): void;
  ping(payload: Uint8Array): void;
  pong(): void;
  /** The client closes with this code; 1005 where it gives none. Nothing is read after it. */
  close(code: number): void;
}

/** Close codes of section 7.4.1. */
export const closeCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatus: 1005,
} as const;

/** The client broke a rule; `closeCode` is what to tell it. */
export class WebSocketFault extends Error {
  override readonly name = "WebSocketFault";
  readonly closeCode: number;

  constructor(code: number, detail: string) {
    super(detail);
    this.closeCode = code;
  }
}

const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const controlSizeMax = 125;
const headerSizeMax = 14;

type State =
  | { readonly kind: "header"; filled: number }
  | { readonly kind: "data"; left: number }
  | {
      readonly kind: "control";
      readonly code: number;
      readonly payload: Uint8Array;
      filled: number;
    }
  | { readonly kind: "closed" };

export class FrameParser {
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(headerSizeMax);
  readonly #mask = new Uint8Array(4);
  /** Bytes of the frame that were unmasked already: where in the mask the next one stands. */
  #maskAt = 0;
  /** Frames of a message that has not ended yet follow. */
  #inMessage = false;
  #state: State = { kind: "header", filled: 0 };

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes over the bytes, which are changed. Throws WebSocketFault. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const state = this.#state;
      const rest = bytes.length - at;
      switch (state.kind) {
        case "header":
          at += this.#takeHeader(state, bytes, at);
          break;
        case "data": {
          const part = bytes.subarray(at, at + Math.min(state.left, rest));
          this.#maskAt = unmask(part, this.#mask, this.#maskAt);
          at += part.length;
          state.left -= part.length;
          if (state.left === 0) this.#state = { kind: "header", filled: 0 };
          this.#sink.data(part);
          break;
        }
        case "control": {
          const count = Math.min(state.payload.length - state.filled, rest);
          state.payload.set(bytes.subarray(at, at + count), state.filled);
          state.filled += count;
          at += count;
          if (state.filled === state.payload.length) this.#control(state.code, state.payload);
          break;
        }
        case "closed":
          return;
      }
    }
  }

  /** Takes bytes of a header until it is whole; tells how many. */
  #takeHeader(state: { filled: number }, bytes: Uint8Array, at: number): number {
    let taken = 0;
    const header = this.#header;
    for (let wanted = headerSize(header, state.filled); state.filled < wanted; ) {
      if (at + taken === bytes.length) return taken;
      header[state.filled++] = bytes[at + taken]!;
      taken += 1;
      wanted = headerSize(header, state.filled);
    }
    this.#begin();
    return taken;
  }

  #begin(): void {
    const header = this.#header;
    const [first, second] = [header[0]!, header[1]!];
    const [final, code] = [(first & 0x80) !== 0, first & 0x0f];
    if ((first & 0x70) !== 0) throw fault("an extension that was not agreed on");
    if ((second & 0x80) === 0) throw fault("a frame without a mask");
    const size = payloadSize(header);
    this.#mask.set(header.subarray(headerSize(header, 2) - 4, headerSize(header, 2)));
    this.#maskAt = 0;
    if (code >= opcode.close) {
      if (!final || size > controlSizeMax) throw fault("a control frame that is too long");
      this.#state = { kind: "control", code, payload: new Uint8Array(size), filled: 0 };
      if (size === 0) this.#control(code, new Uint8Array(0));
      return;
    }
    if (code === opcode.text) {
      throw new WebSocketFault(closeCode.unsupportedData, "a text message where SPICE is expected");
    }
    if (code !== opcode.binary && code !== opcode.continuation) throw fault(`opcode ${code}`);
    if ((code === opcode.continuation) !== this.#inMessage) throw fault("frames out of order");
    this.#inMessage = !final;
    this.#state = size === 0 ? { kind: "header", filled: 0 } : { kind: "data", left: size };
  }

  #control(code: number, payload: Uint8Array): void {
    unmask(payload, this.#mask, 0);
    this.#state = { kind: "header", filled: 0 };
    if (code === opcode.ping) this.#sink.ping(payload);
    else if (code === opcode.pong) this.#sink.pong();
    else if (code === opcode.close) {
      this.#state = { kind: "closed" };
      if (payload.length === 1) throw fault("half a close code");
      const given = payload.length >= 2 ? (payload[0]! << 8) | payload[1]! : closeCode.noStatus;
      if (!mayBeSent(given) && payload.length > 0) throw fault(`close code ${given}`);
      this.#sink.close(given);
    } else throw fault(`opcode ${code}`);
  }
}

/** Whether a close frame may carry the code: section 7.4. */
function mayBeSent(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
}

/** Size of the header of which `filled` bytes are known, as far as they tell. */
function headerSize(header: Uint8Array, filled: number): number {
  if (filled < 2) return 2;
  const length = header[1]! & 0x7f;
  const extended = length === 127 ? 8 : length === 126 ? 2 : 0;
  return 2 + extended + ((header[1]! & 0x80) === 0 ? 0 : 4);
}

function payloadSize(header: Uint8Array): number {
  const length = header[1]! & 0x7f;
  if (length < 126) return length;
  if (length === 126) return (header[2]! << 8) | header[3]!;
  const view = new DataView(header.buffer, header.byteOffset);
  const high = view.getUint32(2);
  if (high > 0x1fffff) throw fault("a frame longer than numbers go");
  return high * 2 ** 32 + view.getUint32(6);
}

/** In place, from position `at` of the mask; gives the position behind. */
export function unmask(bytes: Uint8Array, mask: Uint8Array, at: number): number {
  const { length } = bytes;
  let index = 0;
  // Words of four bytes, once the bytes lie at the border of one.
  while (index < length && ((bytes.byteOffset + index) & 3) !== 0) {
    bytes[index]! ^= mask[(at + index) & 3]!;
    index += 1;
  }
  const count = (length - index) >> 2;
  if (count > 0) {
    const turn = (at + index) & 3;
    const rotated = Uint8Array.of(
      mask[turn]!,
      mask[(turn + 1) & 3]!,
      mask[(turn + 2) & 3]!,
      mask[(turn + 3) & 3]!,
    );
    const word = new Int32Array(rotated.buffer)[0]!;
    xorWords(new Int32Array(bytes.buffer, bytes.byteOffset + index, count), word);
    index += count << 2;
  }
  for (; index < length; index++) bytes[index]! ^= mask[(at + index) & 3]!;
  return (at + length) & 3;
}

/** Eight at a time, which takes half as long as one by one. */
function xorWords(words: Int32Array, word: number): void {
  const whole = words.length & ~7;
  let at = 0;
  for (; at < whole; at += 8) {
    words[at]! ^= word;
    words[at + 1]! ^= word;
    words[at + 2]! ^= word;
    words[at + 3]! ^= word;
    words[at + 4]! ^= word;
    words[at + 5]! ^= word;
    words[at + 6]! ^= word;
    words[at + 7]! ^= word;
  }
  for (; at < words.length; at++) words[at]! ^= word;
}

/** The header of a server's frame: one message each, without a mask. */
export function frameHeader(size: number, code: number = opcode.binary): Uint8Array {
  const first = 0x80 | code;
  if (size < 126) return Uint8Array.of(first, size);
  if (size < 65536) return Uint8Array.of(first, 126, size >> 8, size & 0xff);
  const header = new Uint8Array(10);
  header[0] = first;
  header[1] = 127;
  const view = new DataView(header.buffer);
  view.setUint32(2, Math.floor(size / 2 ** 32));
  view.setUint32(6, size >>> 0);
  return header;
}

export function pingFrame(): Uint8Array {
  return frameHeader(0, opcode.ping);
}

export function pongFrame(payload: Uint8Array): Uint8Array {
  return joinBytes([frameHeader(payload.length, opcode.pong), payload]);
}

/** 1005 stands for no code at all. */
export function closeFrame(code: number): Uint8Array {
  if (code === closeCode.noStatus) return frameHeader(0, opcode.close);
  return joinBytes([frameHeader(2, opcode.close), Uint8Array.of(code >> 8, code & 0xff)]);
}

function fault(detail: string): WebSocketFault {
  return new WebSocketFault(closeCode.protocolError, detail);
}
