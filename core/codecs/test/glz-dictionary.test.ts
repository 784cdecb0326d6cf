import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CodecError,
  type ColorImage,
  GlzDictionary,
  GlzWindow,
  LzType,
  readGlzHeader,
} from "../src/index.ts";
import { expectSame } from "./vectors.ts";

const image = (pixels: Uint32Array, width = pixels.length): ColorImage => ({
  format: "xrgb",
  width,
  height: pixels.length / width,
  pixels,
});

const noise = (count: number, seed: number) =>
  Uint32Array.from(
    { length: count },
    (_, at) => (Math.imul(at + seed, 0x9e3779b1) >>> 3) & 0xffffff,
  );

function roundTrip(dictionary: GlzDictionary, window: GlzWindow, source: ColorImage) {
  const stream = dictionary.encode(source)!;
  const outcome = window.decode(stream);
  expect(outcome.kind).toBe("decoded");
  if (outcome.kind === "decoded") expectSame(outcome.image, source);
  return stream;
}

describe("GlzDictionary.encode", () => {
  it("writes what a window with the same images decodes", () => {
    const frame = fc.record({
      height: fc.integer({ min: 1, max: 20 }),
      from: fc.integer({ min: 0, max: 3000 }),
      alpha: fc.boolean(),
      dots: fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 10 }),
    });
    const screen = noise(6000, 1).map((color, at) => (at % 90 < 50 ? 0xc0c0c0 : color));
    fc.assert(
      fc.property(fc.array(frame, { minLength: 2, maxLength: 25 }), (frames) => {
        const dictionary = new GlzDictionary(3000);
        const window = new GlzWindow(3000);
        for (const { height, from, alpha, dots } of frames) {
          const pixels = screen.slice(from, from + height * 50);
          if (alpha) for (let at = 0; at < pixels.length; at++) pixels[at]! |= (at & 48) << 24;
          for (const dot of dots) pixels[dot % pixels.length] = 0x123456;
          const source = { ...image(pixels, 50), format: alpha ? "argb" : "xrgb" } as ColorImage;
          roundTrip(dictionary, window, source);
          expect(window.pixelCount).toBe(dictionary.pixelCount);
        }
      }),
    );
  });

  it("sends what the window has already in a few bytes", () => {
    const dictionary = new GlzDictionary(1 << 20);
    const window = new GlzWindow();
    const pixels = noise(200_000, 7);
    const first = roundTrip(dictionary, window, image(pixels, 400));
    expect(first.length).toBeGreaterThan(600_000);
    for (let moved = 1; moved < 4; moved++) {
      const scrolled = image(pixels.slice(moved * 4000, moved * 4000 + 180_000), 400);
      expect(roundTrip(dictionary, window, scrolled).length).toBeLessThan(800);
    }
  });

  it("finds content far back in images and in time", () => {
    const dictionary = new GlzDictionary(1 << 22);
    const window = new GlzWindow();
    const far = noise(150_000, 99);
    roundTrip(dictionary, window, image(far));
    for (let count = 0; count < 400; count++) {
      roundTrip(dictionary, window, image(noise(20, count * 1000 + 500_000)));
    }
    const stream = roundTrip(dictionary, window, image(far.slice(140_000, 140_050)));
    expect(stream.length).toBeLessThan(60);
    const near = roundTrip(dictionary, window, image(far.slice(1000, 1050)));
    expect(near.length).toBeLessThan(60);
  });

  it("does not refer to what left the window, nor to images of another type", () => {
    const dictionary = new GlzDictionary(250);
    const window = new GlzWindow(250);
    const pixels = noise(100, 3);
    for (let count = 0; count < 6; count++) {
      roundTrip(dictionary, window, image(noise(100, count * 1000)));
    }
    expect(roundTrip(dictionary, window, image(pixels)).length).toBeGreaterThan(300);
    const narrow = dictionary.encode(image(pixels), LzType.RGB24)!;
    expect(narrow.length).toBeGreaterThan(300);
    expect(window.decode(narrow).kind).toBe("decoded");
  });

  it("keeps its own copy of the pixels", () => {
    const dictionary = new GlzDictionary(10_000);
    const window = new GlzWindow();
    const pixels = noise(500, 5);
    const again = pixels.slice();
    roundTrip(dictionary, window, image(pixels.slice()));
    pixels.fill(0);
    expect(roundTrip(dictionary, window, image(again)).length).toBeLessThan(60);
  });

  it("counts ids and the window's images", () => {
    const dictionary = new GlzDictionary(250, 2 ** 33 + 5);
    const headers = [0, 1, 2, 3].map((seed) => {
      return readGlzHeader(dictionary.encode(image(noise(100, seed * 500)))!);
    });
    expect(headers.map(({ id }) => id - 2 ** 33)).toEqual([5, 6, 7, 8]);
    expect(headers.map(({ windowHeadDistance }) => windowHeadDistance)).toEqual([0, 1, 1, 1]);
    expect(dictionary.nextId).toBe(2 ** 33 + 9);
    const window = new GlzWindow();
    window.reset(2 ** 33 + 9);
    roundTrip(new GlzDictionary(250, 2 ** 33 + 9), window, image(noise(100, 1)));
  });

  it("leaves an image that fills the window to others, and gives it no id", () => {
    const dictionary = new GlzDictionary(100);
    expect(dictionary.encode(image(noise(100, 1)))).toBeNull();
    expect(dictionary.nextId).toBe(0);
    expect(() => dictionary.encode({ ...image(noise(1, 1)), width: 0 })).toThrow(CodecError);
  });
});

