// The PC/SC daemon of this machine (pcscd of pcsc-lite), by the socket on which its own library talks
// to it. Its messages are structures of 32-bit words in the machine's order of bytes; a request has a
// header, an answer none. Asked for one thing at a time.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { endianness } from "node:os";

export class PcscError extends Error {
  /** As PC/SC's API has it, such as 0x80100069: the card was taken out. */
  readonly status: number;

  constructor(what: string, status: number) {
    super(`PC/SC: ${what}: ${reasons[status] ?? `status 0x${status.toString(16)}`}`);
    this.status = status;
  }
}

const reasons: Readonly<Record<number, string>> = {
  [0x80100009]: "there is no such reader",
  [0x8010000b]: "another program uses the card",
  [0x8010000c]: "there is no card in the reader",
  [0x8010000f]: "the card speaks no protocol that is known",
  [0x8010001d]: "the daemon speaks another version of its protocol",
  [0x80100069]: "the card was taken out",
  [0x80100067]: "the card has no power",
};

/** What the library calls SCARD_…, as numbers of its messages. */
const Command = {
  ESTABLISH_CONTEXT: 0x01,
  CONNECT: 0x04,
  RECONNECT: 0x05,
  DISCONNECT: 0x06,
  TRANSMIT: 0x09,
  VERSION: 0x11,
  GET_READERS_STATE: 0x12,
} as const;

const protocolMajor = 4;
/** Of pcsc-lite 1.8.24 to 1.9; what is used here is the same in all of version 4. */
const protocolMinor = 4;
const versionMismatch = 0x8010001d;
const scopeSystem = 2;
const shareExclusive = 1;
const protocols = 3;
export const resetCard = 1;
const readerNameSize = 128;
const readersMax = 16;
const atrMax = 33;
/** Name, counter, state, sharing, ATR and its length, protocol. */
const readerStateSize = readerNameSize + 12 + 36 + 8;
/** An extended APDU's answer. */
const answerMax = 65_546;
const present = 0x0004;

export interface PcscReaderState {
  readonly name: string;
  /** Another one when a card came or went meanwhile. */
  readonly count: number;
  /** null: there is no card. */
  readonly atr: Uint8Array | null;
}

export interface PcscHandle {
  readonly card: number;
  readonly protocol: number;
}

const isLittle = endianness() === "LE";

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value >>> 0, isLittle);
  return bytes;
}

function wordAt(bytes: Buffer, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, isLittle);
}

export class PcscDaemon {
  readonly #socket: Socket;
  #context = 0;
  /** The last request; the next one goes behind it. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Throws Node's own errors where no daemon listens, and PcscError. */
  static async connect(
    path = process.env["PCSCLITE_CSOCK_NAME"] ?? "/run/pcscd/pcscd.comm",
  ): Promise<PcscDaemon> {
    let minor = protocolMinor;
    for (let attempt = 1; ; attempt++) {
      const socket = connect(path);
      await once(socket, "connect");
      // Whoever asks next is told.
      socket.on("error", () => {});
      const daemon = new PcscDaemon(socket);
      try {
        const answer = await daemon.#ask(Command.VERSION, words(protocolMajor, minor, 0), 12);
        const status = wordAt(answer, 8);
        if (status === versionMismatch && attempt === 1 && wordAt(answer, 0) === protocolMajor) {
          minor = wordAt(answer, 4);
          socket.destroy();
          continue;
        }
        checked("its version", status);
        const made = await daemon.#ask(Command.ESTABLISH_CONTEXT, words(scopeSystem, 0, 0), 12);
        checked("a context", wordAt(made, 8));
        daemon.#context = wordAt(made, 4);
        return daemon;
      } catch (error) {
        socket.destroy();
        throw error;
      }
    }
  }

