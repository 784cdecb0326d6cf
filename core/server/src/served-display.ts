// One display of the guest: its surfaces as they are now, and the drawing on its way to the clients
// that watch. Whatever the guest draws is drawn here first; a client that is slow, new or unable
// gets the outcome in place of the drawing.

import {
  type Box,
  boxAround,
  CanvasError,
  contains,
  drawDirectly,
  isEmptyBox,
  maxSurfaceSide,
} from "@caraway/canvas";
import type { Instant } from "@caraway/channel";
import { ClipType, type Head, ImageType, SurfaceFormat } from "@caraway/protocol";
import { CarawayError, type Infer } from "@caraway/wire";
import { DisplayChanges } from "./display-changes.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import { withImages } from "./drawing-images.ts";
import { shapeOf } from "./drawing-shape.ts";
import { FramebufferChanges } from "./framebuffer-changes.ts";
import type { DisplayOutput } from "./guest.ts";
import type { Drawing, GuestImage, SurfacePixels } from "./guest-drawing.ts";
import { bitmapImage, definitePicture } from "./guest-picture.ts";
import type { PixelMove } from "./moved-pixels.ts";
import { ServedSurface } from "./served-surface.ts";
import { type Video, VideoDetector } from "./video-detector.ts";

export type MonitorHead = Infer<typeof Head>;

const surfacesMax = 10_000;
/** Pixels of all surfaces of a display. */
const surfacePixelsMax = 1 << 27;

export class ServedDisplay {
  readonly id: number;
  readonly #surfaces = new Map<number, ServedSurface>();
  readonly #now: () => Instant;
  readonly #views = new Set<DisplayView>();
  readonly #framebuffer = new FramebufferChanges();
  #detector: VideoDetector | null = null;
  #changes: DisplayChanges | null = null;
  #pixelCount = 0;
  #monitors: { readonly maxAllowed: number; readonly heads: readonly MonitorHead[] } | null = null;

  constructor(id: number, now: () => Instant) {
    this.id = id;
    this.#now = now;
  }

  get primary(): ServedSurface | null {
    return this.#surfaces.get(0) ?? null;
  }

  surface(id: number): ServedSurface | null {
    return this.#surfaces.get(id) ?? null;
  }

  get viewCount(): number {
    return this.#views.size;
  }

