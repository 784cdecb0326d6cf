// What a serial adapter of the guest's is connected to in a page: streams of an embedder's, or a port
// of the user's computer by WebSerial.

import type { SerialLine } from "@caraway/driver";
import type { LineState } from "@caraway/usbredir";

export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** What we use of WebSerial's SerialPort. */
export interface WebSerialPort {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: {
    readonly baudRate: number;
    readonly dataBits: number;
    readonly parity: "none" | "odd" | "even";
    readonly stopBits: number;
  }): Promise<void>;
  close(): Promise<void>;
}

/** A line of two streams. When what comes has ended, no more comes. */
export function streamsLine(streams: ByteStreams): SerialLine {
  const line = new OpenLine(streams);
  return {
    async read(length) {
      const data = await line.read(length);
      return data ?? (await new Promise(() => {}));
    },
    write: (data) => line.write(data),
    close: () => line.close(),
  };
}

class OpenLine {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor({ readable, writable }: ByteStreams) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  /** Null when it has ended. */
  async read(length: number): Promise<Uint8Array | null> {
    while (this.#left.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#left = value;
    }
    const data = this.#left.subarray(0, length);
    this.#left = this.#left.subarray(length);
    return data;
  }

  write(data: Uint8Array): Promise<void> {
    return this.#writer.write(data);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#reader.cancel(), this.#writer.abort()]);
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

/** A port that the user chose; it is opened as the guest sets its line up, when the guest opens it. */
export class SerialPortLine implements SerialLine {
  readonly #port: WebSerialPort;
  #setUp = "";
  #line: OpenLine | null = null;
  /** The port is being set up. */
  #change: Promise<void> = Promise.resolve();
  #opened: (() => void)[] = [];

  constructor(port: WebSerialPort) {
    this.#port = port;
  }

  async read(length: number): Promise<Uint8Array> {
    for (;;) {
      const line = await this.#whenOpen();
      const data = await line.read(length);
      if (data !== null) return data;
      while (this.#line === line) await this.#otherLine();
    }
  }

  async write(data: Uint8Array): Promise<void> {
    const line = await this.#whenOpen();
    await line.write(data);
  }

  changed(line: LineState): void {
    if (!line.dtr) return;
    const { baud: baudRate, dataBits, stopBits } = line;
    const parity = line.parity === "odd" || line.parity === "even" ? line.parity : "none";
    const options = { baudRate, dataBits, parity, stopBits: stopBits === 2 ? 2 : 1 } as const;
    const setUp = JSON.stringify(options);
    if (setUp === this.#setUp) return;
    this.#setUp = setUp;
    this.#change = this.#change.then(async () => {
      await this.#shut();
      await this.#port.open(options);
      const { readable, writable } = this.#port;
      if (readable === null || writable === null) return;
      this.#line = new OpenLine({ readable, writable });
      this.#tell();
    });
    // Whoever reads or writes hears of it.
    this.#change.catch(() => {});
  }

  async close(): Promise<void> {
    await this.#change.catch(() => {});
    await this.#shut();
  }

  async #whenOpen(): Promise<OpenLine> {
    await this.#change;
    while (this.#line === null) await this.#otherLine();
    return this.#line;
  }

  #otherLine(): Promise<void> {
    return new Promise((resolve) => this.#opened.push(resolve));
  }

  #tell(): void {
    const opened = this.#opened;
    this.#opened = [];
    for (const resolve of opened) resolve();
  }

  async #shut(): Promise<void> {
    const line = this.#line;
    if (line === null) return;
    this.#line = null;
    this.#tell();
    // Its streams must be free before a port can be closed.
    await line.close();
    await this.#port.close();
  }
}
