// The archive of all captures. Sessions show nearly the same desktop, so one compressed file with
// a wide window takes less than half of what compressing each of them takes.

import { readFileSync } from "node:fs";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { type Capture, parseCapture } from "@caraway/node";

const archiveFile = new URL("../data/captures/captures.br", import.meta.url);

/** A file of the archive: `seamless/PA-001.spcap`, `seamless/meta.json`. */
export interface ArchivedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export function packArchive(files: readonly ArchivedFile[]): Uint8Array {
  const index = Buffer.from(
    JSON.stringify(files.map(({ path, bytes }) => ({ path, size: bytes.length }))),
  );
  const head = Buffer.alloc(4);
  head.writeUInt32LE(index.length);
  const whole = Buffer.concat([head, index, ...files.map(({ bytes }) => bytes)]);
  return brotliCompressSync(whole, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    },
  });
}

export function unpackArchive(packed: Uint8Array): readonly ArchivedFile[] {
  const whole = brotliDecompressSync(packed);
  const indexSize = whole.readUInt32LE();
  const index = JSON.parse(whole.subarray(4, 4 + indexSize).toString()) as {
    path: string;
    size: number;
  }[];
  let at = 4 + indexSize;
  return index.map(({ path, size }) => {
    at += size;
    return { path, bytes: whole.subarray(at - size, at) };
  });
}

export function archivedFiles(): readonly ArchivedFile[] {
  return unpackArchive(readFileSync(archiveFile));
}

/** One captured connection of a session. */
export interface ArchivedCapture {
  /** `seamless`. */
  readonly session: string;
  /** `PA-001`: PA is the source's proxy, PB the target's. */
  readonly name: string;
  readonly capture: Capture;
}

/** All bytes of one direction. */
export function streamOf(capture: Capture, from: "client" | "server"): Uint8Array {
  return Buffer.concat(capture.records.filter((r) => r.from === from).map((r) => r.bytes));
}

export function archivedCaptures(): readonly ArchivedCapture[] {
  return archivedFiles()
    .filter(({ path }) => path.endsWith(".spcap"))
    .map(({ path, bytes }) => {
      const [session, file] = path.split("/");
      return { session: session!, name: file!.slice(0, -6), capture: parseCapture(bytes) };
    });
}
