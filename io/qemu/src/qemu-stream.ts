// A character device of QEMU as a stream of a guest, over its unix socket. What was written to it
// and not read by QEMU is known at any time, so that it can go on in another QEMU.
//
// INVARIANT: the system holds one chunk at most that QEMU has not read, and QEMU, which reads by 4096
// bytes where its device has room, reads it whole or not at all.

import { connect, type Socket } from "node:net";
import type { GuestOutput, StreamName, StreamUse } from "@caraway/server";
import type { SocketHanding } from "./socket-handing.ts";

/** How a character device is offered to clients. */
export interface QemuStreamOptions {
  readonly use: StreamUse;
  readonly id: number;
  /** Of a port, as the guest knows it. */
  readonly name: string;
  /** QEMU's name of the character device, behind which it waits on `path`. */
  readonly chardev: string;
  readonly path: string;
}

/** What was on its way when the guest stood still. */
export interface StreamLeftovers {
  readonly isConnected: boolean;
  readonly toGuest: Uint8Array;
  readonly fromGuest: Uint8Array;
}

type Say = (output: GuestOutput) => void;

/** What the guest may have waiting, granted to the server. */
const windowSize = 64 << 10;
/** What QEMU reads at a time. */
const chunkSize = 4096;
/** Looks for QEMU's reading that follow each other at once, and the time between later ones. */
const quickLooks = 50;
const slowLookMs = 2;
/** What is read from QEMU ahead of the server's grants. */
const aheadMax = 64 << 10;

export class QemuStream {
  readonly options: QemuStreamOptions;
  readonly #handing: SocketHanding;
  readonly #say: Say;
  /** What waits for QEMU; the first may have been given to the system already. */
  #toGuest: Uint8Array[] = [];
  /** The system has taken the chunk; QEMU may not have read it. */
  #last: Uint8Array | null = null;
  #isWriting = false;
  #fromGuest: Uint8Array[] = [];
  #fromGuestSize = 0;
  #granted = 0;
  #isFrozen = false;
  #isOpenThere = false;
  #wishesOpen = false;
  #socket: Socket | null = null;

  constructor(options: QemuStreamOptions, handing: SocketHanding, say: Say) {
    this.options = options;
    this.#handing = handing;
    this.#say = say;
  }

  get stream(): StreamName {
    const { use, id } = this.options;
    return { use, id };
  }

  /** A server comes anew: all credit counts from here. */
  restart(): void {
    this.#granted = 0;
  }