  async readers(): Promise<readonly PcscReaderState[]> {
    const all = await this.#ask(
      Command.GET_READERS_STATE,
      Buffer.alloc(0),
      readersMax * readerStateSize,
    );
    const readers: PcscReaderState[] = [];
    for (let at = 0; at < all.length; at += readerStateSize) {
      const one = all.subarray(at, at + readerStateSize);
      const end = one.indexOf(0);
      const name = one.toString(
        "utf8",
        0,
        Math.min(end < 0 ? readerNameSize : end, readerNameSize),
      );
      if (name === "") continue;
      const count = wordAt(one, readerNameSize);
      const state = wordAt(one, readerNameSize + 4);
      const atrAt = readerNameSize + 12;
      const atrLength = Math.min(wordAt(one, atrAt + 36), atrMax);
      const atr = new Uint8Array(one.subarray(atrAt, atrAt + atrLength));
      readers.push({ name, count, atr: (state & present) !== 0 && atrLength > 0 ? atr : null });
    }
    return readers;
  }

  /** Powers the card for us alone. @throws PcscError */
  async open(reader: string): Promise<PcscHandle> {
    const name = Buffer.alloc(readerNameSize);
    name.write(reader, 0, readerNameSize - 1);
    const request = Buffer.concat([
      words(this.#context),
      name,
      words(shareExclusive, protocols, 0, 0, 0),
    ]);
    const answer = await this.#ask(Command.CONNECT, request, request.length);
    const at = 4 + readerNameSize;
    checked(reader, wordAt(answer, at + 16));
    return { card: wordAt(answer, at + 8), protocol: wordAt(answer, at + 12) };
  }

  /** The answer to a command APDU. @throws PcscError */
  async transmit({ card, protocol }: PcscHandle, apdu: Uint8Array): Promise<Uint8Array> {
    const pciSize = 8;
    const head = words(card, protocol, pciSize, apdu.length, protocol, pciSize, answerMax, 0);
    const request = Buffer.concat([head, apdu]);
    const answer = await this.#ask(Command.TRANSMIT, request, head.length, head.length, (bytes) => {
      return wordAt(bytes, 28) === 0 ? Math.min(wordAt(bytes, 24), answerMax) : 0;
    });
    checked("a command", wordAt(answer, 28));
    return new Uint8Array(answer.subarray(head.length));
  }

  /** Resets the card. @throws PcscError */
  async reset({ card }: PcscHandle): Promise<void> {
    const request = words(card, shareExclusive, protocols, resetCard, 0, 0);
    checked("a reset", wordAt(await this.#ask(Command.RECONNECT, request, request.length), 20));
  }

  async release({ card }: PcscHandle): Promise<void> {
    const request = words(card, resetCard, 0);
    await this.#ask(Command.DISCONNECT, request, request.length);
  }

  close(): void {
    this.#socket.destroy();
  }

  /**
   * `headSize`: bytes of the request that the header counts; data goes behind them. `more`: how
   * many bytes follow the answer.
   */
  #ask(
    command: number,
    request: Buffer,
    answerSize: number,
    headSize = request.length,
    more: (answer: Buffer) => number = () => 0,
  ): Promise<Buffer> {
    const asked = this.#last.then(async () => {
      this.#socket.write(Buffer.concat([words(headSize, command), request]));
      const answer = await this.#take(answerSize);
      const rest = more(answer);
      return rest === 0 ? answer : Buffer.concat([answer, await this.#take(rest)]);
    });
    this.#last = asked.catch(() => {});
    return asked;
  }

  async #take(size: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(size) as Buffer | null;
      if (bytes !== null && bytes.length === size) return bytes;
      if (this.#socket.destroyed || this.#socket.readableEnded) {
        throw new Error("the PC/SC daemon has ended the connection");
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          for (const name of ["readable", "close", "end"]) this.#socket.off(name, done);
          resolve();
        };
        for (const name of ["readable", "close", "end"]) this.#socket.on(name, done);
      });
    }
  }
}

function checked(what: string, status: number): void {
  if (status !== 0) throw new PcscError(what, status);
}
