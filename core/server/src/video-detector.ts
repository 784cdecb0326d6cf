// Finds the parts of a surface that behave like video: tiles whose pixels change many times a second
// for a while, side by side, with a content like that of a photo. It looks at what was painted, not
// at how, so that it sees video in a plain framebuffer too, and is not misled by a guest that paints
// again what is there already. What lies still over a video and is no photo, such as a menu, is told
// apart from it.

import { areaOf, type Box, boxAround, contains, intersection, overlap } from "@caraway/canvas";
import type { Instant } from "@caraway/channel";
import { BoxSet } from "./box-set.ts";
import { isPhoto } from "./photo.ts";
import type { ServedSurface } from "./served-surface.ts";

/** A part of a surface that plays. */
export interface Video {
  readonly surface: ServedSurface;
  readonly box: Box;
  /** Parts of the box; the rest is covered by what does not play, such as a menu. Null: all of it. */
  readonly shown: readonly Box[] | null;
}

interface Watched extends Video {
  shown: readonly Box[] | null;
  /** When nothing has changed there for long enough. */
  restsAt: Instant;
  /** When to see whether all of it still plays. */
  reviewAt: Instant;
}

interface PaintedFrame {
  readonly since: Instant;
  boxes: readonly Box[];
  readonly tiles: Set<number>;
}

/** What changes within so long belongs to one frame. */
const frameMs = 12;
/** Frames are no further apart, as in spice-server. */
const gapMaxMs = 200;
/** A gap up to that may be the fault of a busy host: half of what was seen before still counts. */
const hitchMaxMs = 1000;
/** So many frames make a video: fewer than the 20 of spice-server, as all tiles have to agree. */
const framesMin = 10;
/** Tiles beside such ones need fewer: a busy host does not paint all of a video at once. */
const framesBeside = 5;
/** Without a change for so long, it rests. */
const restMs = 1000;
/** A guest that stands still may be on its way to another server, and play on there. */
const standstillMs = 5000;
const reviewMs = 1000;
const searchEachMs = 250;
/** Smaller ones are not worth it, as in spice-server. */
const areaMin = 96 * 96;
const videosMax = 8;
const tileSide = 16;
/** Tiles of something that lies over a video: less is not worth a clip. */
const coverTilesMin = 12;
/** Tiles that are so far apart belong together. */
const reach = 2;
const boxesMax = 64;

export class VideoDetector {
  readonly #surface: ServedSurface;
  readonly #pixels: Uint32Array;
  readonly #columns: number;
  readonly #rows: number;
  readonly #signatures: Uint32Array;
  readonly #runs: Uint8Array;
  readonly #changedAt: Float64Array;
  readonly #changed: () => void;
  #videos: Watched[] = [];
  /** What was painted since, and is not looked at yet. */
  #frame: PaintedFrame | null = null;
  /** Of the last frames, whose boxes tell the edges. */
  #lastFrames: PaintedFrame[] = [];
  #searchAt: Instant = 0;
  #isRunning = true;

  private constructor(surface: ServedSurface, pixels: Uint32Array, changed: () => void) {
    this.#surface = surface;
    this.#pixels = pixels;
    this.#columns = Math.ceil(surface.width / tileSide);
    this.#rows = Math.ceil(surface.height / tileSide);
    const count = this.#columns * this.#rows;
    this.#signatures = new Uint32Array(count);
    this.#runs = new Uint8Array(count);
    this.#changedAt = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#changed = changed;
  }

  /** null for surfaces that no video is sent for. `changed` is called when `videos` did. */
  static of(surface: ServedSurface, changed: () => void): VideoDetector | null {
    const { format, pixels } = surface.surface.pixmap;
    const isFit = format === "x8r8g8b8" || format === "a8r8g8b8";
    if (!surface.isPrimary || !isFit || !(pixels instanceof Uint32Array)) return null;
    return new VideoDetector(surface, pixels, changed);
  }

  get videos(): readonly Video[] {
    return this.#videos;
  }