  describe(): GuestOutput[] {
    const { stream } = this;
    const { use, id, name } = this.options;
    const waiting = this.#toGuest.reduce((sum, { length }) => sum + length, 0);
    return [
      { type: "attach", device: { kind: "stream", use, id, name } },
      { type: "stream-credit", stream, bytes: Math.max(0, windowSize - waiting) },
      { type: "stream-open", stream, open: this.#isOpenThere },
    ];
  }

  /** QEMU's device was opened by the guest, or is always open. */
  openedThere(open: boolean): void {
    if (open === this.#isOpenThere) return;
    this.#isOpenThere = open;
    this.#say({ type: "stream-open", stream: this.stream, open });
  }

  /** Resolves when the device sees somebody at its other end. */
  async connect(): Promise<void> {
    if (this.#socket !== null) return;
    this.#wishesOpen = true;
    const socket = connect({ path: this.options.path });
    this.#socket = socket;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#socket === socket) this.#lost();
    });
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", () => resolve());
    });
    if (this.#socket !== socket || socket.destroyed) return;
    socket.on("data", (bytes: Buffer) => this.#came(new Uint8Array(bytes)));
    this.#write();
  }

  setOpen(open: boolean): void {
    if (open) {
      void this.connect();
      return;
    }
    this.#wishesOpen = false;
    const socket = this.#socket;
    this.#lost();
    socket?.destroy();
  }

  /** What the server was told that it may send. */
  push(bytes: Uint8Array): void {
    this.#toGuest.push(bytes);
    this.#write();
  }

  grant(bytes: number): void {
    this.#granted += bytes;
    this.#hand();
  }

  /** The guest stands still, or goes on. */
  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    if (!isFrozen) this.#write();
    if (!isFrozen || this.#socket === null) return;
    for (;;) {
      // What Node has read already comes before what it has not.
      const bytes = (this.#socket.read() as Buffer | null) ?? this.#handing.receive(this.#socket);
      if (bytes === null) return;
      this.#came(new Uint8Array(bytes));
    }
  }

  /** Of a guest that stands still, behind `freeze`. */
  leftovers(): StreamLeftovers {
    const isConnected = this.#socket !== null;
    const isUnread = this.#last !== null && this.#handing.hasUnread(this.#socket!);
    const toGuest = isUnread ? [this.#last!, ...this.#toGuest] : this.#toGuest;
    return {
      isConnected,
      toGuest: new Uint8Array(Buffer.concat(toGuest)),
      fromGuest: new Uint8Array(Buffer.concat(this.#fromGuest)),
    };
  }

  /** What another QEMU has left; before anything else. */
  async take({ isConnected, toGuest, fromGuest }: StreamLeftovers): Promise<void> {
    if (isConnected) await this.connect();
    else this.setOpen(false);
    if (toGuest.length > 0) this.#toGuest.unshift(toGuest);
    if (fromGuest.length > 0) this.#fromGuest.unshift(fromGuest);
    this.#fromGuestSize += fromGuest.length;
  }

  close(): void {
    this.#wishesOpen = false;
    this.#socket?.destroy();
  }

  #lost(): void {
    const isWished = this.#wishesOpen;
    if (this.#last !== null) this.#toGuest.unshift(this.#last);
    this.#socket = null;
    this.#isWriting = false;
    this.#last = null;
    this.#credit(this.#toGuest.splice(0).reduce((sum, { length }) => sum + length, 0));
    this.#fromGuest = [];
    this.#fromGuestSize = 0;
    if (isWished) this.openedThere(false);
  }

  #credit(bytes: number): void {
    if (bytes > 0) this.#say({ type: "stream-credit", stream: this.stream, bytes });
  }

  #write(): void {
    const socket = this.#socket;
    const first = this.#toGuest[0];
    if (this.#isWriting || this.#isFrozen || first === undefined) return;
    if (socket === null || socket.connecting) return;
    const chunk = first.subarray(0, chunkSize);
    this.#isWriting = true;
    socket.write(chunk, (error) => {
      if (this.#socket !== socket || error) return;
      this.#last = chunk;
      const rest = this.#toGuest[0]!.subarray(chunk.length);
      if (rest.length > 0) this.#toGuest[0] = rest;
      else this.#toGuest.shift();
      this.#untilRead(socket, chunk, 0);
    });
  }

  #untilRead(socket: Socket, chunk: Uint8Array, looks: number): void {
    if (this.#socket !== socket || socket.destroyed) return;
    if (this.#handing.hasUnread(socket)) {
      const look = (): void => this.#untilRead(socket, chunk, looks + 1);
      if (looks < quickLooks) setImmediate(look);
      else setTimeout(look, slowLookMs).unref();
      return;
    }
    this.#last = null;
    this.#isWriting = false;
    this.#credit(chunk.length);
    this.#write();
  }

  #came(bytes: Uint8Array): void {
    this.#fromGuest.push(bytes);
    this.#fromGuestSize += bytes.length;
    this.#hand();
    if (this.#fromGuestSize > aheadMax) this.#socket?.pause();
  }

  #hand(): void {
    while (this.#granted > 0 && this.#fromGuest.length > 0) {
      const first = this.#fromGuest[0]!;
      const bytes = first.subarray(0, this.#granted);
      if (bytes.length === first.length) this.#fromGuest.shift();
      else this.#fromGuest[0] = first.subarray(bytes.length);
      this.#granted -= bytes.length;
      this.#fromGuestSize -= bytes.length;
      this.#say({ type: "stream-data", stream: this.stream, bytes: bytes.slice() });
    }
    if (this.#fromGuestSize <= aheadMax) this.#socket?.resume();
  }
}
