// A folder of a page as one to be shared with the guest: asks the user for it, in whichever way the
// browser has.

import { type FolderStore, SharedFolder, type SharedFolderEvent } from "@caraway/driver";
import { FilesFolder } from "./files-folder.ts";
import { type FolderHandle, HandleFolder } from "./handle-folder.ts";

interface Picker {
  showDirectoryPicker?(options: { mode: "read" | "readwrite" }): Promise<FolderHandle>;
}

export interface PickedFolder {
  readonly name: string;
  readonly store: FolderStore;
}

/** Whether the browser opens whole folders to this page, so that the guest can write to them. */
export function canPickFolders(): boolean {
  return typeof (globalThis as Picker).showDirectoryPicker === "function";
}

/** Asks the user, in answer to a gesture. Null: the user chose none. */
export async function pickFolder(writable: boolean): Promise<PickedFolder | null> {
  const { showDirectoryPicker } = globalThis as Picker;
  if (showDirectoryPicker === undefined) return await pickFiles();
  try {
    const mode = writable ? "readwrite" : "read";
    const handle = await showDirectoryPicker.call(globalThis, { mode });
    return { name: handle.name, store: new HandleFolder(handle, writable) };
  } catch (error) {
    if ((error as Error).name === "AbortError") return null;
    throw error;
  }
}

/** A folder's files as they are now, for browsers that give no more. */
function pickFiles(): Promise<PickedFolder | null> {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  // Phones choose files only.
  if ("webkitdirectory" in input) input.webkitdirectory = true;
  return new Promise((resolve) => {
    input.addEventListener("cancel", () => resolve(null));
    input.addEventListener("change", () => resolve(folderOfFiles(input.files ?? [])));
    input.click();
  });
}

/** Files that were chosen already, as a folder that can be read only. */
export function folderOfFiles(files: Iterable<File>): PickedFolder | null {
  const all = [...files];
  const [first] = all;
  if (first === undefined) return null;
  const name = first.webkitRelativePath.split("/")[0] || first.name;
  return { name, store: new FilesFolder(all) };
}

export function sharedFolder(
  store: FolderStore,
  readOnly: boolean,
  onEvent: (event: SharedFolderEvent) => void = () => {},
): SharedFolder {
  const now = () => performance.now();
  return new SharedFolder({ store, readOnly, seed: randomUuid(), now, onEvent });
}

/** Pages of plain http have no `crypto.randomUUID`. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
