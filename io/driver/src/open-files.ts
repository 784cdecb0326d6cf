// What every store of a shared folder does alike: files that the guest has open, by number, and
// failures with a reason that the guest is told.

import type { FolderAnswer, FolderFailure } from "@caraway/webdav";

/** Files that the guest may have open at once. */
const filesMax = 256;

export class FolderError extends Error {
  readonly reason: FolderFailure;

  constructor(reason: FolderFailure, detail: string = reason) {
    super(detail);
    this.reason = reason;
  }
}

/** `reasonOf` knows the platform's own errors. */
export async function answerOrFailure(
  work: Promise<FolderAnswer>,
  reasonOf: (error: unknown) => FolderFailure,
): Promise<FolderAnswer> {
  try {
    return await work;
  } catch (error) {
    const reason = error instanceof FolderError ? error.reason : reasonOf(error);
    const detail = error instanceof Error ? error.message : String(error);
    return { kind: "failed", reason, detail };
  }
}

/** Open files, told apart by what they were opened for. */
export class OpenFiles<File extends { readonly kind: string }> {
  readonly #files = new Map<number, File>();
  #nextHandle = 1;

  get handles(): readonly number[] {
    return [...this.#files.keys()];
  }

  /** @throws FolderError when there are too many. */
  add(file: File): number {
    if (this.#files.size >= filesMax) throw new FolderError("broken", "too many files are open");
    const handle = this.#nextHandle++;
    this.#files.set(handle, file);
    return handle;
  }

  /** @throws FolderError when there is none, or it was opened for something else. */
  get<K extends File["kind"]>(handle: number, kind: K): Extract<File, { readonly kind: K }> {
    const file = this.#files.get(handle);
    if (file?.kind !== kind) throw new FolderError("broken", "no such file is open");
    return file as Extract<File, { readonly kind: K }>;
  }

  /** Forgets it; null when there is none. */
  take(handle: number): File | null {
    const file = this.#files.get(handle) ?? null;
    this.#files.delete(handle);
    return file;
  }
}
