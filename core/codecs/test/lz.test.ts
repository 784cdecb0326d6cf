import { describe, expect, it } from "vitest";
import { CodecError, decodeLz, LzType, readLzHeader } from "../src/index.ts";
import { bitFlips, pixelHash, readManifest, readVector, truncations } from "./vectors.ts";

interface LzVector {
  readonly file: string;
  readonly type: keyof typeof LzType;
  readonly width: number;
  readonly height: number;
  readonly palette?: number[];
  readonly sha256: string;
}

const vectors = readManifest<LzVector[]>("lz/manifest.json");
const paletteOf = (vector: LzVector) =>
  vector.palette === undefined ? null : Uint32Array.from(vector.palette);

/** An LZ image from its header's fields and its tokens. */
function lz(type: number, width: number, height: number, tokens: number[], topDown = 1) {
  const unit = [0, 1 / 8, 1 / 8, 1 / 2, 1 / 2, 1, 2, 3, 4, 4, 4, 1][type] ?? 4;
  const head = new DataView(new ArrayBuffer(28));
  const stride = Math.ceil(width * unit);
  [0x20205a4c, 0x00010001, type, width, height, stride, topDown].forEach((value, index) => {
    head.setUint32(index * 4, value);
  });
  return Uint8Array.from([...new Uint8Array(head.buffer), ...tokens]);
}

function withField(index: number, value: number, data = lz(LzType.A8, 2, 1, [1, 5, 6])) {
  new DataView(data.buffer).setUint32(index * 4, value);
  return data;
}

const run = (control: number, more: number[], low: number) => [control, ...more, low];

