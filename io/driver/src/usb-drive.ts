// Sticks and CD drives of a session, whatever they stand on.

import {
  type BlockWork,
  type DeviceInput,
  type DeviceWork,
  type DriveKind,
  type Medium,
  StorageDevice,
} from "@caraway/usbredir";
import { AttachedUsb, type UsbDeviceEvent } from "./usb-slots.ts";

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

export class UsbDrive extends AttachedUsb {
  readonly kind: DriveKind;
  #store: BlockStore | null;

  /** @param store null: the drive is empty. */
  constructor(
    kind: DriveKind,
    store: BlockStore | null,
    onEvent: (event: UsbDeviceEvent) => void = () => {},
  ) {
    super(onEvent);
    this.kind = kind;
    this.#store = store;
  }

  get store(): BlockStore | null {
    return this.#store;
  }

  /** Puts another medium in, or none, as the guest learns; closes what was in it. */
  async insert(store: BlockStore | null): Promise<void> {
    const old = this.#store;
    this.#store = store;
    this.feed({ type: "insert", medium: this.#medium });
    await old?.close();
  }

  make(): StorageDevice {
    return new StorageDevice({ kind: this.kind, medium: this.#medium });
  }

  async perform(task: number, work: DeviceWork): Promise<DeviceInput> {
    const store = this.#store;
    if (store === null || !isBlockWork(work)) throw new Error("there is no medium");
    return { type: "done", task, data: await perform(store, work) };
  }

  protected async release(): Promise<void> {
    await this.#store?.close();
  }

  get #medium(): Medium | null {
    const store = this.#store;
    return store && { size: store.size, writable: store.writable && this.kind !== "cd" };
  }
}

function isBlockWork(work: DeviceWork): work is BlockWork {
  return work.kind === "read" || work.kind === "write" || work.kind === "flush";
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
