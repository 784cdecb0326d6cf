// Compressing a picture with losses: a library does it, outside of the machine.

import type { ColorImage } from "@caraway/codecs";

export interface JpegTask {
  readonly kind: "jpeg";
  /** Only the colours count. */
  readonly image: ColorImage;
  /** 1 to 100. */
  readonly quality: number;
}

export type JpegTaskResult =
  | { readonly kind: "jpeg"; readonly data: Uint8Array }
  | { readonly kind: "failed"; readonly detail: string };
