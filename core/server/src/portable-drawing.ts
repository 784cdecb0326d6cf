// Which drawings every client does as the server does. The reference client ends, hangs or draws
// something else where docs/canvas.md says so under "Where spice-gtk gives no answer"; there the
// client gets the outcome as pixels.

import { contains } from "@caraway/canvas";
import {
  AlphaFlag,
  BrushType,
  CompositeFlag,
  PathFlag,
  StringFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import type { DoneDrawing } from "./display-view.ts";
import type { Drawing, DrawingBody, GuestImage } from "./guest-drawing.ts";
import { bitsPerPixel, type ServedSurface } from "./served-surface.ts";

/** Operators of DRAW_COMPOSITE that mix hue, saturation and so on. */
const hslFirst = 0x3b;
/** Bits for filters, repeats and component alpha. */
const attributeBits = 0x3ff00 | CompositeFlag.COMPONENT_ALPHA;
const transforms = CompositeFlag.HAS_SRC_TRANSFORM | CompositeFlag.HAS_MASK_TRANSFORM;
const opaqueBits =
  CompositeFlag.SOURCE_OPAQUE | CompositeFlag.MASK_OPAQUE | CompositeFlag.DEST_OPAQUE;
/** Longest side of a line, in 28.4 fixed point. */
const lineSideMax = 1 << 18;

export function isPortable(done: DoneDrawing): boolean {
  const { drawing, surface, reads, shape } = done;
  if (shape.overreaches || !contains(surface.box, drawing.body.base.box)) return false;
  for (const { surface: source, area } of reads) {
    if (area !== null && !contains(source.box, area)) return false;
    if (bitsPerPixel(source.format) !== bitsPerPixel(surface.format)) return false;
    if (source === surface && drawing.name !== "COPY_BITS") return false;
    if (readsUnusedByte(drawing, source, surface)) return false;
  }
  if ("mask" in drawing.body && isSurface(drawing.body.mask.bitmap)) return false;
  switch (drawing.name) {
    case "DRAW_ROP3":
      return isPortableRop3(drawing.body, surface);
    case "DRAW_STROKE":
      return isPortableStroke(drawing.body);
    case "DRAW_TEXT":
      return (drawing.body.str.flags & (StringFlag.RASTER_A8 | StringFlag.RASTER_TOP_DOWN)) === 0;
    case "DRAW_COMPOSITE":
      return isPortableComposite(drawing.body, done);
    default:
      return true;
  }
}

/** Whether the byte shows that 32_xRGB leaves open: a client that got pixels has another one there. */
function readsUnusedByte(drawing: Drawing, from: ServedSurface, to: ServedSurface): boolean {
  if (from.format !== SurfaceFormat["32_xRGB"]) return false;
  const asksForAlpha =
    drawing.name === "DRAW_ALPHA_BLEND" &&
    (drawing.body.alphaFlags & AlphaFlag.SRC_SURFACE_HAS_ALPHA) !== 0;
  return asksForAlpha || to.format === SurfaceFormat["32_ARGB"];
}

function isPortableRop3({ rop3, brush }: DrawingBody<"DRAW_ROP3">, to: ServedSurface): boolean {
  if (bitsPerPixel(to.format) < 16 || brush.type === BrushType.PATTERN) return false;
  // Of the 256 numbers spice-gtk knows those that depend on pattern, source and destination.
  return [4, 2, 1].every((input) => dependsOn(rop3, input));
}

/** Whether a bit of the outcome changes with one of the inputs: pattern 4, source 2, destination 1. */
function dependsOn(rop3: number, input: number): boolean {
  for (let inputs = 0; inputs < 8; inputs++) {
    if (((rop3 >> inputs) & 1) !== ((rop3 >> (inputs ^ input)) & 1)) return true;
  }
  return false;
}

function isPortableStroke({ path, attr, brush }: DrawingBody<"DRAW_STROKE">): boolean {
  if (brush.type === BrushType.PATTERN && isSurface(brush.pat)) return false;
  const dashes = attr.styled?.style ?? null;
  if (dashes !== null && !dashes.some((length) => length > 0)) return false;
  for (const { flags, points } of path.segments) {
    if (points.some(({ x, y }) => Math.abs(x) > lineSideMax || Math.abs(y) > lineSideMax)) {
      return false;
    }
    const [first] = points;
    const isPoint = points.every(({ x, y }) => x === first?.x && y === first.y);
    if ((flags & PathFlag.BEZIER) !== 0 && isPoint) return false;
  }
  return true;
}

function isPortableComposite(
  body: DrawingBody<"DRAW_COMPOSITE">,
  { surface, reads }: DoneDrawing,
): boolean {
  const { flags, srcBitmap, maskBitmap } = body;
  // What is set on a surface stays with it for later messages.
  if (keepsAttributes(body) && (isSurface(srcBitmap) || isSurface(maskBitmap))) return false;
  if (maskBitmap !== null && isSame(srcBitmap, maskBitmap)) return false;
  if (maskBitmap !== null && (flags & 0xff) >= hslFirst) return false;
  const isNarrow = [surface, ...reads.map((read) => read.surface)].some(
    ({ format }) => bitsPerPixel(format) < 16,
  );
  return (flags & opaqueBits) === 0 || !isNarrow;
}

/**
 * Whether the pictures of a drawing may be put into a client's cache. Those of a text may not be
 * looked at by the client at all; and those of a composition would keep its filter and repeat.
 */
export function mayBeCached({ name, body }: Drawing): boolean {
  if (name === "DRAW_TEXT") return false;
  return name !== "DRAW_COMPOSITE" || !keepsAttributes(body);
}

function keepsAttributes({ flags }: DrawingBody<"DRAW_COMPOSITE">): boolean {
  return (flags & (attributeBits | transforms)) !== 0;
}

function isSurface(image: GuestImage | null): boolean {
  return image?.kind === "surface";
}

function isSame(a: GuestImage, b: GuestImage): boolean {
  if (a === b) return true;
  if (a.kind === "surface") return b.kind === "surface" && a.surface === b.surface;
  return b.kind === "pixels" && a.key !== null && a.key === b.key;
}
