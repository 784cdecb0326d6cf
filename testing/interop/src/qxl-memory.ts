// The structures of a QXL device in its memory, made from what qxl-drawing.ts describes. Layouts: spice/qxl_dev.h, all packed and little
// endian.

import { BrushType, ClipType, ImageType, LineFlag } from "@caraway/protocol";
import type {
  Point,
  QxlBrush,
  QxlCursorCommand,
  QxlCursorShape,
  QxlDrawable,
  QxlGlyph,
  QxlImage,
  QxlMask,
  QxlMonitor,
  QxlOperation,
  QxlSurface,
  QxlTransform,
  Rect,
} from "./qxl-drawing.ts";

const operationTypes = {
  fill: 1,
  opaque: 2,
  copy: 3,
  "copy-bits": 4,
  blend: 5,
  blackness: 6,
  whiteness: 7,
  invers: 8,
  rop3: 9,
  stroke: 10,
  text: 11,
  transparent: 12,
  "alpha-blend": 13,
  composite: 14,
} as const;

/** Bytes of one structure, appended field by field. */
class Structure {
  readonly #bytes: number[] = [];

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  get size(): number {
    return this.#bytes.length;
  }

  u8(...values: number[]): this {
    for (const value of values) this.#bytes.push(value & 255);
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) this.#bytes.push(value & 255, (value >> 8) & 255);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.u16(value & 0xffff, value >>> 16);
    return this;
  }

  u64(...values: number[]): this {
    for (const value of values) this.u32(value >>> 0, Math.floor(value / 2 ** 32));
    return this;
  }

  point(point: Point): this {
    return this.u32(point.x, point.y);
  }

  point16(point: Point): this {
    return this.u16(point.x, point.y);
  }

  rect(rect: Rect): this {
    return this.u32(rect.top, rect.left, rect.bottom, rect.right);
  }

  append(bytes: Uint8Array): this {
    for (const value of bytes) this.#bytes.push(value);
    return this;
  }

  padTo(size: number): this {
    while (this.#bytes.length < size) this.#bytes.push(0);
    return this;
  }
}

const nowhere: Rect = { left: 0, top: 0, right: 0, bottom: 0 };
const origin: Point = { x: 0, y: 0 };
/** No union of a command is larger; the server wants to be able to read all of it. */
const unionSize = 96;

/** Puts structures into a device's memory, which is never used twice. `write` stores bytes at an address. */
export class QxlMemory {
  readonly #write: (address: number, bytes: Uint8Array) => void;
  /** Address 0 means "none". */
  #next = 4096;
  #unique = 1;

  constructor(write: (address: number, bytes: Uint8Array) => void) {
    this.#write = write;
  }

  allocate(size: number): number {
    const address = this.#next;
    this.#next = (address + size + 15) & ~15;
    return address;
  }

  put(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.#write(address, bytes);
    return address;
  }

