// A file or folder of this machine that is copied to the guest.

import { realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { OfferedFile } from "@caraway/driver";
import { isShareable } from "@caraway/webdav";
import { NodeFolder } from "./folder-store.ts";

/** Rejects when there is none, or the guest could not be told its name. */
export async function offeredPath(path: string): Promise<OfferedFile> {
  const place = await realpath(path);
  const name = basename(place);
  if (!isShareable(name)) throw new Error(`${path}: the guest could not be told such a name`);
  const store = await NodeFolder.open(dirname(place), false);
  const { kind } = await store.perform({ kind: "stat", path: [name] });
  if (kind === "failed") throw new Error(`${path} is neither a file nor a folder`);
  return { store, path: [name] };
}
