// What one client still has to be told about a display, in the order in which it may be told.
//
// Two things wait: drawings, and areas whose pixels the client lacks. The areas are filled from the
// server's own copy when all drawings before are out, so what they get is always what is there
// now. That gives the rules: a drawing that reads or changes such an area only makes it larger; a
// drawing that nobody will see is dropped; and when too much waits, or for too long, all drawings
// turn into areas. So what waits is bounded, and a slow client sees fewer pictures, never old ones.
//
// INVARIANT: when nothing waits, the client's surfaces are the server's.

import { areaOf, type Box, boxAround, contains, overlap } from "@caraway/canvas";
import { SurfaceFormat } from "@caraway/protocol";
import { BoxSet } from "./box-set.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import { isPortable } from "./portable-drawing.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServedSurface } from "./served-surface.ts";

/** A surface as a client knows it. */
export type SurfaceShape = Pick<ServedSurface, "id" | "width" | "height" | "format">;

/** A surface that a client has, and where its pixels are not the guest's. */
export interface ClientSurface {
  readonly shape: SurfaceShape;
  readonly missing: readonly Box[];
}

export type DisplayItem =
  | { readonly kind: "create"; readonly surface: ServedSurface }
  | { readonly kind: "destroy"; readonly surface: SurfaceShape }
  | { readonly kind: "draw"; readonly done: DoneDrawing }
  /** Send the pixels that are there now. */
  | {
      readonly kind: "refresh";
      readonly surface: ServedSurface;
      readonly box: Box;
      /** The client has not seen the screen yet. */
      readonly isFirst: boolean;
    }
  | { readonly kind: "monitors" }
  | { readonly kind: "mark" };

/** What a client can do beside the common. */
export interface DisplayAbilities {
  readonly composite: boolean;
  readonly a8Surfaces: boolean;
}

export interface DisplayQueueLimits {
  readonly itemsMax: number;
  readonly imageBytesMax: number;
  /** How old a drawing may become. */
  readonly ageMaxMs: number;
  /** How long an area may wait behind drawings. */
  readonly areaAgeMaxMs: number;
}

export const defaultDisplayQueueLimits: DisplayQueueLimits = {
  itemsMax: 512,
  imageBytesMax: 16 << 20,
  ageMaxMs: 1000,
  areaAgeMaxMs: 250,
};

interface Waiting {
  readonly item: Exclude<DisplayItem, { readonly kind: "refresh" | "mark" }>;
  readonly since: number;
}

interface MissingArea {
  readonly boxes: BoxSet;
  since: number;
}

/** How far back a drawing looks for others that it hides. */
const supersedeDepth = 64;
/** Pixels of one refresh: a large area goes out in parts, so that others get their turn. */
const refreshPixelsMax = 1 << 19;
/**
 * The first sight of a screen comes at once, up to that: some clients (spicy-screenshot) take the
 * first drawing for the picture, as spice-server's is.
 */
const firstSightPixelsMax = 1 << 23;

export class DisplayQueue implements DisplayView {
  readonly #display: ServedDisplay;
  readonly #abilities: DisplayAbilities;
  readonly #limits: DisplayQueueLimits;
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #imageBytes = 0;
  /** What the client will have when all that waits is out. */
  readonly #planned = new Map<number, ServedSurface>();
  readonly #missing = new Map<ServedSurface, MissingArea>();
  /** Areas that somebody else shows: the client's pixels there are never the server's. */
  readonly #held = new Map<ServedSurface, readonly Box[]>();
  /** What of the primary surface the client has not seen at all; null when it has been marked. */
  #unmarked: BoxSet | null = null;

  constructor(
    display: ServedDisplay,
    abilities: DisplayAbilities,
    now: () => number,
    limits: DisplayQueueLimits = defaultDisplayQueueLimits,
  ) {
    this.#display = display;
    this.#abilities = abilities;
    this.#now = now;
    this.#limits = limits;
  }

