// What is seen on a page, as a picture that can be compared with a screendump.

import type { RgbImage } from "@caraway/interop";
import { decode } from "fast-png";
import type { Locator } from "playwright-core";

/** The element as the browser shows it, whatever lies over it. */
export async function seenPicture(element: Locator): Promise<RgbImage> {
  return decodePng(await element.screenshot({ animations: "disabled", caret: "hide" }));
}

export function decodePng(bytes: Uint8Array): RgbImage {
  const { width, height, data, channels } = decode(bytes);
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let part = 0; part < 3; part++) rgb[pixel * 3 + part] = data[pixel * channels + part]!;
  }
  return { width, height, data: rgb };
}
