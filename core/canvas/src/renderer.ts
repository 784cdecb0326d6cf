// The renderer of a session: display messages in, pixels on surfaces. It owns the surfaces of all
// display channels and what they share, and applies the messages of each channel in the order of
// its wire, each as soon as its own images are there.

import { VideoCodecType } from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { DecodeScheduler } from "./decode-scheduler.ts";
import { DisplayRenderer } from "./display-renderer.ts";
import { ImageCache } from "./image-cache.ts";
import type { Slot } from "./image-slot.ts";
import { Queue } from "./queue.ts";
import type {
  DisplayMessage,
  RendererOptions,
  RenderInput,
  RenderOutput,
} from "./renderer-output.ts";
import type { Surface } from "./surface.ts";

/** Fit for the cache and window sizes that the reference client announces. */
export const defaultRendererOptions: RendererOptions = {
  maxCachePixels: 1 << 25,
  maxGlzPixels: 1 << 25,
  maxSurfacePixels: 1 << 26,
  maxSurfaces: 10_000,
  maxAheadPixels: 1 << 24,
  videoCodecs: [VideoCodecType.MJPEG],
};

/**
 * A machine without a clock: hand in one input, then drain `poll` until null. No input makes it
 * throw; a display channel whose server is wrong or hostile ends in a `failed` output, and later
 * messages of that channel are ignored until it is closed or reset.
 */
export class Renderer {
  readonly #options: RendererOptions;
  readonly #cache: ImageCache;
  readonly #scheduler: DecodeScheduler;
  #displays = new Map<number, DisplayRenderer>();
  #failed = new Set<number>();
  #outputs = new Queue<RenderOutput>();

  constructor(options: Partial<RendererOptions> = {}) {
    this.#options = { ...defaultRendererOptions, ...options };
    this.#cache = new ImageCache(this.#options.maxCachePixels);
    const { maxGlzPixels, maxAheadPixels } = this.#options;
    this.#scheduler = new DecodeScheduler(maxGlzPixels, maxAheadPixels, (task, job) => {
      this.#outputs.push({ type: "decode", task, job });
    });
  }

  handle(input: RenderInput): void {
    switch (input.type) {
      case "apply":
        this.#enqueue(input.display, input.message);
        break;
      case "frame":
        if (this.#failed.has(input.display)) break;
        this.#display(input.display).takeFrame(input.key, input.message, false);
        break;
      case "show-frame":
        this.#displays.get(input.display)?.showFrame(input.key);
        break;
      case "decoded":
        this.#scheduler.finish(input.task, input.outcome);
        break;
      case "reset":
        this.#failed.delete(input.display);
        this.#reset(input.display);
        break;
      case "reset-caches":
        this.#cache.clear();
        this.#scheduler.reset();
        break;
      case "close":
        this.#reset(input.display);
        this.#displays.delete(input.display);
        this.#failed.delete(input.display);
        break;
    }
    this.#advance();
  }

  poll(): RenderOutput | null {
    return this.#outputs.shift() ?? null;
  }

  surface(display: number, id: number): Surface | null {
    return this.#displays.get(display)?.surface(id) ?? null;
  }

  /** The surface that a display shows. */
  primary(display: number): Surface | null {
    return this.#displays.get(display)?.primary ?? null;
  }

  /** Messages of a display that were handed in and are not applied yet. */
  pending(display: number): number {
    return this.#displays.get(display)?.pending ?? 0;
  }

  /** Plain data that tells states apart; no pixels. */
  snapshot() {
    return {
      displays: [...this.#displays.values()].map((display) => display.snapshot()),
      failed: [...this.#failed],
      cachedImages: this.#cache.imageCount,
      cachedPixels: this.#cache.pixelCount,
      decoding: this.#scheduler.snapshot(),
    };
  }

  #enqueue(id: number, message: DisplayMessage): void {
    if (!this.#failed.has(id)) this.#display(id).enqueue(message);
  }

  #display(id: number): DisplayRenderer {
    const known = this.#displays.get(id);
    if (known !== undefined) return known;
    const display = new DisplayRenderer(id, this.#options, this.#cache, (output) => {
      this.#outputs.push(output);
    });
    this.#displays.set(id, display);
    return display;
  }

  #reset(id: number): void {
    const display = this.#displays.get(id);
    for (const { slots } of display?.reset() ?? []) {
      for (const slot of slots) this.#scheduler.abandon(slot);
    }
    for (const slot of display?.showFrames() ?? []) this.#scheduler.abandon(slot);
  }

  /** Applies all that can be applied: what one channel caches may be what another waits for. */
  #advance(): void {
    const start = (slot: Slot, urgent: boolean) => this.#scheduler.start(slot, urgent);
    let progress = true;
    while (progress) {
      progress = false;
      for (const display of this.#displays.values()) {
        display.decodeAhead(start);
        while (!this.#failed.has(display.id) && display.canApply()) {
          this.#applyNext(display);
          display.decodeAhead(start);
          progress = true;
        }
        // A slot that is still with a decoder is of no more use.
        this.#guard(display, () => {
          for (const slot of display.showFrames()) this.#scheduler.abandon(slot);
        });
      }
    }
  }

  #applyNext(display: DisplayRenderer): void {
    const command = display.next();
    this.#guard(display, () => display.apply(command));
    for (const slot of command.slots) this.#scheduler.release(slot);
  }

  #guard({ id }: DisplayRenderer, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#failed.add(id);
      this.#outputs.push({ type: "failed", display: id, error });
      this.#reset(id);
    }
  }
}