  /** What the guest said, or one monitor on the primary surface; null while there is neither. */
  get monitors(): { readonly maxAllowed: number; readonly heads: readonly MonitorHead[] } | null {
    if (this.#monitors !== null) return this.#monitors;
    const { primary } = this;
    if (primary === null) return null;
    const { width, height } = primary;
    const head = { monitorId: 0, surfaceId: 0, width, height, x: 0, y: 0, flags: 0 };
    return { maxAllowed: 1, heads: [head] };
  }

  /**
   * From now on, what changes is noted, for clients that come from another server and have all
   * that is here now.
   */
  noteChanges(): void {
    this.forgetChanges();
    this.#changes = new DisplayChanges();
    this.addView(this.#changes);
  }

  /** Nobody comes any more who would ask. */
  forgetChanges(): void {
    if (this.#changes !== null) this.removeView(this.#changes);
    this.#changes = null;
  }

  /** What has changed of a surface since `noteChanges`; all, when nobody noted it. */
  changesOf(surface: ServedSurface): readonly Box[] {
    return this.#changes?.of(surface) ?? [surface.box];
  }

  addView(view: DisplayView): void {
    this.#views.add(view);
  }

  removeView(view: DisplayView): void {
    this.#views.delete(view);
  }

  /** What of the primary surface behaves like video. */
  get videos(): readonly Video[] {
    return this.#detector?.videos ?? [];
  }

  /** When `expireVideos` has something to do. */
  videoDeadline(): Instant | null {
    return this.#detector?.deadline() ?? null;
  }

  expireVideos(): void {
    this.#detector?.timeout(this.#now());
  }

  /** It plays at the server that the guest comes from; null when it cannot play here. */
  adoptVideo(surface: ServedSurface, box: Box): Video | null {
    if (surface !== this.primary) return null;
    return this.#detector?.adopt(box, this.#now()) ?? null;
  }

  setRunning(isRunning: boolean): void {
    this.#detector?.setRunning(isRunning, this.#now());
  }

  /** @throws CarawayError when it makes no sense; then nothing has changed. */
  handle(output: DisplayOutput): void {
    switch (output.type) {
      case "surface-create":
        this.#create(output);
        break;
      case "surface-destroy":
        this.#destroy(this.#need(output.surface));
        break;
      case "draw":
        this.#draw(output.drawing);
        break;
      case "update":
        this.#update(output);
        break;
      case "monitors":
        this.#monitors = { maxAllowed: output.maxAllowed, heads: output.heads };
        for (const view of this.#views) view.monitorsChanged();
        break;
    }
  }

  /** The guest detached it, or describes itself anew. */
  clear(): void {
    for (const surface of [...this.#surfaces.values()]) this.#destroy(surface);
    this.#monitors = null;
  }

  snapshot(): unknown {
    return {
      display: this.id,
      surfaces: [...this.#surfaces.values()].map(({ id, width, height, format }) => {
        return { id, width, height, format };
      }),
      views: this.#views.size,
      videos: this.#detector?.snapshot() ?? [],
      monitors: this.#monitors,
    };
  }

  #create(output: DisplayOutput & { type: "surface-create" }): void {
    const { surface: id, width, height, format, content } = output;
    if (this.#surfaces.has(id)) throw new CanvasError("INVALID", `surface ${id} is there already`);
    const isPossible = [width, height].every((side) => side > 0 && side <= maxSurfaceSide);
    if (!isPossible || !Object.values(SurfaceFormat).includes(format)) {
      throw new CanvasError("LIMIT", `a surface of ${width} by ${height} pixels is not possible`);
    }
    const isTooMuch =
      this.#surfaces.size >= surfacesMax || this.#pixelCount + width * height > surfacePixelsMax;
    if (isTooMuch) throw new CanvasError("LIMIT", "the surfaces would take too much memory");
    const surface = new ServedSurface(id, width, height, format);
    if (content !== null && !surface.write(surface.box, content)) {
      throw new CanvasError("INVALID", `surface ${id} comes with too few bytes`);
    }
    this.#surfaces.set(id, surface);
    this.#pixelCount += width * height;
    if (surface.isPrimary) {
      this.#detector = VideoDetector.of(surface, () => {
        for (const view of this.#views) view.videosChanged?.();
      });
    }
    for (const view of this.#views) view.created(surface);
  }

  #destroy(surface: ServedSurface): void {
    for (const view of this.#views) view.destroying(surface);
    if (surface.isPrimary) this.#detector = null;
    this.#surfaces.delete(surface.id);
    this.#pixelCount -= surface.width * surface.height;
  }

  #draw(offered: Drawing): void {
    const surface = this.#need(offered.body.base.surfaceId);
    const drawing = withDefinitePictures(offered, surface.format);
    const shape = shapeOf(drawing);
    const reads = shape.reads.map(({ surface: id, area }) => ({ surface: this.#need(id), area }));
    const isFirst = !surface.isDrawn;
    const message = withImages(drawing, (image) => {
      if (image.kind === "pixels") return bitmapImage(image);
      const { id: surfaceId, width, height } = this.#need(image.surface);
      return { id: 0n, type: ImageType.SURFACE, flags: 0, width, height, surfaceId };
    });
    const find = (id: number) => this.#surfaces.get(id)?.surface ?? null;
    const region = drawDirectly(message, surface.surface, find);
    if (region.length === 0) return;
    surface.isDrawn = true;
    const bounds = boxAround(region);
    const done: DoneDrawing = { drawing, surface, region, bounds, reads, shape, isFirst };
    if (surface.isPrimary && hasFreshPicture(drawing)) {
      this.#detector?.painted(region, this.#now());
    }
    for (const view of this.#views) view.drawn(done);
  }

  #update({ surface: id, box, pixels }: DisplayOutput & { type: "update" }): void {
    const surface = this.#need(id);
    if (isEmptyBox(box)) return;
    if (!contains(surface.box, box) || !surface.holds(box, pixels)) {
      throw new CanvasError("INVALID", `pixels for surface ${id} do not fit`);
    }
    for (const step of this.#framebuffer.steps(surface, box, pixels)) {
      if (step.kind === "move") this.#draw(copyBits(id, step));
      else this.#paint(surface, step.box, step.pixels);
    }
  }

  #paint(surface: ServedSurface, box: Box, pixels: SurfacePixels): void {
    surface.write(box, pixels);
    if (surface.isPrimary) this.#detector?.painted([box], this.#now());
    for (const view of this.#views) view.updated(surface, box);
  }

  #need(id: number): ServedSurface {
    const surface = this.#surfaces.get(id);
    if (surface === undefined) throw new CanvasError("NO_SURFACE", `there is no surface ${id}`);
    return surface;
  }
}

function copyBits(surfaceId: number, { to: box, from: srcPos }: PixelMove): Drawing {
  const base = { surfaceId, box, clip: { type: ClipType.NONE } } as const;
  return { name: "COPY_BITS", body: { base, srcPos } };
}

/** Of pixels that no client can have yet: what is drawn from others costs next to nothing as it is. */
function hasFreshPicture({ body }: Drawing): boolean {
  return "srcBitmap" in body && body.srcBitmap.kind === "pixels" && body.srcBitmap.key === null;
}

function withDefinitePictures(drawing: Drawing, format: SurfaceFormat): Drawing {
  return mapPictures(drawing, (image) => {
    return image.kind === "pixels" ? definitePicture(image, format) : image;
  });
}

/** The drawing itself when no picture changes; masks are as they are. */
function mapPictures(drawing: Drawing, map: (image: GuestImage) => GuestImage): Drawing {
  const body: Record<string, unknown> = { ...drawing.body };
  let isChanged = false;
  const replace = <T extends GuestImage>(image: T): GuestImage => {
    const mapped = map(image);
    isChanged ||= mapped !== image;
    return mapped;
  };
  for (const key of ["srcBitmap", "maskBitmap"]) {
    const image = body[key] as GuestImage | null | undefined;
    if (image !== undefined && image !== null) body[key] = replace(image);
  }
  for (const key of ["brush", "foreBrush", "backBrush"]) {
    const brush = body[key] as { readonly pat?: GuestImage } | undefined;
    if (brush?.pat !== undefined) body[key] = { ...brush, pat: replace(brush.pat) };
  }
  return isChanged ? ({ name: drawing.name, body } as unknown as Drawing) : drawing;
}

/** What was wrong with something that the guest offered; other errors are faults of ours. */
export function guestError(error: unknown): CarawayError {
  if (!(error instanceof CarawayError)) throw error;
  return error;
}
