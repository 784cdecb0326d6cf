// Sticks and CD drives of a session, whatever they stand on: each takes one of the guest's slots for
// redirected USB devices, and the next one that comes when that is gone.

import {
  type BlockWork,
  type DriveKind,
  StorageHost,
  type StorageInput,
  type StorageOutput,
} from "@caraway/usbredir";
import type { ClientStream } from "./client-stream.ts";

/** What a drive stands on. Offsets and sizes in bytes; what goes wrong rejects. */
export interface BlockStore {
  readonly size: number;
  readonly writable: boolean;
  /** Exactly so many bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Settles when all that was written is kept. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export type UsbDriveEvent =
  | Extract<StorageOutput, { readonly type: "connected" | "ejected" | "disconnected" | "fault" }>
  /** The store could not be read or written; the guest was told. */
  | { readonly type: "io-error"; readonly error: unknown };

/** Work under way from which on nothing more is taken from the guest. */
const workMax = 32;

/** A drive, plugged into at most one slot at a time. */
export class UsbDrive {
  readonly kind: DriveKind;
  readonly #store: BlockStore;
  readonly #onEvent: (event: UsbDriveEvent) => void;
  #plug: Plug | null = null;

  constructor(
    kind: DriveKind,
    store: BlockStore,
    onEvent: (event: UsbDriveEvent) => void = () => {},
  ) {
    this.kind = kind;
    this.#store = store;
    this.#onEvent = onEvent;
  }

  get isPlugged(): boolean {
    return this.#plug !== null;
  }

  /** Takes a slot: a stream of a usbredir channel that nobody else uses. */
  plugInto(stream: ClientStream): void {
    const { size, writable } = this.#store;
    const medium = { size, writable: writable && this.kind !== "cd" };
    const host = new StorageHost({ kind: this.kind, medium });
    const plug: Plug = new Plug(host, stream, this.#store, (event) => {
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

  /** Closes the store too. */
  async close(): Promise<void> {
    this.#plug?.stop();
    await this.#store.close();
  }
}

/** One life of a drive in a slot. */
class Plug {
  readonly #host: StorageHost;
  readonly #stream: ClientStream;
  readonly #store: BlockStore;
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
    store: BlockStore,
    tell: (event: UsbDriveEvent | "closed") => void,
  ) {
    this.#host = host;
    this.#stream = stream;
    this.#store = store;
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
      case "read":
        return await this.#store.read(work.offset, work.length);
      case "write":
        await this.#store.write(work.offset, work.data);
        break;
      case "flush":
        await this.#store.flush();
        break;
    }
    return new Uint8Array(0);
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
