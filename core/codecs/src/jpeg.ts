// What is done with JPEG images beside decoding them, which is a library's work: reading the size
// before memory is taken, and joining colours and alpha of JPEG_ALPHA. See docs/formats/jpeg.md.

import { countPixels } from "./image-size.ts";
import { decodeLz } from "./lz.ts";
import { LzType, readLzHeader } from "./lz-header.ts";
import { CodecError, type ColorImage } from "./pixel-image.ts";

/**
 * Reads width and height in pixels from the frame header of a JPEG file.
 *
 * @throws CodecError when there is none, or the size is 0 or more than an image may have.
 */
export function readJpegSize(data: Uint8Array): { width: number; height: number } {
  if (data.length < 2 || data[0] !== 0xff || data[1] !== 0xd8) {
    throw new CodecError("JPEG", 0, "it does not begin like a JPEG file");
  }
  let at = 2;
  while (at < data.length) {
    if (data[at] !== 0xff) throw new CodecError("JPEG", at, "a marker is expected");
    while (data[at] === 0xff) at++;
    const marker = data[at];
    if (marker === undefined || marker === 0xd9 || marker === 0xda) break;
    at++;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (at + 2 > data.length) break;
    const length = (data[at]! << 8) | data[at + 1]!;
    if (length < 2 || at + length > data.length) break;
    if (isFrameMarker(marker)) {
      if (length < 8) throw new CodecError("JPEG", at, "its frame header is too short");
      const height = (data[at + 3]! << 8) | data[at + 4]!;
      const width = (data[at + 5]! << 8) | data[at + 6]!;
      countPixels("JPEG", at + 3, width, height);
      return { width, height };
    }
    at += length;
  }
  throw new CodecError("JPEG", at, "no frame header comes before the first scan");
}

/** SOF0 to SOF15, without DHT, JPG and DAC, which lie among them. */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/**
 * Takes the data of a JPEG_ALPHA image apart: the JPEG file with the colours, and the LZ stream
 * with the alpha. `jpegSize` is the field of the message.
 *
 * @throws CodecError when `jpegSize` is larger than the data.
 */
export function splitJpegAlpha(
  data: Uint8Array,
  jpegSize: number,
): { jpeg: Uint8Array; alpha: Uint8Array } {
  if (jpegSize > data.length) {
    throw new CodecError("JPEG_ALPHA", data.length, `its JPEG part has ${jpegSize} bytes`);
  }
  return { jpeg: data.subarray(0, jpegSize), alpha: data.subarray(jpegSize) };
}

/**
 * Joins the decoded colours of a JPEG_ALPHA image with its alpha, an LZ stream of type XXXA. The
 * result shares no memory with `colors`. `topDown` is the message's flag TOP_DOWN.
 *
 * @throws CodecError when the stream is damaged, of another type or size, or of another order of
 *   rows than `topDown` says.
 */
export function joinJpegAlpha(
  colors: ColorImage,
  alphaStream: Uint8Array,
  topDown: boolean,
): ColorImage {
  const { width, height } = colors;
  const header = readLzHeader(alphaStream);
  if (header.type !== LzType.XXXA) {
    throw new CodecError("JPEG_ALPHA", 8, `its alpha is LZ of type ${header.type}`);
  }
  if (header.width !== width || header.height !== height) {
    const detail = `its alpha is ${header.width} by ${header.height}, not ${width} by ${height}`;
    throw new CodecError("JPEG_ALPHA", 12, detail);
  }
  if (header.topDown !== topDown) {
    throw new CodecError("JPEG_ALPHA", 24, "its alpha has another order of rows than announced");
  }
  const alpha = decodeLz(alphaStream, null).pixels;
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at++) {
    pixels[at] = (colors.pixels[at]! & 0xffffff) | (alpha[at]! << 24);
  }
  return { format: "argb", width, height, pixels };
}
