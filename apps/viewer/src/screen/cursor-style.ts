// Pointer shapes of the guest as pictures for a page: as CSS cursors where the browser draws the
// pointer itself, and on a canvas where the guest says where it is.

import type { CursorImage } from "@caraway/browser";

/** Browsers refuse larger ones, and show their own arrow. */
const cssSideMax = 128;

export function cursorCanvas(image: CursorImage, owner: Document): HTMLCanvasElement {
  const canvas = owner.createElement("canvas");
  canvas.width = Math.max(1, image.width);
  canvas.height = Math.max(1, image.height);
  if (image.width > 0 && image.height > 0) {
    const data = new ImageData(image.rgba, image.width, image.height);
    canvas.getContext("2d")?.putImageData(data, 0, 0);
  }
  return canvas;
}

/** A CSS `cursor`; `pixelsPerCss`: pixels of the shape for a CSS pixel. */
export function cursorStyle(
  image: CursorImage | null,
  pixelsPerCss: number,
  owner: Document,
): string {
  if (image === null || image.width === 0 || image.height === 0) return "none";
  if (image.width > cssSideMax || image.height > cssSideMax) return "default";
  const url = `url(${cursorCanvas(image, owner).toDataURL("image/png")})`;
  const x = Math.min(image.hotSpotX, image.width - 1) / pixelsPerCss;
  const y = Math.min(image.hotSpotY, image.height - 1) / pixelsPerCss;
  const picture = pixelsPerCss === 1 ? url : `image-set(${url} ${pixelsPerCss}x)`;
  return `${picture} ${Math.round(x)} ${Math.round(y)}, default`;
}
