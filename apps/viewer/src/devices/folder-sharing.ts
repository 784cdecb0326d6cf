// The user's folder as the guest has it: shared until the user ends that, in every session of the
// viewer, and what programs in the guest were refused. Files that the user copied for the guest stand
// there as well, or alone.

import { encodeFileList } from "@caraway/agent";
import {
  type ClientStream,
  FilesFolder,
  type FolderHandle,
  folderOfFiles,
  HandleFolder,
  OfferedFiles,
  OfferingFolder,
  type PickedFolder,
  pickFolder,
  type SharedFolder,
  type SharedFolderEvent,
  sharedFolder,
} from "@caraway/browser";

/** What is shared. */
export interface FolderState {
  readonly name: string;
  readonly readOnly: boolean;
  /** Whether the guest is there to use it. */
  readonly connected: boolean;
  /** Requests that were answered. */
  readonly requests: number;
  /** What was refused last, in technical words; null: nothing was. */
  readonly refused: string | null;
}

export class FolderSharing {
  readonly #changed: () => void;
  readonly #folder: SharedFolder;
  readonly #offered: OfferedFiles;
  #state: FolderState;
  /** Whether there is nothing but what was copied. */
  readonly isForCopies: boolean;

  /** `before`: whose copied files go on to be there. */
  constructor(
    picked: PickedFolder | null,
    readOnly: boolean,
    before: FolderSharing | null,
    changed: () => void,
  ) {
    this.#changed = changed;
    this.#offered = before === null ? new OfferedFiles() : before.#offered;
    this.isForCopies = picked === null;
    const store = new OfferingFolder(picked?.store ?? null, this.#offered);
    const isReadOnly = readOnly || !store.writable;
    const name = picked?.name ?? "";
    this.#state = { name, readOnly: isReadOnly, connected: false, requests: 0, refused: null };
    this.#folder = sharedFolder(store, readOnly, (event) => this.#hear(event));
  }

  /** What the embedder has: a folder that was opened already, or files, which can be read only. */
  static folderOf(what: FolderHandle | Iterable<File>, readOnly: boolean): PickedFolder | null {
    if (Symbol.iterator in what) return folderOfFiles(what);
    return { name: what.name, store: new HandleFolder(what, !readOnly) };
  }

  /** Asks the user; null: the user chose none. */
  static async pick(readOnly: boolean): Promise<PickedFolder | null> {
    return await pickFolder(!readOnly);
  }

  /** Copies files for the guest to read; what the clipboard then holds. */
  copy(files: Iterable<File>): Uint8Array {
    const offered = [...files].map((file) => {
      const { name, lastModified } = file;
      // Of a folder that was chosen whole, each file stands alone.
      const alone = new File([file], name, { lastModified });
      return { store: new FilesFolder([alone]), path: [name] };
    });
    return encodeFileList({ action: "copy", paths: this.#offered.offer(offered) });
  }

  get state(): FolderState {
    return this.#state;
  }

  offer(stream: ClientStream): void {
    this.#folder.offer(stream);
  }

  /** Ends the sharing; copied files stay for the sharing that follows upon it. */
  async close(): Promise<void> {
    await this.#folder.close();
  }

  #hear(event: SharedFolderEvent): void {
    if (event.type === "guest") this.#state = { ...this.#state, connected: event.connected };
    else {
      const { method, target, status, detail } = event.request;
      const isRefused = detail !== null && status !== 404;
      const refused = isRefused ? `${method} ${target}: ${detail}` : this.#state.refused;
      this.#state = { ...this.#state, requests: this.#state.requests + 1, refused };
    }
    this.#changed();
  }
}
