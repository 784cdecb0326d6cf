// Paints one screen of a session onto one canvas: only what has changed, once for each frame that
// the browser shows.

import { type Box, readColors, type Surface } from "@caraway/canvas";
import type { Screen } from "@caraway/driver";
import { DirtyRegion } from "./dirty-region.ts";

type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Pixels on their way to a canvas; all painters of a thread share it. */
let scratch = new Int32Array(1 << 16);

export class ScreenPainter {
  #screen: Screen;
  #context: Context | null = null;
  readonly #dirty = new DirtyRegion();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  get screen(): Screen {
    return this.#screen;
  }

  /** The screen may have moved or changed its size. */
  show(screen: Screen): void {
    const [old, box] = [this.#screen.box, screen.box];
    const moved = old.left !== box.left || old.top !== box.top;
    const sized = old.right !== box.right || old.bottom !== box.bottom;
    const sameSurface = this.#screen.surface === screen.surface;
    this.#screen = screen;
    if (moved || sized || !sameSurface) this.damageAll();
  }

  /** `restored`: the browser had thrown away what was painted, and it is to be painted again. */
  attach(canvas: Canvas, restored: () => void): void {
    this.#context = canvas.getContext("2d", { alpha: false }) as Context | null;
    // A lost context comes back empty.
    canvas.addEventListener("contextrestored", () => {
      this.damageAll();
      restored();
    });
    this.damageAll();
  }

  detach(): void {
    this.#context = null;
  }

  /** In pixels of the surface. */
  damage(boxes: readonly Box[]): void {
    const { box: screen } = this.#screen;
    for (const { left, top, right, bottom } of boxes) {
      this.#dirty.add({
        left: Math.max(left, screen.left),
        top: Math.max(top, screen.top),
        right: Math.min(right, screen.right),
        bottom: Math.min(bottom, screen.bottom),
      });
    }
  }

  damageAll(): void {
    this.#dirty.add(this.#screen.box);
  }

  get isDirty(): boolean {
    return this.#context !== null && !this.#dirty.isEmpty;
  }

  /** Paints what has changed; gives the number of pixels. */
  paint(surface: Surface): number {
    const context = this.#context;
    if (context === null) return 0;
    const { left, top } = this.#screen.box;
    this.#fit(context.canvas);
    let count = 0;
    for (const wanted of this.#dirty.take()) {
      const box = {
        ...wanted,
        right: Math.min(wanted.right, surface.width),
        bottom: Math.min(wanted.bottom, surface.height),
      };
      const [width, height] = [box.right - box.left, box.bottom - box.top];
      if (width <= 0 || height <= 0) continue;
      context.putImageData(imageOf(surface, box), box.left - left, box.top - top);
      count += width * height;
    }
    return count;
  }

  /** Setting a size, even the same one, clears a canvas. */
  #fit(canvas: Canvas): void {
    const { left, top, right, bottom } = this.#screen.box;
    const [width, height] = [right - left, bottom - top];
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    this.damageAll();
  }
}

/** Valid until the next call. */
function imageOf(surface: Surface, box: Box): ImageData {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const count = width * height;
  if (scratch.length < count) scratch = new Int32Array(count);
  const { pixmap } = surface;
  if (pixmap.format === "x8r8g8b8") {
    const pixels = signed(pixmap.pixels);
    for (let row = 0; row < height; row++) {
      toRgba(pixels, (box.top + row) * pixmap.width + box.left, scratch, row * width, width);
    }
  } else {
    toRgba(signed(readColors(surface, box)), 0, scratch, 0, count);
  }
  return new ImageData(new Uint8ClampedArray(scratch.buffer, 0, count * 4), width, height);
}

/** The same pixels as numbers that engines keep in registers. */
function signed({ buffer, byteOffset, length }: Uint32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

/** `0x..RRGGBB` to bytes R, G, B, 255. */
function toRgba(
  from: Int32Array,
  fromAt: number,
  to: Int32Array,
  toAt: number,
  count: number,
): void {
  for (let at = 0; at < count; at++) {
    const color = from[fromAt + at]!;
    to[toAt + at] =
      0xff000000 | ((color & 0xff) << 16) | (color & 0xff00) | ((color >>> 16) & 0xff);
  }
}
