// BER-TLV as cards speak it: tags of one or two bytes, definite lengths.

import { joinBytes } from "@caraway/wire";

export interface Tlv {
  readonly tag: number;
  readonly value: Uint8Array;
}

/** One element; a value of several parts is joined. */
export function tlv(
  tag: number,
  ...parts: readonly (Uint8Array | readonly number[])[]
): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [...(tag > 0xff ? [tag >> 8, tag & 0xff] : [tag]), ...lengthOf(size)];
  return joinBytes([head, ...parts]);
}

function lengthOf(size: number): readonly number[] {
  if (size < 0x80) return [size];
  return size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
}

/** All elements, in order; null when the bytes are none. */
export function readTlvs(bytes: Uint8Array): readonly Tlv[] | null {
  const found: Tlv[] = [];
  for (let at = 0; at < bytes.length; ) {
    let tag = bytes[at++]!;
    if ((tag & 0x1f) === 0x1f) {
      if (at >= bytes.length || bytes[at]! >= 0x80) return null;
      tag = (tag << 8) | bytes[at++]!;
    }
    if (at >= bytes.length) return null;
    let size = bytes[at++]!;
    if (size >= 0x80) {
      const count = size & 0x7f;
      if (count < 1 || count > 2 || at + count > bytes.length) return null;
      size = 0;
      for (let index = 0; index < count; index++) size = (size << 8) | bytes[at++]!;
    }
    if (at + size > bytes.length) return null;
    found.push({ tag, value: bytes.subarray(at, at + size) });
    at += size;
  }
  return found;
}
