// A client, as far as pixels go: takes a guest's outputs and draws them as a server would send
// them, with images and palettes that are sent once and then taken from the caches.

import { type DisplayMessage, Renderer, type RenderOutput, readColors } from "@caraway/canvas";
import { BitmapFlag, ImageFlag, ImageType, SurfaceFlag, SurfaceFormat } from "@caraway/protocol";
import type { GuestOutput, GuestPixels, SurfacePixels } from "@caraway/server";

export class Viewer {
  readonly #renderer = new Renderer();
  readonly #images = new Set<string>();
  readonly #palettes = new Set<string>();
  readonly #sizes = new Map<string, { width: number; height: number }>();

  take(output: GuestOutput): void {
    switch (output.type) {
      case "surface-create": {
        const { display, surface: surfaceId, width, height, format, content } = output;
        const flags = surfaceId === 0 ? SurfaceFlag.PRIMARY : 0;
        const body = { surfaceId, width, height, format, flags };
        this.#apply(display, { name: "SURFACE_CREATE", body });
        this.#sizes.set(`${display}.${surfaceId}`, { width, height });
        if (content !== null) this.#fill(display, surfaceId, content);
        break;
      }
      case "surface-destroy":
        this.#apply(output.display, {
          name: "SURFACE_DESTROY",
          body: { surfaceId: output.surface },
        });
        break;
      case "draw":
        this.#apply(output.display, this.#encode(output.display, output.drawing) as DisplayMessage);
        break;
      case "update": {
        const { display, surface, box, pixels } = output;
        this.#write(display, surface, box.left, box.top, box.right - box.left, pixels);
        break;
      }
    }
  }

  colors(display: number): Uint32Array {
    const surface = this.#renderer.primary(display)!;
    const { width, height } = surface;
    return readColors(surface, { left: 0, top: 0, right: width, bottom: height });
  }

  #fill(display: number, surface: number, pixels: SurfacePixels): void {
    const { width } = this.#renderer.surface(display, surface)!;
    this.#write(display, surface, 0, 0, width, pixels);
  }

  #write(
    display: number,
    id: number,
    left: number,
    top: number,
    width: number,
    { stride, data }: SurfacePixels,
  ): void {
    const { pixmap, format } = this.#renderer.surface(display, id)!;
    const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let y = 0; y * stride < data.length; y++) {
      for (let x = 0; x < width; x++) {
        const at = (top + y) * pixmap.width + left + x;
        const row = y * stride;
        switch (format) {
          case SurfaceFormat["1_A"]:
            pixmap.pixels[at] = (data[row + (x >> 3)]! >> (x & 7)) & 1;
            break;
          case SurfaceFormat["8_A"]:
            pixmap.pixels[at] = data[row + x]!;
            break;
          case SurfaceFormat["16_555"]:
          case SurfaceFormat["16_565"]:
            pixmap.pixels[at] = bytes.getUint16(row + 2 * x, true);
            break;
          default:
            pixmap.pixels[at] = bytes.getUint32(row + 4 * x, true);
        }
      }
    }
  }

  /** The same drawing with images of the wire in it, wherever they stand. */
  #encode(display: number, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#encode(display, item));
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if ("kind" in value && value.kind === "surface" && "surface" in value) {
      const surfaceId = value.surface as number;
      const size = this.#sizes.get(`${display}.${surfaceId}`)!;
      return { id: 0n, type: ImageType.SURFACE, flags: 0, ...size, surfaceId };
    }
    if ("kind" in value && value.kind === "pixels") return this.#image(value as GuestPixels);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.#encode(display, item)]),
    );
  }

  #image(image: GuestPixels): unknown {
    const { width, height, key, palette } = image;
    const base = { id: key ?? 0n, width, height };
    const name = String(key);
    if (key !== null && this.#images.has(name)) {
      return { ...base, flags: 0, type: ImageType.FROM_CACHE };
    }
    if (key !== null) this.#images.add(name);
    const paletteName = String(palette?.key);
    const isKnown = palette !== null && this.#palettes.has(paletteName);
    this.#palettes.add(paletteName);
    return {
      ...base,
      flags: key === null ? 0 : ImageFlag.CACHE_ME,
      type: ImageType.BITMAP,
      format: image.format,
      bitmapFlags:
        (image.topDown ? BitmapFlag.TOP_DOWN : 0) |
        (isKnown ? BitmapFlag.PAL_FROM_CACHE : palette === null ? 0 : BitmapFlag.PAL_CACHE_ME),
      x: width,
      y: height,
      stride: image.stride,
      paletteId: isKnown ? palette.key : null,
      palette: isKnown || palette === null ? null : { unique: palette.key, ents: palette.colors },
      data: image.data,
    };
  }

  #apply(display: number, message: DisplayMessage): void {
    this.#renderer.handle({ type: "apply", display, message });
    const left: RenderOutput[] = [];
    for (let out = this.#renderer.poll(); out !== null; out = this.#renderer.poll()) left.push(out);
    const failed = left.find((out) => out.type === "failed");
    if (failed !== undefined) throw failed.error;
    if (this.#renderer.pending(display) > 0) throw new Error("a drawing waits for an image");
  }
}
