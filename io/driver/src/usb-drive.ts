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
  readonly store: BlockStore;
  readonly #onEvent: (event: UsbDriveEvent) => void;
  #slot: Slot | null = null;
  #isWanted = true;

  constructor(
    kind: DriveKind,
    store: BlockStore,
    onEvent: (event: UsbDriveEvent) => void = () => {},
  ) {
    this.kind = kind;
    this.store = store;
    this.#onEvent = onEvent;
  }

  get isPlugged(): boolean {
    return this.#slot !== null;
  }

  /** Whether it takes a slot that is free: not when it was pulled out, or a guest refused it. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  get isWritable(): boolean {
    return this.store.writable && this.kind !== "cd";
  }

  /** Pulls it out, as the guest learns. */
  unplug(): void {
    this.#isWanted = false;
    this.#slot?.feed({ type: "unplug" });
  }

  /** For its slot alone. */
  tell(event: UsbDriveEvent): void {
    if (event.type === "disconnected") this.#isWanted = false;
    this.#onEvent(event);
  }

  /** For its slot alone. */
  at(slot: Slot | null): void {
    this.#slot = slot;
  }

  /** Closes the store too. */
  async close(): Promise<void> {
    this.#slot?.release();
    await this.store.close();
  }
}

/** One of the guest's slots, as long as its stream lives, with a drive in it or without. */
class Slot {
  readonly #host = new StorageHost(null);
  readonly #stream: ClientStream;
  /** It is free, or its stream is over. */
  readonly #changed: (slot: Slot) => void;
  /** Work that waits until the stream has room for its answer. */
  readonly #waiting: Extract<StorageOutput, { type: "work" }>[] = [];
  #drive: UsbDrive | null = null;
  #hasRoom = true;
  #working = 0;
  #untaken = 0;
  #isOver = false;

  constructor(stream: ClientStream, changed: (slot: Slot) => void) {
    this.#stream = stream;
    this.#changed = changed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isFree(): boolean {
    return this.#drive === null && !this.#isOver;
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
      closed: () => this.#end(),
    });
    this.#drain();
  }

  plug(drive: UsbDrive): void {
    this.#drive = drive;
    drive.at(this);
    const medium = { size: drive.store.size, writable: drive.isWritable };
    this.feed({ type: "plug", drive: { kind: drive.kind, medium } });
  }

  feed(input: StorageInput): void {
    if (this.#isOver) return;
    this.#host.handle(input);
    this.#drain();
  }

  /** The drive is not there any more: nothing of it is read or written from now on. */
  release(): void {
    const drive = this.#drive;
    if (drive === null) return;
    this.#drive = null;
    this.#waiting.length = 0;
    drive.at(null);
    this.feed({ type: "unplug" });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drive?.at(null);
    this.#drive = null;
    this.#changed(this);
  }

  #drain(): void {
    for (let output = this.#host.poll(); output !== null; output = this.#host.poll()) {
      if (output.type === "transmit") this.#hasRoom = this.#stream.write(output.bytes);
      else if (output.type === "work") this.#waiting.push(output);
      else {
        const drive = this.#drive;
        if (output.type === "disconnected") this.#release();
        drive?.tell(output);
      }
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

  #release(): void {
    this.#drive?.at(null);
    this.#drive = null;
    this.#waiting.length = 0;
    // Behind this turn: another drive may follow.
    void Promise.resolve().then(() => this.#changed(this));
  }

  async #perform({ task, work }: Extract<StorageOutput, { type: "work" }>): Promise<void> {
    const drive = this.#drive;
    let data: Uint8Array | null = null;
    try {
      if (drive !== null) data = await perform(drive.store, work);
    } catch (error) {
      // Of a drive that was pulled out meanwhile, nobody wants to know.
      if (drive === this.#drive) drive?.tell({ type: "io-error", error });
    }
    this.#working -= 1;
    this.feed({ type: "done", task, data });
  }
}

async function perform(store: BlockStore, work: BlockWork): Promise<Uint8Array> {
  switch (work.kind) {
    case "read":
      return await store.read(work.offset, work.length);
    case "write":
      await store.write(work.offset, work.data);
      break;
    case "flush":
      await store.flush();
      break;
  }
  return new Uint8Array(0);
}

/** The drives of a session, or of several that follow each other: each takes a slot that is free. */
export class UsbDrives {
  readonly #drives: UsbDrive[];
  #slots: Slot[] = [];

  constructor(drives: readonly UsbDrive[]) {
    this.#drives = [...drives];
  }

  get drives(): readonly UsbDrive[] {
    return this.#drives;
  }

  /** Slots that the guest has for this client. */
  get slots(): number {
    return this.#slots.length;
  }

  /** A stream of the session's; those of other channels are passed over. */
  offer(stream: ClientStream): void {
    if (stream.channel !== "usbredir") return;
    const slot = new Slot(stream, (changed) => {
      if (changed.isOver) this.#slots = this.#slots.filter((other) => other !== changed);
      this.#plugAll();
    });
    this.#slots.push(slot);
    slot.start();
    this.#plugAll();
  }

  /** One more, which is plugged in as soon as there is a slot for it. */
  add(drive: UsbDrive): void {
    this.#drives.push(drive);
    this.#plugAll();
  }

  /** Pulls it out and closes it. */
  async remove(drive: UsbDrive): Promise<void> {
    const at = this.#drives.indexOf(drive);
    if (at >= 0) this.#drives.splice(at, 1);
    drive.unplug();
    await drive.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#drives.map((drive) => drive.close()));
  }

  #plugAll(): void {
    for (const drive of this.#drives) {
      if (drive.isPlugged || !drive.isWanted) continue;
      this.#slots.find(({ isFree }) => isFree)?.plug(drive);
    }
  }
}
