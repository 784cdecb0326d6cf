// Files that the user chose, as a folder to be shared with a guest, read only: for browsers that open
// no folders to pages.

import type { FolderStore } from "@caraway/driver";
import type { FolderAnswer, FolderEntry, FolderPath, FolderWork } from "@caraway/webdav";

type Node = File | Map<string, Node>;

const notFound = { kind: "failed", reason: "not-found", detail: "nothing is there" } as const;
const readOnly = {
  kind: "failed",
  reason: "forbidden",
  detail: "the files are read-only",
} as const;

export class FilesFolder implements FolderStore {
  readonly writable = false;
  readonly #root = new Map<string, Node>();
  readonly #openedMs = Date.now();
  readonly #open = new Map<number, File>();
  #nextHandle = 1;

  /** Files of a folder stand where they stood in it; those that were chosen one by one at the top. */
  constructor(files: Iterable<File>) {
    for (const file of files) {
      const names = file.webkitRelativePath.split("/").slice(1);
      this.#add(names.length > 0 ? names : [file.name], file);
    }
  }

  async perform(work: FolderWork): Promise<FolderAnswer> {
    switch (work.kind) {
      case "stat": {
        const node = this.#find(work.path);
        return node === null ? notFound : { kind: "entry", entry: this.#entryOf(node) };
      }
      case "list": {
        const node = this.#find(work.path);
        if (!(node instanceof Map)) return notFound;
        if (node.size > work.most) return { kind: "failed", reason: "too-many", detail: "" };
        const entries = [...node].map(([name, child]) => ({ name, ...this.#entryOf(child) }));
        return { kind: "entries", entries };
      }
      case "open": {
        const node = this.#find(work.path);
        if (!(node instanceof File)) return notFound;
        const handle = this.#nextHandle++;
        this.#open.set(handle, node);
        return { kind: "file", handle, entry: this.#entryOf(node) };
      }
      case "read": {
        const piece = this.#open.get(work.handle)?.slice(work.offset, work.offset + work.length);
        if (piece === undefined) return notFound;
        return { kind: "bytes", bytes: new Uint8Array(await piece.arrayBuffer()) };
      }
      case "release":
        this.#open.delete(work.handle);
        return { kind: "done" };
      default:
        return readOnly;
    }
  }

  async close(): Promise<void> {
    this.#open.clear();
  }

  #add(names: readonly string[], file: File): void {
    let folder = this.#root;
    for (const name of names.slice(0, -1)) {
      const there = folder.get(name);
      const next = there instanceof Map ? there : new Map<string, Node>();
      folder.set(name, next);
      folder = next;
    }
    folder.set(names.at(-1)!, file);
  }

  #find(path: FolderPath): Node | null {
    let node: Node | undefined = this.#root;
    for (const name of path) node = node instanceof Map ? node.get(name) : undefined;
    return node ?? null;
  }

  #entryOf(node: Node): FolderEntry {
    if (node instanceof File) {
      return { kind: "file", size: node.size, modifiedMs: node.lastModified };
    }
    return { kind: "folder", size: 0, modifiedMs: this.#openedMs };
  }
}
