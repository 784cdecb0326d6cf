// Geometry, brushes, masks, paths and glyphs: what drawing messages are made of.

import {
  bytes,
  count,
  emptyable,
  enumOf,
  flagsOf,
  i16,
  i32,
  list,
  nullable,
  pointer,
  struct,
  tagged,
  u8,
  u16,
  u32,
  unit,
  when,
} from "@caraway/wire";
import {
  BrushType,
  ClipType,
  LineFlag,
  MaskFlag,
  PathFlag,
  RopDescriptor,
  StringFlag,
} from "./constants.ts";
import { Image } from "./image.ts";

export const Point = struct("Point", { x: i32, y: i32 });
export const Point16 = struct("Point16", { x: i16, y: i16 });

const fix = unit(i32, "28.4 fixed point");
export const PointFix = struct("PointFix", { x: fix, y: fix });

/** Right and bottom are exclusive. */
export const Rect = struct("Rect", { top: i32, left: i32, bottom: i32, right: i32 });

const fix16 = unit(i32, "16.16 fixed point");
export const Transform = struct("Transform", {
  t00: fix16,
  t01: fix16,
  t02: fix16,
  t10: fix16,
  t11: fix16,
  t12: fix16,
});

export const Clip = tagged("Clip", { type: enumOf(u8, "ClipType", ClipType) }, "type", {
  [ClipType.NONE]: {},
  [ClipType.RECTS]: { numRects: count(u32, "rects"), rects: list(Rect, { count: "numRects" }) },
});

export const DisplayBase = struct("DisplayBase", { surfaceId: u32, box: Rect, clip: Clip });

export const Brush = tagged("Brush", { type: enumOf(u8, "BrushType", BrushType) }, "type", {
  [BrushType.NONE]: {},
  [BrushType.SOLID]: { color: u32 },
  [BrushType.PATTERN]: { pat: pointer(Image), pos: Point },
});

export const QMask = struct("QMask", {
  flags: flagsOf(u8, "MaskFlag", MaskFlag),
  pos: Point,
  bitmap: nullable(Image),
});

/** Dashes: lengths of line and gap in turn. */
export const LineStyle = struct("LineStyle", {
  styleNseg: count(u8, "style"),
  style: emptyable(list(fix, { count: "styleNseg" })),
});

export const LineAttr = struct("LineAttr", {
  flags: flagsOf(u8, "LineFlag", LineFlag),
  styled: when("flags", LineFlag.STYLED, LineStyle),
});

export const PathSegment = struct("PathSegment", {
  flags: flagsOf(u8, "PathFlag", PathFlag),
  count: count(u32, "points"),
  points: list(PointFix, { count: "count" }),
});

export const Path = struct("Path", {
  numSegments: count(u32, "segments"),
  segments: list(PathSegment, { count: "numSegments" }),
});

const glyph = <const N extends string>(name: N, bitsPerPixel: number) =>
  struct(name, {
    renderPos: Point,
    glyphOrigin: Point,
    width: u16,
    height: u16,
    data: bytes({ image: { bitsPerPixel, width: "width", height: "height" } }),
  });

export const RasterGlyphA1 = glyph("RasterGlyphA1", 1);
export const RasterGlyphA4 = glyph("RasterGlyphA4", 4);
export const RasterGlyphA8 = glyph("RasterGlyphA8", 8);

/** Glyphs of one kind; `length` counts whichever of the three lists is there. */
export const SpiceString = struct("String", {
  length: u16,
  flags: flagsOf(u8, "StringFlag", StringFlag),
  glyphsA1: when("flags", StringFlag.RASTER_A1, list(RasterGlyphA1, { count: "length" })),
  glyphsA4: when("flags", StringFlag.RASTER_A4, list(RasterGlyphA4, { count: "length" })),
  glyphsA8: when("flags", StringFlag.RASTER_A8, list(RasterGlyphA8, { count: "length" })),
});

export const ropd = flagsOf(u16, "RopDescriptor", RopDescriptor);
