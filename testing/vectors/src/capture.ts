// Captures: the raw bytes of one connection between real programs, in both directions, with the
// time of each read. The format is described in data/captures/README.md.

import { readFileSync } from "node:fs";

export type CaptureSource = "client" | "server" | "event";

export interface CaptureRecord {
  readonly from: CaptureSource;
  /** Microseconds since the Unix epoch, when the proxy had read the bytes. */
  readonly time: number;
  /** What was read; borders between records mean nothing. For an event: JSON text. */
  readonly bytes: Uint8Array;
}

export interface CaptureMeta {
  /** Which proxy: PA stands before the migration source, PB before the target. */
  readonly proxy: string;
  /** Number of the connection in the order of accepting. */
  readonly conn: number;
  readonly listen: number;
  readonly upstream: string;
  /** Unix seconds. */
  readonly t0: number;
}

export interface Capture {
  readonly meta: CaptureMeta;
  readonly records: readonly CaptureRecord[];
}

const magic = "SPCAP01\n";
const sources: Readonly<Record<string, CaptureSource>> = { C: "client", S: "server", E: "event" };

/** Throws an `Error` that says what is wrong if the bytes are not a capture. */
export function parseCapture(bytes: Uint8Array): Capture {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const take = (at: number, size: number) => {
    if (at + size > data.length) throw new Error(`the capture breaks off at byte ${data.length}`);
    return data.subarray(at, at + size);
  };
  if (data.subarray(0, magic.length).toString("latin1") !== magic) {
    throw new Error("not a capture: it does not begin with SPCAP01");
  }
  const metaSize = take(magic.length, 4).readUInt32LE();
  const metaText = take(magic.length + 4, metaSize);
  const meta = JSON.parse(metaText.toString("utf8")) as CaptureMeta;
  const records: CaptureRecord[] = [];
  let at = magic.length + 4 + metaSize;
  while (at < data.length) {
    const head = take(at, 13);
    const from = sources[String.fromCharCode(head[0]!)];
    if (from === undefined) throw new Error(`no record begins at byte ${at} of the capture`);
    const size = head.readUInt32LE(9);
    records.push({ from, time: Number(head.readBigUInt64LE(1)), bytes: take(at + 13, size) });
    at += 13 + size;
  }
  return { meta, records };
}

export function readCapture(file: string): Capture {
  return parseCapture(readFileSync(file));
}

/** All bytes of one direction. */
export function streamOf(capture: Capture, from: "client" | "server"): Uint8Array {
  return Buffer.concat(capture.records.filter((r) => r.from === from).map((r) => r.bytes));
}