  drawable(drawable: QxlDrawable): number {
    const { surface = 0, box, clip, effect = 0, operation } = drawable;
    const structure = new Structure();
    structure.u64(0).u32(surface).u8(effect, operationTypes[operation.kind], 0).rect(nowhere);
    structure.rect(box);
    if (clip) structure.u32(ClipType.RECTS).u64(this.#clip(clip));
    else structure.u32(ClipType.NONE).u64(0);
    structure.u32(0);
    const read = surfacesReadBy(operation);
    if (read.length > 3) throw new Error("a drawable reads at most three surfaces");
    for (let index = 0; index < 3; index++) structure.u32(read[index]?.surface ?? -1);
    for (let index = 0; index < 3; index++) structure.rect(read[index]?.area ?? nowhere);
    const start = structure.size;
    this.#operation(structure, operation);
    return this.put(structure.padTo(start + unionSize).bytes);
  }

  /** Creates an off-screen surface; gives the command and the memory that holds its pixels. */
  surface(surface: QxlSurface): { command: number; data: number } {
    const data = this.allocate(surface.stride * surface.height);
    const structure = new Structure().u64(0).u32(surface.id).u8(0).u32(0);
    structure.u32(surface.format, surface.width, surface.height, surface.stride).u64(data);
    return { command: this.put(structure.bytes), data };
  }

  destroySurface(id: number): number {
    return this.put(new Structure().u64(0).u32(id).u8(1).u32(0).padTo(64).bytes);
  }

  monitors(monitors: readonly QxlMonitor[]): number {
    const structure = new Structure().u16(monitors.length, monitors.length);
    for (const { id, surface, x, y, width, height } of monitors) {
      structure.u32(id, surface, width, height, x, y, 0);
    }
    return this.put(structure.bytes);
  }

  cursor(command: QxlCursorCommand): number {
    const structure = new Structure().u64(0);
    switch (command.kind) {
      case "set":
        structure
          .u8(0)
          .point16(command.position)
          .u8(command.visible ? 1 : 0);
        structure.u64(this.#cursorShape(command.shape));
        break;
      case "move":
        structure.u8(1).point16(command.position);
        break;
      case "hide":
        structure.u8(2);
        break;
      case "trail":
        structure.u8(3).u16(command.length, command.frequency);
        break;
    }
    return this.put(structure.padTo(256).bytes);
  }

  #cursorShape(shape: QxlCursorShape): number {
    const structure = new Structure().u64(shape.unique ?? 0).u16(shape.type);
    structure.u16(shape.width, shape.height).point16(shape.hotSpot).u32(shape.data.length);
    return this.put(chunk(structure, shape.data).bytes);
  }

  #operation(to: Structure, operation: QxlOperation): void {
    switch (operation.kind) {
      case "fill":
        this.#brush(to, operation.brush);
        this.#mask(to.u16(operation.rop), operation.mask);
        break;
      case "opaque":
        to.u64(this.image(operation.source)).rect(operation.sourceArea);
        this.#brush(to, operation.brush);
        this.#mask(to.u16(operation.rop).u8(operation.scaleMode ?? 0), operation.mask);
        break;
      case "copy":
      case "blend":
        to.u64(this.image(operation.source)).rect(operation.sourceArea);
        this.#mask(to.u16(operation.rop).u8(operation.scaleMode ?? 0), operation.mask);
        break;
      case "copy-bits":
        to.point(operation.from);
        break;
      case "blackness":
      case "whiteness":
      case "invers":
        this.#mask(to, operation.mask);
        break;
      case "rop3":
        to.u64(this.image(operation.source)).rect(operation.sourceArea);
        this.#brush(to, operation.brush);
        this.#mask(to.u8(operation.rop3, operation.scaleMode ?? 0), operation.mask);
        break;
      case "stroke":
        this.#stroke(to, operation);
        break;
      case "text":
        to.u64(this.#string(operation.flags, operation.glyphs)).rect(operation.backArea ?? nowhere);
        this.#brush(to, operation.foreBrush);
        this.#brush(to, operation.backBrush ?? { kind: "none" });
        to.u16(operation.foreMode, operation.backMode ?? 0);
        break;
      case "transparent":
        to.u64(this.image(operation.source)).rect(operation.sourceArea);
        to.u32(operation.sourceColor, operation.trueColor);
        break;
      case "alpha-blend":
        to.u16(operation.flags ?? 0).u8(operation.alpha);
        to.u64(this.image(operation.source)).rect(operation.sourceArea);
        break;
      case "composite":
        to.u32(operation.flags).u64(this.image(operation.source));
        to.u64(this.#transform(operation.sourceTransform));
        to.u64(operation.mask ? this.image(operation.mask) : 0);
        to.u64(this.#transform(operation.maskTransform));
        to.point16(operation.sourceOrigin ?? origin).point16(operation.maskOrigin ?? origin);
        break;
    }
  }

  #stroke(to: Structure, operation: QxlOperation & { kind: "stroke" }): void {
    const segments = new Structure();
    for (const { flags, points } of operation.path) {
      segments.u32(flags, points.length);
      for (const { x, y } of points) segments.u32(Math.round(x * 16), Math.round(y * 16));
    }
    to.u64(this.put(chunk(new Structure().u32(segments.size), segments.bytes).bytes));
    const { dashes = [], startWithGap = false } = operation;
    const styled = dashes.length === 0 ? 0 : LineFlag.STYLED;
    const gap = startWithGap ? LineFlag.START_WITH_GAP : 0;
    to.u8(styled | gap, 0, 0, dashes.length).u32(16, 0);
    const lengths = new Structure().u32(...dashes.map((length) => Math.round(length * 16)));
    to.u64(dashes.length === 0 ? 0 : this.put(lengths.bytes));
    this.#brush(to, operation.brush);
    to.u16(operation.foreMode, operation.backMode ?? 0);
  }

  #string(flags: number, glyphs: readonly QxlGlyph[]): number {
    const data = new Structure();
    for (const glyph of glyphs) {
      data.point(glyph.position).point(glyph.origin).u16(glyph.width, glyph.height);
      data.append(glyph.data);
    }
    const structure = new Structure().u32(data.size).u16(glyphs.length, flags);
    return this.put(chunk(structure, data.bytes).bytes);
  }

  #clip(rects: readonly Rect[]): number {
    const data = new Structure();
    for (const rect of rects) data.rect(rect);
    return this.put(chunk(new Structure().u32(rects.length), data.bytes).bytes);
  }

