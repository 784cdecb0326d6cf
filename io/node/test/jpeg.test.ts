import { readFileSync } from "node:fs";
import { CodecError } from "@caraway/codecs";
import { describe, expect, it } from "vitest";
import { decodeJpeg } from "../src/jpeg.ts";

const folder = new URL("../../../testing/vectors/data/jpeg/", import.meta.url);
const read = (file: string) => new Uint8Array(readFileSync(new URL(file, folder)));

/** The samples behind the header of a PPM or PGM file, as 0x00RRGGBB. */
function readPixels(file: string): Uint32Array {
  const data = read(file);
  const parts = file.endsWith(".pgm") ? 1 : 3;
  const samples = data.subarray(data.length - 77 * 50 * parts);
  return Uint32Array.from({ length: 77 * 50 }, (_, at) => {
    const [red, green, blue] =
      parts === 1 ? Array(3).fill(samples[at]!) : samples.subarray(at * 3, at * 3 + 3);
    return (red << 16) | (green << 8) | blue;
  });
}

describe("decodeJpeg", () => {
  it.each([
    ["420.jpg", "420.ppm"],
    ["422.jpg", "422.ppm"],
    ["444.jpg", "444.ppm"],
    ["progressive.jpg", "progressive.ppm"],
    ["restart.jpg", "restart.ppm"],
    ["gray.jpg", "gray.pgm"],
  ])("decodes %s as djpeg does", async (jpeg, decoded) => {
    const image = await decodeJpeg(read(jpeg));
    expect(image).toMatchObject({ format: "xrgb", width: 77, height: 50 });
    expect(image.pixels).toEqual(readPixels(decoded));
  });

  it("decodes a good image after damaged ones", async () => {
    const good = read("420.jpg");
    const whole = await decodeJpeg(good);
    for (let at = 2; at < good.length; at += 7) {
      const damaged = good.slice(0, good.length - (at % 3) * 100);
      damaged[at % damaged.length]! ^= 0x55;
      await decodeJpeg(damaged).catch((error) => expect(error).toBeInstanceOf(CodecError));
    }
    expect(await decodeJpeg(good)).toEqual(whole);
  });

  it("decodes several images at once", async () => {
    const images = await Promise.all(
      ["420.jpg", "gray.jpg", "444.jpg"].map((f) => decodeJpeg(read(f))),
    );
    expect(images.map(({ pixels }) => pixels)).toEqual(
      ["420.ppm", "gray.pgm", "444.ppm"].map(readPixels),
    );
  });

  it("refuses an image larger than an image may be, whatever its data are", async () => {
    const huge = read("420.jpg");
    const frame = huge.findIndex((byte, at) => byte === 0xff && huge[at + 1] === 0xc0);
    huge.set([0xff, 0xff, 0xff, 0xff], frame + 5);
    await expect(decodeJpeg(huge)).rejects.toThrow(CodecError);
  });
});
