// A folder of this machine, to be shared with a guest. Nothing outside of it is ever touched: each
// part of a path is looked at, and a link, wherever it leads, is neither followed nor listed.

import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  copyFile,
  lstat,
  mkdir,
  type FileHandle as OpenFile,
  open,
  opendir,
  realpath,
  rename,
  rm,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import {
  answerOrFailure,
  FolderError,
  type FolderStore,
  OfferedFiles,
  OfferingFolder,
  OpenFiles,
  SharedFolder,
  type SharedFolderEvent,
} from "@caraway/driver";
import {
  type FolderAnswer,
  type FolderEntry,
  type FolderFailure,
  type FolderPath,
  type FolderWork,
  hiddenPrefix,
  type NamedEntry,
} from "@caraway/webdav";

/** Names that Windows takes for devices or for parts of files. */
const isOddOnWindows = /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

type OpenedFile =
  | { readonly kind: "read"; readonly file: OpenFile }
  | {
      readonly kind: "write";
      readonly file: OpenFile;
      readonly part: string;
      readonly place: string;
      readonly path: FolderPath;
    };

export interface ShareOptions {
  /** Null: there is nothing but what is offered. */
  readonly folder: string | null;
  readonly readOnly: boolean;
  /** Copied files that the guest finds there, too; they stay with the caller. */
  readonly offered?: OfferedFiles;
  /** Bytes of the largest file that the guest may write. */
  readonly fileBytesMax?: number;
  readonly onEvent?: (event: SharedFolderEvent) => void;
}

/** Makes a folder of this machine one to be shared. Rejects when it is none. */
export async function openSharedFolder(options: ShareOptions): Promise<SharedFolder> {
  const { folder, readOnly, offered = new OfferedFiles(), ...rest } = options;
  const base = folder === null ? null : await NodeFolder.open(folder, !readOnly);
  return new SharedFolder({
    ...rest,
    store: new OfferingFolder(base, offered),
    readOnly,
    seed: randomUUID(),
    now: () => performance.now(),
  });
}

export class NodeFolder implements FolderStore {
  readonly writable: boolean;
  readonly #root: string;
  readonly #files = new OpenFiles<OpenedFile>();

  private constructor(root: string, writable: boolean) {
    this.#root = root;
    this.writable = writable;
  }

