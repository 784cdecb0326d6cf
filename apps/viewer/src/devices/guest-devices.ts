// The guest's ports, its way to a folder of the user's, its USB slots and its smartcard reader, over
// all sessions of a viewer. What shows or serves them is loaded when somebody wants it.

import type { ByteStreams, ClientStream, FolderHandle, WebSerialPort } from "@caraway/browser";
import type { InputCommand } from "@caraway/client";
import { english, type Words } from "../locales/english.ts";
import type { ViewerSession } from "../session/viewer-session.ts";
import type { ConsolePanel } from "../ui/console-panel.ts";
import type { FolderSharing, FolderState } from "./folder-sharing.ts";
import { GuestPort } from "./guest-port.ts";
import type { CardState, GuestReader } from "./guest-reader.ts";
import type { DiskKind, UsbAttachments, UsbState } from "./usb-attachments.ts";

/** What a session's channels are opened for beside the desktop. */
export const deviceChannels = ["port", "webdav", "usbredir", "smartcard"] as const;

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
  #usb: UsbAttachments | null = null;
  #usbRules: string | null = null;
  #cardStream: ClientStream | null = null;
  #reader: GuestReader | null = null;

  constructor(root: ShadowRoot, changed: () => void) {
    this.#root = root;
    this.#changed = changed;
  }

  /** For the viewer alone: another session begins. */
  begin(): void {
    this.#ports = [];
    this.#folderStream = null;
    this.#slots = [];
    this.#cardStream = null;
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
      this.#usb?.offer(stream);
      this.#changed();
    } else if (stream.channel === "smartcard") {
      this.#cardStream = stream;
      this.#reader?.offer(stream);
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

  /** What is plugged into them, or waits for one. */
  get usb(): readonly UsbState[] {
    return this.#usb?.states ?? [];
  }

  /** The disk images among them. */
  get disks(): readonly UsbState[] {
    return this.usb.filter(({ kind }) => kind === "stick" || kind === "cd");
  }

  /** Why the last real device that was chosen could not be had, in technical words. */
  get usbRefused(): string | null {
    return this.#usb?.refused ?? null;
  }

  /**
   * Plugs a disk image in: as a stick, whose changes stay in the page, or as a CD drive with an ISO.
   * Gives the number of it.
   */
  async attachDisk(file: Blob, kind: DiskKind, name = nameOf(file)): Promise<number> {
    return (await this.#attachments()).attachDisk(file, name, kind);
  }

  /** Puts another disc into a CD drive, null: none, as the guest learns. False: there is no such drive. */
  async changeDisc(id: number, file: Blob | null, name = file && nameOf(file)): Promise<boolean> {
    return (await this.#usb?.changeDisc(id, file, name ?? "")) ?? false;
  }

  /** Plugs in a USB keyboard, which takes the viewer's keys while the guest has it. */
  async attachKeyboard(): Promise<number> {
    return (await this.#attachments()).attachKeyboard(this.words.usb.keyboardName);
  }

  /** Plugs in a serial adapter: to streams of bytes, or to a port of the user's by WebSerial. */
  async attachSerial(
    line: ByteStreams | WebSerialPort,
    name: string = this.words.usb.serialName,
  ): Promise<number> {
    return (await this.#attachments()).attachSerial(line, name);
  }

  /** Asks the user for a real USB device, in answer to a gesture. Null: none was chosen, or had. */
  async chooseUsb(): Promise<number | null> {
    return await (await this.#attachments()).chooseDevice();
  }

  /**
   * Plugs in real devices that the user chose before, now and when they come, by usbredir's rules
   * for filters, such as `-1,0x1234,-1,-1,1`; null: none. What is wrong with them is in `usbRefused`.
   */
  set usbRules(rules: string | null) {
    if (rules === this.#usbRules) return;
    this.#usbRules = rules;
    void this.#attachments().then((attachments) => attachments.attachByRules(rules ?? ""));
  }

  get usbRules(): string | null {
    return this.#usbRules;
  }

  /** Pulls out a disk image, or any other USB device; what the guest changed and nobody saved is lost. */
  async detachDisk(id: number): Promise<void> {
    await this.#usb?.detach(id);
  }

  /** A stick's image as it is now, to be saved; null: there is none of that number. */
  diskImage(id: number): Blob | null {
    return this.#usb?.image(id) ?? null;
  }

  /** Whether the guest has a smartcard reader for this viewer. */
  get takesCard(): boolean {
    return this.#cardStream?.isClosed === false;
  }

  /** The smartcard that is in the guest's reader, or waits for one. */
  get card(): CardState | null {
    return this.#reader?.card ?? null;
  }

  /**
   * Inserts a PIV card made of a certificate and its RSA key, as PEM or DER. Throws where they are
   * none.
   */
  async insertCard(certificate: Blob, key: Blob, pin: string): Promise<void> {
    const { GuestReader: Reader } = await import("./guest-reader.ts");
    if (this.#reader === null) {
      this.#reader = new Reader(() => this.#changed());
      if (this.#cardStream?.isClosed === false) this.#reader.offer(this.#cardStream);
    }
    await this.#reader.insert(certificate, key, pin, nameOf(certificate));
  }

  removeCard(): void {
    this.#reader?.remove();
  }

  /** For the viewer alone: a keyboard by USB takes what the user does, where the guest has one. */
  sendInput(input: InputCommand, session: Pick<ViewerSession, "command">): void {
    if (this.#usb?.takesKey(input) !== true) session.command({ name: "input", input });
  }

  async #attachments(): Promise<UsbAttachments> {
    const { UsbAttachments: Attachments } = await import("./usb-attachments.ts");
    if (this.#usb === null) {
      this.#usb = new Attachments(() => this.#changed());
      for (const slot of this.#slots) if (!slot.isClosed) this.#usb.offer(slot);
    }
    return this.#usb;
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