describe("decodeLz", () => {
  it("reads literals as blue, green, red", () => {
    const image = decodeLz(lz(LzType.RGB32, 2, 1, [1, 0x33, 0x22, 0x11, 6, 5, 4]), null);
    expect(image).toEqual({
      format: "xrgb",
      width: 2,
      height: 1,
      pixels: Uint32Array.of(0x112233, 0x040506),
    });
  });

  it("repeats one pixel when a match overlaps itself", () => {
    const tokens = [0, 1, 0, 0, ...run((7 << 5) | 0, [255, 0], 0)];
    const image = decodeLz(lz(LzType.RGB24, 263, 1, tokens), null);
    expect([...image.pixels]).toEqual(Array(263).fill(1));
  });

  it("repeats a pattern when a match is longer than its distance", () => {
    const tokens = [2, 1, 0, 0, 2, 0, 0, 3, 0, 0, ...run(7 << 5, [90], 2)];
    const image = decodeLz(lz(LzType.RGB32, 100, 1, tokens), null);
    expect([...image.pixels]).toEqual(Array.from({ length: 100 }, (_, at) => 1 + (at % 3)));
  });

  it("lengthens matches by one unit in RGB16 and by two in one-byte types", () => {
    const sixteen = decodeLz(lz(LzType.RGB16, 3, 1, [0, 0x7c, 0x00, 0x20, 0]), null);
    expect([...sixteen.pixels]).toEqual([0xff0000, 0xff0000, 0xff0000]);
    const alpha = decodeLz(lz(LzType.A8, 4, 1, [0, 9, 0x20, 0]), null);
    expect(alpha).toMatchObject({ format: "a8", pixels: Uint8Array.of(9, 9, 9, 9) });
  });

  it("reads far distances, the nearest far one among them", () => {
    const width = 8193 + 3;
    const tokens = [
      0,
      77,
      ...run(
        7 << 5,
        Array(32)
          .fill(255)
          .concat(8191 - 9 - 32 * 255),
        0,
      ),
    ];
    const image = decodeLz(lz(LzType.A8, width, 1, [...tokens, 0, 1, 0x3f, 255, 0, 0]), null);
    expect(image.pixels[8191]).toBe(77);
    expect(image.pixels[8192]).toBe(1);
    expect([...image.pixels.subarray(8193)]).toEqual([77, 77, 77]);
  });

  it("decodes the alpha of RGBA in a second pass", () => {
    const image = decodeLz(lz(LzType.RGBA, 4, 1, [0, 3, 2, 1, 0x60, 0, 0, 0x80, 0x20, 0]), null);
    expect(image.format).toBe("argb");
    expect([...image.pixels]).toEqual(Array(4).fill(0x80010203));
  });

  it("gives the alpha of XXXA alone", () => {
    const image = decodeLz(lz(LzType.XXXA, 3, 1, [2, 1, 2, 3]), null);
    expect(image).toEqual({ format: "a8", width: 3, height: 1, pixels: Uint8Array.of(1, 2, 3) });
  });

  it("turns bottom-up rows over, in every kind of image", () => {
    const colors = decodeLz(lz(LzType.RGB32, 1, 3, [2, 1, 0, 0, 2, 0, 0, 3, 0, 0], 0), null);
    expect([...colors.pixels]).toEqual([3, 2, 1]);
    const alpha = decodeLz(lz(LzType.A8, 1, 3, [2, 1, 2, 3], 0), null);
    expect([...alpha.pixels]).toEqual([3, 2, 1]);
    const indices = decodeLz(lz(LzType.PLT8, 1, 3, [2, 1, 2, 3], 0), Uint32Array.of(9, 8, 7, 6));
    expect([...indices.pixels]).toEqual([6, 7, 8]);
  });

  it("drops the padding of packed indices and the high byte of palette entries", () => {
    const palette = Uint32Array.of(0xff000001, 0xff000002);
    const bits = lz(LzType.PLT1_BE, 9, 2, [3, 0x80, 0xff, 0x01, 0x00]);
    expect([...decodeLz(bits, palette).pixels]).toEqual([
      2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1,
    ]);
  });

  it("counts four-bit indices modulo the size of the palette", () => {
    const image = decodeLz(lz(LzType.PLT4_LE, 2, 1, [0, 0x43]), Uint32Array.of(10, 11, 12));
    expect([...image.pixels]).toEqual([10, 11]);
  });

  it.each(vectors)("decodes $file as the reference does", (vector) => {
    const image = decodeLz(readVector(`lz/${vector.file}`), paletteOf(vector));
    expect(image).toMatchObject({ width: vector.width, height: vector.height });
    expect(pixelHash(image)).toBe(vector.sha256);
  });

  it.each(vectors.filter(({ file }) => file.includes("53x21")))(
    "refuses every truncation of $file",
    (vector) => {
      const palette = paletteOf(vector);
      for (const data of truncations(readVector(`lz/${vector.file}`))) {
        expect(() => decodeLz(data, palette)).toThrow(CodecError);
      }
    },
  );

  it.each(vectors.filter(({ file }) => file.includes("53x21")))(
    "survives every flipped bit of $file",
    (vector) => {
      const palette = paletteOf(vector);
      for (const data of bitFlips(readVector(`lz/${vector.file}`))) {
        try {
          const image = decodeLz(data, palette);
          expect(image.pixels.length).toBe(image.width * image.height);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }
    },
  );

  it.each([
    ["an empty stream", new Uint8Array(0)],
    ["half a header", lz(LzType.A8, 2, 1, []).subarray(0, 20)],
    ["another magic", withField(0, 0x20205a4d)],
    ["another version", withField(1, 0x00010002)],
    ["type 0", withField(2, 0)],
    ["type 12", withField(2, 12)],
    ["no width", withField(3, 0)],
    ["a stride that does not fit", withField(5, 3)],
    ["more pixels than an image may have", lz(LzType.RGB32, 0x10000, 0x10000, [0, 1, 2, 3])],
    ["more pixels than its bytes can hold", lz(LzType.RGB32, 1000, 1000, [0, 1, 2, 3])],
    ["no tokens", lz(LzType.A8, 1, 1, [])],
    ["missing literals", lz(LzType.RGB32, 2, 1, [1, 1, 2, 3, 4])],
    ["a missing length", lz(LzType.A8, 300, 1, [0, 1, 0xe0, 255])],
    ["a missing distance", lz(LzType.A8, 4, 1, [0, 1, 0x20])],
    ["half a far distance", lz(LzType.A8, 4, 1, [0, 1, 0x3f, 255, 0])],
    ["a match before the first pixel", lz(LzType.A8, 4, 1, [0, 1, 0x20, 1])],
    ["a match beyond the last pixel", lz(LzType.A8, 3, 1, [0, 1, 0x20, 0])],
    ["literals beyond the last pixel", lz(LzType.A8, 1, 1, [1, 1, 2])],
    ["bytes left over", lz(LzType.A8, 1, 1, [0, 1, 2])],
    ["RGBA without its second pass", lz(LzType.RGBA, 1, 1, [0, 1, 2, 3])],
    ["palette indices without a palette", lz(LzType.PLT8, 1, 1, [0, 1])],
  ])("refuses %s", (_name, data) => {
    expect(() => decodeLz(data, null)).toThrow(CodecError);
  });
});

describe("readLzHeader", () => {
  it("reads the header of a stream whose tokens it does not look at", () => {
    const data = lz(LzType.RGBA, 5, 6, [], 0);
    expect(readLzHeader(data)).toEqual({
      type: LzType.RGBA,
      width: 5,
      height: 6,
      stride: 20,
      topDown: false,
    });
  });
});
