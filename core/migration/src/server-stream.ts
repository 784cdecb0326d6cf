// What the two servers say to each other, carried over links that may break: messages in parts that
// are counted, kept until the other side has seen them, and sent again over a new link.

import { joinBytes } from "@caraway/wire";
import { MoveError } from "./errors.ts";
import { chunkSizeMax, windowSize } from "./peer-messages.ts";

export interface ServerPart {
  readonly sequence: number;
  readonly last: 0 | 1;
  readonly part: Uint8Array;
}

/** Bytes of messages that wait for the link, or of one message that is put together. */
const waitingMax = 64 << 20;

/** The way out of one side. */
export class ServerStreamOut {
  #parts: ServerPart[] = [];
  #nextSequence = 1;
  /** How many of the parts are on their way. */
  #underway = 0;
  #underwaySize = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The parts that wait, by their sizes. */
  snapshot(): unknown {
    const sizes = this.#parts.map(({ part }) => part.length);
    return { next: this.#nextSequence, underway: this.#underway, sizes };
  }

  /** False when there is no room: the message is not taken. */
  push(message: Uint8Array): boolean {
    if (this.#size + message.length > waitingMax) return false;
    this.#size += message.length;
    let at = 0;
    do {
      const part = message.subarray(at, at + chunkSizeMax);
      at += part.length;
      this.#parts.push({
        sequence: this.#nextSequence++,
        last: at === message.length ? 1 : 0,
        part,
      });
    } while (at < message.length);
    return true;
  }

  /** The next part to send, or null while the window is full. */
  next(): ServerPart | null {
    const part = this.#parts[this.#underway];
    if (part === undefined || this.#underwaySize >= windowSize) return null;
    this.#underway += 1;
    this.#underwaySize += part.part.length;
    return part;
  }

  /** The other side has all parts up to this one. @throws MoveError */
  acknowledge(sequence: number): void {
    const first = this.#parts[0]?.sequence ?? this.#nextSequence;
    const count = sequence - first + 1;
    if (count > this.#underway) throw violation("it has seen parts that were never sent");
    this.#drop(Math.max(0, count));
  }

  /** A new link, on which the other side tells what it has: the rest is sent again. @throws MoveError */
  rewind(sequence: number): void {
    const first = this.#parts[0]?.sequence ?? this.#nextSequence;
    if (sequence < first - 1 || sequence >= this.#nextSequence) {
      throw violation("it has lost parts that it had seen, or has seen what was never sent");
    }
    this.#drop(sequence - first + 1);
    this.#underway = 0;
    this.#underwaySize = 0;
  }

  #drop(count: number): void {
    for (const { part } of this.#parts.splice(0, count)) {
      this.#size -= part.length;
      if (this.#underway === 0) continue;
      this.#underway -= 1;
      this.#underwaySize -= part.length;
    }
  }
}

/** The way in of one side. */
export class ServerStreamIn {
  #seen = 0;
  #parts: Uint8Array[] = [];
  #size = 0;

  /** The last part that came. */
  get seen(): number {
    return this.#seen;
  }

  /** The message that is complete with this part, or null. @throws MoveError */
  take({
    sequence,
    last,
    part,
  }: {
    sequence: number;
    last: number;
    part: Uint8Array;
  }): Uint8Array | null {
    // Sent again over a new link, though it had come over the old one.
    if (sequence <= this.#seen) return null;
    if (sequence !== this.#seen + 1) throw violation("a part is missing");
    if (this.#size + part.length > waitingMax) throw violation("a message has no end");
    this.#seen = sequence;
    this.#size += part.length;
    this.#parts.push(part);
    if (last === 0) return null;
    const message = this.#parts.length === 1 ? part.slice() : joinBytes(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return message;
  }
}

export function violation(detail: string): MoveError {
  return new MoveError("MOVE_PROTOCOL", `the other host breaks the rules of the link: ${detail}`);
}
