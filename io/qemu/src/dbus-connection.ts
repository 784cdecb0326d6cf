// A D-Bus connection to QEMU without a bus between. We are the one that proves who it is; everything
// that this takes is written before the other end is handed over, as QEMU waits for it and does
// nothing else meanwhile.

import { Socket } from "node:net";
import { type DbusMessage, encodeMessage, type NewMessage } from "./dbus-message.ts";
import { DbusError, type DbusValue } from "./dbus-value.ts";
import { MessageReader } from "./message-reader.ts";
import type { SocketHanding } from "./socket-handing.ts";

export interface DbusPeer {
  /** A method was called here; what is returned is its answer. Must not throw. */
  called(message: DbusMessage): { readonly signature: string; readonly body: readonly DbusValue[] };
  signalled(message: DbusMessage): void;
  /** `error` null: QEMU closed it. */
  closed(error: DbusError | null): void;
}

interface Waiting {
  readonly what: string;
  readonly resolve: (message: DbusMessage) => void;
  readonly reject: (error: DbusError) => void;
}

export interface CallTarget {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Who calls, as on a bus; without one QEMU takes the caller for the only one. */
  readonly sender?: string;
}

/** Lines of the beginning that QEMU answers with, before messages follow. */
const answers = 2;

export class DbusConnection {
  readonly #socket: Socket;
  readonly #peer: DbusPeer;
  readonly #reader = new MessageReader();
  readonly #waiting = new Map<number, Waiting>();
  #nextSerial = 1;
  /** What came of the beginning; null when it is over. */
  #beginning: Buffer | null = Buffer.alloc(0);
  #isClosed = false;

  /** `fd`: this side's end of a pair, which belongs to the connection from now on. */
  constructor(fd: number, peer: DbusPeer) {
    this.#peer = peer;
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on("data", (bytes: Buffer) => this.#received(bytes));
    this.#socket.on("close", () => this.#end(null));
    this.#socket.on("error", () => this.#end(null));
    const user = Buffer.from(String(process.getuid?.() ?? 0)).toString("hex");
    this.#socket.write(`\0AUTH EXTERNAL ${user}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n`);
  }

  /** Calls a method. @throws DbusError with QEMU's words when it refuses. */
  call(target: CallTarget, signature = "", body: readonly DbusValue[] = []): Promise<DbusMessage> {
    return this.#call(target, signature, body, 0, (bytes) => this.#socket.write(bytes));
  }

  /** The same with a file descriptor, which is 0 of type `h` in the body. */
  async callWith(
    handing: SocketHanding,
    fd: number,
    target: CallTarget,
    signature: string,
    body: readonly DbusValue[],
  ): Promise<DbusMessage> {
    while (this.#socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    return await this.#call(target, signature, body, 1, (bytes) => {
      handing.send(this.#socket, bytes, fd);
    });
  }

  /** Calls a method whose answer says nothing. */
  tell(target: CallTarget, signature: string, body: readonly DbusValue[]): void {
    if (this.#isClosed) return;
    const serial = this.#nextSerial++;
    const message = { kind: "call", serial, noReply: true, ...target, signature, body } as const;
    this.#socket.write(encodeMessage(message));
  }

  close(): void {
    this.#socket.destroy();
  }

  #call(
    target: CallTarget,
    signature: string,
    body: readonly DbusValue[],
    fdCount: number,
    write: (bytes: Uint8Array) => void,
  ): Promise<DbusMessage> {
    const what = `${target.interface}.${target.member}`;
    if (this.#isClosed) return Promise.reject(new DbusError(`${what}: the connection is closed`));
    const serial = this.#nextSerial++;
    const message: NewMessage = {
      kind: "call",
      serial,
      ...target,
      signature,
      body,
      fdCount,
    };
    return new Promise((resolve, reject) => {
      this.#waiting.set(serial, { what, resolve, reject });
      write(encodeMessage(message));
    });
  }

  #received(bytes: Buffer): void {
    try {
      if (this.#beginning === null) this.#messages(bytes);
      else this.#begin(Buffer.concat([this.#beginning, bytes]));
    } catch (error) {
      if (!(error instanceof DbusError)) throw error;
      this.#end(error);
      this.#socket.destroy();
    }
  }

  #begin(bytes: Buffer): void {
    let at = 0;
    for (let line = 0; line < answers; line++) {
      const end = bytes.indexOf("\r\n", at);
      if (end < 0) {
        this.#beginning = bytes;
        return;
      }
      const text = bytes.toString("latin1", at, end);
      const wanted = line === 0 ? /^OK / : /^AGREE_UNIX_FD$/;
      if (!wanted.test(text)) throw new DbusError(`QEMU does not take us in: ${text.slice(0, 80)}`);
      at = end + 2;
    }
    this.#beginning = null;
    if (at < bytes.length) this.#messages(bytes.subarray(at));
  }

  #messages(bytes: Uint8Array): void {
    for (const message of this.#reader.push(bytes)) this.#message(message);
  }

  #message(message: DbusMessage): void {
    switch (message.kind) {
      case "call": {
        const answer = this.#peer.called(message);
        if (message.noReply) return;
        const serial = this.#nextSerial++;
        const replySerial = message.serial;
        this.#socket.write(encodeMessage({ kind: "result", serial, replySerial, ...answer }));
        break;
      }
      case "signal":
        this.#peer.signalled(message);
        break;
      case "result":
      case "error": {
        const waiting = this.#waiting.get(message.replySerial ?? 0);
        this.#waiting.delete(message.replySerial ?? 0);
        if (waiting === undefined) return;
        if (message.kind === "result") waiting.resolve(message);
        else {
          const [words] = message.body;
          waiting.reject(new DbusError(`${waiting.what}: ${words ?? message.errorName}`));
        }
        break;
      }
    }
  }

  #end(error: DbusError | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { what, reject } of this.#waiting.values()) {
      reject(new DbusError(`${what}: the connection ended before the answer`));
    }
    this.#waiting.clear();
    this.#peer.closed(error);
  }
}
