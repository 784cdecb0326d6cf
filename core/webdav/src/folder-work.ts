// What the server of a shared folder asks of whoever has the folder (a disk, a page's handle), and
// what the answers are. Each path was checked: names without separators, never `.` or `..`.

/** Names from the shared folder down; empty: the folder itself. */
export type FolderPath = readonly string[];

export interface FolderEntry {
  readonly kind: "file" | "folder";
  /** Bytes; 0 for folders. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

export interface NamedEntry extends FolderEntry {
  readonly name: string;
}

/** An open file; the number is the folder owner's choice. */
export type FileHandle = number;

/**
 * Links that lead elsewhere are never followed: whoever has the folder answers `forbidden`, and does
 * not list them.
 */
export type FolderWork =
  /** Answered by `entry`. */
  | { readonly kind: "stat"; readonly path: FolderPath }
  /** All that is in the folder, `most` at most; answered by `entries`. */
  | { readonly kind: "list"; readonly path: FolderPath; readonly most: number }
  /** Opens a file to be read; answered by `file`. */
  | { readonly kind: "open"; readonly path: FolderPath }
  /** Answered by `bytes`; fewer than asked for: the file ends. */
  | {
      readonly kind: "read";
      readonly handle: FileHandle;
      readonly offset: number;
      readonly length: number;
    }
  /** Begins a file that nobody sees before `keep`; answered by `file`. */
  | { readonly kind: "create"; readonly path: FolderPath }
  /** Bytes behind those before; answered by `done`, as all that follow. */
  | { readonly kind: "write"; readonly handle: FileHandle; readonly bytes: Uint8Array }
  /** The created file takes its place, whatever file was there. Ends the handle. */
  | { readonly kind: "keep"; readonly handle: FileHandle }
  /** Ends a handle; what was created under it is gone. */
  | { readonly kind: "release"; readonly handle: FileHandle }
  | { readonly kind: "make-folder"; readonly path: FolderPath }
  /** With all that is in it. */
  | { readonly kind: "remove"; readonly path: FolderPath }
  /** To a place where nothing is; `deep`: with what is in a folder. */
  | {
      readonly kind: "copy";
      readonly from: FolderPath;
      readonly to: FolderPath;
      readonly deep: boolean;
    }
  | { readonly kind: "move"; readonly from: FolderPath; readonly to: FolderPath }
  | { readonly kind: "touch"; readonly path: FolderPath; readonly modifiedMs: number };

export type FolderFailure =
  | "not-found"
  /** Something is there already. */
  | "exists"
  /** A file where a folder should be, or the other way round. */
  | "wrong-kind"
  /** Outside of the folder, or not allowed. */
  | "forbidden"
  | "no-space"
  /** More entries than the server wanted. */
  | "too-many"
  | "broken";

export type FolderAnswer =
  | { readonly kind: "entry"; readonly entry: FolderEntry }
  | { readonly kind: "entries"; readonly entries: readonly NamedEntry[] }
  | { readonly kind: "file"; readonly handle: FileHandle; readonly entry: FolderEntry }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: FolderFailure; readonly detail: string };
