// Files in the clipboard: a list of paths within the folder that client and guest share, where the
// guest's programs read them.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClipboardFileList,
  type ClipboardSelectionName,
  encodeFileList,
} from "@caraway/agent";
import type { SessionEvent } from "@caraway/client";
import {
  type ClientStream,
  OfferedFiles,
  offeredPath,
  openSharedFolder,
  type SharedFolder,
  type SpiceClient,
} from "@caraway/node";
import { UsageError } from "./usage-error.ts";

const format = "FILE_LIST";
const lookEveryMs = 100;

/** What the guest reads copied files from: they alone, or beside a folder of the user's. */
export class ClipboardFolder {
  readonly #offered: OfferedFiles;
  readonly #folder: SharedFolder;
  /** When the guest last asked for something, by `performance.now`. */
  lastRequestAt = 0;

  private constructor(offered: OfferedFiles, folder: SharedFolder) {
    this.#offered = offered;
    this.#folder = folder;
  }

  static async open(shared: string | null): Promise<ClipboardFolder> {
    const offered = new OfferedFiles();
    const folder = await openSharedFolder({
      folder: shared,
      offered,
      readOnly: false,
      onEvent: () => {
        opened.lastRequestAt = performance.now();
      },
    });
    const opened = new ClipboardFolder(offered, folder);
    return opened;
  }

  /** What the clipboard holds for these files and folders. */
  async copy(paths: readonly string[]): Promise<Uint8Array> {
    const files = await Promise.all(paths.map((path) => offeredPath(path))).catch((error) => {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    });
    return encodeFileList({ action: "copy", paths: this.#offered.offer(files) });
  }

  offer(stream: ClientStream): void {
    this.#folder.offer(stream);
  }

  async close(): Promise<void> {
    await this.#folder.close();
    await this.#offered.close();
  }
}

interface OfferOptions {
  readonly events: readonly SessionEvent[];
  readonly selection: ClipboardSelectionName;
  readonly interrupted: AbortSignal;
  /** Seconds in which the guest asks for nothing, after which this is over. */
  readonly timeout: number;
}

/** Answers the guest as long as it asks for the list or reads files. */
export async function offerFiles(
  client: SpiceClient,
  folder: ClipboardFolder,
  list: Uint8Array,
  { events, selection, interrupted, timeout }: OfferOptions,
): Promise<void> {
  client.command({ name: "clipboard-offer", selection, formats: [format] });
  let [seen, pasted] = [0, 0];
  folder.lastRequestAt = performance.now();
  while (!interrupted.aborted) {
    for (const event of events.slice(seen)) {
      if (event.name !== "clipboard-request" || event.selection !== selection) continue;
      // Programs that keep a history of clipboards ask several times.
      pasted += 1;
      folder.lastRequestAt = performance.now();
      client.command({ name: "clipboard-data", selection, format, data: list });
    }
    seen = events.length;
    if (performance.now() - folder.lastRequestAt > timeout * 1000) break;
    await delay(lookEveryMs);
  }
  if (pasted === 0) throw new Error("nothing was pasted in the guest");
}

/** A path a line; those of the guest's folder are this machine's where its place here is known. */
export function listOf({ paths }: ClipboardFileList, shared: string | null): string {
  const here = paths.map((path) => (shared === null ? path : join(shared, join("/", path))));
  return here.map((path) => `${path}\n`).join("");
}
