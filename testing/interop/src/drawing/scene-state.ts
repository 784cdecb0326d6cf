// What a random scene has made so far, that later messages of it may refer to.

import type { GlzDictionary } from "@caraway/codecs";
import type { Brush, Display, Image, ServerMessage, SurfaceFormat } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import type { RandomSource } from "./random-source.ts";

export type DisplayMessage = ServerMessage<typeof Display>;
export type Body<N extends DisplayMessage["name"]> = Extract<DisplayMessage, { name: N }>["body"];
export type WireImage = Infer<typeof Image>;
export type WireBrush = Infer<typeof Brush>;

export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface SceneSurface {
  readonly id: number;
  readonly format: SurfaceFormat;
  readonly width: number;
  readonly height: number;
  /** The reference's picture of it has kept a transform from an earlier message. */
  hasTransform: boolean;
}

export interface CachedImage {
  readonly id: bigint;
  readonly width: number;
  readonly height: number;
  readonly kind: "picture" | "mask";
  hasTransform: boolean;
}

export interface SceneState {
  readonly random: RandomSource;
  readonly surfaces: SceneSurface[];
  readonly cached: CachedImage[];
  readonly palettes: bigint[];
  readonly glz: GlzDictionary;
  nextId: bigint;
}

/** Bits from pixel to pixel. */
export function depthOf(format: SurfaceFormat): number {
  return format === 80 ? 16 : format === 96 ? 32 : format;
}
