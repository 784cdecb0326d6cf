// The screens of a session and their painters: follows what the renderer says, tells the page which
// screens there are, and paints those that are seen.

import type { Renderer } from "@caraway/canvas";
import type { ToCanvasPixels } from "@caraway/codecs";
import type { PictureEvent, Screen, Screens } from "@caraway/driver";
import type { ScreenInfo, ScreenKey } from "./client-message.ts";
import { PaintPace } from "./paint-pace.ts";
import { ScreenPainter } from "./screen-painter.ts";

export interface PaintListener {
  /** There are other screens than before, or they have other sizes. */
  screens(screens: readonly ScreenInfo[]): void;
  /** Whenever anything was painted. */
  painted(keys: readonly ScreenKey[], pixels: number): void;
}

/**
 * How long a screen that is gone is still shown: between two modes of a guest, and between two
 * hosts, there may be none for a moment, and nothing shall blink.
 */
const keepMs = 1500;

export class ScreenPainters {
  readonly #renderer: Renderer;
  readonly #screens: Screens;
  readonly #listener: PaintListener;
  /** All painters of a thread share its memory. */
  readonly #toCanvas: ToCanvasPixels;
  readonly #painters = new Map<ScreenKey, ScreenPainter>();
  /** Canvases that were given before their screen was there. */
  readonly #canvases = new Map<ScreenKey, OffscreenCanvas | HTMLCanvasElement>();
  /** When screens that are gone are to be forgotten. */
  readonly #goneTimers = new Map<ScreenKey, ReturnType<typeof setTimeout>>();
  /** Screens on pages that nobody sees now. */
  readonly #hidden = new Set<ScreenKey>();
  readonly #pace = new PaintPace();
  #told = "";
  #stale = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Looks again at screens that have not filled in time. */
  #fillTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    renderer: Renderer,
    screens: Screens,
    toCanvas: ToCanvasPixels,
    listener: PaintListener,
  ) {
    this.#toCanvas = toCanvas;
    this.#renderer = renderer;
    this.#screens = screens;
    this.#listener = listener;
  }

  /** Hears what the renderer says, after `screens` has. */
  note(event: PictureEvent): void {
    switch (event.type) {
      case "damage":
        for (const painter of this.#painters.values()) {
          const { channel, surface } = painter.screen;
          if (channel === event.display && surface === event.surface) painter.damage(event.boxes);
        }
        this.#changed(this.#renderer.pending(event.display) === 0);
        return;
      case "surface-create":
        if (event.isPrimary) {
          this.#refresh();
          this.#begin(event.display, event.surface);
        }
        break;
      case "surface-destroy":
        if (event.isPrimary) this.#stale = true;
        break;
      case "monitors":
        this.#stale = true;
        break;
      default:
        return;
    }
    if (this.#stale) this.#refresh();
    this.#changed();
  }

  attach(key: ScreenKey, canvas: OffscreenCanvas | HTMLCanvasElement): void {
    this.#canvases.set(key, canvas);
    this.#painters.get(key)?.attach(canvas, this.#changed);
    this.#changed();
  }

  detach(key: ScreenKey): void {
    this.#canvases.delete(key);
    this.#hidden.delete(key);
    this.#painters.get(key)?.detach();
  }

  /** Whether the page of a canvas is seen: what is not is painted when it is again. */
  seen(key: ScreenKey, isSeen: boolean): void {
    if (isSeen) this.#hidden.delete(key);
    else this.#hidden.add(key);
    this.#changed();
  }

  screen(key: ScreenKey): Screen | null {
    return this.#painters.get(key)?.screen ?? null;
  }

  close(): void {
    for (const timer of [this.#timer, this.#fillTimer]) if (timer !== null) clearTimeout(timer);
    for (const timer of this.#goneTimers.values()) clearTimeout(timer);
  }

  readonly #changed = (isComplete = true): void => {
    this.#pace.changed(performance.now(), isComplete);
    if (this.#timer === null) this.#wait();
  };

  #begin(display: number, id: number): void {
    const now = performance.now();
    for (const painter of this.#painters.values()) {
      const { channel, surface } = painter.screen;
      if (channel === display && surface === id) painter.begin(now);
    }
  }

  /** Until painting is due, which more changes may put off. */
  #wait(): void {
    const { dueAt } = this.#pace;
    if (dueAt === null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const { dueAt: at } = this.#pace;
      if (at !== null && performance.now() < at) this.#wait();
      else this.#paint();
    }, dueAt - performance.now());
  }

  #paint(): void {
    const now = performance.now();
    this.#pace.painted(now);
    const painted: ScreenKey[] = [];
    let pixels = 0;
    for (const [key, painter] of this.#painters) {
      if (!painter.isDirty || this.#hidden.has(key)) continue;
      const { fillsUntil } = painter;
      if (fillsUntil !== null && now < fillsUntil) {
        this.#fillTimer ??= setTimeout(() => {
          this.#fillTimer = null;
          this.#changed();
        }, fillsUntil - now);
        continue;
      }
      const { channel, surface: id } = painter.screen;
      const surface = this.#renderer.surface(channel, id);
      if (surface === null) continue;
      pixels += painter.paint(surface);
      painted.push(key);
    }
    if (pixels > 0) this.#listener.painted(painted, pixels);
  }

  #refresh(): void {
    this.#stale = false;
    const present = new Map(this.#screens.list().map((screen) => [keyOf(screen), screen]));
    for (const [key, screen] of present) this.#show(key, screen);
    for (const key of this.#painters.keys()) {
      if (!present.has(key) && !this.#goneTimers.has(key)) {
        this.#goneTimers.set(
          key,
          setTimeout(() => this.#forget(key), keepMs),
        );
      }
    }
    this.#tell();
  }

  #show(key: ScreenKey, screen: Screen): void {
    clearTimeout(this.#goneTimers.get(key));
    this.#goneTimers.delete(key);
    const known = this.#painters.get(key);
    if (known !== undefined) {
      known.show(screen);
      return;
    }
    const painter = new ScreenPainter(screen, this.#toCanvas);
    this.#painters.set(key, painter);
    const canvas = this.#canvases.get(key);
    if (canvas !== undefined) painter.attach(canvas, this.#changed);
  }

  #forget(key: ScreenKey): void {
    this.#goneTimers.delete(key);
    // With no screen at all the last picture stays.
    if (this.#painters.size === 1) return;
    this.#painters.delete(key);
    this.#tell();
  }

  #tell(): void {
    const screens = [...this.#painters]
      .map(([key, { screen }]) => infoOf(key, screen))
      .sort((a, b) => a.channel - b.channel || a.x - b.x || a.y - b.y || a.monitor - b.monitor);
    const text = JSON.stringify(screens);
    if (text === this.#told) return;
    this.#told = text;
    this.#listener.screens(screens);
  }
}

function keyOf({ channel, monitor }: Screen): ScreenKey {
  return `${channel}:${monitor}`;
}

function infoOf(key: ScreenKey, { channel, monitor, box }: Screen): ScreenInfo {
  const { left, top, right, bottom } = box;
  return { key, channel, monitor, x: left, y: top, width: right - left, height: bottom - top };
}
