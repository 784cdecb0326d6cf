import { deflateSync, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  CodecError,
  type ColorImage,
  GlzWindow,
  type Inflate,
  inflateGlz,
  LzType,
  readGlzHeader,
} from "../src/index.ts";
import { bitFlips, pixelHash, readManifest, readVector, truncations } from "./vectors.ts";

interface GlzVector {
  readonly file: string;
  readonly type: keyof typeof LzType;
  readonly sha256: string;
}

const vectors = readManifest<GlzVector[]>("glz/manifest.json");
const session = vectors.map((vector) => ({
  ...vector,
  data: readVector(`glz/${vector.file}`),
}));

interface Fields {
  id: number;
  tokens: number[];
  head?: number;
  type?: number;
  width?: number;
  height?: number;
  topDown?: boolean;
}

/** A GLZ image from its header's fields and its tokens. */
function glz(fields: Fields): Uint8Array {
  const { id, tokens, head = 0, type = LzType.RGB32, width = 2, height = 1 } = fields;
  const unit = [0, 1 / 8, 1 / 8, 1 / 2, 1 / 2, 1, 2, 3, 4, 4][type] ?? 4;
  const view = new DataView(new ArrayBuffer(33));
  view.setUint32(0, 0x20205a4c);
  view.setUint32(4, 0x00010001);
  view.setUint8(8, type | (fields.topDown === false ? 0 : 16));
  view.setUint32(9, width);
  view.setUint32(13, height);
  view.setUint32(17, Math.ceil(width * unit));
  view.setUint32(21, Math.floor(id / 2 ** 32));
  view.setUint32(25, id % 2 ** 32);
  view.setUint32(29, head);
  return Uint8Array.from([...new Uint8Array(view.buffer), ...tokens]);
}

/** Two literal pixels: `blue` and `blue + 1`. */
const literals = (blue: number) => [1, blue, 0, 0, blue + 1, 0, 0];
/** Two pixels from the beginning of the image `distance` images back. */
const reference = (distance: number) => [0x40, 0, distance];

function decode(window: GlzWindow, data: Uint8Array, palette?: Uint32Array): ColorImage {
  const outcome = window.decode(data, palette);
  if (outcome.kind === "missing") throw new Error(`image ${outcome.id} is missing`);
  return outcome.image;
}

