// A folder that the user opened to the page (File System Access), to be shared with a guest. The
// browser lets a page go nowhere else.

import { answerOrFailure, FolderError, type FolderStore, OpenFiles } from "@caraway/driver";
import type {
  FolderAnswer,
  FolderEntry,
  FolderFailure,
  FolderPath,
  FolderWork,
  NamedEntry,
} from "@caraway/webdav";

/** What is used of a `FileSystemDirectoryHandle`, which not every library of types has whole. */
export interface FolderHandle {
  readonly kind: "directory";
  readonly name: string;
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<FolderHandle>;
  getFileHandle(name: string, options?: { create?: boolean }): Promise<FileHandleHere>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
  values(): AsyncIterable<FolderHandle | FileHandleHere>;
}

interface FileHandleHere {
  readonly kind: "file";
  readonly name: string;
  getFile(): Promise<File>;
  createWritable(): Promise<Writable>;
}

interface Writable {
  write(data: Blob | Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

type OpenedFile =
  | { readonly kind: "read"; readonly file: File }
  | {
      readonly kind: "write";
      readonly writable: Writable;
      readonly folder: FolderHandle;
      readonly name: string;
      /** There was no file of that name before. */
      readonly isNew: boolean;
    };

export class HandleFolder implements FolderStore {
  readonly writable: boolean;
  readonly #root: FolderHandle;
  readonly #files = new OpenFiles<OpenedFile>();
  /** Browsers do not tell when a folder was changed. */
  readonly #openedMs = Date.now();

  /** `writable`: the user has allowed that. */
  constructor(root: FolderHandle, writable: boolean) {
    this.#root = root;
    this.writable = writable;
  }

  async perform(work: FolderWork): Promise<FolderAnswer> {
    return await answerOrFailure(this.#perform(work), reasonOf);
  }

  async close(): Promise<void> {
    for (const handle of this.#files.handles) {
      await this.perform({ kind: "release", handle });
    }
  }

  async #perform(work: FolderWork): Promise<FolderAnswer> {
    switch (work.kind) {
      case "stat":
        return { kind: "entry", entry: await this.#entryOf(await this.#find(work.path)) };
      case "list":
        return { kind: "entries", entries: await this.#list(work.path, work.most) };
      case "open": {
        const found = await this.#find(work.path);
        if (found.kind !== "file") throw new FolderError("wrong-kind");
        const file = await found.getFile();
        const handle = this.#files.add({ kind: "read", file });
        return { kind: "file", handle, entry: fileEntry(file) };
      }
      case "read": {
        const { file } = this.#files.get(work.handle, "read");
        const piece = file.slice(work.offset, work.offset + work.length);
        return { kind: "bytes", bytes: new Uint8Array(await piece.arrayBuffer()) };
      }
      case "create":
        return await this.#create(work.path);
      case "write":
        // What came with other bytes in one buffer is copied by the browser.
        await this.#files
          .get(work.handle, "write")
          .writable.write(work.bytes as Uint8Array<ArrayBuffer>);
        break;
      case "keep": {
        const { writable } = this.#files.get(work.handle, "write");
        this.#files.take(work.handle);
        await writable.close();
        break;
      }
      case "release":
        await this.#release(work.handle);
        break;
      case "make-folder": {
        const [folder, name] = await this.#place(work.path);
        if ((await kindOf(folder, name)) !== null) throw new FolderError("exists");
        await folder.getDirectoryHandle(name, { create: true });
        break;
      }
      case "remove": {
        const [folder, name] = await this.#place(work.path);
        await folder.removeEntry(name, { recursive: true });
        break;
      }
      case "copy":
        await this.#copy(work.from, work.to, work.deep);
        break;
      case "move": {
        await this.#copy(work.from, work.to, true);
        const [folder, name] = await this.#place(work.from);
        await folder.removeEntry(name, { recursive: true });
        break;
      }
      case "touch":
        // Browsers have no way to; the guest is not kept from writing for that.
        break;
    }
    return { kind: "done" };
  }

  async #folder(path: FolderPath): Promise<FolderHandle> {
    let folder = this.#root;
    for (const name of path) folder = await folder.getDirectoryHandle(name);
    return folder;
  }

  /** Where a path ends. */
  async #place(path: FolderPath): Promise<[folder: FolderHandle, name: string]> {
    const name = path.at(-1);
    if (name === undefined) throw new FolderError("forbidden");
    return [await this.#folder(path.slice(0, -1)), name];
  }

  async #find(path: FolderPath): Promise<FolderHandle | FileHandleHere> {
    if (path.length === 0) return this.#root;
    const [folder, name] = await this.#place(path);
    if ((await kindOf(folder, name)) === "file") return await folder.getFileHandle(name);
    return await folder.getDirectoryHandle(name);
  }

  async #entryOf(found: FolderHandle | FileHandleHere): Promise<FolderEntry> {
    if (found.kind === "file") return fileEntry(await found.getFile());
    return { kind: "folder", size: 0, modifiedMs: this.#openedMs };
  }

  async #list(path: FolderPath, most: number): Promise<NamedEntry[]> {
    const entries: NamedEntry[] = [];
    for await (const found of (await this.#folder(path)).values()) {
      if (entries.length === most) throw new FolderError("too-many");
      // A file that went away meanwhile is not there.
      const entry = await this.#entryOf(found).catch(() => null);
      if (entry !== null) entries.push({ name: found.name, ...entry });
    }
    return entries;
  }

  async #create(path: FolderPath): Promise<FolderAnswer> {
    const [folder, name] = await this.#place(path);
    const kind = await kindOf(folder, name);
    if (kind === "directory") throw new FolderError("wrong-kind");
    const file = await folder.getFileHandle(name, { create: true });
    const isNew = kind === null;
    // The browser writes beside it, and puts it in its place at the end.
    const writable = await file.createWritable();
    const entry = { kind: "file", size: 0, modifiedMs: Date.now() } as const;
    const handle = this.#files.add({ kind: "write", writable, folder, name, isNew });
    return { kind: "file", handle, entry };
  }

  async #release(handle: number): Promise<void> {
    const opened = this.#files.take(handle);
    if (opened?.kind !== "write") return;
    await opened.writable.abort();
    if (opened.isNew) await opened.folder.removeEntry(opened.name);
  }

