// The user's folder as the guest has it: shared until the user ends that, in every session of the
// viewer, and what programs in the guest were refused.

import {
  type ClientStream,
  type FolderHandle,
  folderOfFiles,
  HandleFolder,
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
  #state: FolderState;

  constructor({ name, store }: PickedFolder, readOnly: boolean, changed: () => void) {
    this.#changed = changed;
    const isReadOnly = readOnly || !store.writable;
    this.#state = { name, readOnly: isReadOnly, connected: false, requests: 0, refused: null };
    this.#folder = sharedFolder(store, readOnly, (event) => this.#hear(event));
  }

  /** Asks the user; null: the user chose none. */
  static async pick(readOnly: boolean, changed: () => void): Promise<FolderSharing | null> {
    const picked = await pickFolder(!readOnly);
    return picked === null ? null : new FolderSharing(picked, readOnly, changed);
  }

  /** What the embedder has: a folder that was opened already, or files, which can be read only. */
  static of(
    what: FolderHandle | Iterable<File>,
    readOnly: boolean,
    changed: () => void,
  ): FolderSharing | null {
    if (Symbol.iterator in what) {
      const picked = folderOfFiles(what);
      return picked === null ? null : new FolderSharing(picked, true, changed);
    }
    const store = new HandleFolder(what, !readOnly);
    return new FolderSharing({ name: what.name, store }, readOnly, changed);
  }

  get state(): FolderState {
    return this.#state;
  }

  offer(stream: ClientStream): void {
    this.#folder.offer(stream);
  }

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