describe("GlzWindow.decode", () => {
  it("decodes a session as the reference does", () => {
    const window = new GlzWindow();
    for (const { data, sha256 } of session) expect(pixelHash(decode(window, data))).toBe(sha256);
  });

  it("decodes a session whose images arrive out of order", () => {
    const window = new GlzWindow();
    const waiting = session.toReversed();
    const hashes = new Map<string, string>();
    while (waiting.length > 0) {
      const { file, data } = waiting.shift()!;
      const outcome = window.decode(data);
      if (outcome.kind === "decoded") {
        hashes.set(file, pixelHash(outcome.image));
      } else {
        expect(outcome.id).toBeLessThan(readGlzHeader(data).id);
        waiting.push({ ...session.find((image) => image.file === file)! });
      }
    }
    for (const { file, sha256 } of session) expect(hashes.get(file)).toBe(sha256);
  });

  it("decodes far offsets and distances as the reference does", () => {
    const data = readVector("glz/far-session.bin");
    const view = new DataView(data.buffer);
    const window = new GlzWindow();
    const hashes: string[] = [];
    for (let at = 0; at < data.length; ) {
      const size = view.getUint32(at, true);
      const image = decode(window, data.subarray(at + 4, at + 4 + size));
      hashes.push(pixelHash(image).slice(0, 16));
      at += 4 + size;
    }
    expect(hashes).toEqual(readManifest<string[]>("glz/far-session.json"));
  });

  it("keeps what later images may refer to, and nothing else", () => {
    const window = new GlzWindow();
    for (const { data } of session) {
      decode(window, data);
      expect(window.imageCount).toBe(readGlzHeader(data).windowHeadDistance + 1);
    }
    expect(window.pixelCount).toBeLessThanOrEqual(60_000);
  });

  it("reports a missing image, and changes nothing until it has come", () => {
    const window = new GlzWindow();
    const second = glz({ id: 1, head: 1, tokens: reference(1) });
    expect(window.decode(second)).toEqual({ kind: "missing", id: 0 });
    expect(window.decode(second)).toEqual({ kind: "missing", id: 0 });
    expect(window.pixelCount).toBe(0);
    expect(window.hasDecoded(1)).toBe(false);
    decode(window, glz({ id: 0, tokens: literals(5) }));
    expect([...decode(window, second).pixels]).toEqual([5, 6]);
  });

  it("drops nothing while an earlier image is on its way", () => {
    const window = new GlzWindow();
    decode(window, glz({ id: 0, tokens: literals(1) }));
    decode(window, glz({ id: 2, head: 0, tokens: literals(3) }));
    expect(window.imageCount).toBe(2);
    const late = glz({ id: 1, head: 1, tokens: reference(1) });
    expect([...decode(window, late).pixels]).toEqual([1, 2]);
    expect(window.imageCount).toBe(1);
    expect(window.hasDecoded(0)).toBe(true);
  });

  it("refers to units in the order of the stream, whatever the order of rows", () => {
    const window = new GlzWindow();
    const tokens = [3, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0];
    const upsideDown = { width: 2, height: 2, topDown: false };
    const first = decode(window, glz({ id: 0, ...upsideDown, tokens }));
    expect([...first.pixels]).toEqual([3, 4, 1, 2]);
    const second = decode(window, glz({ id: 1, head: 1, tokens: reference(1) }));
    expect([...second.pixels]).toEqual([1, 2]);
  });

  it("takes alpha from the alpha of the image that is referred to", () => {
    const window = new GlzWindow();
    const rgba = { type: LzType.RGBA, width: 3 };
    const colors = [2, 1, 0, 0, 2, 0, 0, 3, 0, 0];
    decode(window, glz({ ...rgba, id: 0, tokens: [...colors, 2, 7, 8, 9] }));
    const tokens = [...[0x60, 0, 1], ...[0x20, 0, 1]];
    const image = decode(window, glz({ ...rgba, id: 1, head: 1, tokens }));
    expect([...image.pixels]).toEqual([0x07000001, 0x08000002, 0x09000003]);
    const onlyColors = [...[0x60, 0, 1], 2, 0x40, 0x41, 0x42];
    const other = decode(window, glz({ ...rgba, id: 2, head: 1, tokens: onlyColors }));
    expect([...other.pixels]).toEqual([0x40000001, 0x41000002, 0x42000003]);
  });

  it("scales lengths and offsets of packed indices to pixels", () => {
    const window = new GlzWindow();
    const palette = Uint32Array.from({ length: 16 }, (_, index) => index);
    const four = { type: LzType.PLT4_BE, width: 7 };
    decode(window, glz({ ...four, id: 0, tokens: [3, 0x12, 0x34, 0x56, 0x78] }), palette);
    const tokens = [0, 0x9a, ...[0x20, 0x00, 0x01]];
    tokens[2] = 0x21;
    const image = decode(window, glz({ ...four, id: 1, head: 1, tokens }), palette);
    expect([...image.pixels]).toEqual([9, 10, 3, 4, 5, 6, 7]);
  });

  it("begins anew after a reset", () => {
    const window = new GlzWindow();
    decode(window, glz({ id: 0, tokens: literals(1) }));
    decode(window, glz({ id: 1, head: 1, tokens: literals(1) }));
    window.reset();
    expect(window).toMatchObject({ imageCount: 0, pixelCount: 0 });
    expect(window.decode(glz({ id: 1, head: 1, tokens: reference(1) }))).toEqual({
      kind: "missing",
      id: 0,
    });
    window.reset(500);
    decode(window, glz({ id: 500, tokens: literals(1) }));
    decode(window, glz({ id: 501, tokens: literals(1) }));
    expect(window.imageCount).toBe(1);
  });

  it("holds no more pixels than its bound", () => {
    const window = new GlzWindow(5);
    decode(window, glz({ id: 0, tokens: literals(1) }));
    decode(window, glz({ id: 1, head: 1, tokens: literals(1) }));
    const third = glz({ id: 2, head: 2, tokens: literals(1) });
    expect(() => window.decode(third)).toThrow(CodecError);
    expect(window.pixelCount).toBe(4);
  });

  it.each([
    ["half a header", glz({ id: 2, tokens: [] }).subarray(0, 30)],
    ["type 0", glz({ id: 2, type: 0, tokens: literals(1) })],
    ["type XXXA", glz({ id: 2, type: LzType.XXXA, tokens: literals(1) })],
    ["no height", glz({ id: 2, height: 0, tokens: literals(1) })],
    ["a window that begins before image 0", glz({ id: 2, head: 3, tokens: literals(1) })],
    ["an id beyond what numbers hold", glz({ id: 2 ** 60, tokens: literals(1) })],
    ["an id that has come before", glz({ id: 1, tokens: literals(1) })],
    ["an id that was dropped", glz({ id: 0, tokens: literals(1) })],
    ["a reference beyond its own window", glz({ id: 2, head: 0, tokens: reference(1) })],
    ["a reference to a dropped image", glz({ id: 2, head: 2, tokens: reference(2) })],
    ["a reference beyond the end of an image", glz({ id: 2, head: 1, tokens: [0x41, 0, 1] })],
    ["a match before the first pixel", glz({ id: 2, tokens: [0, 1, 2, 3, 0x21, 0, 0] })],
    ["a match beyond the last pixel", glz({ id: 2, tokens: [0, 1, 2, 3, 0x40, 0, 0] })],
    ["literals beyond the last pixel", glz({ id: 2, tokens: [2, ...Array(9).fill(0)] })],
    ["a match without its distance", glz({ id: 2, tokens: [0, 1, 2, 3, 0x20, 0] })],
    ["a match with half a distance", glz({ id: 2, tokens: [0, 1, 2, 3, 0x30, 0, 0xc0, 1, 1] })],
    ["bytes left over", glz({ id: 2, tokens: [...literals(1), 0] })],
    ["RGBA without its second pass", glz({ id: 2, type: LzType.RGBA, tokens: literals(1) })],
    ["palette indices without a palette", glz({ id: 2, type: LzType.PLT8, tokens: [1, 0, 0] })],
    ["more pixels than its bytes can hold", glz({ id: 2, width: 9999, tokens: literals(1) })],
  ])("refuses %s and stays as it was", (_name, data) => {
    const window = new GlzWindow();
    decode(window, glz({ id: 0, tokens: literals(1) }));
    decode(window, glz({ id: 1, head: 0, tokens: literals(1) }));
    expect(() => window.decode(data)).toThrow(CodecError);
    expect(window).toMatchObject({ imageCount: 1, pixelCount: 2 });
  });

  it("survives truncations and flipped bits of images that refer to others", () => {
    const earlier = session.slice(0, 7).map(({ data }) => data);
    const target = session[7]!.data;
    const prepare = () => {
      const window = new GlzWindow();
      for (const data of earlier) decode(window, data);
      return window;
    };
    let window = prepare();
    const before = window.pixelCount;
    for (const data of truncations(target)) expect(() => window.decode(data)).toThrow(CodecError);
    expect(window.pixelCount).toBe(before);
    for (const start of bitFlips(target.slice(0, 150))) {
      const damaged = target.slice();
      damaged.set(start);
      try {
        // A flip that decodes has changed the window, so the next one gets another.
        if (window.decode(damaged).kind === "decoded") window = prepare();
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    }
  });
});

describe("inflateGlz", () => {
  const inflate: Inflate = (data) => new Uint8Array(inflateSync(data));
  const stream = glz({ id: 0, tokens: literals(1) });
  const wrapped = new Uint8Array(deflateSync(stream));

  it("unwraps a GLZ stream", () => {
    expect(inflateGlz(wrapped, stream.length, inflate)).toEqual(stream);
  });

  it("refuses impossible sizes before it inflates", () => {
    const never: Inflate = () => {
      throw new Error("called");
    };
    for (const size of [0, 32, 2 ** 32 - 1, wrapped.length * 1033]) {
      expect(() => inflateGlz(wrapped, size, never)).toThrow(CodecError);
    }
  });

  it("refuses a stream of another size", () => {
    expect(() => inflateGlz(wrapped, stream.length + 1, inflate)).toThrow(CodecError);
  });
});