  /** Pixels that were not there before, as far as is known, were painted. */
  painted(boxes: readonly Box[], now: Instant): void {
    if (this.#frame !== null && now - this.#frame.since >= frameMs) this.#look(this.#frame);
    this.#frame ??= { since: now, boxes: [], tiles: new Set() };
    const { tiles } = this.#frame;
    for (const box of boxes) {
      const { left, top, right, bottom } = tilesOf(box);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) tiles.add(row * this.#columns + column);
      }
    }
    const all = [...this.#frame.boxes, ...boxes];
    this.#frame.boxes = all.length > boxesMax ? [boxAround(all)] : all;
  }

  /**
   * It plays at the server that the guest comes from; returns the one that is there now. Who else
   * shows the display sees it when something is painted.
   */
  adopt(box: Box, now: Instant): Video | null {
    const same = this.#videos.find((video) => isSame(video.box, box));
    if (same !== undefined) return same;
    if (this.#videos.length >= videosMax || !contains(this.#surface.box, box)) return null;
    if (this.#videos.some((video) => overlap(video.box, box))) return null;
    const restsAt = now + standstillMs;
    const video = { surface: this.#surface, box, shown: null, restsAt, reviewAt: restsAt };
    this.#videos.push(video);
    return video;
  }

  setRunning(isRunning: boolean, now: Instant): void {
    if (this.#frame !== null) this.#look(this.#frame);
    this.#isRunning = isRunning;
    for (const video of this.#videos) {
      video.restsAt = now + (isRunning ? restMs : standstillMs);
      video.reviewAt = video.restsAt + reviewMs;
    }
  }

  deadline(): Instant | null {
    if (this.#videos.length === 0) return null;
    return Math.min(...this.#videos.map(({ restsAt }) => restsAt));
  }

  timeout(now: Instant): void {
    const frame = this.#frame;
    if (frame !== null && now - frame.since >= frameMs) this.#look(frame);
    this.#keep((video) => now < video.restsAt);
  }

  snapshot(): unknown {
    return this.#videos.map(({ box, shown }) => ({ box, shown }));
  }

  /** A frame is complete. */
  #look(frame: PaintedFrame): void {
    const { since, tiles } = frame;
    this.#frame = null;
    this.#lastFrames = this.#lastFrames.filter((last) => since - last.since <= gapMaxMs);
    this.#lastFrames.push(frame);
    let isPlaying = false;
    const playing = new Set<Watched>();
    for (const tile of tiles) {
      const signature = this.#signatureOf(tile);
      if (signature === this.#signatures[tile]) continue;
      this.#signatures[tile] = signature;
      const gap = since - this.#changedAt[tile]!;
      const kept =
        gap <= gapMaxMs ? this.#runs[tile]! : gap <= hitchMaxMs ? this.#runs[tile]! >> 1 : 0;
      this.#runs[tile] = Math.min(255, kept + 1);
      this.#changedAt[tile] = since;
      const video = this.#videoAt(tile);
      if (video !== null) playing.add(video);
      else isPlaying ||= this.#runs[tile]! >= framesMin;
    }
    for (const video of playing) video.restsAt = since + (this.#isRunning ? restMs : standstillMs);
    this.#review(since);
    if (!isPlaying || since < this.#searchAt) return;
    this.#searchAt = since + searchEachMs;
    this.#search(since);
  }

  /** A video whose picture has become much smaller is none any more; the smaller one is found. */
  #review(now: Instant): void {
    this.#keep((video) => {
      if (now < video.reviewAt) return true;
      video.reviewAt = now + reviewMs;
      const { left, top, right, bottom } = tilesOf(video.box);
      const live: Box[] = [];
      const still = new Set<number>();
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const tile = row * this.#columns + column;
          if (now - this.#changedAt[tile]! <= reviewMs) live.push(tileBox(column, row));
          else still.add(tile);
        }
      }
      if (live.length === 0 || areaOf(boxAround(live)) * 2 < areaOf(video.box)) return false;
      this.#uncover(video, still);
      return true;
    });
  }

  /** Finds out what lies over a video: tiles side by side that are still and no photo. */
  #uncover(video: Watched, still: ReadonlySet<number>): void {
    const shown = new BoxSet();
    shown.add(video.box);
    const seen = new Set<number>();
    for (const tile of still) {
      if (seen.has(tile)) continue;
      const tiles = this.#together(tile, (other) => still.has(other), seen, 1);
      const cover = intersection(boxAround(tiles), video.box);
      const isFilled = tiles.length * tileSide * tileSide * 4 >= areaOf(boxAround(tiles)) * 3;
      if (tiles.length < coverTilesMin || !isFilled || this.#isPhoto(cover)) continue;
      shown.subtract(cover);
    }
    const isWhole = shown.pixelCount === areaOf(video.box);
    const boxes = isWhole ? null : shown.boxes.slice();
    if (isSameList(video.shown, boxes)) return;
    video.shown = boxes;
    this.#changed();
  }

  #keep(isKept: (video: Watched) => boolean): void {
    const kept = this.#videos.filter(isKept);
    if (kept.length === this.#videos.length) return;
    this.#videos = kept;
    this.#changed();
  }

  #search(now: Instant): void {
    const isBeside = (tile: number) => {
      if (this.#runs[tile]! < framesBeside || now - this.#changedAt[tile]! > gapMaxMs) return false;
      return this.#videoAt(tile) === null;
    };
    const seen = new Set<number>();
    for (let tile = 0; tile < this.#runs.length; tile++) {
      if (seen.has(tile) || this.#runs[tile]! < framesMin || !isBeside(tile)) continue;
      this.#consider(this.#together(tile, isBeside, seen), now);
    }
  }

  /** All that belongs together with a tile. */
  #together(
    first: number,
    isOne: (tile: number) => boolean,
    seen: Set<number>,
    within = reach,
  ): Box[] {
    const found: Box[] = [];
    const waiting = [first];
    seen.add(first);
    for (let tile = waiting.pop(); tile !== undefined; tile = waiting.pop()) {
      const row = Math.floor(tile / this.#columns);
      const column = tile % this.#columns;
      found.push(tileBox(column, row));
      const [rowMin, rowMax] = [Math.max(0, row - within), Math.min(this.#rows - 1, row + within)];
      const columnMax = Math.min(this.#columns - 1, column + within);
      for (let y = rowMin; y <= rowMax; y++) {
        for (let x = Math.max(0, column - within); x <= columnMax; x++) {
          const other = y * this.#columns + x;
          if (seen.has(other) || !isOne(other)) continue;
          seen.add(other);
          waiting.push(other);
        }
      }
    }
    return found;
  }

  #consider(tiles: readonly Box[], now: Instant): void {
    const found = this.#withEdges(boxAround(tiles));
    // What plays beside a video is a part of it that was not seen before.
    const touched = this.#videos.filter((video) => overlap(video.box, widened(found)));
    const box = boxAround([found, ...touched.map((video) => video.box)]);
    const known = touched.reduce((sum, video) => sum + areaOf(video.box), 0);
    const playing = tiles.length * tileSide * tileSide + known;
    if (playing * 2 < areaOf(box) || areaOf(box) < areaMin) return;
    if (this.#videos.length - touched.length >= videosMax || !this.#isPhoto(box)) return;
    this.#videos = this.#videos.filter((video) => !touched.includes(video));
    const restsAt = now + restMs;
    const times = { restsAt, reviewAt: now + reviewMs };
    this.#videos.push({ surface: this.#surface, box, shown: null, ...times });
    this.#changed();
  }

  /** Where the guest paints nothing beyond, that is the edge, and not that of a tile. */
  #withEdges(box: Box): Box {
    const boxes = this.#lastFrames.flatMap((frame) => frame.boxes);
    const painted = boxes.filter((one) => overlap(one, box));
    const inside = intersection(box, this.#surface.box);
    return painted.length === 0 ? inside : intersection(inside, boxAround(painted));
  }

  #isPhoto(box: Box): boolean {
    const { data, width, height } = this.#surface.read(box);
    const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
    return isPhoto({ format: "xrgb", width, height, pixels });
  }

  #videoAt(tile: number): Watched | null {
    if (this.#videos.length === 0) return null;
    const box = tileBox(tile % this.#columns, Math.floor(tile / this.#columns));
    return this.#videos.find((video) => overlap(video.box, box)) ?? null;
  }

  /** Of some pixels of the tile, which is enough to see that a picture moves. */
  #signatureOf(tile: number): number {
    const { width, height } = this.#surface;
    const left = (tile % this.#columns) * tileSide;
    const top = Math.floor(tile / this.#columns) * tileSide;
    let signature = 0;
    for (let step = 0; step < tileSide; step++) {
      const y = Math.min(height - 1, top + step);
      for (const shift of [0, 5, 11]) {
        const x = Math.min(width - 1, left + ((step * 3 + shift) & (tileSide - 1)));
        signature = (Math.imul(signature, 0x01000193) ^ this.#pixels[y * width + x]!) >>> 0;
      }
    }
    return signature;
  }
}

function tilesOf({ left, top, right, bottom }: Box): Box {
  return {
    left: Math.floor(left / tileSide),
    top: Math.floor(top / tileSide),
    right: Math.ceil(right / tileSide),
    bottom: Math.ceil(bottom / tileSide),
  };
}

/** By how far tiles may be apart. */
function widened({ left, top, right, bottom }: Box): Box {
  const by = reach * tileSide;
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

function tileBox(column: number, row: number): Box {
  const left = column * tileSide;
  const top = row * tileSide;
  return { left, top, right: left + tileSide, bottom: top + tileSide };
}

function isSameList(one: readonly Box[] | null, other: readonly Box[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((box, at) => isSame(box, other[at]!));
}

function isSame(one: Box, other: Box): boolean {
  return contains(one, other) && contains(other, one);
}
