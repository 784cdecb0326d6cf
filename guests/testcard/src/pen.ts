// What the desktop is drawn with: one method for each kind of drawing, in coordinates of its own,
// clipped to what of it can be seen. What cannot be seen at all is not drawn.

import type { Box } from "@caraway/canvas";
import {
  type AlphaFlag,
  BrushType,
  ClipType,
  CompositeFlag,
  LineFlag,
  PathFlag,
  RopDescriptor,
  ScaleMode,
} from "@caraway/protocol";
import type { Drawing, DrawingBody, GuestImage, GuestPixels } from "@caraway/server";
import { barGlyphs, type GlyphString, glyphString, type TextSize } from "./font.ts";
import { boxAt, intersectRegion, isSameBox, moveBox, type Point, type Region } from "./region.ts";

type Base = DrawingBody<"DRAW_FILL">["base"];
type Mask = DrawingBody<"DRAW_FILL">["mask"];
type Brush = DrawingBody<"DRAW_FILL">["brush"];
type Segment = DrawingBody<"DRAW_STROKE">["path"]["segments"][number];
type Transform = NonNullable<DrawingBody<"DRAW_COMPOSITE">["srcTransform"]>;

/** A colour, or an image that repeats from a place on. */
export type Paint = number | { readonly image: GuestImage; readonly x: number; readonly y: number };

interface MaskPaint {
  readonly image: GuestImage;
  /** Which place of the mask lies at the corner of the box. */
  readonly from?: Point;
  readonly flags?: number;
}

interface CopyOptions {
  /** What of the image is taken: as much as the box needs, from its corner. */
  readonly area?: Box;
  readonly rop?: number;
  readonly scaleMode?: number;
  readonly mask?: MaskPaint;
}

/** Both pictures begin at the corner of the box. */
interface CompositeOptions {
  readonly from?: Point;
  readonly repeat?: Repeat;
  readonly filter?: CompositeFilter;
  readonly transform?: Transform;
  readonly mask?: GuestImage;
  readonly maskFrom?: Point;
}

/** Numbers of the wire; see `CompositeFlag`. */
export const Repeat = { NONE: 0, NORMAL: 1, PAD: 2 } as const;
type Repeat = (typeof Repeat)[keyof typeof Repeat];
export const CompositeFilter = { NEAREST: 3, BILINEAR: 4 } as const;
type CompositeFilter = (typeof CompositeFilter)[keyof typeof CompositeFilter];
/** Numbers of X Render. */
export const Operator = { SRC: 1, OVER: 3, ADD: 12 } as const;

const put = RopDescriptor.OP_PUT;

export class Pen {
  readonly #surface: number;
  readonly #out: (drawing: Drawing) => void;
  readonly #origin: Point;
  /** In the surface's coordinates; null for all of it. */
  readonly #clip: Region | null;

  constructor(
    surface: number,
    out: (drawing: Drawing) => void,
    origin: Point = { x: 0, y: 0 },
    clip: Region | null = null,
  ) {
    this.#surface = surface;
    this.#out = out;
    this.#origin = origin;
    this.#clip = clip;
  }

