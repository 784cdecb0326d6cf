// Files of this machine, for a client to send: opened once, read where the guest's agent is.

import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { FileSource } from "@caraway/driver";

/** Rejects when the file cannot be opened, or is none. */
export async function openFile(path: string): Promise<FileSource> {
  const file = await open(path, "r");
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a file`);
    return {
      name: basename(path),
      size: stat.size,
      async read(offset, size) {
        const bytes = new Uint8Array(size);
        let filled = 0;
        while (filled < size) {
          const { bytesRead } = await file.read(bytes, filled, size - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      },
      close: () => void file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
