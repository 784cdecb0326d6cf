// What waits to go to the other end: whole messages in their order, cut into pieces of which each
// costs a token. Pieces of files let everything else pass, between two messages.

import {
  agentDataSizeMax,
  agentMessageHeaderCodec,
  agentMessageHeaderSize,
  agentProtocol,
} from "@caraway/protocol";

export interface OutboxItem<Tag> {
  readonly bytes: Uint8Array;
  /** Who hears that it is sent; null: nobody. */
  readonly tag: Tag | null;
}

/** A type that no agent knows. */
const fillerType = 0;

/** Pieces that a server may have taken and not handed to the guest: beyond its tokens. */
const recentMax = 16;

export class AgentOutbox<Tag> {
  #current: { readonly item: OutboxItem<Tag>; sent: number } | null = null;
  #urgent: OutboxItem<Tag>[] = [];
  #bulk: OutboxItem<Tag>[] = [];
  #bulkBytes = 0;
  /** No bulk message begins while this is set. */
  holdsBulk = false;
  /** Sizes of the messages that the last pieces were of. */
  #recent: number[] = [];

  /**
   * Most bytes that a guest may still wait for when its server was left: those of the largest
   * message of which a piece may have been on its way.
   */
  get recentSize(): number {
    return Math.max(0, ...this.#recent);
  }

  /** Bytes of bulk messages that are not sent. */
  get bulkBytes(): number {
    return this.#bulkBytes;
  }

  get isEmpty(): boolean {
    return this.#current === null && this.#urgent.length === 0 && this.#bulk.length === 0;
  }

  push(bytes: Uint8Array, tag: Tag | null = null): void {
    this.#urgent.push({ bytes, tag });
  }

  pushBulk(bytes: Uint8Array, tag: Tag): void {
    this.#bulk.push({ bytes, tag });
    this.#bulkBytes += bytes.length;
  }

  /** Forgets messages that have not begun. */
  drop(isDropped: (tag: Tag) => boolean): void {
    const stays = ({ tag }: OutboxItem<Tag>) => tag === null || !isDropped(tag);
    this.#urgent = this.#urgent.filter(stays);
    const bulk = this.#bulk.filter(stays);
    for (const { bytes } of this.#bulk) this.#bulkBytes -= bytes.length;
    for (const { bytes } of bulk) this.#bulkBytes += bytes.length;
    this.#bulk = bulk;
  }

  /** The next piece; `done` when it ends a message with a tag. */
  take(): { readonly data: Uint8Array; readonly done: Tag | null } | null {
    this.#current ??= this.#begin();
    const current = this.#current;
    if (current === null) return null;
    const { bytes, tag } = current.item;
    const data = bytes.subarray(current.sent, current.sent + agentDataSizeMax);
    current.sent += data.length;
    this.#recent.push(bytes.length);
    if (this.#recent.length > recentMax) this.#recent.shift();
    const isDone = current.sent === bytes.length;
    if (isDone) this.#current = null;
    return { data, done: isDone ? tag : null };
  }

  /**
   * Forgets everything; returns the tags of what was not sent to its end, and how many bytes of a
   * message that had begun are missing.
   */
  clear(): { readonly tags: readonly Tag[]; readonly missing: number } {
    const current = this.#current;
    const items = [...(current === null ? [] : [current.item]), ...this.#urgent, ...this.#bulk];
    this.#current = null;
    this.#urgent = [];
    this.#bulk = [];
    this.#bulkBytes = 0;
    this.#recent = [];
    this.holdsBulk = false;
    return {
      tags: items.map(({ tag }) => tag).filter((tag) => tag !== null),
      missing: current === null ? 0 : current.item.bytes.length - current.sent,
    };
  }

  snapshot(): unknown {
    return {
      current:
        this.#current === null ? null : [this.#current.sent, this.#current.item.bytes.length],
      urgent: this.#urgent.length,
      bulkBytes: this.#bulkBytes,
    };
  }

  #begin(): { readonly item: OutboxItem<Tag>; sent: number } | null {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return { item: urgent, sent: 0 };
    const bulk = this.holdsBulk ? undefined : this.#bulk.shift();
    if (bulk === undefined) return null;
    this.#bulkBytes -= bulk.bytes.length;
    return { item: bulk, sent: 0 };
  }
}

/**
 * The missing end of a message whose reader is gone. A server that follows messages still waits
 * for these bytes; one that has begun anew finds messages of an unknown type in them.
 *
 * PEER: spice-server 0.15 counts on with the message that the old agent did not get, and would
 * take the beginning of the next one for its end.
 */
export function fillerPieces(missing: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let left = missing;
  while (left > 0) {
    let size = Math.min(left, agentDataSizeMax);
    // The last piece must have room for a header.
    if (left > size && left - size < agentMessageHeaderSize) size -= agentMessageHeaderSize;
    const piece = new Uint8Array(size);
    if (size >= agentMessageHeaderSize) {
      const header = { protocol: agentProtocol, type: fillerType, opaque: 0n };
      piece.set(agentMessageHeaderCodec.encode({ ...header, size: size - agentMessageHeaderSize }));
    }
    pieces.push(piece);
    left -= size;
  }
  return pieces;
}
