// Video streams: a part of a surface whose picture comes as frames.

import type { ColorImage } from "@caraway/codecs";
import { StreamFlag } from "@caraway/protocol";
import type { Box } from "./box.ts";
import type { Body } from "./draw-copy.ts";
import type { Pixmap } from "./pixmap.ts";
import { blitRegion } from "./raster.ts";
import { type Clip, clipRegion, type Region } from "./region.ts";
import { Rop } from "./rop.ts";
import { scaleRegion } from "./scale.ts";

export interface Stream {
  readonly id: number;
  /** Tells streams apart that have had the same id, one after the other. */
  readonly instance: number;
  readonly surfaceId: number;
  /** A value of `VideoCodecType`, or one that we do not know. */
  readonly codec: number;
  /** Whether the first row of a frame is the top one. */
  readonly topDown: boolean;
  /** Of its frames, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly dest: Box;
  clip: Clip;
}

export function createStream(body: Body<"STREAM_CREATE">, instance: number): Stream {
  return {
    id: body.id,
    instance,
    surfaceId: body.surfaceId,
    codec: body.codecType,
    topDown: (body.flags & StreamFlag.TOP_DOWN) !== 0,
    width: body.streamWidth,
    height: body.streamHeight,
    dest: body.dest,
    clip: body.clip,
  };
}

/** Draws a frame over its destination, each pixel the nearest of the frame; returns what changed. */
export function drawFrame(surface: Pixmap, stream: Stream, frame: ColorImage, dest: Box): Region {
  const bounds = { left: 0, top: 0, right: surface.width, bottom: surface.height };
  const region = clipRegion(dest, bounds, stream.clip);
  if (region.boxes.length === 0) return region;
  const { width, height } = frame;
  const pixels = stream.topDown ? frame.pixels : flip(frame);
  const source: Pixmap = { format: "x8r8g8b8", width, height, pixels };
  const area = { left: 0, top: 0, right: width, bottom: height };
  const same = width === dest.right - dest.left && height === dest.bottom - dest.top;
  if (same && surface.format === "x8r8g8b8") {
    blitRegion(surface, region, source, dest.left, dest.top, Rop.COPY);
  } else {
    scaleRegion(surface, region, source, area, dest, "nearest", Rop.COPY);
  }
  return region;
}

function flip({ width, height, pixels }: ColorImage): Uint32Array {
  const flipped = new Uint32Array(pixels.length);
  for (let row = 0; row < height; row++) {
    flipped.set(pixels.subarray(row * width, (row + 1) * width), (height - 1 - row) * width);
  }
  return flipped;
}
