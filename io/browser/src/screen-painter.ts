// Paints one screen of a session onto one canvas: only what has changed, once for each frame that
// the browser shows.

import {
  areaOf,
  type Box,
  ChangedBoxes,
  intersection,
  isEmptyBox,
  readColors,
  type Surface,
} from "@caraway/canvas";
import type { PixelRows, ToCanvasPixels } from "@caraway/codecs";
import type { Screen } from "@caraway/driver";

type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/**
 * How long what is seen is kept while a new surface fills. A guest that changes its mode, and a server
 * that a session comes to, begin with a black one.
 */
const fillMs = 250;

export class ScreenPainter {
  readonly #toCanvas: ToCanvasPixels;
  #screen: Screen;
  #context: Context | null = null;
  readonly #dirty = new ChangedBoxes();
  /** Of a new surface, as long as it is still to fill. */
  #filling: { readonly until: number; pixels: number } | null = null;

  constructor(screen: Screen, toCanvas: ToCanvasPixels) {
    this.#screen = screen;
    this.#toCanvas = toCanvas;
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

  /** Its surface was made anew, and nothing is drawn on it yet. */
  begin(now: number): void {
    this.#filling = { until: now + fillMs, pixels: 0 };
  }

  /** Until when painting waits for the surface to fill; null: it need not. */
  get fillsUntil(): number | null {
    return this.#filling?.until ?? null;
  }

  /** In pixels of the surface. */
  damage(boxes: readonly Box[]): void {
    const { box: screen } = this.#screen;
    for (const box of boxes) {
      const part = intersection(box, screen);
      this.#dirty.add(part);
      if (this.#filling !== null && !isEmptyBox(part)) this.#filling.pixels += areaOf(part);
    }
    // Half of it tells more than what was there before.
    if (this.#filling !== null && this.#filling.pixels * 2 >= areaOf(screen)) this.#filling = null;
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
    this.#filling = null;
    let count = 0;
    for (const wanted of this.#dirty.takeAll()) {
      const box = {
        ...wanted,
        right: Math.min(wanted.right, surface.width),
        bottom: Math.min(wanted.bottom, surface.height),
      };
      const [width, height] = [box.right - box.left, box.bottom - box.top];
      if (width <= 0 || height <= 0) continue;
      const pixels = this.#toCanvas(rowsOf(surface, box));
      context.putImageData(new ImageData(pixels, width, height), box.left - left, box.top - top);
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

function rowsOf(surface: Surface, box: Box): PixelRows {
  const { left, top } = box;
  const [width, height] = [box.right - left, box.bottom - top];
  const { pixmap } = surface;
  if (pixmap.format === "x8r8g8b8") {
    return { pixels: pixmap.pixels, stride: pixmap.width, left, top, width, height };
  }
  return { pixels: readColors(surface, box), stride: width, left: 0, top: 0, width, height };
}
