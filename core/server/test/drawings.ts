// Builders of drawings, and a truth to compare clients with: the same drawings done by a renderer
// without any encoding.

import { type DisplayMessage, Renderer, readColors } from "@caraway/canvas";
import {
  BitmapFormat,
  BrushType,
  ClipType,
  RopDescriptor,
  SurfaceFlag,
  type SurfaceFormat,
} from "@caraway/protocol";
import { withImages } from "../src/drawing-images.ts";
import { bitmapImage, definitePicture } from "../src/guest-picture.ts";
import type { Drawing, DrawingBody, GuestImage, GuestOutput, GuestPixels } from "../src/index.ts";

export interface TestBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function box(left: number, top: number, right: number, bottom: number): TestBox {
  return { left, top, right, bottom };
}

export const noMask: DrawingBody<"DRAW_FILL">["mask"] = {
  flags: 0,
  pos: { x: 0, y: 0 },
  bitmap: null,
};

export function base(area: TestBox, surfaceId = 0): DrawingBody<"DRAW_FILL">["base"] {
  return { surfaceId, box: area, clip: { type: ClipType.NONE } };
}

export function solid(color: number): DrawingBody<"DRAW_FILL">["brush"] {
  return { type: BrushType.SOLID, color };
}

export function fill(area: TestBox, color: number, surfaceId = 0): Drawing {
  const ropDescriptor = RopDescriptor.OP_PUT;
  const body = { base: base(area, surfaceId), brush: solid(color), ropDescriptor, mask: noMask };
  return { name: "DRAW_FILL", body };
}

export function invert(area: TestBox, surfaceId = 0): Drawing {
  return { name: "DRAW_INVERS", body: { base: base(area, surfaceId), mask: noMask } };
}

export function copy(
  area: TestBox,
  image: GuestImage,
  surfaceId = 0,
  from = { x: 0, y: 0 },
): Drawing {
  return {
    name: "DRAW_COPY",
    body: {
      base: base(area, surfaceId),
      srcBitmap: image,
      srcArea: box(
        from.x,
        from.y,
        from.x + area.right - area.left,
        from.y + area.bottom - area.top,
      ),
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: 0,
      mask: noMask,
    },
  };
}

export function copyBits(area: TestBox, x: number, y: number, surfaceId = 0): Drawing {
  return { name: "COPY_BITS", body: { base: base(area, surfaceId), srcPos: { x, y } } };
}

export function fromSurface(surface: number): GuestImage {
  return { kind: "surface", surface };
}

/** A picture of 32 bits whose pixels a function gives. */
export function picture(
  width: number,
  height: number,
  pixel: (x: number, y: number) => number,
  more: Partial<GuestPixels> = {},
): GuestPixels {
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels[y * width + x] = pixel(x, y);
  }
  return {
    kind: "pixels",
    key: null,
    width,
    height,
    format: BitmapFormat["32BIT"],
    stride: width * 4,
    topDown: true,
    data: new Uint8Array(pixels.buffer),
    palette: null,
    highBitsSet: false,
    ...more,
  };
}

export function draw(drawing: Drawing, display = 0): GuestOutput {
  return { type: "draw", display, drawing };
}

/** What the surfaces must be. */
export class Truth {
  readonly #renderer = new Renderer();
  readonly #formats = new Map<number, SurfaceFormat>();

  create(surfaceId: number, width: number, height: number, format: SurfaceFormat): void {
    const flags = surfaceId === 0 ? SurfaceFlag.PRIMARY : 0;
    this.#formats.set(surfaceId, format);
    this.#apply({ name: "SURFACE_CREATE", body: { surfaceId, width, height, format, flags } });
  }

  draw(drawing: Drawing): void {
    const format = this.#formats.get(drawing.body.base.surfaceId)!;
    this.#apply(
      withImages(drawing, (image, role) => {
        if (image.kind === "pixels") {
          return bitmapImage(role === "mask" ? image : definitePicture(image, format));
        }
        return { id: 0n, type: 104, flags: 0, width: 0, height: 0, surfaceId: image.surface };
      }),
    );
  }

  colors(surfaceId = 0): Uint32Array {
    const found = this.#renderer.surface(0, surfaceId)!;
    const { width, height } = found;
    return readColors(found, box(0, 0, width, height), true);
  }

  /** Rows as they lie in memory, bytes that no colour has included. */
  bytes(surfaceId = 0): Uint8Array {
    return new Uint8Array(this.#renderer.surface(0, surfaceId)!.pixmap.pixels.slice().buffer);
  }

  #apply(message: DisplayMessage): void {
    this.#renderer.handle({ type: "apply", display: 0, message });
    for (let output = this.#renderer.poll(); output !== null; output = this.#renderer.poll()) {
      if (output.type === "failed") throw output.error;
      if (output.type === "decode") throw new Error("the truth decodes nothing");
    }
  }
}
