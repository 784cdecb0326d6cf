// Builders for the messages that tests hand to a renderer, and a driver that runs its jobs.

import { inflateSync } from "node:zlib";
import { CodecError, encodeBitmap } from "@caraway/codecs";
import {
  BitmapFlag,
  BitmapFormat,
  BrushType,
  ClipType,
  ImageType,
  RopDescriptor,
  SurfaceFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import type { WireBrush } from "../src/brush.ts";
import {
  type Box,
  type DecodeJob,
  type Decoders,
  type DisplayMessage,
  plainDecoders,
  Renderer,
  type RendererOptions,
  type RenderInput,
  type RenderOutput,
  readColors,
  runDecodeJob,
} from "../src/index.ts";
import type { WireImage } from "../src/loaded-image.ts";
import type { Clip } from "../src/region.ts";

export type Body<N extends DisplayMessage["name"]> = Extract<DisplayMessage, { name: N }>["body"];

const decoders: Decoders = {
  ...plainDecoders,
  inflate: (data) => new Uint8Array(inflateSync(data)),
  jpeg: (_data, done) => done(new CodecError("JPEG", 0, "no decoder in this test")),
};

/** A renderer whose jobs run at once, unless `later` keeps them. */
export class Scene {
  readonly renderer: Renderer;
  readonly outputs: RenderOutput[] = [];
  readonly later: { task: number; job: DecodeJob }[] = [];
  defer = false;

  constructor(options: Partial<RendererOptions> = {}) {
    this.renderer = new Renderer(options);
  }

  handle(input: RenderInput): void {
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      this.renderer.handle(next);
      for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
        this.outputs.push(output);
        if (output.type !== "decode") continue;
        const { task, job } = output;
        if (this.defer) this.later.push({ task, job });
        else
          runDecodeJob(job, decoders, (outcome) => inputs.push({ type: "decoded", task, outcome }));
      }
    }
  }

  apply(message: DisplayMessage, display = 0): void {
    this.handle({ type: "apply", display, message });
  }

  /** Runs a job that was kept. */
  finish(index: number): void {
    const [{ task, job }] = this.later.splice(index, 1) as [{ task: number; job: DecodeJob }];
    runDecodeJob(job, decoders, (outcome) => this.handle({ type: "decoded", task, outcome }));
  }

  /** Raw pixel values of a surface. */
  raw(surface = 0, display = 0): number[] {
    return [...this.renderer.surface(display, surface)!.pixmap.pixels];
  }

  colors(surface = 0, display = 0): number[] {
    const found = this.renderer.surface(display, surface)!;
    return [...readColors(found, box(0, 0, found.width, found.height))];
  }

  colorsOf(area: Box, surface = 0): Uint32Array {
    return readColors(this.renderer.surface(0, surface)!, area);
  }

  ofType<T extends RenderOutput["type"]>(type: T): Extract<RenderOutput, { type: T }>[] {
    return this.outputs.filter((output) => output.type === type) as never;
  }
}

export function box(left: number, top: number, right: number, bottom: number): Box {
  return { left, top, right, bottom };
}

export const noClip: Clip = { type: ClipType.NONE };

export function clipTo(...rects: Box[]): Clip {
  return { type: ClipType.RECTS, rects };
}

export function createSurface(
  width: number,
  height: number,
  format: SurfaceFormat = SurfaceFormat["32_xRGB"],
  surfaceId = 0,
): DisplayMessage {
  const flags = surfaceId === 0 ? SurfaceFlag.PRIMARY : 0;
  return { name: "SURFACE_CREATE", body: { surfaceId, width, height, format, flags } };
}

export function base(area: Box, clip: Clip = noClip, surfaceId = 0): Body<"DRAW_FILL">["base"] {
  return { surfaceId, box: area, clip };
}

export const noMask: Body<"DRAW_FILL">["mask"] = { flags: 0, pos: { x: 0, y: 0 }, bitmap: null };

export function solid(color: number): WireBrush {
  return { type: BrushType.SOLID, color };
}

export function fill(
  area: Box,
  color: number,
  more: Partial<Body<"DRAW_FILL">> = {},
): DisplayMessage {
  const body = {
    base: base(area),
    brush: solid(color),
    ropDescriptor: RopDescriptor.OP_PUT,
    mask: noMask,
    ...more,
  };
  return { name: "DRAW_FILL", body };
}

/** A bitmap of 32 bits from rows of pixels. */
export function picture(
  rows: readonly (readonly number[])[],
  more: { id?: bigint; flags?: number; alpha?: boolean } = {},
): WireImage {
  const width = rows[0]!.length;
  const height = rows.length;
  const format = more.alpha === true ? BitmapFormat.RGBA : BitmapFormat["32BIT"];
  const pixels = Uint32Array.from(rows.flat());
  const kind = more.alpha === true ? "argb" : "xrgb";
  const bitmap = encodeBitmap({ format: kind, width, height, pixels }, format);
  return {
    id: more.id ?? 0n,
    type: ImageType.BITMAP,
    flags: more.flags ?? 0,
    width,
    height,
    format,
    bitmapFlags: BitmapFlag.TOP_DOWN,
    x: width,
    y: height,
    stride: bitmap.stride,
    paletteId: null,
    palette: null,
    data: bitmap.data,
  };
}

/** A mask of one bit per pixel from rows of 0 and 1. */
export function maskPicture(rows: readonly (readonly number[])[]): WireImage {
  const width = rows[0]!.length;
  const stride = Math.ceil(width / 8);
  const data = new Uint8Array(stride * rows.length);
  rows.forEach((row, y) => {
    row.forEach((bit, x) => {
      data[y * stride + (x >> 3)]! |= bit << (7 - (x & 7));
    });
  });
  return {
    id: 0n,
    type: ImageType.BITMAP,
    flags: 0,
    width,
    height: rows.length,
    format: BitmapFormat["1BIT_BE"],
    bitmapFlags: BitmapFlag.TOP_DOWN,
    x: width,
    y: rows.length,
    stride,
    paletteId: null,
    palette: null,
    data,
  };
}

export function fromCache(id: bigint, lossless = false): WireImage {
  const type = lossless ? ImageType.FROM_CACHE_LOSSLESS : ImageType.FROM_CACHE;
  return { id, type, flags: 0, width: 1, height: 1 };
}

export function fromSurface(surfaceId: number): WireImage {
  return { id: 0n, type: ImageType.SURFACE, flags: 0, width: 1, height: 1, surfaceId };
}

export function copy(
  area: Box,
  srcBitmap: WireImage,
  more: Partial<Body<"DRAW_COPY">> = {},
): DisplayMessage {
  const body = {
    base: base(area),
    srcBitmap,
    srcArea: box(0, 0, area.right - area.left, area.bottom - area.top),
    ropDescriptor: RopDescriptor.OP_PUT,
    scaleMode: 0,
    mask: noMask,
    ...more,
  };
  return { name: "DRAW_COPY", body };
}
