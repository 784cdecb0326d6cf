// Compressing the frames of a stream of video by what went before: an encoder outside of the machine
// does it, one for each stream.

import type { ColorImage } from "@caraway/codecs";
import type { VideoCodecType } from "@caraway/protocol";

/** How much an encoder may send. */
export interface VideoBudget {
  readonly bitsPerSecond: number;
  readonly framesPerSecond: number;
}

/**
 * Frames of one `encoder` are given one after the other, and are all of one size and codec; the
 * first that comes back is a key frame. The encoder is there from its first task to its `video-end`.
 */
export type VideoTask =
  | {
      readonly kind: "video-encode";
      readonly encoder: string;
      readonly codec: VideoCodecType;
      /** Only the colours count. */
      readonly image: ColorImage;
      readonly budget: VideoBudget;
    }
  | { readonly kind: "video-end"; readonly encoder: string };

export type VideoTaskResult =
  /** One access unit; H.264 and H.265 in the byte stream format, with start codes. */
  | { readonly kind: "video-frame"; readonly data: Uint8Array }
  | { readonly kind: "video-ended" }
  | { readonly kind: "failed"; readonly detail: string };
