import { describe, expect, it } from "vitest";
import {
  type Bitmap,
  BitmapFormat,
  bitmapRowSize,
  CodecError,
  decodeBitmap,
  decodeMask,
  encodeBitmap,
  widenPalette,
} from "../src/index.ts";
import { pixelBytes, readManifest } from "./vectors.ts";

interface BitmapVector {
  readonly format: keyof typeof BitmapFormat;
  readonly topDown: boolean;
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly data: string;
  readonly palette?: number[];
  readonly pixels: string;
}

const palette16 = Uint32Array.from({ length: 16 }, (_, index) => index * 0x111111);

function bitmap(fields: Partial<Bitmap> & Pick<Bitmap, "format" | "width" | "height">): Bitmap {
  const stride = bitmapRowSize(fields.format, fields.width);
  return { stride, topDown: true, data: new Uint8Array(stride * fields.height), ...fields };
}

function pixelsOf(fields: Parameters<typeof bitmap>[0], palette: Uint32Array | null = null) {
  return [...decodeBitmap(bitmap(fields), palette).pixels];
}

describe("decodeBitmap", () => {
  it("reads one-bit pixels from either end of a byte", () => {
    const palette = Uint32Array.of(0x112233, 0xffeedd);
    const data = Uint8Array.of(0b0000_0101, 0b0000_0001);
    const [back, fore] = palette;
    expect(
      pixelsOf({ format: BitmapFormat["1BIT_LE"], width: 9, height: 1, data }, palette),
    ).toEqual([fore, back, fore, back, back, back, back, back, fore]);
    expect(
      pixelsOf({ format: BitmapFormat["1BIT_BE"], width: 9, height: 1, data }, palette),
    ).toEqual([back, back, back, back, back, fore, back, fore, back]);
  });

  it("reads four-bit pixels from either half of a byte", () => {
    const data = Uint8Array.of(0x1f, 0xa2);
    expect(
      pixelsOf({ format: BitmapFormat["4BIT_LE"], width: 3, height: 1, data }, palette16),
    ).toEqual([0xffffff, 0x111111, 0x222222]);
    expect(
      pixelsOf({ format: BitmapFormat["4BIT_BE"], width: 3, height: 1, data }, palette16),
    ).toEqual([0x111111, 0xffffff, 0xaaaaaa]);
  });

  it("gives black for an index beyond the palette", () => {
    const data = Uint8Array.of(1, 200);
    expect(
      pixelsOf({ format: BitmapFormat["8BIT"], width: 2, height: 1, data }, palette16),
    ).toEqual([0x111111, 0]);
  });

  it("widens 0555 so that black and white stay black and white", () => {
    const data = Uint8Array.of(0x00, 0x00, 0xff, 0x7f, 0x00, 0x7c, 0xe0, 0x03, 0x1f, 0x00, 1, 0x84);
    expect(pixelsOf({ format: BitmapFormat["16BIT"], width: 6, height: 1, data })).toEqual([
      0, 0xffffff, 0xff0000, 0x00ff00, 0x0000ff, 0x080008,
    ]);
  });

  it("reads blue first in 24BIT, 32BIT and RGBA, and keeps the fourth byte", () => {
    const data = Uint8Array.of(0x33, 0x22, 0x11, 0x44);
    expect(pixelsOf({ format: BitmapFormat["24BIT"], width: 1, height: 1, data })).toEqual([
      0x112233,
    ]);
    const opaque = decodeBitmap(bitmap({ format: 8, width: 1, height: 1, data }), null);
    expect(opaque).toMatchObject({ format: "xrgb", pixels: Uint32Array.of(0x44112233) });
    const rgba = decodeBitmap(bitmap({ format: 9, width: 1, height: 1, data }), null);
    expect(rgba).toMatchObject({ format: "argb", pixels: Uint32Array.of(0x44112233) });
  });

  it("reads 8BIT_A as coverage", () => {
    const image = decodeBitmap(
      bitmap({ format: BitmapFormat["8BIT_A"], width: 2, height: 1, data: Uint8Array.of(7, 255) }),
      null,
    );
    expect(image).toEqual({ format: "a8", width: 2, height: 1, pixels: Uint8Array.of(7, 255) });
  });

  it.each(Object.entries(BitmapFormat))(
    "puts bottom rows last and skips padding in %s",
    (_name, format) => {
      const width = 11;
      const height = 3;
      const rowSize = bitmapRowSize(format, width);
      const stride = rowSize + 5;
      const tight = Uint8Array.from({ length: rowSize * height }, (_, at) => at * 37);
      const upsideDown = new Uint8Array(stride * height).fill(0xee);
      for (let row = 0; row < height; row++) {
        const from = tight.subarray(row * rowSize, (row + 1) * rowSize);
        upsideDown.set(from, (height - 1 - row) * stride);
      }
      const palette = Uint32Array.from({ length: 256 }, (_, index) => index * 0x010305);
      const shape = { format, width, height };
      expect(decodeBitmap({ ...shape, stride, topDown: false, data: upsideDown }, palette)).toEqual(
        decodeBitmap({ ...shape, stride: rowSize, topDown: true, data: tight }, palette),
      );
    },
  );

  it.each(readManifest<BitmapVector[]>("bitmap/manifest.json"))(
    "converts $format as the reference does, topDown = $topDown",
    (vector) => {
      const format = BitmapFormat[vector.format];
      const data = new Uint8Array(Buffer.from(vector.data, "base64"));
      const palette = vector.palette === undefined ? null : Uint32Array.from(vector.palette);
      const image = decodeBitmap({ ...vector, format, data }, palette);
      expect(Buffer.from(pixelBytes(image)).toString("base64")).toBe(vector.pixels);
    },
  );

  it("reads data at any address", () => {
    const data = Uint8Array.of(0, 0x33, 0x22, 0x11, 0x44).subarray(1);
    expect(pixelsOf({ format: BitmapFormat["32BIT"], width: 1, height: 1, data })).toEqual([
      0x44112233,
    ]);
  });

  it.each([
    ["an unknown format", { format: 11, width: 1, height: 1, stride: 4 }],
    ["no width", { format: 8, width: 0, height: 1, stride: 4 }],
    ["no height", { format: 8, width: 1, height: 0, stride: 4 }],
    ["more pixels than an image may have", { format: 8, width: 1e5, height: 1e5, stride: 4e5 }],
    ["a stride shorter than a row", { format: 8, width: 2, height: 1, stride: 7 }],
    ["too little data", { format: 8, width: 1, height: 26, stride: 4 }],
    ["no palette", { format: 5, width: 1, height: 1, stride: 1 }],
  ])("refuses %s", (_name, fields) => {
    const data = new Uint8Array(100);
    expect(() => decodeBitmap({ topDown: true, data, ...fields }, null)).toThrow(CodecError);
  });
});

