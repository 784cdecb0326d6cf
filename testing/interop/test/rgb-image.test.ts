import { describe, expect, it } from "vitest";
import { compareImages, countColours, decodePpm, type RgbImage } from "../src/rgb-image.ts";

function image(width: number, height: number, data: number[]): RgbImage {
  return { width, height, data: Uint8Array.from(data) };
}

describe("a PPM", () => {
  it("is decoded whatever white space its header has", () => {
    const header = new TextEncoder().encode("P6\n2 1\n255\n");
    const bytes = Uint8Array.from([...header, 1, 2, 3, 10, 32, 9]);
    expect(decodePpm(bytes)).toEqual(image(2, 1, [1, 2, 3, 10, 32, 9]));
  });

  it("is refused when it is another format or ends early", () => {
    const encode = (text: string) => new TextEncoder().encode(text);
    expect(() => decodePpm(encode("P5\n1 1\n255\n\0"))).toThrow("not a binary PPM");
    expect(() => decodePpm(encode("P6\n2 2\n255\nabc"))).toThrow("ends before");
  });
});

describe("the comparison of two pictures", () => {
  const black = image(2, 2, new Array<number>(12).fill(0));

  it("finds nothing between equal ones", () => {
    expect(compareImages(black, black)).toEqual({
      pixels: 0,
      box: null,
      largest: 0,
      psnr: Number.POSITIVE_INFINITY,
    });
  });

  it("says how many pixels differ, where and how much", () => {
    const other = image(2, 2, [0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 255]);
    const difference = compareImages(black, other);
    expect(difference).toMatchObject({
      pixels: 1,
      box: { left: 1, top: 1, right: 2, bottom: 2 },
      largest: 255,
    });
    expect(difference.psnr).toBeCloseTo(10 * Math.log10((255 * 255 * 12) / (255 * 255 + 25)), 10);
  });

  it("takes different sizes for entirely different", () => {
    expect(compareImages(black, image(1, 1, [0, 0, 0])).pixels).toBe(Number.POSITIVE_INFINITY);
  });

  it("counts colours", () => {
    expect(countColours(black)).toBe(1);
    expect(countColours(image(2, 1, [1, 2, 3, 3, 2, 1]))).toBe(2);
  });
});