  /** A pen for what lies in the box, with its corner as origin. */
  within(box: Box): Pen {
    const moved = this.#place(box);
    const clip = intersectRegion(this.#clip ?? [moved], moved);
    return new Pen(this.#surface, this.#out, { x: moved.left, y: moved.top }, clip);
  }

  fill(box: Box, paint: Paint, rop: number = put, mask?: MaskPaint): void {
    const base = this.#base(box);
    if (base === null) return;
    const body = {
      base,
      brush: this.#brush(paint),
      ropDescriptor: rop,
      mask: maskOf(mask),
    };
    this.#out({ name: "DRAW_FILL", body });
  }

  black(box: Box, mask?: MaskPaint): void {
    const base = this.#base(box);
    if (base !== null) this.#out({ name: "DRAW_BLACKNESS", body: { base, mask: maskOf(mask) } });
  }

  white(box: Box, mask?: MaskPaint): void {
    const base = this.#base(box);
    if (base !== null) this.#out({ name: "DRAW_WHITENESS", body: { base, mask: maskOf(mask) } });
  }

  invert(box: Box, mask?: MaskPaint): void {
    const base = this.#base(box);
    if (base !== null) this.#out({ name: "DRAW_INVERS", body: { base, mask: maskOf(mask) } });
  }

  copy(box: Box, image: GuestImage, options: CopyOptions = {}): void {
    const body = this.#copyBody(box, image, options);
    if (body !== null) this.#out({ name: "DRAW_COPY", body });
  }

  blend(box: Box, image: GuestImage, options: CopyOptions): void {
    const body = this.#copyBody(box, image, options);
    if (body !== null) this.#out({ name: "DRAW_BLEND", body });
  }

  opaque(box: Box, image: GuestImage, paint: Paint, options: CopyOptions): void {
    const body = this.#copyBody(box, image, options);
    if (body !== null) {
      this.#out({ name: "DRAW_OPAQUE", body: { ...body, brush: this.#brush(paint) } });
    }
  }

  /** PEER: spice-common needs a paint that begins left of the box and above, and no scaling. */
  rop3(box: Box, image: GuestImage, paint: Paint, rop3: number): void {
    const body = this.#copyBody(box, image, {});
    if (body === null) return;
    const { ropDescriptor: _, ...rest } = body;
    this.#out({ name: "DRAW_ROP3", body: { ...rest, brush: this.#brush(paint), rop3 } });
  }

  /** All of the image, but not the pixels of one colour. */
  transparent(box: Box, image: GuestPixels, left: number): void {
    const base = this.#base(box);
    if (base === null) return;
    const srcArea = boxAt(0, 0, image.width, image.height);
    const body = { base, srcBitmap: image, srcArea, srcColor: left, trueColor: left };
    this.#out({ name: "DRAW_TRANSPARENT", body });
  }

  alphaBlend(
    box: Box,
    image: GuestImage,
    srcArea: Box,
    alpha: number,
    alphaFlags: 0 | (typeof AlphaFlag)[keyof typeof AlphaFlag] = 0,
  ): void {
    const base = this.#base(box);
    if (base === null) return;
    this.#out({
      name: "DRAW_ALPHA_BLEND",
      body: { base, alphaFlags, alpha, srcBitmap: image, srcArea },
    });
  }

  composite(box: Box, operator: number, image: GuestImage, options: CompositeOptions = {}): void {
    const base = this.#base(box);
    if (base === null) return;
    const { from = { x: 0, y: 0 }, maskFrom = { x: 0, y: 0 } } = options;
    const { repeat = Repeat.NONE, filter = CompositeFilter.NEAREST } = options;
    let flags = operator | (filter << 8) | (repeat << 14);
    if (options.mask !== undefined) {
      flags |= CompositeFlag.HAS_MASK | (CompositeFilter.NEAREST << 11);
    }
    if (options.transform !== undefined) flags |= CompositeFlag.HAS_SRC_TRANSFORM;
    const body = {
      base,
      flags,
      srcBitmap: image,
      maskBitmap: options.mask ?? null,
      srcTransform: options.transform ?? null,
      maskTransform: null,
      srcOrigin: from,
      maskOrigin: maskFrom,
    };
    this.#out({ name: "DRAW_COMPOSITE", body });
  }

  /** A line through the points; closed ones come back to the first. Dashes and gaps in pixels. */
  line(
    box: Box,
    points: readonly Point[],
    paint: Paint,
    { closed = false, dashes = [] }: { closed?: boolean; dashes?: readonly number[] } = {},
  ): void {
    const flags = PathFlag.BEGIN | PathFlag.END | (closed ? PathFlag.CLOSE : 0);
    this.#stroke(box, [{ flags, points: this.#fixed(points) }], paint, dashes);
  }

  /** The first point, and three more for each piece of the curve. */
  curve(box: Box, points: readonly Point[], paint: Paint): void {
    const flags = PathFlag.BEGIN | PathFlag.BEZIER | PathFlag.END;
    this.#stroke(box, [{ flags, points: this.#fixed(points) }], paint, []);
  }

  frame(box: Box, paint: Paint): void {
    const [right, bottom] = [box.right - 1, box.bottom - 1];
    const points = [
      { x: box.left, y: box.top },
      { x: right, y: box.top },
      { x: right, y: bottom },
      { x: box.left, y: bottom },
    ];
    this.line(box, points, paint, { closed: true });
  }

  text(x: number, y: number, text: string, paint: Paint, size: TextSize = "small"): void {
    const { x: dx, y: dy } = this.#origin;
    const glyphs = glyphString(text, x + dx, y + dy, size);
    if (glyphs !== null) this.#text(boxOf(glyphs), glyphs, paint, null, null);
  }

  /** Text on a ground of its own. */
  label(ground: Box, x: number, y: number, text: string, paint: Paint, groundPaint: Paint): void {
    const { x: dx, y: dy } = this.#origin;
    const glyphs = glyphString(text, x + dx, y + dy, "small");
    if (glyphs === null) this.fill(ground, groundPaint);
    else this.#text(this.#place(ground), glyphs, paint, this.#place(ground), groundPaint);
  }