/** Another sender, which goes on where the first one ended. */
function successor(sender: GlzDictionary, windowPixels: number): GlzDictionary {
  const next = new GlzDictionary(windowPixels, sender.headId);
  for (const sent of sender.imagesFrom(sender.headId)) next.remember(sent);
  return next;
}

describe("GlzDictionary.remember", () => {
  it("lets another sender go on: its images refer to those of the first", () => {
    const first = new GlzDictionary(1 << 18);
    const window = new GlzWindow();
    const pixels = noise(100_000, 7);
    const alphas = noise(20_000, 500_000).map((color, at) => color | ((at % 251) << 24));
    const withAlpha = { ...image(alphas, 200), format: "argb" } as ColorImage;
    roundTrip(first, window, image(pixels, 400));
    roundTrip(first, window, withAlpha);
    const next = successor(first, 1 << 18);
    expect(next.nextId).toBe(first.nextId);
    const scrolled = image(pixels.slice(4000, 94_000), 400);
    expect(roundTrip(next, window, scrolled).length).toBeLessThan(800);
    expect(roundTrip(next, window, withAlpha).length).toBeLessThan(400);
    expect(readGlzHeader(next.encode(scrolled)!).id).toBe(4);
  });

  it("is exact through any number of senders, with windows of any size", () => {
    const step = fc.record({
      height: fc.integer({ min: 1, max: 20 }),
      from: fc.integer({ min: 0, max: 3000 }),
      alpha: fc.boolean(),
      hasMoved: fc.boolean(),
      size: fc.integer({ min: 1000, max: 3000 }),
    });
    const screen = noise(6000, 1).map((color, at) => (at % 90 < 50 ? 0xc0c0c0 : color));
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 25 }), (steps) => {
        let dictionary = new GlzDictionary(3000);
        const window = new GlzWindow(6000);
        for (const { height, from, alpha, hasMoved, size } of steps) {
          if (hasMoved) dictionary = successor(dictionary, size);
          const pixels = screen.slice(from, from + height * 50);
          if (alpha) for (let at = 0; at < pixels.length; at++) pixels[at]! |= (at & 48) << 24;
          const source = { ...image(pixels, 50), format: alpha ? "argb" : "xrgb" } as ColorImage;
          const stream = dictionary.encode(source);
          if (stream === null) continue;
          const outcome = window.decode(stream);
          expect(outcome.kind).toBe("decoded");
          if (outcome.kind === "decoded") expectSame(outcome.image, source);
        }
      }),
    );
  });

  it("does not refer to what the receiver may have dropped", () => {
    const first = new GlzDictionary(1 << 18);
    const window = new GlzWindow();
    const pixels = noise(10_000, 7);
    roundTrip(first, window, image(pixels, 100));
    roundTrip(first, window, image(noise(10_000, 50_000), 100));
    const next = successor(first, 1 << 18);
    next.dropBefore(1);
    expect(next.headId).toBe(1);
    expect(next.pixelCount).toBe(10_000);
    expect(roundTrip(next, window, image(pixels, 100)).length).toBeGreaterThan(30_000);
    next.dropBefore(99);
    expect([next.headId, next.nextId, next.pixelCount]).toEqual([3, 3, 0]);
  });

  it("is empty behind an image that does not fit", () => {
    const next = new GlzDictionary(1000, 5);
    next.remember({ type: LzType.RGB32, pixels: noise(10, 1) });
    next.remember({ type: LzType.RGB32, pixels: noise(1000, 1) });
    expect([next.headId, next.nextId, next.pixelCount]).toEqual([7, 7, 0]);
    next.remember({ type: LzType.RGB32, pixels: noise(10, 2) });
    expect([next.headId, next.nextId, next.pixelCount]).toEqual([7, 8, 10]);
  });
});
