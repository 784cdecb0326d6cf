// What a page and its sound worklet say to each other.

import type { PlayoutFigures } from "@caraway/media";

export const soundWorkletName = "caraway-playout";

export interface SoundWorkletOptions {
  readonly channels: number;
}

export type ToSoundWorklet =
  | {
      readonly type: "push";
      /** `mm_time` of the first frame. */
      readonly time: number;
      readonly samples: Float32Array;
      /** When it came, as `sharedTime` has it. */
      readonly now: number;
    }
  /** Samples come from there, too. */
  | { readonly type: "feed"; readonly port: MessagePort }
  | { readonly type: "fed"; readonly isFed: boolean }
  | { readonly type: "least-latency"; readonly ms: number }
  | { readonly type: "close" };

export interface FromSoundWorklet {
  /** `mm_time` of what goes out at `at`, on the context's clock; null for silence. */
  readonly time: number | null;
  readonly at: number;
  readonly figures: PlayoutFigures;
}

export const captureWorkletName = "caraway-capture";

export interface CaptureOptions {
  readonly channels: number;
}

export interface CapturedSound {
  /** 10 ms, interleaved, -1 to 1. */
  readonly samples: Float32Array;
}