  /** Rejects when there is no such folder. */
  static async open(folder: string, writable: boolean): Promise<NodeFolder> {
    const root = await realpath(folder);
    if (!(await lstat(root)).isDirectory()) throw new Error(`${folder} is no folder`);
    return new NodeFolder(root, writable);
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
        return { kind: "entry", entry: await this.#entry(work.path) };
      case "list":
        return { kind: "entries", entries: await this.#list(work.path, work.most) };
      case "open":
        return await this.#open(work.path);
      case "read":
        return await this.#read(work.handle, work.offset, work.length);
      case "create":
        return await this.#create(work.path);
      case "write": {
        const { file } = this.#files.get(work.handle, "write");
        await file.writeFile(work.bytes);
        break;
      }
      case "keep":
        await this.#keep(work.handle);
        break;
      case "release":
        await this.#release(work.handle);
        break;
      case "make-folder":
        await mkdir(await this.#place(work.path));
        break;
      case "remove":
        if (work.path.length === 0) throw new FolderError("forbidden", "the folder itself");
        await this.#entry(work.path);
        await rm(await this.#place(work.path), { recursive: true });
        break;
      case "copy":
        await this.#copy(work.from, work.to, work.deep);
        break;
      case "move": {
        await this.#entry(work.from);
        await this.#demandFree(work.to);
        await rename(await this.#place(work.from), await this.#place(work.to));
        break;
      }
      case "touch": {
        await this.#entry(work.path);
        const seconds = work.modifiedMs / 1000;
        await utimes(await this.#place(work.path), seconds, seconds);
        break;
      }
    }
    return { kind: "done" };
  }

  /** Where a path is. Rejects when a folder on the way is a link, or none. */
  async #place(path: FolderPath): Promise<string> {
    if (process.platform === "win32" && path.some((name) => isOddOnWindows.test(name))) {
      throw new FolderError("forbidden", "such a name means something else here");
    }
    let place = this.#root;
    for (const name of path.slice(0, -1)) {
      place = join(place, name);
      const found = await lstat(place);
      if (found.isSymbolicLink()) throw new FolderError("forbidden", `${place} is a link`);
      if (!found.isDirectory()) throw new FolderError("wrong-kind", `${place} is no folder`);
    }
    const last = path.at(-1);
    return last === undefined ? place : join(place, last);
  }

  async #entry(path: FolderPath): Promise<FolderEntry> {
    const place = await this.#place(path);
    return entryOf(await lstat(place), place);
  }

  async #demandFree(path: FolderPath): Promise<void> {
    const place = await this.#place(path);
    const found = await lstat(place).catch(() => null);
    if (found !== null) throw new FolderError("exists", `${place} is there already`);
  }

  async #list(path: FolderPath, most: number): Promise<NamedEntry[]> {
    if ((await this.#entry(path)).kind !== "folder") {
      throw new FolderError("wrong-kind", "a file has no entries");
    }
    const place = await this.#place(path);
    const entries: NamedEntry[] = [];
    for await (const { name } of await opendir(place)) {
      if (name.startsWith(hiddenPrefix)) continue;
      const found = await lstat(join(place, name)).catch(() => null);
      if (found === null || !(found.isFile() || found.isDirectory())) continue;
      if (entries.length === most) throw new FolderError("too-many", `more than ${most} entries`);
      entries.push({ name, ...entryOf(found, place) });
    }
    return entries;
  }

  async #open(path: FolderPath): Promise<FolderAnswer> {
    if ((await this.#entry(path)).kind !== "file") throw new FolderError("wrong-kind", "a folder");
    const place = await this.#place(path);
    // Whatever has come to this place meanwhile: no link is followed, and no pipe waited for.
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    const file = await open(place, flags);
    try {
      const entry = entryOf(await file.stat(), place);
      return { kind: "file", handle: this.#files.add({ kind: "read", file }), entry };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #read(handle: number, offset: number, length: number): Promise<FolderAnswer> {
    const { file } = this.#files.get(handle, "read");
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return { kind: "bytes", bytes: bytes.subarray(0, bytesRead) };
  }

  async #create(path: FolderPath): Promise<FolderAnswer> {
    const place = await this.#place(path);
    const found = await lstat(place).catch(() => null);
    if (found !== null && entryOf(found, place).kind !== "file") {
      throw new FolderError("wrong-kind", `${place} is a folder`);
    }
    const part = join(await this.#place([...path.slice(0, -1), hiddenPrefix + randomUUID()]));
    const file = await open(part, "wx", found === null ? 0o666 : found.mode & 0o777);
    try {
      const handle = this.#files.add({ kind: "write", file, part, place, path });
      return { kind: "file", handle, entry: entryOf(await file.stat(), part) };
    } catch (error) {
      await file.close();
      await rm(part, { force: true });
      throw error;
    }
  }

  async #keep(handle: number): Promise<void> {
    const { file, part, path } = this.#files.get(handle, "write");
    this.#files.take(handle);
    await file.close();
    try {
      await rename(part, await this.#place(path));
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async #release(handle: number): Promise<void> {
    const opened = this.#files.take(handle);
    await opened?.file.close();
    if (opened?.kind === "write") await rm(opened.part, { force: true });
  }

  async #copy(from: FolderPath, to: FolderPath, deep: boolean): Promise<void> {
    await this.#demandFree(to);
    const entry = await this.#entry(from);
    if (entry.kind === "file") {
      const [source, target] = [await this.#place(from), await this.#place(to)];
      await copyFile(source, target, constants.COPYFILE_EXCL);
      return;
    }
    await mkdir(await this.#place(to));
    if (!deep) return;
    for (const { name } of await this.#list(from, Number.POSITIVE_INFINITY)) {
      await this.#copy([...from, name], [...to, name], true);
    }
  }
}

type Found = Awaited<ReturnType<typeof lstat>>;

/** Throws where a place is neither a file nor a folder. */
function entryOf(found: Found, place: string): FolderEntry {
  const modifiedMs = Number(found.mtimeMs);
  if (found.isFile()) return { kind: "file", size: Number(found.size), modifiedMs };
  if (found.isDirectory()) return { kind: "folder", size: 0, modifiedMs };
  throw new FolderError("forbidden", `${place} is a link or a device`);
}

function reasonOf(error: unknown): FolderFailure {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "not-found";
    case "EEXIST":
    case "ENOTEMPTY":
      return "exists";
    case "ENOTDIR":
    case "EISDIR":
      return "wrong-kind";
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ELOOP":
    case "ENXIO":
      return "forbidden";
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return "no-space";
    default:
      return "broken";
  }
}