  /** Columns that are as dark as they say. */
  bars(x: number, y: number, height: number, columns: Uint8Array, paint: Paint): void {
    const { x: dx, y: dy } = this.#origin;
    // The glyph's first row lies above what is drawn of it.
    const glyphs = barGlyphs(x + dx, y + dy - 1, height + 1, columns);
    const whole = boxOf(glyphs);
    this.#text({ ...whole, top: whole.top + 1 }, glyphs, paint, null, null);
  }

  /** Copies what lies at `from` on the same surface. */
  copyBits(box: Box, from: Point): void {
    const base = this.#base(box);
    if (base === null) return;
    const srcPos = { x: from.x + this.#origin.x, y: from.y + this.#origin.y };
    this.#out({ name: "COPY_BITS", body: { base, srcPos } });
  }

  #copyBody(box: Box, image: GuestImage, options: CopyOptions): DrawingBody<"DRAW_COPY"> | null {
    const base = this.#base(box);
    if (base === null) return null;
    return {
      base,
      srcBitmap: image,
      srcArea: options.area ?? boxAt(0, 0, box.right - box.left, box.bottom - box.top),
      ropDescriptor: options.rop ?? put,
      scaleMode: options.scaleMode ?? ScaleMode.NEAREST,
      mask: maskOf(options.mask),
    };
  }

  #stroke(box: Box, segments: readonly Segment[], paint: Paint, dashes: readonly number[]): void {
    const base = this.#base(box);
    if (base === null) return;
    const isDashed = dashes.length > 0;
    const style = dashes.map((length) => length * 16);
    const body = {
      base,
      path: { segments },
      attr: { flags: isDashed ? LineFlag.STYLED : 0, styled: isDashed ? { style } : null },
      brush: this.#brush(paint),
      foreMode: put,
      backMode: put,
    };
    this.#out({ name: "DRAW_STROKE", body });
  }

  #fixed(points: readonly Point[]): Point[] {
    const { x: dx, y: dy } = this.#origin;
    return points.map(({ x, y }) => ({ x: (x + dx) * 16, y: (y + dy) * 16 }));
  }

  /** The boxes are in the surface's coordinates. */
  #text(box: Box, str: GlyphString, paint: Paint, back: Box | null, ground: Paint | null): void {
    const base = this.#visibleBase(box);
    if (base === null) return;
    const body = {
      base,
      str,
      backArea: back ?? boxAt(0, 0, 0, 0),
      foreBrush: this.#brush(paint),
      backBrush: this.#brush(ground ?? 0),
      foreMode: put,
      backMode: put,
    };
    this.#out({ name: "DRAW_TEXT", body });
  }

  #brush(paint: Paint): Brush {
    if (typeof paint === "number") return { type: BrushType.SOLID, color: paint };
    const pos = { x: paint.x + this.#origin.x, y: paint.y + this.#origin.y };
    return { type: BrushType.PATTERN, pat: paint.image, pos };
  }

  #place(box: Box): Box {
    return moveBox(box, this.#origin.x, this.#origin.y);
  }

  #base(box: Box): Base | null {
    return this.#visibleBase(this.#place(box));
  }

  #visibleBase(box: Box): Base | null {
    const surfaceId = this.#surface;
    const rects = this.#clip === null ? [box] : intersectRegion(this.#clip, box);
    if (rects.length === 0) return null;
    if (rects.length === 1 && isSameBox(rects[0]!, box)) {
      return { surfaceId, box, clip: { type: ClipType.NONE } };
    }
    return { surfaceId, box, clip: { type: ClipType.RECTS, rects } };
  }
}

function maskOf(mask: MaskPaint | undefined): Mask {
  if (mask === undefined) return { flags: 0, pos: { x: 0, y: 0 }, bitmap: null };
  return { flags: mask.flags ?? 0, pos: mask.from ?? { x: 0, y: 0 }, bitmap: mask.image };
}

function boxOf({ glyphsA1, glyphsA4, glyphsA8 }: GlyphString): Box {
  const boxes = (glyphsA1 ?? glyphsA4 ?? glyphsA8 ?? []).map(
    ({ renderPos, glyphOrigin, width, height }) =>
      boxAt(renderPos.x + glyphOrigin.x, renderPos.y + glyphOrigin.y, width, height),
  );
  const [first, last] = [boxes[0]!, boxes.at(-1)!];
  return { ...first, right: last.right };
}
