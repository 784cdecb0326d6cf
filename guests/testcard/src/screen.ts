// The guest's own pixels: all surfaces of all displays, drawn by the same renderer that clients
// use. What a client shows must be what is here.

import { type Box, Renderer, type RenderInput, type Surface } from "@caraway/canvas";
import { SurfaceFlag, type SurfaceFormat } from "@caraway/protocol";
import type { Drawing, SurfacePixels } from "@caraway/server";
import { addBox, type Region } from "./region.ts";
import { wireDrawing } from "./wire-drawing.ts";

export class Screen {
  readonly #renderer = new Renderer({ maxSurfacePixels: 1 << 27 });
  /** What changed of the primary surfaces since it was asked for last. */
  readonly #changed = new Map<number, Region>();

  create(
    display: number,
    surfaceId: number,
    width: number,
    height: number,
    format: SurfaceFormat,
  ): Surface {
    const flags = surfaceId === 0 ? SurfaceFlag.PRIMARY : 0;
    const body = { surfaceId, width, height, format, flags };
    this.#apply({ type: "apply", display, message: { name: "SURFACE_CREATE", body } });
    return this.surface(display, surfaceId)!;
  }

  destroy(display: number, surfaceId: number): void {
    const message = { name: "SURFACE_DESTROY", body: { surfaceId } } as const;
    this.#apply({ type: "apply", display, message });
    if (surfaceId === 0) this.#changed.delete(display);
  }

  draw(display: number, drawing: Drawing): void {
    this.#apply({ type: "apply", display, message: wireDrawing(drawing) });
  }

  surface(display: number, surfaceId: number): Surface | null {
    return this.#renderer.surface(display, surfaceId);
  }

  /** What changed of a primary surface since the last call. */
  takeChanged(display: number): Region {
    const region = this.#changed.get(display) ?? [];
    this.#changed.delete(display);
    return region;
  }

  #apply(input: RenderInput): void {
    this.#renderer.handle(input);
    for (let out = this.#renderer.poll(); out !== null; out = this.#renderer.poll()) {
      // The guest draws only what can be drawn: anything else is a fault of ours.
      if (out.type === "failed")
        throw new Error("the testcard drew nonsense", { cause: out.error });
      if (out.type === "damage" && out.surface === 0) this.#note(out.display, out.boxes);
    }
  }

  #note(display: number, boxes: readonly Box[]): void {
    let region = this.#changed.get(display) ?? [];
    for (const box of boxes) region = addBox(region, box);
    this.#changed.set(display, region);
  }
}

/** The pixels of a part of a surface as a guest hands them over. */
export function surfacePixels({ pixmap }: Surface, box: Box): SurfacePixels {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  const isBits = pixmap.format === "a1";
  const stride = isBits ? (width + 7) >> 3 : width * pixmap.pixels.BYTES_PER_ELEMENT;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const from = (box.top + y) * pixmap.width + box.left;
    const row = pixmap.pixels.subarray(from, from + width);
    if (isBits) {
      row.forEach((bit, x) => {
        data[y * stride + (x >> 3)]! |= bit << (x & 7);
      });
    } else {
      data.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), y * stride);
    }
  }
  return { stride, data };
}
