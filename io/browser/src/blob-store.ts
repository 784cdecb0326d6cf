// A file that the user chose in a page, or any other Blob, as what a drive stands on: read only, and
// never whole in memory.

import type { BlockStore } from "@caraway/driver";

export function blobStore(blob: Blob): BlockStore {
  const readOnly = () => Promise.reject(new Error("a file of a page cannot be written"));
  return {
    size: blob.size,
    writable: false,
    async read(offset, length) {
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      if (bytes.length === length) return bytes;
      throw new Error(`the file ends at ${offset + bytes.length}`);
    },
    write: readOnly,
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
