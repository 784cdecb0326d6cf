// Keeps the user's clipboard and the guest's the same, each direction as far as it is wanted and
// the browser allows it. What the browser does not allow at the moment is tried again when the
// user is at the viewer, and is to be had by hand at any time.

import { type ClipboardFailure, type ClipboardFormat, decodeFileList } from "@caraway/agent";
import type { ClientEvent } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import type { ClipboardAccess, ClipboardContent } from "./browser-clipboard.ts";

export interface ClipboardListener {
  command(command: SessionCommand): void;
  /** Something was copied in the guest. */
  copied(content: ClipboardContent): void;
  /** Files were, in the folder that it shares with the user: their paths there. */
  filesCopied(paths: readonly string[]): void;
  clipboardFailed(why: ClipboardTrouble): void;
  /** A switch or the guest's text is another. */
  changed(): void;
}

const selection = "CLIPBOARD";
/** What the user should hear of. */
export type ClipboardTrouble =
  /** A paste in the guest was cut off, as in some moves; the next one works. */
  | "interrupted"
  /** What the user copied is larger than allowed. */
  | "tooLargeToGive"
  /** What was copied in the guest is. */
  | "tooLargeToTake";

/** Pictures that browsers can read and that become PNG, which they write. */
const pictureTypes: Partial<Record<ClipboardFormat, string>> = {
  IMAGE_JPG: "image/jpeg",
  IMAGE_BMP: "image/bmp",
  IMAGE_TIFF: "image/tiff",
};

/** What is asked of the guest, best first. */
const wanted: readonly ClipboardFormat[] = [
  "UTF8_TEXT",
  "IMAGE_PNG",
  "IMAGE_BMP",
  "IMAGE_JPG",
  "IMAGE_TIFF",
];

/** Beside what browsers have in their clipboards, a list of files in the shared folder. */
interface Offered extends ClipboardContent {
  readonly fileList: Uint8Array | null;
}

export class ClipboardSync {
  readonly #access: ClipboardAccess;
  readonly #listener: ClipboardListener;
  #isAttached = false;
  #toGuest = true;
  #fromGuest = true;
  #viewOnly = false;
  /** What the guest was offered last. */
  #offered: Offered | null = null;
  /** What was copied in the guest last. */
  #fromThere: ClipboardContent | null = null;
  /** It could not be written into the user's clipboard yet. */
  #isUnwritten = false;
  /** What the user's clipboard is known to hold, so that it does not go round. */
  #known: string | null = null;
  /** Reading takes a while: who comes meanwhile has it read once more. */
  #reading: "no" | "once" | "again" = "no";

  constructor(access: ClipboardAccess, listener: ClipboardListener) {
    this.#access = access;
    this.#listener = listener;
  }

  /** Whether what the user copies can be pasted in the guest. */
  get toGuest(): boolean {
    return this.#toGuest;
  }

  set toGuest(toGuest: boolean) {
    this.#toGuest = toGuest;
    if (!toGuest) this.#withdraw();
    else void this.userIsHere();
    this.#listener.changed();
  }

  /** Whether what is copied in the guest can be pasted here. */
  get fromGuest(): boolean {
    return this.#fromGuest;
  }

  set fromGuest(fromGuest: boolean) {
    this.#fromGuest = fromGuest;
    if (!fromGuest) {
      this.#fromThere = null;
      this.#isUnwritten = false;
    }
    this.#listener.changed();
  }

  /** Somebody who only looks gives the guest nothing. */
  set viewOnly(viewOnly: boolean) {
    this.#viewOnly = viewOnly;
    if (viewOnly) this.#withdraw();
  }

  /** Text that was copied in the guest last; empty for none. */
  get guestText(): string {
    return this.#fromThere?.text ?? "";
  }

  /** What was copied in the guest could not be put into the user's clipboard. */
  get isUnwritten(): boolean {
    return this.#isUnwritten;
  }

  event(event: ClientEvent): void {
    switch (event.name) {
      case "agent":
        this.#isAttached = event.connected;
        if (event.connected) void this.userIsHere();
        break;
      case "session":
        // The guest of a new session has been offered nothing yet.
        this.#offered = null;
        this.#known = null;
        break;
      case "clipboard-offer":
        if (event.selection === selection && event.formats.length > 0) this.#ask(event.formats);
        break;
      case "clipboard-data":
        if (event.selection !== selection) break;
        if (event.data !== null) void this.#take(event.format, event.data);
        else if (event.failure === "too-large") this.#listener.clipboardFailed("tooLargeToTake");
        break;
      case "clipboard-undelivered":
        this.#undelivered(event.failure);
        break;
      case "clipboard-request":
        this.#answer(event.selection, event.format);
        break;
      default:
        break;
    }
  }

