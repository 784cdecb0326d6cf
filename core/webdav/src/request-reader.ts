// Requests out of the bytes of one connection, in pieces that are taken when there is use for them:
// a head, its body piece by piece, and its end.

import { ByteQueue } from "@caraway/channel";
import { HttpFault } from "./http-fault.ts";
import { bodyLength, parseRequestHead, type RequestHead } from "./request-head.ts";

export type RequestPart =
  | { readonly kind: "head"; readonly head: RequestHead }
  | { readonly kind: "body"; readonly bytes: Uint8Array }
  | { readonly kind: "end" };

const headMax = 16 << 10;
/** A line between chunks, and all lines behind the last one. */
const chunkLineMax = 256;
const trailersMax = 4 << 10;
const chunkMax = 2 ** 40;

type State =
  | { readonly kind: "head" }
  /** `left`: of the body, or of the chunk. */
  | { readonly kind: "body"; left: number; readonly isChunked: boolean }
  | { readonly kind: "chunk-size" }
  | { readonly kind: "chunk-end" }
  | { readonly kind: "trailers"; size: number };

const [cr, lf] = [13, 10];

export class RequestReader {
  readonly #queue = new ByteQueue();
  #state: State = { kind: "head" };
  /** Bytes that were searched for the end of a line or head already. */
  #searched = 0;

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** Bytes that nobody has taken. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Null: more bytes must come.
   *
   * @throws HttpFault, after which nothing more can be read.
   */
  next(): RequestPart | null {
    for (;;) {
      const state = this.#state;
      switch (state.kind) {
        case "head":
          return this.#head();
        case "body":
          if (state.left > 0) return this.#body(state);
          if (state.isChunked) {
            this.#state = { kind: "chunk-end" };
            break;
          }
          return this.#end();
        case "chunk-end": {
          const end = this.#queue.take(2);
          if (end === null) return null;
          if (end[0] !== cr || end[1] !== lf) throw malformed("a chunk does not end");
          this.#state = { kind: "chunk-size" };
          break;
        }
        case "chunk-size": {
          const line = this.#line(chunkLineMax);
          if (line === null) return null;
          this.#state = chunkState(line);
          break;
        }
        case "trailers": {
          const line = this.#line(trailersMax);
          if (line === null) return null;
          if (line === "") return this.#end();
          state.size += line.length;
          if (state.size > trailersMax) throw malformed("too much behind the last chunk");
          break;
        }
      }
    }
  }

  #end(): RequestPart {
    this.#state = { kind: "head" };
    return { kind: "end" };
  }

  #body(state: Extract<State, { kind: "body" }>): RequestPart | null {
    const size = Math.min(state.left, this.#queue.size);
    if (size === 0) return null;
    state.left -= size;
    return { kind: "body", bytes: this.#queue.take(size)! };
  }

  #head(): RequestPart | null {
    const waiting = this.#queue.peek(Math.min(this.#queue.size, headMax))!;
    // An empty line in front of a request is allowed for old clients' sake.
    if (waiting[0] === cr && waiting[1] === lf) {
      this.#queue.take(2);
      return this.#head();
    }
    const size = endOfHead(waiting, this.#searched);
    if (size === null) {
      if (waiting.length === headMax) {
        throw new HttpFault(431, "the head is too long", { fatal: true });
      }
      this.#searched = Math.max(0, waiting.length - 3);
      return null;
    }
    this.#searched = 0;
    const head = parseRequestHead(latin1(this.#queue.take(size)!.subarray(0, size - 4)));
    const length = bodyLength(head);
    this.#state =
      length === "chunked"
        ? { kind: "chunk-size" }
        : { kind: "body", left: length, isChunked: false };
    return { kind: "head", head };
  }

  /** The next line without its end. */
  #line(max: number): string | null {
    const waiting = this.#queue.peek(Math.min(this.#queue.size, max))!;
    const end = waiting.indexOf(lf);
    if (end < 0) {
      if (waiting.length === max) throw malformed("a line is too long");
      return null;
    }
    if (waiting[end - 1] !== cr) throw malformed("a line ends oddly");
    this.#queue.take(end + 1);
    return latin1(waiting.subarray(0, end - 1));
  }
}

function chunkState(line: string): State {
  const size = /^([0-9a-fA-F]{1,13})[ \t]*(?:;|$)/.exec(line)?.[1];
  if (size === undefined) throw malformed("a chunk has no size");
  const left = Number.parseInt(size, 16);
  if (left > chunkMax) throw malformed("a chunk is too large");
  return left === 0 ? { kind: "trailers", size: 0 } : { kind: "body", left, isChunked: true };
}

/** Size of the head with the empty line. */
function endOfHead(bytes: Uint8Array, from: number): number | null {
  for (let at = bytes.indexOf(cr, from); at >= 0; at = bytes.indexOf(cr, at + 1)) {
    if (bytes[at + 1] === lf && bytes[at + 2] === cr && bytes[at + 3] === lf) return at + 4;
  }
  return null;
}

function malformed(detail: string): HttpFault {
  return new HttpFault(400, detail, { fatal: true });
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}
