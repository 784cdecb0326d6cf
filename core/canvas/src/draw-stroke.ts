// DRAW_STROKE: lines one pixel wide, solid or dashed, in the brush.

import { BrushType, LineFlag, RopDescriptor } from "@caraway/protocol";
import type { Box } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";
import { type DashPattern, traceDashes } from "./dash-line.ts";
import type { Body } from "./draw-copy.ts";
import { type ImageLookup, rawPixels } from "./loaded-image.ts";
import { copyPixmap, type Pixmap, pixelMask } from "./pixmap.ts";
import { tileRegion } from "./raster.ts";
import { type Region, RowClip, regionExtents } from "./region.ts";
import { combineColor, ropOf } from "./rop.ts";
import { type SpanVisitor, traceLine } from "./solid-line.ts";
import { flattenPath, type Point, roundFix } from "./stroke-path.ts";

// Bounds of the time that one message takes: pixels of solid lines between the edges of what is
// seen, pixels of dashed lines anywhere, and dashes.
const maxSolidPixels = 1 << 25;
const maxDashedPixels = 1 << 22;
const maxDashes = 1 << 20;

export function drawStroke(
  dest: Pixmap,
  region: Region,
  body: Body<"DRAW_STROKE">,
  images: ImageLookup,
): void {
  const rop = ropOf(body.foreMode, RopDescriptor.INVERS_BRUSH, RopDescriptor.INVERS_DEST);
  const paint = spanPainter(dest, region, body, images, rop);
  const lines = flattenPath(body.path);
  const pattern = dashPattern(body);
  if (pattern === null) {
    strokeSolid(lines, regionExtents(region), paint);
  } else if (pattern.lengths.some((length) => length > 0)) {
    strokeDashed(lines, pattern, rop, regionExtents(region), paint);
  }
}

function strokeSolid(lines: readonly Point[][], bounds: Box, paint: SpanVisitor): void {
  let pixels = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i++) {
      pixels += traceLine(line[i - 1]!, line[i]!, bounds, paint);
      if (pixels > maxSolidPixels) throw tooLong();
    }
  }
}

function strokeDashed(
  lines: readonly Point[][],
  pattern: DashPattern,
  rop: number,
  bounds: Box,
  paint: SpanVisitor,
): void {
  const { lengths } = pattern;
  const dashesPerPixel = lengths.length / lengths.reduce((sum, length) => sum + length, 0);
  let pixels = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i++) {
      const [from, to] = [line[i - 1]!, line[i]!];
      pixels += Math.abs(to.x - from.x) + Math.abs(to.y - from.y);
      if (pixels > maxDashedPixels || pixels * dashesPerPixel > maxDashes) throw tooLong();
    }
    if (paintsOnce(rop) && line.length > 2) {
      const spans: Span[] = [];
      traceDashes(line, pattern, true, bounds, (x, y, width) => spans.push({ x, y, width }));
      for (const { x, y, width } of uniteSpans(spans)) paint(x, y, width);
    } else {
      traceDashes(line, pattern, false, bounds, paint);
    }
  }
}

function tooLong(): CanvasError {
  return new CanvasError("LIMIT", "the lines of a path are too long");
}

/** Lengths are whole bytes. A pattern that starts with its gap has it moved to the end. */
function dashPattern({ attr }: Body<"DRAW_STROKE">): DashPattern | null {
  if (attr.styled === null || attr.styled.style.length === 0) return null;
  const lengths = attr.styled.style.map((length) => roundFix(length) & 0xff);
  if ((attr.flags & LineFlag.START_WITH_GAP) === 0) return { lengths, offset: 0 };
  lengths.push(lengths.shift()!);
  return { lengths, offset: lengths[0]! };
}

/**
 * Whether painting a pixel twice differs from painting it once, and the reference takes care:
 * the operations NOR, EQUIV, INVERT, OR_REVERSE, AND_REVERSE, XOR and NAND of X.
 */
function paintsOnce(rop: number): boolean {
  return [0b0001, 0b1001, 0b0101, 0b1101, 0b0100, 0b0110, 0b0111].includes(rop);
}

interface Span {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** The same pixels, each once. */
function uniteSpans(spans: Span[]): Span[] {
  spans.sort((a, b) => a.y - b.y || a.x - b.x);
  const united: Span[] = [];
  for (const span of spans) {
    const last = united.at(-1);
    if (last === undefined || last.y !== span.y || last.x + last.width < span.x) {
      united.push(span);
    } else {
      const end = Math.max(last.x + last.width, span.x + span.width);
      united[united.length - 1] = { ...last, width: end - last.x };
    }
  }
  return united;
}

function spanPainter(
  dest: Pixmap,
  region: Region,
  { brush }: Body<"DRAW_STROKE">,
  images: ImageLookup,
  rop: number,
): SpanVisitor {
  const clip = new RowClip(region);
  const { pixels, width: stride } = dest;
  if (brush.type !== BrushType.PATTERN) {
    const color = brush.type === BrushType.SOLID ? brush.color : 0;
    const mask = pixelMask(dest.format);
    return (x, y, width) => {
      clip.eachPart(y, x, x + width, (left, right) => {
        combineColor(rop, color, pixels, y * stride + left, right - left, mask);
      });
    };
  }
  const raw = rawPixels(images(brush.pat), dest);
  const tile = raw.pixels === pixels ? copyPixmap(raw) : raw;
  return (x, y, width) => {
    clip.eachPart(y, x, x + width, (left, right) => {
      const part = { boxes: [{ left, top: y, right, bottom: y + 1 }], mask: null };
      tileRegion(dest, part, tile, brush.pos.x, brush.pos.y, rop);
    });
  };
}
