// Disk images of the user's in the guest's USB slots, over all sessions of a viewer: sticks, whose
// changes stay in the page until they are saved, and discs.

import {
  blobStore,
  type ClientStream,
  OverlayStore,
  type UsbDeviceEvent,
  UsbDevices,
  UsbDrive,
} from "@caraway/browser";

/** `stick`: written to as well; `cd`: an ISO. */
export type DiskKind = "stick" | "cd";

export interface DiskState {
  /** Tells it from others. */
  readonly id: number;
  readonly name: string;
  readonly kind: DiskKind;
  /** `waiting`: for a slot; `gone`: the guest refused it. */
  readonly state: "waiting" | "connected" | "gone";
  /** Whether the guest has changed it. */
  readonly isChanged: boolean;
  /** What went wrong last, in technical words; null: nothing did. */
  readonly fault: string | null;
}

interface Disk {
  readonly drive: UsbDrive;
  readonly store: OverlayStore | null;
  state: Omit<DiskState, "isChanged">;
}

export class DiskImages {
  readonly #changed: () => void;
  readonly #drives = new UsbDevices([]);
  #disks: Disk[] = [];
  #nextId = 1;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get disks(): readonly DiskState[] {
    return this.#disks.map(({ state, store }) => {
      return { ...state, isChanged: (store?.writtenBytes ?? 0) > 0 };
    });
  }

  offer(stream: ClientStream): void {
    this.#drives.offer(stream);
  }

  /** Plugs it in as soon as the guest has a slot. */
  attach(file: Blob, name: string, kind: DiskKind): number {
    const id = this.#nextId++;
    const store = kind === "stick" ? new OverlayStore(file) : null;
    const drive = new UsbDrive(kind, store ?? blobStore(file), (event) => this.#hear(id, event));
    this.#disks.push({ drive, store, state: { id, name, kind, state: "waiting", fault: null } });
    this.#drives.add(drive);
    this.#changed();
    return id;
  }

  /** Pulls it out; what was changed and not saved is lost. */
  async detach(id: number): Promise<void> {
    const disk = this.#disks.find(({ state }) => state.id === id);
    if (disk === undefined) return;
    this.#disks = this.#disks.filter((other) => other !== disk);
    this.#changed();
    await this.#drives.remove(disk.drive);
  }

  /** A stick as it is now; null: there is no such. */
  image(id: number): Blob | null {
    return this.#disks.find(({ state }) => state.id === id)?.store?.image() ?? null;
  }

  #hear(id: number, event: UsbDeviceEvent): void {
    const disk = this.#disks.find(({ state }) => state.id === id);
    if (disk === undefined) return;
    if (event.type === "connected") disk.state = { ...disk.state, state: "connected" };
    else if (event.type === "disconnected") disk.state = { ...disk.state, state: "gone" };
    else if (event.type === "io-error" || event.type === "fault") {
      const { error } = event;
      disk.state = { ...disk.state, fault: error instanceof Error ? error.message : String(error) };
    }
    this.#changed();
  }
}
