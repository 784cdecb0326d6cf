// What user and guest share beside screen and input: clipboards and files. Put together here, so
// that the viewer has one thing to tell of sessions, words and focus.

import type { BrowserClient, ClientEvent } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import { browserClipboard, type ClipboardContent } from "./clipboard/browser-clipboard.ts";
import { ClipboardSync, type ClipboardTrouble } from "./clipboard/clipboard-sync.ts";
import { FileDrop } from "./files/file-drop.ts";
import { FileSending, type FileTransfer } from "./files/file-sending.ts";
import { TransferList } from "./files/transfer-list.ts";
import { english, type Words } from "./locales/english.ts";
import type { ViewerState } from "./session/viewer-state.ts";
import { sharingStyle } from "./ui/sharing-style.ts";
import { adoptStyle } from "./ui/style.ts";

export interface SharingListener {
  command(command: SessionCommand): void;
  copied(content: ClipboardContent): void;
  filesCopied(paths: readonly string[]): void;
  clipboardFailed(why: ClipboardTrouble): void;
  filesChanged(transfers: readonly FileTransfer[]): void;
  /** A switch is another. */
  changed(): void;
}

export class Sharing {
  readonly clipboard: ClipboardSync;
  readonly files: FileSending;
  readonly #list: TransferList;
  readonly #drop: FileDrop;
  #viewOnly = false;
  #hasAgent = false;

  constructor(element: HTMLElement, root: ShadowRoot, listener: SharingListener) {
    adoptStyle(root, sharingStyle);
    this.clipboard = new ClipboardSync(browserClipboard, listener);
    this.files = new FileSending(() => {
      this.#list.show(this.files.transfers);
      listener.filesChanged(this.files.transfers);
    });
    this.#list = new TransferList(english, {
      cancel: (key) => this.files.cancel(key),
      forget: (key) => this.files.forget(key),
    });
    this.#drop = new FileDrop(element, (files) => this.files.send(files));
    this.words = english;
    root.append(this.#drop.hint, this.#list.element);
    // Only a gesture lets some browsers touch the clipboard.
    for (const gesture of ["focusin", "pointerdown", "keydown"]) {
      element.addEventListener(gesture, () => void this.clipboard.userIsHere());
    }
  }

  set words(words: Words) {
    this.#list.words = words;
    this.#drop.words = words.files.drop;
  }

  set viewOnly(viewOnly: boolean) {
    this.#viewOnly = viewOnly;
    this.clipboard.viewOnly = viewOnly;
    this.#open();
  }

  /** Another session begins. */
  begin(client: BrowserClient): void {
    this.#hasAgent = false;
    this.#open();
    this.files.begin(client);
  }

  event(event: ClientEvent): void {
    if (event.name === "agent") {
      this.#hasAgent = event.connected;
      this.#open();
    }
    this.clipboard.event(event);
    this.files.event(event);
  }

  stateIs(state: ViewerState): void {
    if (state.kind === "ended" || state.kind === "idle") this.files.end();
  }

  /** Sends files, unless the user only looks. */
  send(files: Iterable<File>): void {
    if (!this.#viewOnly) this.files.send(files);
  }

  #open(): void {
    this.#drop.isOpen = this.#hasAgent && !this.#viewOnly;
  }
}