  async #copy(from: FolderPath, to: FolderPath, deep: boolean): Promise<void> {
    const found = await this.#find(from);
    const [folder, name] = await this.#place(to);
    if ((await kindOf(folder, name)) !== null) throw new FolderError("exists");
    if (found.kind === "file") {
      const source = await found.getFile();
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(source);
      await writable.close();
      return;
    }
    await folder.getDirectoryHandle(name, { create: true });
    if (!deep) return;
    for await (const child of found.values()) {
      await this.#copy([...from, child.name], [...to, child.name], true);
    }
  }
}

function fileEntry({ size, lastModified }: File): FolderEntry {
  return { kind: "file", size, modifiedMs: lastModified };
}

async function kindOf(folder: FolderHandle, name: string): Promise<"file" | "directory" | null> {
  try {
    await folder.getFileHandle(name);
    return "file";
  } catch (error) {
    switch (reasonOf(error)) {
      case "not-found":
        return null;
      case "wrong-kind":
        return "directory";
      default:
        throw error;
    }
  }
}

function reasonOf(error: unknown): FolderFailure {
  switch (error instanceof Error ? error.name : "") {
    case "NotFoundError":
      return "not-found";
    case "TypeMismatchError":
      return "wrong-kind";
    // Names that the browser does not want, links among them.
    case "TypeError":
    case "NotAllowedError":
    case "SecurityError":
    case "NoModificationAllowedError":
      return "forbidden";
    case "QuotaExceededError":
      return "no-space";
    default:
      return "broken";
  }
}
