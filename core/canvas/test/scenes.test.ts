import { readFileSync } from "node:fs";
import { displayCodec } from "@caraway/protocol";
import { unpackArchive } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import type { Box } from "../src/index.ts";
import { box, Scene } from "./scene.ts";

interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly scenes: readonly { readonly seed: number; readonly cell: Box }[];
}

const archive = new URL("../../../testing/vectors/data/canvas/scenes.br", import.meta.url);
const files = new Map(
  unpackArchive(readFileSync(archive)).map(({ path, bytes }) => [path, Buffer.from(bytes)]),
);
const sheets = [...files.keys()].filter((path) => path.endsWith(".json"));

/** What our renderer makes of the messages: every second pixel of every second row. */
function drawSheet(messages: Buffer, { width, height }: Sheet): Uint32Array {
  const scene = new Scene();
  for (let at = 0; at < messages.length; ) {
    const size = messages.readUInt32LE(at + 2);
    const body = messages.subarray(at + 6, at + 6 + size);
    scene.apply(displayCodec.server.decode(messages.readUInt16LE(at), body)!);
    at += 6 + size;
  }
  expect(scene.ofType("failed")).toEqual([]);
  expect(scene.renderer.pending(0)).toBe(0);
  const colors = scene.colorsOf(box(0, 0, 2 * width, 2 * height));
  const half = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) half[y * width + x] = colors[2 * y * 2 * width + 2 * x]!;
  }
  return half;
}

describe("random scenes", () => {
  it.each(sheets)("come out as spice-gtk drew them: %s", (path) => {
    const name = path.replace(".json", "");
    const sheet = JSON.parse(files.get(path)!.toString()) as Sheet;
    const expected = files.get(`${name}.rgb`)!;
    const actual = drawSheet(files.get(`${name}.messages`)!, sheet);

    const wrong = sheet.scenes.filter(({ cell }) => {
      for (let y = cell.top; y < cell.bottom; y++) {
        for (let x = cell.left; x < cell.right; x++) {
          const at = y * sheet.width + x;
          if (expected.readUIntBE(3 * at, 3) !== (actual[at]! & 0xffffff)) return true;
        }
      }
      return false;
    });
    expect(wrong.map(({ seed }) => seed)).toEqual([]);
  });

  it("are five sheets of 64 with something to see in each", () => {
    expect(sheets).toHaveLength(5);
    for (const path of sheets) {
      const sheet = JSON.parse(files.get(path)!.toString()) as Sheet;
      expect(sheet.scenes).toHaveLength(64);
      const picture = files.get(path.replace(".json", ".rgb"))!;
      expect(new Set(picture).size).toBeGreaterThan(200);
    }
  });
});
