import { RopDescriptor, StringFlag, SurfaceFormat } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { type Body, base, box, createSurface, fill, Scene, solid } from "./scene.ts";

type Glyph = NonNullable<Body<"DRAW_TEXT">["str"]["glyphsA8"]>[number];

function glyph(x: number, y: number, width: number, height: number, data: number[]): Glyph {
  const glyphOrigin = { x: 0, y: 0 };
  return { renderPos: { x, y }, glyphOrigin, width, height, data: Uint8Array.from(data) };
}

function text(
  kind: "A1" | "A4" | "A8",
  glyphs: readonly Glyph[],
  more: Partial<Body<"DRAW_TEXT">> & { flags?: number } = {},
): { name: "DRAW_TEXT"; body: Body<"DRAW_TEXT"> } {
  const { flags = 0, ...rest } = more;
  const body: Body<"DRAW_TEXT"> = {
    base: base(box(0, 0, 4, 2)),
    str: {
      length: glyphs.length,
      flags: StringFlag[`RASTER_${kind}`] | flags,
      glyphsA1: kind === "A1" ? glyphs : null,
      glyphsA4: kind === "A4" ? glyphs : null,
      glyphsA8: kind === "A8" ? glyphs : null,
    },
    backArea: box(0, 0, 0, 0),
    foreBrush: solid(0xffffff),
    backBrush: solid(0),
    foreMode: RopDescriptor.OP_PUT,
    backMode: RopDescriptor.OP_PUT,
    ...rest,
  };
  return { name: "DRAW_TEXT", body };
}

function drawn(message: ReturnType<typeof text>, background = 0): number[] {
  const scene = new Scene();
  scene.apply(createSurface(4, 2));
  scene.apply(fill(box(0, 0, 4, 2), background));
  scene.apply(message);
  expect(scene.ofType("failed")).toEqual([]);
  return scene.colors().map((color) => color & 0xff);
}

describe("DRAW_TEXT", () => {
  it("reads glyphs of one bit from their bottom row up, the left pixel in the highest bit", () => {
    const glyphs = [glyph(0, 0, 4, 2, [0b10010000, 0b01000000])];
    expect(drawn(text("A1", glyphs))).toEqual([0, 255, 0, 0, 255, 0, 0, 255]);
  });

  it("reads them from the top down where the string says so", () => {
    const glyphs = [glyph(0, 0, 4, 2, [0b10010000, 0b01000000])];
    const message = text("A1", glyphs, { flags: StringFlag.RASTER_TOP_DOWN });
    expect(drawn(message)).toEqual([255, 0, 0, 255, 0, 255, 0, 0]);
  });

  it("reads glyphs of four bits, of which the strongest covers fifteen sixteenths", () => {
    const glyphs = [glyph(0, 1, 3, 1, [0xf8, 0x10])];
    expect(drawn(text("A4", glyphs)).slice(4)).toEqual([240, 128, 16, 0]);
  });

  it("reads glyphs of eight bits", () => {
    const glyphs = [glyph(1, 0, 2, 2, [10, 20, 30, 40])];
    expect(drawn(text("A8", glyphs))).toEqual([0, 30, 40, 0, 0, 10, 20, 0]);
  });

  it("takes the stronger coverage where glyphs overlap", () => {
    const glyphs = [glyph(0, 0, 1, 1, [200]), glyph(0, 0, 1, 1, [100])];
    expect(drawn(text("A8", glyphs))[0]).toBe(200);
  });

  it("fills the background first, and then draws nothing but plain text", () => {
    const glyphs = [glyph(0, 0, 1, 1, [255])];
    const backArea = box(0, 0, 2, 1);
    const backBrush = solid(0x11);
    expect(drawn(text("A8", glyphs, { backArea, backBrush }), 9).slice(0, 3)).toEqual([
      255, 0x11, 9,
    ]);
    const foreMode = RopDescriptor.OP_XOR;
    expect(drawn(text("A8", glyphs, { backArea, backBrush, foreMode }), 9).slice(0, 3)).toEqual([
      9, 9, 9,
    ]);
  });

  it("draws the visible glyphs of a string that reaches far outside", () => {
    const glyphs = [glyph(-20_000, 0, 1, 1, [255]), glyph(2, 0, 1, 1, [255])];
    expect(drawn(text("A8", glyphs))[2]).toBe(255);
    const farther = [glyph(-0x7fffffff, 0, 1, 1, [255]), glyph(2, 0, 1, 1, [255])];
    expect(drawn(text("A8", farther))[2]).toBe(0);
  });

  it("takes colours of five bits a channel on surfaces of 16 bits", () => {
    const scene = new Scene();
    scene.apply(createSurface(4, 2, SurfaceFormat["16_565"]));
    scene.apply(text("A8", [glyph(0, 0, 1, 1, [255])], { foreBrush: solid(0x03e0) }));
    expect(scene.raw()[0]).toBe(0x07e0);
  });
});
