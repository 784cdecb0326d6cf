// Reads the colours of what a browser has decoded, by a canvas that is kept.

import { CodecError, type ColorImage } from "@caraway/codecs";

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** A canvas keeps the memory of its largest image; above this many pixels it is let go. */
const keptPixelsMax = 1 << 22;

let context: Context | null = null;

/** `xrgb` with a high byte of 0. @throws CodecError when there is no canvas. */
export function readColors(
  source: ImageBitmap | VideoFrame,
  width: number,
  height: number,
): ColorImage {
  const drawing = contextOf(width, height);
  drawing.drawImage(source, 0, 0);
  const { data } = drawing.getImageData(0, 0, width, height);
  if (width * height > keptPixelsMax) context = null;
  const colors = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at++) {
    const color = colors[at]!;
    pixels[at] = ((color & 0xff) << 16) | (color & 0xff00) | ((color >>> 16) & 0xff);
  }
  return { format: "xrgb", width, height, pixels };
}

function contextOf(width: number, height: number): Context {
  if (context === null) {
    const options = { alpha: false, willReadFrequently: true } as const;
    const isOnPage = typeof OffscreenCanvas === "undefined";
    const canvas = isOnPage ? document.createElement("canvas") : new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", options) as Context | null;
  }
  if (context === null) throw new CodecError("canvas", 0, "the browser gives no canvas");
  const { canvas } = context;
  if (canvas.width < width) canvas.width = width;
  if (canvas.height < height) canvas.height = height;
  return context;
}
