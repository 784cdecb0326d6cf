// One display channel of a renderer: its surfaces, palettes and streams, and the messages that
// wait for their turn.

import {
  ResourceType,
  SurfaceFlag,
  SurfaceFormat,
  streamsMax,
  VideoCodecType,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { CanvasError } from "./canvas-error.ts";
import { type DrawMessage, draw, isDrawMessage } from "./draw.ts";
import { FrameStore } from "./frame-store.ts";
import type { ImageCache } from "./image-cache.ts";
import { areReady, type ImageStores, loadImage } from "./image-loader.ts";
import { planImages, type Slot } from "./image-slot.ts";
import type { LoadedImage, WireImage } from "./loaded-image.ts";
import { PaletteCache } from "./palette-cache.ts";
import { surfacePixelFormat } from "./pixmap.ts";
import { Queue } from "./queue.ts";
import { type Region, regionExtents } from "./region.ts";
import type {
  DisplayMessage,
  FrameMessage,
  RendererOptions,
  RenderOutput,
} from "./renderer-output.ts";
import { createStream, drawFrame, type Stream } from "./stream.ts";
import { createSurface, maxSurfaceSide, type Surface } from "./surface.ts";

/** A message that waits for its images or its turn. */
export interface Command {
  readonly message: DisplayMessage;
  readonly slots: readonly Slot[];
  /** The stream that the message is about, if it is about one that is there. */
  readonly stream: Stream | null;
  /** Why it cannot be drawn, when that is known before its turn. */
  readonly error: CarawayError | null;
}

/** Parts of a surface that one `damage` output names; more are told as one box around them. */
const maxDamageBoxes = 32;

export class DisplayRenderer {
  readonly id: number;
  readonly #options: RendererOptions;
  readonly #cache: ImageCache;
  readonly #emit: (output: RenderOutput) => void;
  readonly #stores: ImageStores;

  #surfaces = new Map<number, Surface>();
  #surfacePixels = 0;
  #primaryId: number | null = null;
  #queue = new Queue<Command>();
  /** How many commands at the front of the queue have all their images on the way. */
  #ahead = 0;

  // What will be there when all of the queue is applied: it decides what later messages mean.
  #formats = new Map<number, SurfaceFormat>();
  #palettes = new PaletteCache();
  #streams = new Map<number, Stream>();
  #streamCount = 0;
  readonly #frames: FrameStore;
  /** Of frames that nobody named. */
  #unnamedFrame = -1;

  constructor(
    id: number,
    options: RendererOptions,
    cache: ImageCache,
    emit: (output: RenderOutput) => void,
  ) {
    this.id = id;
    this.#options = options;
    this.#cache = cache;
    this.#emit = emit;
    this.#stores = { cache, surface: (surfaceId) => this.#need(surfaceId).pixmap };
    this.#frames = new FrameStore({
      shown: ({ key, stream, dest }, image) => {
        emit({ type: "frame-shown", display: id, stream: stream.id, key });
        const surface = this.#surfaces.get(stream.surfaceId);
        if (surface === undefined) return;
        const region = drawFrame(surface.pixmap, stream, image, dest ?? stream.dest);
        this.#damage(surface.id, region);
      },
      lost: ({ key, stream }, error) => {
        emit({ type: "frame-lost", display: id, stream: stream.id, key, error });
      },
    });
  }

  /** Messages that are not applied yet. */
  get pending(): number {
    return this.#queue.length;
  }

  surface(id: number): Surface | null {
    return this.#surfaces.get(id) ?? null;
  }

  get primary(): Surface | null {
    return this.#primaryId === null ? null : this.surface(this.#primaryId);
  }

  /** Puts a message at the end of the queue. */
  enqueue(message: DisplayMessage): void {
    try {
      const stream = this.#planStreams(message);
      this.#planState(message);
      this.#queue.push({ message, stream, slots: this.#planSlots(message), error: null });
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#queue.push({ message, stream: null, slots: [], error });
    }
  }

  /** A frame; `isDue`: it is to be shown at once. */
  takeFrame(key: number, message: FrameMessage, isDue: boolean): void {
    const { id, data } = message.body;
    const stream = this.#streams.get(id);
    if (stream === undefined) this.#refuse(id, "unknown");
    else if (this.#options.videoCodecs.includes(stream.codec)) {
      const dest = message.name === "STREAM_DATA" ? null : message.body.dest;
      this.#frames.take(key, stream, data, dest, isDue);
      return;
    }
    const error = new CanvasError("INVALID", `frames of stream ${id} cannot be shown`);
    this.#emit({ type: "frame-lost", display: this.id, stream: id, key, error });
  }

  showFrame(key: number): void {
    this.#frames.show(key);
  }

  /** Shows the frames that are due and decoded; returns slots that are not needed any more. */
  showFrames(): readonly Slot[] {
    return this.#frames.advance();
  }

  /** Whether the first message of the queue has all its images. */
  canApply(): boolean {
    const command = this.#queue.at(0);
    return command !== undefined && areReady(command.slots, this.#cache);
  }

  /**
   * Has images decoded in the order of their messages, until `start` says that no more should be
   * under way; those of the first message at any rate.
   */
  decodeAhead(start: (slot: Slot, urgent: boolean) => boolean): void {
    for (const slot of this.#frames.slots) start(slot, true);
    for (; this.#ahead < this.#queue.length; this.#ahead++) {
      for (const slot of this.#queue.at(this.#ahead)!.slots) {
        if (!start(slot, this.#ahead === 0)) return;
      }
    }
  }

  /** Takes the first message from the queue. */
  next(): Command {
    this.#ahead = Math.max(0, this.#ahead - 1);
    return this.#queue.shift()!;
  }

  /**
   * Applies a message that has all its images.
   *
   * @throws CarawayError when that is impossible; the channel is over then.
   */
  apply(command: Command): void {
    if (command.error !== null) throw command.error;
    this.#execute(command);
    this.#emit({ type: "applied", display: this.id });
  }

  /** Drops the queue and all but the primary surface; returns what was waiting. */
  reset(): readonly Command[] {
    const waiting = this.#queue.toArray();
    this.#queue = new Queue();
    this.#ahead = 0;
    for (const surface of [...this.#surfaces.values()]) {
      if (surface.id !== this.#primaryId) this.#destroy(surface);
    }
    this.#formats = new Map([...this.#surfaces].map(([id, { format }]) => [id, format]));
    this.#palettes.clear();
    this.#frames.clear();
    this.#endStreams();
    return waiting;
  }

  snapshot() {
    return {
      display: this.id,
      waiting: this.#queue.toArray().map(({ message, slots }) => ({
        name: message.name,
        images: slots.map(({ state }) => state.kind),
      })),
      surfaces: [...this.#surfaces.values()].map(({ id, width, height, format, isPrimary }) => ({
        id,
        width,
        height,
        format,
        isPrimary,
      })),
      palettes: this.#palettes.size,
      streams: [...this.#streams.values()].map(({ id, surfaceId, codec }) => ({
        id,
        surfaceId,
        codec,
      })),
    };
  }

  #planState(message: DisplayMessage): void {
    switch (message.name) {
      case "MODE":
        this.#formats.set(0, modeFormat(message.body.bits));
        break;
      case "SURFACE_CREATE":
        this.#formats.set(message.body.surfaceId, message.body.format);
        break;
      case "SURFACE_DESTROY":
        this.#formats.delete(message.body.surfaceId);
        break;
      case "RESET":
      case "INVAL_ALL_PALETTES":
        this.#palettes.clear();
        break;
      case "INVAL_PALETTE":
        this.#palettes.drop(message.body.id);
        break;
    }
  }

  #planStreams(message: DisplayMessage): Stream | null {
    switch (message.name) {
      case "STREAM_CREATE": {
        if (message.body.id >= streamsMax) {
          throw new CanvasError("INVALID", `there is no stream ${message.body.id}`);
        }
        this.#endStream(message.body.id);
        const stream = createStream(message.body, this.id * 2 ** 32 + this.#streamCount++);
        this.#streams.set(stream.id, stream);
        return stream;
      }
      case "STREAM_DATA":
      case "STREAM_DATA_SIZED":
        this.takeFrame(this.#unnamedFrame--, message, true);
        return null;
      case "STREAM_CLIP":
        return this.#streams.get(message.body.id) ?? null;
      case "STREAM_DESTROY":
        this.#endStream(message.body.id);
        return null;
      case "STREAM_DESTROY_ALL":
        this.#endStreams();
        return null;
      default:
        return null;
    }
  }

  #endStream(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#frames.end(stream);
    if (stream.codec === VideoCodecType.MJPEG) return;
    this.#emit({ type: "video-ended", stream: stream.instance });
  }

  #endStreams(): void {
    for (const id of [...this.#streams.keys()]) this.#endStream(id);
  }

  #planSlots(message: DisplayMessage): Slot[] {
    if (!isDrawMessage(message)) return [];
    const { surfaceId } = message.body.base;
    const format = this.#formats.get(surfaceId);
    if (format === undefined) throw noSurface(surfaceId);
    return planImages(message, format, this.#palettes);
  }

  #execute({ message, slots, stream }: Command): void {
    switch (message.name) {
      case "MODE": {
        const { xRes: width, yRes: height, bits } = message.body;
        this.#create({ id: 0, width, height, format: modeFormat(bits), isPrimary: true });
        break;
      }
      case "SURFACE_CREATE": {
        const { surfaceId: id, width, height, format, flags } = message.body;
        const isPrimary = (flags & SurfaceFlag.PRIMARY) !== 0;
        this.#create({ id, width, height, format, isPrimary });
        break;
      }
      case "SURFACE_DESTROY": {
        const surface = this.#surfaces.get(message.body.surfaceId);
        if (surface !== undefined) this.#destroy(surface);
        break;
      }
      case "MARK":
        this.#emit({ type: "mark", display: this.id, shown: true });
        break;
      case "RESET":
        this.#clearPrimary();
        this.#emit({ type: "mark", display: this.id, shown: false });
        break;
      case "INVAL_LIST":
        for (const { type, id } of message.body.resources) {
          if (type === ResourceType.PIXMAP) this.#cache.drop(id);
        }
        break;
      case "INVAL_ALL_PIXMAPS":
        this.#cache.clear();
        break;
      case "MONITORS_CONFIG": {
        const { maxAllowed, heads } = message.body;
        this.#emit({ type: "monitors", display: this.id, maxAllowed, heads });
        break;
      }
      case "STREAM_CREATE":
        this.#need(message.body.surfaceId);
        if (stream !== null && !this.#options.videoCodecs.includes(stream.codec)) {
          this.#refuse(stream.id, "codec");
        }
        break;
      case "STREAM_CLIP":
        if (stream === null) this.#refuse(message.body.id, "unknown");
        else stream.clip = message.body.clip;
        break;
      default:
        if (isDrawMessage(message)) this.#draw(message, slots);
        break;
    }
  }

  #draw(message: DrawMessage, slots: readonly Slot[]): void {
    const surface = this.#need(message.body.base.surfaceId);
    const format = surfacePixelFormat(surface.format);
    const images = new Map<WireImage, LoadedImage>();
    for (const slot of slots) {
      if (slot.role !== "frame") images.set(slot.image, loadImage(slot, format, this.#stores));
    }
    const region = draw(message, surface.pixmap, (image) => images.get(image)!);
    this.#damage(surface.id, region);
  }

  #create(wanted: Omit<Surface, "pixmap">): void {
    const { id, width, height, format, isPrimary } = wanted;
    const primary = this.primary;
    if (isPrimary && primary !== null) {
      // What the primary surface shows outlives a move of the VM or a reset of its display.
      const same = primary.width === width && primary.height === height;
      if (same && primary.format === format && primary.id === id) return;
      this.#destroy(primary);
    }
    const replaced = this.#surfaces.get(id);
    if (replaced !== undefined) this.#destroy(replaced);
    if (!(width > 0 && height > 0 && width <= maxSurfaceSide && height <= maxSurfaceSide)) {
      throw new CanvasError("LIMIT", `a surface of ${width} by ${height} pixels is not possible`);
    }
    if (
      this.#surfacePixels + width * height > this.#options.maxSurfacePixels ||
      this.#surfaces.size >= this.#options.maxSurfaces
    ) {
      throw new CanvasError("LIMIT", "the surfaces would take too much memory");
    }
    this.#surfaces.set(id, createSurface(wanted));
    this.#surfacePixels += width * height;
    if (isPrimary) this.#primaryId = id;
    const { id: surface, ...rest } = wanted;
    this.#emit({ type: "surface-create", display: this.id, surface, ...rest });
  }

  #destroy(surface: Surface): void {
    this.#surfaces.delete(surface.id);
    this.#surfacePixels -= surface.width * surface.height;
    const isPrimary = surface.id === this.#primaryId;
    if (isPrimary) this.#primaryId = null;
    this.#emit({ type: "surface-destroy", display: this.id, surface: surface.id, isPrimary });
  }

  #clearPrimary(): void {
    const { primary } = this;
    if (primary === null) return;
    primary.pixmap.pixels.fill(0);
    const { id, width, height } = primary;
    this.#damage(id, { boxes: [{ left: 0, top: 0, right: width, bottom: height }], mask: null });
  }

  #need(id: number): Surface {
    const surface = this.#surfaces.get(id);
    if (surface === undefined) throw noSurface(id);
    return surface;
  }

  #refuse(stream: number, reason: "codec" | "unknown"): void {
    this.#emit({ type: "stream-refused", display: this.id, stream, reason });
  }

  #damage(surface: number, region: Region): void {
    if (region.boxes.length === 0) return;
    const few = region.boxes.length <= maxDamageBoxes;
    const boxes = few ? region.boxes : [regionExtents(region)];
    this.#emit({ type: "damage", display: this.id, surface, boxes });
  }
}

function modeFormat(bits: number): SurfaceFormat {
  return bits === 32 ? SurfaceFormat["32_xRGB"] : SurfaceFormat["16_555"];
}

function noSurface(id: number): CanvasError {
  return new CanvasError("NO_SURFACE", `there is no surface ${id}`);
}
