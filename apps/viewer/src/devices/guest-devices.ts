// The guest's ports, its way to a folder of the user's and its USB slots, over all sessions of a viewer. What shows
// or serves them is loaded when somebody wants it.

import type { ClientStream, FolderHandle } from "@caraway/browser";
import { english, type Words } from "../locales/english.ts";
import type { ConsolePanel } from "../ui/console-panel.ts";
import type { DiskImages, DiskKind, DiskState } from "./disk-images.ts";
import type { FolderSharing, FolderState } from "./folder-sharing.ts";
import { GuestPort } from "./guest-port.ts";

/** What a session's channels are opened for beside the desktop. */
export const deviceChannels = ["port", "webdav", "usbredir"] as const;

export class GuestDevices {
  words: Words = english;
  readonly #root: ShadowRoot;
  readonly #changed: () => void;
  #ports: GuestPort[] = [];
  #folderStream: ClientStream | null = null;
  #sharing: FolderSharing | null = null;
  #console: ConsolePanel | null = null;
  /** Of the guest's USB slots. */
  #slots: ClientStream[] = [];
  #images: DiskImages | null = null;

  constructor(root: ShadowRoot, changed: () => void) {
    this.#root = root;
    this.#changed = changed;
  }

  /** For the viewer alone: another session begins. */
  begin(): void {
    this.#ports = [];
    this.#folderStream = null;
    this.#slots = [];
    this.#changed();
  }

  /** For the viewer alone. */
  opened(stream: ClientStream): void {
    if (stream.channel === "port") {
      this.#ports.push(new GuestPort(stream, () => this.#changed()));
      this.#console?.portCame(this.#openPorts);
      this.#changed();
    } else if (stream.channel === "webdav") {
      this.#folderStream = stream;
      this.#sharing?.offer(stream);
      this.#changed();
    } else if (stream.channel === "usbredir") {
      this.#slots.push(stream);
      this.#images?.offer(stream);
      this.#changed();
    }
  }

  /** Ports that the guest has, such as a serial console. */
  get ports(): readonly Pick<GuestPort, "name" | "isGuestOpen">[] {
    return this.#openPorts;
  }

  get #openPorts(): GuestPort[] {
    return this.#ports.filter(({ isClosed }) => !isClosed);
  }

  /** Whether the guest has a way to a folder of the user's. */
  get takesFolder(): boolean {
    return this.#folderStream !== null;
  }

  /** What is shared with the guest's spice-webdavd; null: nothing. */
  get folder(): FolderState | null {
    return this.#sharing === null || this.#sharing.isForCopies ? null : this.#sharing.state;
  }

  /**
   * Shares a folder: one that the page has opened, files, which can be read only, or with null what
   * the user is asked for, in answer to a gesture. False: there is nothing to be shared.
   */
  async shareFolder(
    what: FolderHandle | Iterable<File> | null = null,
    { readOnly = false }: { readonly readOnly?: boolean } = {},
  ): Promise<boolean> {
    const { FolderSharing: Sharing } = await import("./folder-sharing.ts");
    const picked = await (what === null
      ? Sharing.pick(readOnly)
      : Sharing.folderOf(what, readOnly));
    if (picked === null) return false;
    await this.#share(new Sharing(picked, readOnly, this.#sharing, () => this.#changed()));
    return true;
  }

  /**
   * Puts files where the guest finds them, in the shared folder or without one, and gives what its
   * clipboard is to hold. Null: it has no way to them.
   */
  async copyFiles(files: Iterable<File>): Promise<Uint8Array | null> {
    if (this.#folderStream === null) return null;
    const { FolderSharing: Sharing } = await import("./folder-sharing.ts");
    if (this.#sharing === null) {
      await this.#share(new Sharing(null, true, null, () => this.#changed()));
    }
    return this.#sharing?.copy(files) ?? null;
  }

  async #share(sharing: FolderSharing): Promise<void> {
    await this.stopSharing();
    this.#sharing = sharing;
    if (this.#folderStream !== null) sharing.offer(this.#folderStream);
    this.#changed();
  }

  /** Ends it, for copied files as well. */
  async stopSharing(): Promise<void> {
    const sharing = this.#sharing;
    this.#sharing = null;
    await sharing?.close();
    this.#changed();
  }

  /** USB slots that the guest has for this viewer. */
  get usbSlots(): number {
    return this.#slots.filter(({ isClosed }) => !isClosed).length;
  }

  /** Disk images that are plugged in, or wait for a slot. */
  get disks(): readonly DiskState[] {
    return this.#images?.disks ?? [];
  }

  /**
   * Plugs a disk image in: as a stick, whose changes stay in the page, or as a CD drive with an ISO.
   * Gives the number of it.
   */
  async attachDisk(file: Blob, kind: DiskKind, name = nameOf(file)): Promise<number> {
    const { DiskImages: Images } = await import("./disk-images.ts");
    if (this.#images === null) {
      this.#images = new Images(() => this.#changed());
      for (const slot of this.#slots) if (!slot.isClosed) this.#images.offer(slot);
    }
    return this.#images.attach(file, name, kind);
  }

  /** Pulls it out; what the guest changed and nobody saved is lost. */
  async detachDisk(id: number): Promise<void> {
    await this.#images?.detach(id);
  }

  /** A stick's image as it is now, to be saved; null: there is none of that number. */
  diskImage(id: number): Blob | null {
    return this.#images?.image(id) ?? null;
  }

  /** Shows a port as a terminal. False: the guest has none of that name. */
  async openConsole(name: string): Promise<boolean> {
    const { ConsolePanel: Panel } = await import("../ui/console-panel.ts");
    const port = this.#openPorts.find((one) => one.name === name);
    if (port === undefined) return false;
    this.closeConsole();
    const panel: ConsolePanel = new Panel(this.#root, port, this.words, () => {
      if (this.#console === panel) this.#console = null;
    });
    this.#console = panel;
    return true;
  }

  closeConsole(): void {
    this.#console?.close();
    this.#console = null;
  }
}

function nameOf(file: Blob): string {
  return file instanceof File ? file.name : "";
}
