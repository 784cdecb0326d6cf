// What the monitors of a session show: for each display channel the parts of its primary surface
// that the server's monitors config names, or the whole of it while there is none.

import { type Box, type Renderer, type RenderOutput, readColors } from "@caraway/canvas";

/** One monitor of the guest. */
export interface Screen {
  /** Number of the display channel. */
  readonly channel: number;
  readonly monitor: number;
  readonly surface: number;
  readonly box: Box;
}

/** Colours `0xffRRGGBB`, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly colors: Uint32Array;
}

type Heads = Extract<RenderOutput, { type: "monitors" }>["heads"];

export class Screens {
  readonly #renderer: Renderer;
  readonly #heads = new Map<number, Heads>();
  readonly #shown = new Set<number>();
  readonly #channels = new Set<number>();

  constructor(renderer: Renderer) {
    this.#renderer = renderer;
  }

  /** Hears what the renderer says. */
  note(output: RenderOutput): void {
    switch (output.type) {
      case "surface-create":
        if (output.isPrimary) this.#channels.add(output.display);
        break;
      case "surface-destroy":
        if (output.isPrimary) this.#channels.delete(output.display);
        break;
      case "monitors":
        this.#heads.set(output.display, output.heads);
        break;
      case "mark":
        if (output.shown) this.#shown.add(output.display);
        else this.#shown.delete(output.display);
        break;
      default:
        break;
    }
  }

  /** Monitors in the order of remote-viewer's numbers: by channel, then by monitor. */
  list(): readonly Screen[] {
    const channels = [...this.#channels].sort((a, b) => a - b);
    return channels.flatMap((channel) => this.#ofChannel(channel));
  }

  /** Whether the server said that the picture is complete. */
  isShown(channel: number): boolean {
    return this.#shown.has(channel);
  }

  /** What a monitor shows now; null when its surface is gone. */
  picture(screen: Screen): Picture | null {
    const surface = this.#renderer.surface(screen.channel, screen.surface);
    if (surface === null) return null;
    const { left, top, right, bottom } = screen.box;
    const box = {
      left: Math.min(left, surface.width),
      top: Math.min(top, surface.height),
      right: Math.min(right, surface.width),
      bottom: Math.min(bottom, surface.height),
    };
    const colors = readColors(surface, box);
    return { width: box.right - box.left, height: box.bottom - box.top, colors };
  }

  #ofChannel(channel: number): Screen[] {
    const primary = this.#renderer.primary(channel);
    if (primary === null) return [];
    const whole = {
      channel,
      monitor: 0,
      surface: primary.id,
      box: { left: 0, top: 0, right: primary.width, bottom: primary.height },
    };
    const heads = (this.#heads.get(channel) ?? []).filter(({ surfaceId, width, height, x, y }) => {
      const fits = x + width <= primary.width && y + height <= primary.height;
      return surfaceId === primary.id && width > 0 && height > 0 && fits;
    });
    if (heads.length === 0) return [whole];
    return heads.map(({ monitorId, surfaceId, x, y, width, height }) => ({
      channel,
      monitor: monitorId,
      surface: surfaceId,
      box: { left: x, top: y, right: x + width, bottom: y + height },
    }));
  }
}