  #transform(transform: QxlTransform | undefined): number {
    if (!transform) return 0;
    return this.put(new Structure().u32(...transform.map((t) => Math.round(t * 65536))).bytes);
  }

  #mask(to: Structure, mask: QxlMask | undefined): void {
    to.u8(mask?.flags ?? 0)
      .point(mask?.position ?? origin)
      .u64(mask ? this.image(mask.image) : 0);
  }

  #brush(to: Structure, brush: QxlBrush): void {
    switch (brush.kind) {
      case "none":
        to.u32(BrushType.NONE).padTo(to.size + 16);
        break;
      case "solid":
        to.u32(BrushType.SOLID, brush.color).padTo(to.size + 12);
        break;
      case "pattern":
        to.u32(BrushType.PATTERN).u64(this.image(brush.image)).point(brush.origin);
        break;
    }
  }

  image(image: QxlImage): number {
    // Group 0 is the driver's; ids need only be different.
    const id = image.kind === "bitmap" ? (image.cacheAs ?? 0x8000_0000 + this.#unique++) : 0;
    const cached = image.kind === "bitmap" && image.cacheAs !== undefined;
    const type = image.kind === "surface" ? ImageType.SURFACE : ImageType.BITMAP;
    const structure = new Structure().u32(0, id).u8(type, cached ? 1 : 0);
    structure.u32(image.width, image.height);
    if (image.kind === "surface") return this.put(structure.u32(image.surface).padTo(48).bytes);
    const direct = 1;
    const topDown = (image.topDown ?? true) ? 4 : 0;
    structure.u8(image.format, direct | topDown).u32(image.width, image.height, image.stride);
    structure.u64(image.palette ? this.#palette(image.palette) : 0, this.put(image.data));
    return this.put(structure.bytes);
  }

  #palette(colours: readonly number[]): number {
    const structure = new Structure()
      .u64(this.#unique++)
      .u16(colours.length)
      .u32(...colours);
    return this.put(structure.bytes);
  }
}

/** A QXLDataChunk with all of the data behind what the structure has so far. */
function chunk(structure: Structure, data: Uint8Array): Structure {
  return structure.u32(data.length).u64(0, 0).append(data);
}

/** Surfaces that an operation reads: the server draws them first. */
function surfacesReadBy(operation: QxlOperation): { surface: number; area: Rect }[] {
  const found: { surface: number; area: Rect }[] = [];
  const add = (image: QxlImage | undefined, area?: Rect) => {
    if (image?.kind !== "surface") return;
    const whole = { left: 0, top: 0, right: image.width, bottom: image.height };
    found.push({ surface: image.surface, area: area ?? whole });
  };
  if (operation.kind === "composite") {
    add(operation.source);
    add(operation.mask);
  } else {
    if ("source" in operation) add(operation.source, operation.sourceArea);
    if ("brush" in operation && operation.brush.kind === "pattern") add(operation.brush.image);
    if ("mask" in operation) add(operation.mask?.image);
  }
  return found;
}
