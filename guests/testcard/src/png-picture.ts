// A picture as PNG (ISO 15948), without compressing it: what a guest puts on its clipboard.

import { joinBytes } from "@caraway/wire";

/** `colors` are 0xrrggbb, row by row. */
export function pngPicture(width: number, height: number, colors: Uint32Array): Uint8Array {
  const rowSize = 1 + 3 * width;
  const rows = new Uint8Array(height * rowSize);
  let at = 0;
  for (let y = 0; y < height; y++) {
    // Each row begins with its filter, which is none.
    at = y * rowSize + 1;
    for (let x = 0; x < width; x++) {
      const color = colors[y * width + x]!;
      rows[at++] = color >>> 16;
      rows[at++] = color >>> 8;
      rows[at++] = color;
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // 8 bits for each of red, green and blue.
  header.set([8, 2], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return joinBytes([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", stored(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** A zlib stream (RFC 1950) of stored blocks. */
function stored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  const blockMax = 0xffff;
  for (let at = 0; at < bytes.length; at += blockMax) {
    const block = bytes.subarray(at, at + blockMax);
    const isLast = at + blockMax >= bytes.length ? 1 : 0;
    const { length } = block;
    const size = [length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff];
    parts.push(Uint8Array.of(isLast, ...size), block);
  }
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length; at++) {
    low = (low + bytes[at]!) % 65521;
    high = (high + low) % 65521;
  }
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, ((high << 16) | low) >>> 0);
  return joinBytes([...parts, sum]);
}

const crcs = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function chunk(name: string, data: Uint8Array): Uint8Array {
  const all = new Uint8Array(12 + data.length);
  const view = new DataView(all.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at++) all[4 + at] = name.charCodeAt(at);
  all.set(data, 8);
  let crc = 0xffffffff;
  for (let at = 4; at < 8 + data.length; at++) crc = (crc >>> 8) ^ crcs[(crc ^ all[at]!) & 0xff]!;
  view.setUint32(8 + data.length, ~crc >>> 0);
  return all;
}
