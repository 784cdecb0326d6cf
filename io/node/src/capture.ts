// Captures: the raw bytes of one connection, in both directions, with the time of each read. The
// layout: `SPCAP01\n`, then a u32 and so many bytes of JSON, then records of a letter (C client, S
// server, E event), u64 microseconds since 1970, u32 size and the bytes; little endian.

import { readFileSync } from "node:fs";
import { CarawayError } from "@caraway/wire";

export type CaptureSource = "client" | "server" | "event";

export interface CaptureRecord {
  readonly from: CaptureSource;
  /** Microseconds since the Unix epoch, when the bytes were read. */
  readonly time: number;
  /** What was read; borders between records mean nothing. For an event: JSON text. */
  readonly bytes: Uint8Array;
}

export interface Capture {
  /** What the recorder said of the connection. */
  readonly meta: unknown;
  readonly records: readonly CaptureRecord[];
}

/** A file that is no capture, or is broken. */
export class CaptureError extends CarawayError {
  readonly code = "CAPTURE";
}

const magic = "SPCAP01\n";
const recordHeaderSize = 13;
const sources: Readonly<Record<string, CaptureSource>> = { C: "client", S: "server", E: "event" };

/** Throws CaptureError. */
export function parseCapture(bytes: Uint8Array): Capture {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const take = (at: number, size: number) => {
    if (at + size > data.length) {
      throw new CaptureError(`the capture breaks off at byte ${data.length}`);
    }
    return data.subarray(at, at + size);
  };
  if (data.subarray(0, magic.length).toString("latin1") !== magic) {
    throw new CaptureError("not a capture: it does not begin with SPCAP01");
  }
  const metaSize = take(magic.length, 4).readUInt32LE();
  const metaText = take(magic.length + 4, metaSize).toString("utf8");
  const records: CaptureRecord[] = [];
  let at = magic.length + 4 + metaSize;
  while (at < data.length) {
    const head = take(at, recordHeaderSize);
    const from = sources[String.fromCharCode(head[0]!)];
    if (from === undefined) throw new CaptureError(`no record begins at byte ${at} of the capture`);
    const size = head.readUInt32LE(9);
    const time = Number(head.readBigUInt64LE(1));
    records.push({ from, time, bytes: take(at + recordHeaderSize, size) });
    at += recordHeaderSize + size;
  }
  return { meta: parseMeta(metaText), records };
}

function parseMeta(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CaptureError("the description at the start of the capture is not JSON");
  }
}

/** Throws CaptureError. */
export function readCapture(file: string): Capture {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new CaptureError(`${file} cannot be read: ${reason}`);
  }
  return parseCapture(bytes);
}
