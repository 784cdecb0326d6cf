// What a screen shows, as browsers have pictures and files of them.

import type { Capture } from "@caraway/browser";

export function imageOf({ rgba, width, height }: Capture): ImageData {
  return new ImageData(rgba, width, height);
}

/** Null when the browser makes no file of that type. */
export async function pictureFile(image: ImageData, type: string): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return await new Promise((resolve) => canvas.toBlob(resolve, type));
}
