// A file that the user chose, for a client to send: only the piece that is wanted is read.

import type { FileSource } from "@caraway/driver";

export function blobSource(file: File): FileSource {
  return {
    name: file.name,
    size: file.size,
    async read(offset, size) {
      return new Uint8Array(await file.slice(offset, offset + size).arrayBuffer());
    },
    close() {},
  };
}
