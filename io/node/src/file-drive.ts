// Sticks and CD drives that stand on files.

import { open } from "node:fs/promises";
import { type BlockStore, type UsbDeviceEvent, UsbDrive } from "@caraway/driver";
import type { DriveKind } from "@caraway/usbredir";

export interface FileDriveOptions {
  readonly kind: DriveKind;
  /** A raw image, or an ISO for a `cd`. */
  readonly file: string;
  readonly readOnly: boolean;
}

/** Opens the file, and makes a drive of it that is plugged in nowhere. Throws Node's own errors. */
export async function openFileDrive(
  { kind, file, readOnly }: FileDriveOptions,
  onEvent?: (event: UsbDeviceEvent) => void,
): Promise<UsbDrive> {
  return new UsbDrive(kind, await openFileStore(file, readOnly || kind === "cd"), onEvent);
}

async function openFileStore(path: string, readOnly: boolean): Promise<BlockStore> {
  const file = await open(path, readOnly ? "r" : "r+");
  const { size } = await file.stat();
  return {
    size,
    writable: !readOnly,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw new Error(`the file ends at ${offset + at}`);
        at += bytesRead;
      }
      return bytes;
    },
    async write(offset, data) {
      for (let at = 0; at < data.length; ) {
        const { bytesWritten } = await file.write(data, at, data.length - at, offset + at);
        at += bytesWritten;
      }
    },
    flush: () => file.datasync(),
    close: () => file.close(),
  };
}
