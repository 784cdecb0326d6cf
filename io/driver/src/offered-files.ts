// Files that the user copied, for the guest to paste: they stand in a folder of their own within
// the shared one, where a list of files in the clipboard names them. They can be read only, and
// nothing else of where they come from can be had.

import type { FolderAnswer, FolderEntry, FolderPath, FolderWork } from "@caraway/webdav";
import { answerOrFailure, FolderError, OpenFiles } from "./open-files.ts";
import type { FolderStore } from "./shared-folder.ts";

/** Where they are, as in spice-gtk: the guest may know it. */
const place = ".spice-clipboard";
const keptMax = 64;

/** A file or a folder, and who has it. */
export interface OfferedFile {
  readonly store: FolderStore;
  /** Within its store; its last name is the one that the guest sees. */
  readonly path: FolderPath;
}

/** What was copied lately: a guest may still read what it pasted when something else is copied. */
export class OfferedFiles {
  readonly #files = new Map<string, OfferedFile>();
  #nextId = 1;

  /** Where the guest finds them, as a list of files in the clipboard says it. */
  offer(files: readonly OfferedFile[]): string[] {
    const paths = files.map((file) => {
      // A folder for each, so that names stay as they are.
      const id = String(this.#nextId++);
      this.#files.set(id, file);
      return `/${place}/${id}/${file.path.at(-1)}`;
    });
    for (const id of this.#files.keys()) {
      if (this.#files.size <= Math.max(keptMax, files.length)) break;
      void this.#files.get(id)?.store.close();
      this.#files.delete(id);
    }
    return paths;
  }

  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  get ids(): readonly string[] {
    return [...this.#files.keys()];
  }

  get(id: string): OfferedFile | null {
    return this.#files.get(id) ?? null;
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const { store } of files) await store.close();
  }
}

interface OpenedFile {
  readonly kind: "open";
  readonly store: FolderStore;
  /** Of that store. */
  readonly handle: number;
}

/** A folder that has the copied files beside its own; without one, only them. */
export class OfferingFolder implements FolderStore {
  readonly #base: FolderStore | null;
  readonly #offered: OfferedFiles;
  readonly #open = new OpenFiles<OpenedFile>();
  readonly #begunMs = Date.now();

  constructor(base: FolderStore | null, offered: OfferedFiles) {
    this.#base = base;
    this.#offered = offered;
  }

  get writable(): boolean {
    return this.#base?.writable ?? false;
  }

  perform(work: FolderWork): Promise<FolderAnswer> {
    return answerOrFailure(this.#perform(work), () => "broken");
  }

  /** The copied files stay with who offered them. */
  async close(): Promise<void> {
    for (const handle of this.#open.handles) await this.perform({ kind: "release", handle });
    await this.#base?.close();
  }

  async #perform(work: FolderWork): Promise<FolderAnswer> {
    switch (work.kind) {
      case "read":
      case "write": {
        const { store, handle } = this.#open.get(work.handle, "open");
        return await store.perform({ ...work, handle });
      }
      case "keep":
      case "release": {
        const opened = this.#open.take(work.handle);
        if (opened === null) throw new FolderError("broken", "no such file is open");
        return await opened.store.perform({ ...work, handle: opened.handle });
      }
      case "copy":
      case "move":
        if (isHere(work.from) || isHere(work.to)) throw readOnly();
        return await this.#ask(this.#base, work);
      case "stat":
      case "list":
      case "open":
        if (isHere(work.path)) return await this.#performHere(work);
        if (work.path.length > 0) return await this.#ask(this.#base, work);
        return await this.#performAtRoot(work);
      default:
        if (isHere(work.path)) throw readOnly();
        return await this.#ask(this.#base, work);
    }
  }

  async #performAtRoot(
    work: Extract<FolderWork, { kind: "stat" | "list" | "open" }>,
  ): Promise<FolderAnswer> {
    const answer: FolderAnswer =
      this.#base !== null
        ? await this.#ask(this.#base, work)
        : work.kind === "list"
          ? { kind: "entries", entries: [] }
          : this.#stat(work);
    if (answer.kind !== "entries" || this.#offered.isEmpty) return answer;
    const own = answer.entries.filter(({ name }) => name !== place);
    return { kind: "entries", entries: [...own, { name: place, ...this.#folder }] };
  }

  async #performHere(
    work: Extract<FolderWork, { kind: "stat" | "list" | "open" }>,
  ): Promise<FolderAnswer> {
    const [, id, name, ...rest] = work.path;
    if (this.#offered.isEmpty) throw notFound();
    if (id === undefined) {
      if (work.kind !== "list") return this.#stat(work);
      const entries = this.#offered.ids.map((name) => ({ name, ...this.#folder }));
      return { kind: "entries", entries };
    }
    const file = this.#offered.get(id);
    if (file === null) throw notFound();
    if (name === undefined) {
      if (work.kind !== "list") return this.#stat(work);
      const answer = await file.store.perform({ kind: "stat", path: file.path });
      if (answer.kind !== "entry") return answer;
      return { kind: "entries", entries: [{ name: file.path.at(-1)!, ...answer.entry }] };
    }
    if (name !== file.path.at(-1)) throw notFound();
    return await this.#ask(file.store, { ...work, path: [...file.path, ...rest] });
  }

  #stat({ kind }: { readonly kind: "stat" | "list" | "open" }): FolderAnswer {
    if (kind === "open") throw new FolderError("wrong-kind", "a folder");
    return { kind: "entry", entry: this.#folder };
  }

  async #ask(store: FolderStore | null, work: FolderWork): Promise<FolderAnswer> {
    if (store === null) {
      const isReading = work.kind === "stat" || work.kind === "list" || work.kind === "open";
      throw isReading ? notFound() : new FolderError("forbidden", "no folder is shared");
    }
    const answer = await store.perform(work);
    if (answer.kind !== "file") return answer;
    const handle = this.#open.add({ kind: "open", store, handle: answer.handle });
    return { ...answer, handle };
  }

  get #folder(): FolderEntry {
    return { kind: "folder", size: 0, modifiedMs: this.#begunMs };
  }
}

function readOnly(): FolderError {
  return new FolderError("forbidden", "what was copied can be read only");
}

function notFound(): FolderError {
  return new FolderError("not-found", "nothing is there");
}

function isHere(path: FolderPath): boolean {
  return path[0] === place;
}
