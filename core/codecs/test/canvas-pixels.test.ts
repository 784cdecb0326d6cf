import { beforeAll, describe, expect, it } from "vitest";
import {
  type CanvasPixelsExports,
  canvasPixelsKernelBytes,
  kernelCanvasPixels,
  type PixelRows,
  plainCanvasPixels,
  type ToCanvasPixels,
} from "../src/index.ts";

const rows = (width: number, height: number, left = 0, top = 0, stride = width): PixelRows => {
  const pixels = new Uint32Array(stride * (top + height));
  for (let at = 0; at < pixels.length; at++) pixels[at] = Math.imul(at + 1, 0x9e3779b1);
  return { pixels, stride, left, top, width, height };
};

const areEqual = (a: Uint8ClampedArray, b: Uint8ClampedArray): boolean => {
  return Buffer.from(a).equals(Buffer.from(b));
};

describe("pixels for a canvas", () => {
  const plain = plainCanvasPixels();
  let fast: ToCanvasPixels;

  beforeAll(async () => {
    const { instance } = await WebAssembly.instantiate(canvasPixelsKernelBytes);
    fast = kernelCanvasPixels(instance.exports as unknown as CanvasPixelsExports);
  });

  it("are red, green, blue and opaque, whatever the high byte was", () => {
    const pixels = Uint32Array.of(0x00112233, 0xff445566, 0x7f778899);
    const box = { pixels, stride: 3, left: 0, top: 0, width: 3, height: 1 };
    const wanted = [0x11, 0x22, 0x33, 255, 0x44, 0x55, 0x66, 255, 0x77, 0x88, 0x99, 255];
    expect([...plain(box)]).toEqual(wanted);
    expect([...fast(box)]).toEqual(wanted);
  });

  it("are the same by the kernel, for boxes of every size and place", () => {
    for (const [width, height] of [
      [1, 1],
      [3, 5],
      [4, 4],
      [17, 9],
      [640, 400],
    ] as const) {
      for (const box of [rows(width, height), rows(width, height, 5, 3, width + 11)]) {
        expect(fast(box).length).toBe(width * height * 4);
        expect(areEqual(fast(box), plain(box))).toBe(true);
      }
    }
  });

  it("fit where a smaller box was before and a larger one comes", () => {
    for (const side of [600, 3, 900]) {
      expect(areEqual(fast(rows(side, side)), plain(rows(side, side)))).toBe(true);
    }
  });
});