  /** The viewer has the focus, or the user has done something there. */
  async userIsHere(): Promise<void> {
    if (this.#isUnwritten) await this.#write();
    if (!this.#mayGive) return;
    if (this.#reading !== "no") {
      this.#reading = "again";
      return;
    }
    do {
      this.#reading = "once";
      const content = await this.#access.read();
      if (content !== null && this.#mayGive) this.#offerNew(content);
      // `userIsHere` may have been called since.
    } while ((this.#reading as string) === "again");
    this.#reading = "no";
  }

  /** Lets the guest paste this text, whatever the browser allows. */
  give(text: string): void {
    if (!this.#viewOnly) this.#offer({ text, png: null, fileList: null });
  }

  /** Lets the guest paste files that stand in the shared folder. False: it may not. */
  giveFiles(fileList: Uint8Array): boolean {
    if (!this.#mayGive) return false;
    this.#offer({ text: null, png: null, fileList });
    return true;
  }

  /** Puts what was copied in the guest into the user's clipboard, in answer to a gesture. */
  async write(): Promise<boolean> {
    await this.#write();
    return !this.#isUnwritten;
  }

  get #mayGive(): boolean {
    return this.#isAttached && this.#toGuest && !this.#viewOnly;
  }

  #ask(formats: readonly ClipboardFormat[]): void {
    this.#offered = null;
    if (!this.#fromGuest) return;
    const best = wanted.find((format) => formats.includes(format));
    const asked = formats.filter((format) => format === best || format === "FILE_LIST");
    for (const format of asked) {
      this.#listener.command({ name: "clipboard-request", selection, format });
    }
  }

  async #take(format: ClipboardFormat, data: Uint8Array): Promise<void> {
    if (!this.#fromGuest) return;
    if (format === "FILE_LIST") {
      const { paths = [] } = decodeFileList(data) ?? {};
      if (paths.length > 0) this.#listener.filesCopied(paths);
      return;
    }
    const content = await this.#contentOf(format, data);
    if (content === null) return;
    this.#fromThere = content;
    this.#isUnwritten = true;
    this.#listener.copied(content);
    await this.#write();
    this.#listener.changed();
  }

  async #contentOf(format: ClipboardFormat, data: Uint8Array): Promise<ClipboardContent | null> {
    if (format === "UTF8_TEXT") return { text: new TextDecoder().decode(data), png: null };
    const type = pictureTypes[format];
    const png = type === undefined ? Uint8Array.from(data) : await this.#access.toPng(data, type);
    return png === null ? null : { text: null, png };
  }

  #undelivered(failure: ClipboardFailure): void {
    if (failure === "agent-gone") this.#listener.clipboardFailed("interrupted");
    else if (failure === "too-large") this.#listener.clipboardFailed("tooLargeToGive");
  }

  async #write(): Promise<void> {
    const content = this.#fromThere;
    if (content === null || !(await this.#access.write(content))) return;
    if (content !== this.#fromThere) return;
    this.#isUnwritten = false;
    // Browsers write pictures anew: what is to be read now is the guest's own.
    const read = await this.#access.read();
    this.#known = markOf(read ?? content);
    this.#listener.changed();
  }

  #offerNew(content: ClipboardContent): void {
    const mark = markOf(content);
    if (mark === this.#known) return;
    this.#known = mark;
    this.#offer({ ...content, fileList: null });
  }

  #offer(content: Offered): void {
    this.#offered = content;
    const formats: ClipboardFormat[] = [];
    if (content.text !== null) formats.push("UTF8_TEXT");
    if (content.png !== null) formats.push("IMAGE_PNG");
    if (content.fileList !== null) formats.push("FILE_LIST");
    this.#listener.command({ name: "clipboard-offer", selection, formats });
  }

  #withdraw(): void {
    if (this.#offered === null) return;
    this.#offered = null;
    this.#known = null;
    this.#listener.command({ name: "clipboard-offer", selection, formats: [] });
  }

  #answer(asked: "CLIPBOARD" | "PRIMARY" | "SECONDARY", format: ClipboardFormat): void {
    const offered = asked === selection ? this.#offered : null;
    let data: Uint8Array | null = null;
    if (format === "UTF8_TEXT" && typeof offered?.text === "string") {
      data = new TextEncoder().encode(offered.text);
    } else if (format === "IMAGE_PNG") data = offered?.png ?? null;
    else if (format === "FILE_LIST") data = offered?.fileList ?? null;
    this.#listener.command({ name: "clipboard-data", selection: asked, format, data });
  }
}

/** Equal for equal content, as far as 32 bits can tell pictures apart. */
function markOf({ text, png }: ClipboardContent): string {
  let sum = 0x811c9dc5;
  for (const byte of png ?? []) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return JSON.stringify([text, png === null ? null : [png.length, sum]]);
}
