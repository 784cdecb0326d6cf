// Sticks and CD drives of a session that stand on files: each takes one of the guest's slots for
// redirected USB devices, and the next one that comes when that is gone.

import { type FileHandle, open } from "node:fs/promises";
import type { ClientStream } from "@caraway/driver";
import {
  type BlockWork,
  type DriveKind,
  StorageHost,
  type StorageInput,
  type StorageOutput,
} from "@caraway/usbredir";

export interface UsbDriveOptions {
  readonly kind: DriveKind;
  /** A raw image, or an ISO for a `cd`. */
  readonly file: string;
  readonly readOnly: boolean;
}

export type UsbDriveEvent =
  | Extract<StorageOutput, { readonly type: "connected" | "ejected" | "disconnected" | "fault" }>
  /** The file could not be read or written; the guest was told. */
  | { readonly type: "io-error"; readonly error: unknown };

/** Work under way from which on nothing more is taken from the guest. */
const workMax = 32;

/** A drive, plugged into at most one slot at a time. */
export class UsbDrive {
  readonly options: UsbDriveOptions;
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #onEvent: (event: UsbDriveEvent) => void;
  #plug: Plug | null = null;

  private constructor(
    options: UsbDriveOptions,
    file: FileHandle,
    size: number,
    onEvent: (event: UsbDriveEvent) => void,
  ) {
    this.options = options;
    this.#file = file;
    this.#size = size;
    this.#onEvent = onEvent;
  }

  /** Opens the file. Throws Node's own errors. */
  static async open(
    options: UsbDriveOptions,
    onEvent: (event: UsbDriveEvent) => void = () => {},
  ): Promise<UsbDrive> {
    const isReadOnly = options.readOnly || options.kind === "cd";
    const file = await open(options.file, isReadOnly ? "r" : "r+");
    const { size } = await file.stat();
    return new UsbDrive({ ...options, readOnly: isReadOnly }, file, size, onEvent);
  }

  get isPlugged(): boolean {
    return this.#plug !== null;
  }

  /** Takes a slot: a stream of a usbredir channel that nobody else uses. */
  plugInto(stream: ClientStream): void {
    const medium = { size: this.#size, writable: !this.options.readOnly };
    const host = new StorageHost({ kind: this.options.kind, medium });
    const plug: Plug = new Plug(host, stream, this.#file, (event) => {
      if (event === "closed") {
        if (this.#plug === plug) this.#plug = null;
      } else this.#onEvent(event);
    });
    this.#plug = plug;
    plug.start();
  }

  /** Pulls it out, as the guest learns. */
  unplug(): void {
    this.#plug?.feed({ type: "unplug" });
  }

  /** Behind what is under way. */
  async close(): Promise<void> {
    this.#plug?.stop();
    await this.#file.close();
  }
}

/** One life of a drive in a slot. */
class Plug {
  readonly #host: StorageHost;
  readonly #stream: ClientStream;
  readonly #file: FileHandle;
  readonly #tell: (event: UsbDriveEvent | "closed") => void;
  /** Work that waits until the stream has room for its answer. */
  readonly #waiting: Extract<StorageOutput, { type: "work" }>[] = [];
  #hasRoom = true;
  #working = 0;
  #untaken = 0;
  #isOver = false;

  constructor(
    host: StorageHost,
    stream: ClientStream,
    file: FileHandle,
    tell: (event: UsbDriveEvent | "closed") => void,
  ) {
    this.#host = host;
    this.#stream = stream;
    this.#file = file;
    this.#tell = tell;
  }

  start(): void {
    this.#stream.use({
      data: (bytes) => {
        this.#untaken += bytes.length;
        this.feed({ type: "received", bytes });
      },
      drained: () => {
        this.#hasRoom = true;
        this.#drain();
      },
      closed: () => this.stop(),
    });
    this.#drain();
  }

  feed(input: StorageInput): void {
    if (this.#isOver) return;
    this.#host.handle(input);
    this.#drain();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell("closed");
  }

  #drain(): void {
    for (let output = this.#host.poll(); output !== null; output = this.#host.poll()) {
      if (output.type === "transmit") this.#hasRoom = this.#stream.write(output.bytes);
      else if (output.type === "work") this.#waiting.push(output);
      else this.#tell(output);
    }
    while (this.#hasRoom && this.#working < workMax) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#working += 1;
      void this.#perform(next);
    }
    if (this.#waiting.length > 0 || this.#untaken === 0) return;
    this.#stream.taken(this.#untaken);
    this.#untaken = 0;
  }

  async #perform({ task, work }: Extract<StorageOutput, { type: "work" }>): Promise<void> {
    let data: Uint8Array | null = null;
    try {
      data = await this.#do(work);
    } catch (error) {
      this.#tell({ type: "io-error", error });
    }
    this.#working -= 1;
    this.feed({ type: "done", task, data });
  }

  async #do(work: BlockWork): Promise<Uint8Array> {
    switch (work.kind) {
      case "read": {
        const bytes = new Uint8Array(work.length);
        for (let at = 0; at < bytes.length; ) {
          const room = bytes.length - at;
          const { bytesRead } = await this.#file.read(bytes, at, room, work.offset + at);
          if (bytesRead === 0) throw new Error(`the file ends at ${work.offset + at}`);
          at += bytesRead;
        }
        return bytes;
      }
      case "write":
        for (let at = 0; at < work.data.length; ) {
          const rest = work.data.length - at;
          const { bytesWritten } = await this.#file.write(work.data, at, rest, work.offset + at);
          at += bytesWritten;
        }
        return new Uint8Array(0);
      case "flush":
        await this.#file.datasync();
        return new Uint8Array(0);
    }
  }
}

/** The drives of a session: each takes the next slot that the guest has. */
export class UsbDrives {
  readonly drives: readonly UsbDrive[];

  constructor(drives: readonly UsbDrive[]) {
    this.drives = drives;
  }

  /** A stream of the session's; those of other channels are passed over. */
  offer(stream: ClientStream): void {
    if (stream.channel !== "usbredir") return;
    const drive = this.drives.find(({ isPlugged }) => !isPlugged);
    if (drive !== undefined) drive.plugInto(stream);
  }

  async close(): Promise<void> {
    await Promise.all(this.drives.map((drive) => drive.close()));
  }
}