describe("decodeMask", () => {
  it("gives one byte per pixel from the top down", () => {
    const shape = { width: 9, height: 2, stride: 4, topDown: false };
    const data = Uint8Array.of(0b1, 0b1, 0, 0, 0b1000_0000, 0, 0, 0);
    expect([...decodeMask({ ...shape, format: BitmapFormat["1BIT_LE"], data })]).toEqual([
      0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    expect([...decodeMask({ ...shape, format: BitmapFormat["1BIT_BE"], data })]).toEqual([
      1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
    ]);
  });

  it("refuses any other format", () => {
    const shape = { width: 1, height: 1, stride: 4, topDown: true, data: new Uint8Array(4) };
    expect(() => decodeMask({ ...shape, format: BitmapFormat["4BIT_BE"] })).toThrow(CodecError);
  });
});

describe("encodeBitmap", () => {
  const pixels = Uint32Array.from({ length: 7 * 3 }, (_, at) => palette16[(at * 5) % 16]!);
  const image = { format: "xrgb", width: 7, height: 3, pixels } as const;

  it.each([
    BitmapFormat["4BIT_LE"],
    BitmapFormat["4BIT_BE"],
    BitmapFormat["8BIT"],
    BitmapFormat["24BIT"],
    BitmapFormat["32BIT"],
  ])("packs what decodeBitmap unpacks, in format %i", (format) => {
    expect(decodeBitmap(encodeBitmap(image, format, palette16), palette16)).toEqual(image);
  });

  it.each([BitmapFormat["1BIT_LE"], BitmapFormat["1BIT_BE"]])(
    "packs bits, in format %i",
    (format) => {
      const palette = Uint32Array.of(0, 0xffffff);
      const bits = { ...image, pixels: pixels.map((_, at) => palette[((at * at) % 3) & 1]!) };
      expect(decodeBitmap(encodeBitmap(bits, format, palette), palette)).toEqual(bits);
    },
  );

  it("loses nothing that came from a 16-bit surface", () => {
    const wide = { ...image, pixels: widenPalette(pixels.map((_, at) => (at * 1571) & 0x7fff)) };
    expect(decodeBitmap(encodeBitmap(wide, BitmapFormat["16BIT"]), null)).toEqual(wide);
  });

  it("packs alpha, alone and with colours", () => {
    const alpha = { format: "a8", width: 2, height: 1, pixels: Uint8Array.of(1, 2) } as const;
    expect(decodeBitmap(encodeBitmap(alpha, BitmapFormat["8BIT_A"]), null)).toEqual(alpha);
    const argb = {
      ...image,
      format: "argb" as const,
      pixels: pixels.map((c, at) => c + (at << 24)),
    };
    expect(decodeBitmap(encodeBitmap(argb, BitmapFormat.RGBA), null)).toEqual(argb);
  });

  it("refuses a colour that the palette lacks and a format that does not fit", () => {
    expect(() => encodeBitmap(image, BitmapFormat["4BIT_BE"], Uint32Array.of(1))).toThrow(
      CodecError,
    );
    expect(() => encodeBitmap(image, BitmapFormat["8BIT_A"])).toThrow(CodecError);
  });
});