  /** The client has nothing. */
  begin(): void {
    const { primary } = this.#display;
    if (primary !== null) this.#plan(primary);
  }

  /**
   * The client has these surfaces from another server: what differs from the display is put right.
   * `isMarked`: it shows its primary surface.
   */
  resume(surfaces: readonly ClientSurface[], isMarked: boolean): void {
    for (const { shape, missing } of surfaces) {
      const surface = this.#display.surface(shape.id);
      if (surface === null || !isAlike(surface, shape) || !this.#canHave(surface)) {
        this.#push({ kind: "destroy", surface: shape });
        continue;
      }
      this.#planned.set(surface.id, surface);
      this.miss(surface, missing);
      if (!surface.isPrimary || isMarked) continue;
      this.#unmarked = new BoxSet();
      this.#unmarked.addAll(missing);
    }
    const { primary } = this.#display;
    if (primary !== null && !this.has(primary)) this.#plan(primary);
  }

  /** What the client has when nothing more is sent; then nothing waits any more. */
  leave(): { readonly surfaces: readonly ClientSurface[]; readonly isMarked: boolean } {
    this.#collapse();
    const there = new Map<number, SurfaceShape>(this.#planned);
    for (const { item } of this.#waiting.toReversed()) {
      if (item.kind === "create") there.delete(item.surface.id);
      else if (item.kind === "destroy") there.set(item.surface.id, item.surface);
    }
    const { primary } = this.#display;
    const isMarked = this.#unmarked === null && primary !== null && there.get(0) === primary;
    const surfaces = [...there.values()].map((shape) => {
      const surface = this.#planned.get(shape.id);
      const whole = { left: 0, top: 0, right: shape.width, bottom: shape.height };
      if (surface !== shape) return { shape, missing: [whole] };
      return { shape, missing: this.#missing.get(surface)?.boxes.boxes ?? [] };
    });
    this.#waiting = [];
    this.#missing.clear();
    this.#unmarked = null;
    return { surfaces, isMarked };
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Pixels of areas that the client lacks. */
  get missingPixels(): number {
    let pixels = 0;
    for (const { boxes } of this.#missing.values()) pixels += boxes.pixelCount;
    return pixels;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#missing.size === 0 && this.#unmarked === null;
  }

  /** Whether the client has the surface, or will have. */
  has(surface: ServedSurface): boolean {
    return this.#planned.get(surface.id) === surface;
  }

  /** A part of a surface has to be sent again. */
  miss(surface: ServedSurface, boxes: Iterable<Box>): void {
    if (!this.has(surface)) return;
    const missing = this.#missing.get(surface) ?? { boxes: new BoxSet(), since: this.#now() };
    missing.boxes.addAll(boxes);
    for (const box of this.#held.get(surface) ?? []) missing.boxes.subtract(box);
    if (missing.boxes.isEmpty) this.#missing.delete(surface);
    else this.#missing.set(surface, missing);
  }

  /** Whether the client shows the surface. */
  isSeen(surface: ServedSurface): boolean {
    return this.has(surface) && !(surface.isPrimary && this.#unmarked !== null);
  }

  /** From now on somebody else shows what is there. */
  hold(surface: ServedSurface, boxes: readonly Box[]): void {
    this.#collapse();
    this.#held.set(surface, [...(this.#held.get(surface) ?? []), ...boxes]);
    this.miss(surface, []);
  }

  /** Who held these very boxes does so no more: the client needs what nobody else holds of them. */
  release(surface: ServedSurface, boxes: readonly Box[]): void {
    const left = (this.#held.get(surface) ?? []).filter((one) => !boxes.includes(one));
    if (left.length === 0) this.#held.delete(surface);
    else this.#held.set(surface, left);
    this.miss(surface, boxes);
  }

  /** Another server goes on with what is held. */
  forgetHeld(surface: ServedSurface): void {
    this.#held.delete(surface);
  }

  /** Takes what is to be sent next. */
  next(): DisplayItem | null {
    if (this.#isStale()) this.#collapse();
    const first = this.#waiting.shift();
    if (first !== undefined) {
      if (first.item.kind === "draw") this.#imageBytes -= first.item.done.shape.imageBytes;
      return first.item;
    }
    if (this.#unmarked?.isEmpty === true) {
      this.#unmarked = null;
      return { kind: "mark" };
    }
    return this.#nextRefresh();
  }

  // From the display.

  created(surface: ServedSurface): void {
    // The others are made when they are used.
    if (surface.isPrimary) this.#plan(surface);
  }

  destroying(surface: ServedSurface): void {
    this.#missing.delete(surface);
    this.#held.delete(surface);
    if (!this.has(surface)) return;
    this.#planned.delete(surface.id);
    if (surface.isPrimary) this.#unmarked = null;
    this.#push({ kind: "destroy", surface });
  }

  drawn(done: DoneDrawing): void {
    const { surface, isFirst } = done;
    if (!this.has(surface)) {
      // One that was drawn on before the client came is made when it is read.
      if (!isFirst || !this.#canHave(surface)) return;
      this.#planned.set(surface.id, surface);
      this.#push({ kind: "create", surface });
    }
    for (const read of done.reads) if (!this.has(read.surface)) this.#plan(read.surface);
    if (this.#mustBeArea(done)) {
      this.miss(surface, done.region);
      return;
    }
    if (done.shape.covers) {
      this.#supersede(done);
      this.#found(surface, done.bounds);
    }
    this.#imageBytes += done.shape.imageBytes;
    this.#push({ kind: "draw", done });
    const { itemsMax, imageBytesMax } = this.#limits;
    if (this.#waiting.length > itemsMax || this.#imageBytes > imageBytesMax) this.#collapse();
  }

  updated(surface: ServedSurface, box: Box): void {
    this.miss(surface, [box]);
  }

  monitorsChanged(): void {
    if (this.#waiting.some(({ item }) => item.kind === "monitors")) return;
    if (this.#unmarked === null) this.#push({ kind: "monitors" });
  }

  snapshot(now: number): unknown {
    return {
      waiting: this.#waiting.map(({ item }) => item.kind),
      oldest: this.#waiting[0] === undefined ? null : now - this.#waiting[0].since,
      surfaces: [...this.#planned.keys()],
      missing: [...this.#missing].map(([{ id }, { boxes }]) => ({
        surface: id,
        boxes: boxes.boxes,
      })),
      held: [...this.#held].map(([{ id }, boxes]) => ({ surface: id, boxes })),
      isMarked: this.#unmarked === null,
    };
  }

  #push(item: Waiting["item"]): void {
    this.#waiting.push({ item, since: this.#now() });
  }

  /** Gives the client a surface as it is. */
  #plan(surface: ServedSurface): void {
    if (!this.#canHave(surface)) return;
    this.#planned.set(surface.id, surface);
    this.#push({ kind: "create", surface });
    if (surface.isPrimary) this.#unmarked = new BoxSet();
    if (!surface.isDrawn) return;
    this.miss(surface, [surface.box]);
    if (surface.isPrimary) this.#unmarked?.add(surface.box);
  }

  #canHave({ format, isPrimary }: ServedSurface): boolean {
    // spice-gtk ends with nearly all that can be done to a surface of one bit.
    if (format === SurfaceFormat["1_A"]) return isPrimary;
    return format !== SurfaceFormat["8_A"] || this.#abilities.a8Surfaces;
  }

  /** Whether the client cannot do the drawing itself, or would do it on the wrong pixels. */
  #mustBeArea(done: DoneDrawing): boolean {
    const { drawing, surface, bounds, reads, shape } = done;
    if (drawing.name === "DRAW_COMPOSITE" && !this.#abilities.composite) return true;
    if (!isPortable(done)) return true;
    for (const read of reads) {
      if (!this.has(read.surface)) return true;
      if (this.#lacks(read.surface, read.area ?? read.surface.box)) return true;
    }
    if (this.#held.get(surface)?.some((held) => overlap(held, bounds)) === true) return true;
    return !shape.covers && this.#lacks(surface, bounds);
  }

  #lacks(surface: ServedSurface, box: Box): boolean {
    if (this.#missing.get(surface)?.boxes.touches(box) === true) return true;
    return this.#held.get(surface)?.some((held) => overlap(held, box)) === true;
  }

  /** The client gets these pixels. */
  #found(surface: ServedSurface, box: Box): void {
    if (surface.isPrimary) this.#unmarked?.subtract(box);
    const missing = this.#missing.get(surface);
    missing?.boxes.subtract(box);
    if (missing?.boxes.isEmpty === true) this.#missing.delete(surface);
  }

  /** Drops the drawings that a new one hides, unless something between reads what they drew. */
  #supersede({ surface, bounds, reads }: DoneDrawing): void {
    const readAreas: (Box | null)[] = [];
    const note = (list: DoneDrawing["reads"]) => {
      for (const read of list) if (read.surface === surface) readAreas.push(read.area);
    };
    note(reads);
    const from = Math.max(0, this.#waiting.length - supersedeDepth);
    for (let index = this.#waiting.length - 1; index >= from; index--) {
      const { item } = this.#waiting[index]!;
      if (item.kind !== "draw") continue;
      const { done } = item;
      const isHidden = done.surface === surface && contains(bounds, done.bounds);
      if (isHidden && !readAreas.some((area) => area === null || overlap(area, done.bounds))) {
        this.#waiting.splice(index, 1);
        this.#imageBytes -= done.shape.imageBytes;
      } else note(done.reads);
    }
  }

  #isStale(): boolean {
    const now = this.#now();
    const first = this.#waiting[0];
    if (first === undefined) return false;
    if (now - first.since > this.#limits.ageMaxMs) return true;
    for (const { since } of this.#missing.values()) {
      if (now - since > this.#limits.areaAgeMaxMs) return true;
    }
    return false;
  }

  /** All drawings that wait turn into areas. */
  #collapse(): void {
    const drawings: DoneDrawing[] = [];
    this.#waiting = this.#waiting.filter(({ item }) => {
      if (item.kind === "draw") drawings.push(item.done);
      return item.kind !== "draw";
    });
    this.#imageBytes = 0;
    for (const { surface, region } of drawings) this.miss(surface, region);
  }

  #nextRefresh(): DisplayItem | null {
    const { primary } = this.#display;
    const first = primary !== null && this.#missing.has(primary) ? primary : null;
    const [any] = this.#missing.keys();
    const surface = first ?? any;
    if (surface === undefined) return null;
    const missing = this.#missing.get(surface)!;
    const isFirst = this.#unmarked !== null;
    const isSight = isFirst && surface.isPrimary;
    const box = this.#takePart(missing.boxes, isSight ? firstSightPixelsMax : refreshPixelsMax);
    if (surface.isPrimary) this.#unmarked?.subtract(box);
    if (missing.boxes.isEmpty) this.#missing.delete(surface);
    return { kind: "refresh", surface, box, isFirst };
  }

  #takePart(boxes: BoxSet, pixelsMax: number): Box {
    // Many small parts cost more than the pixels between them.
    const around = boxAround(boxes.boxes);
    if (boxes.boxes.length > 1 && areaOf(around) < 2 * boxes.pixelCount) {
      boxes.clear();
      boxes.add(around);
    }
    const box = boxes.take()!;
    const rows = Math.max(1, Math.floor(pixelsMax / (box.right - box.left)));
    if (box.bottom - box.top <= rows) return box;
    boxes.add({ ...box, top: box.top + rows });
    return { ...box, bottom: box.top + rows };
  }
}

function isAlike(one: SurfaceShape, other: SurfaceShape): boolean {
  return one.width === other.width && one.height === other.height && one.format === other.format;
}
