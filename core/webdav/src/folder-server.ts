// A folder that a client shares with its guest: a WebDAV server (RFC 4918, classes 1 and 2) at the
// client's end of a webdav channel. A machine under the law of all others; the folder itself is its
// owner's business, who does the work that it asks for.
//
// INVARIANT: no more of the guest's bytes are here than were not reported as taken, and no more to
// the guest than `aheadMax` and what work was under way; so whoever is slow slows the other down.

import type { Instant } from "@caraway/channel";
import { type Answered, Connection, type ConnectionOwner } from "./connection.ts";
import type { Share } from "./exchange.ts";
import type { FolderAnswer, FolderWork } from "./folder-work.ts";
import { LockTable } from "./lock-table.ts";
import { type MuxFrame, MuxReader, muxBytes } from "./mux.ts";
import { PropertyStore } from "./property-store.ts";

export interface FolderServerOptions {
  readonly readOnly: boolean;
  /** A UUID that no other server has: lock tokens begin with it. */
  readonly seed: string;
  /** Bytes of the largest file that the guest may write. */
  readonly fileBytesMax?: number;
}

export type FolderInput =
  /** From the guest. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** Answers `work`. */
  | { readonly type: "done"; readonly task: number; readonly answer: FolderAnswer }
  /** Answers `flush`: what was transmitted is on its way, or nearly. */
  | { readonly type: "flushed" }
  /** The guest's end was closed, or opened anew: all connections are gone. */
  | { readonly type: "reset" };

export type FolderOutput =
  /** To the guest. */
  | { readonly type: "transmit"; readonly bytes: Uint8Array }
  /** Say when there is room for more. */
  | { readonly type: "flush" }
  /** So many bytes of what was received were used. */
  | { readonly type: "taken"; readonly bytes: number }
  | { readonly type: "work"; readonly task: number; readonly work: FolderWork }
  /** A request came and was answered. */
  | { readonly type: "answered"; readonly request: Answered };

/** Programs' connections at once; a daemon of a guest keeps some open for each. */
const connectionsMax = 128;
/** Bytes ahead of the network. */
const aheadMax = 256 << 10;
/** Work under way at once. */
const workMax = 16;
const defaultFileBytesMax = 64 * 2 ** 30;

export class FolderServer {
  readonly #share: Share;
  readonly #mux = new MuxReader();
  readonly #connections = new Map<bigint, Connection>();
  /** Those whose peer is gone, until they have brought things in order. */
  readonly #leaving = new Set<Connection>();
  readonly #outputs: FolderOutput[] = [];
  readonly #tasks = new Map<number, Connection>();
  readonly #queue: { readonly connection: Connection; readonly work: FolderWork }[] = [];
  #nextTask = 1;
  #ahead = 0;
  #isFlushing = false;
  /** Bytes that came and were not reported as taken. */
  #untaken = 0;

  constructor({ readOnly, seed, fileBytesMax = defaultFileBytesMax }: FolderServerOptions) {
    const locks = new LockTable(seed);
    this.#share = { readOnly, fileBytesMax, locks, properties: new PropertyStore() };
  }

  handle(input: FolderInput, now: Instant): void {
    switch (input.type) {
      case "received":
        this.#untaken += input.bytes.length;
        this.#mux.push(input.bytes);
        for (let frame = this.#mux.next(); frame !== null; frame = this.#mux.next()) {
          this.#frame(frame, now);
        }
        break;
      case "done": {
        const connection = this.#tasks.get(input.task);
        this.#tasks.delete(input.task);
        connection?.done(input.answer, now);
        break;
      }
      case "flushed":
        this.#isFlushing = false;
        this.#ahead = 0;
        for (const connection of [...this.#connections.values()]) connection.proceed(now);
        break;
      case "reset":
        for (const connection of [...this.#connections.values()]) this.#leave(connection);
        this.#connections.clear();
        this.#mux.clear();
        this.#share.locks.clear();
        break;
    }
    this.#startWork();
    this.#tellTaken();
  }

  poll(): FolderOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    return null;
  }

  snapshot(): unknown {
    return {
      connections: [...this.#connections.values()].map((connection) => connection.snapshot()),
      leaving: this.#leaving.size,
      tasks: this.#tasks.size,
      queued: this.#queue.length,
      locks: this.#share.locks.size,
      untaken: this.#untaken,
      ahead: this.#ahead,
    };
  }

  #frame({ connection: id, bytes }: MuxFrame, now: Instant): void {
    const known = this.#connections.get(id);
    if (bytes.length === 0) {
      if (known === undefined) return;
      this.#connections.delete(id);
      this.#leave(known);
      return;
    }
    if (known !== undefined) {
      known.received(bytes, now);
      return;
    }
    if (this.#connections.size >= connectionsMax) {
      this.#transmit(muxBytes(id, new Uint8Array(0)));
      const detail = `there are ${connectionsMax} connections already`;
      const request = { method: "", target: "", status: 503, detail };
      this.#outputs.push({ type: "answered", request });
      return;
    }
    const connection: Connection = new Connection(this.#ownerOf(id, () => connection));
    this.#connections.set(id, connection);
    connection.received(bytes, now);
  }

  #ownerOf(id: bigint, self: () => Connection): ConnectionOwner {
    const server = this;
    return {
      share: this.#share,
      get hasRoom() {
        return server.#ahead < aheadMax;
      },
      work: (work) => this.#queue.push({ connection: self(), work }),
      send: (bytes) => this.#transmit(muxBytes(id, bytes)),
      answered: (request) => this.#outputs.push({ type: "answered", request }),
      closed: () => {
        if (this.#connections.get(id) !== self()) return;
        this.#connections.delete(id);
        this.#transmit(muxBytes(id, new Uint8Array(0)));
      },
    };
  }

  #leave(connection: Connection): void {
    connection.gone();
    if (!connection.isOver) this.#leaving.add(connection);
  }

  #transmit(bytes: Uint8Array): void {
    this.#outputs.push({ type: "transmit", bytes });
    this.#ahead += bytes.length;
    if (this.#ahead < aheadMax || this.#isFlushing) return;
    this.#isFlushing = true;
    this.#outputs.push({ type: "flush" });
  }

  #startWork(): void {
    while (this.#tasks.size < workMax) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      const task = this.#nextTask++;
      this.#tasks.set(task, next.connection);
      this.#outputs.push({ type: "work", task, work: next.work });
    }
    for (const connection of [...this.#leaving]) {
      if (connection.isOver) this.#leaving.delete(connection);
    }
  }

  #tellTaken(): void {
    let waiting = this.#mux.waiting;
    for (const connection of this.#connections.values()) waiting += connection.waiting;
    // Heads of frames are taken when their content is.
    const taken = this.#untaken - waiting;
    if (taken <= 0) return;
    this.#untaken -= taken;
    this.#outputs.push({ type: "taken", bytes: taken });
  }
}
