// Random scenes drawn by spice-gtk and by our renderer, compared pixel for pixel.

import { GlzDictionary } from "@caraway/codecs";
import { type GtkClient, startGtkClient } from "../gtk-client.ts";
import type { RgbImage } from "../rgb-image.ts";
import { ScriptServer } from "../script-server.ts";
import { CanvasRenderer } from "./canvas-renderer.ts";
import {
  cellHeight,
  cellWidth,
  makeScene,
  primaryCreate,
  type Scene,
  type SceneOptions,
} from "./scene.ts";
import type { DisplayMessage, Rect } from "./scene-state.ts";

const columns = 8;
const rows = 8;
/** Scenes that one primary surface shows. */
export const scenesPerSheet = columns * rows;

export interface SceneDifference {
  readonly scene: Scene;
  readonly pixels: number;
  /** The first pixel that differs, from the scene's corner. */
  readonly x: number;
  readonly y: number;
  readonly expected: number;
  readonly actual: number;
}

/** As many scenes as a sheet has, of the seeds from `firstSeed` on. */
export function makeSheet(
  firstSeed: number,
  count: number,
  options: Omit<SceneOptions, "glz"> = {},
): Scene[] {
  const glz = new GlzDictionary(1 << 20);
  return Array.from({ length: count }, (_, i) => {
    const left = (i % columns) * cellWidth;
    const top = Math.floor(i / columns) * cellHeight;
    return makeScene(firstSeed + i, left, top, { ...options, glz });
  });
}

export function sheetMessages(scenes: readonly Scene[]): DisplayMessage[] {
  const start = primaryCreate(columns * cellWidth, rows * cellHeight);
  return [...start, ...scenes.flatMap(({ messages }) => messages)];
}

/** What spice-gtk makes of display messages. Throws when it ends. */
export async function drawWithGtk(messages: readonly DisplayMessage[]): Promise<RgbImage> {
  await using server = await ScriptServer.start();
  const next = server.nextDisplay();
  const options = { channels: ["main", "display"] };
  await using client: GtkClient = await startGtkClient(server.address, options);
  const display = await next;
  for (const message of messages) display.send(message);
  await display.settle();
  return await client.dump();
}

export function drawWithCanvas(messages: readonly DisplayMessage[]): RgbImage {
  const renderer = new CanvasRenderer();
  renderer.apply(messages);
  return renderer.picture();
}

export interface DrawComparison {
  readonly scenes: number;
  readonly differing: readonly SceneDifference[];
  /** Seeds of scenes that spice-gtk did not survive. */
  readonly fatal: readonly number[];
}

/** Draws sheets of scenes both ways. A sheet that ends spice-gtk is taken apart to find the scene. */
export async function compareDrawing(
  firstSeed: number,
  sheets: number,
  options: Omit<SceneOptions, "glz"> = {},
): Promise<DrawComparison> {
  const differing: SceneDifference[] = [];
  const fatal: number[] = [];
  const compare = async (seed: number, count: number): Promise<void> => {
    const scenes = makeSheet(seed, count, options);
    const messages = sheetMessages(scenes);
    let expected: RgbImage;
    try {
      expected = await drawWithGtk(messages);
    } catch {
      if (count === 1) {
        fatal.push(seed);
        return;
      }
      const half = count >> 1;
      await compare(seed, half);
      await compare(seed + half, count - half);
      return;
    }
    differing.push(...compareSheets(scenes, expected, drawWithCanvas(messages)));
  };
  for (let sheet = 0; sheet < sheets; sheet++) {
    await compare(firstSeed + sheet * scenesPerSheet, scenesPerSheet);
  }
  return { scenes: sheets * scenesPerSheet, differing, fatal };
}

/** The scenes whose cells differ. */
export function compareSheets(
  scenes: readonly Scene[],
  expected: RgbImage,
  actual: RgbImage,
): SceneDifference[] {
  const differences: SceneDifference[] = [];
  for (const scene of scenes) {
    const places = differingPixels(expected, actual, scene.cell);
    const [first] = places;
    if (first === undefined) continue;
    differences.push({
      scene,
      pixels: places.length,
      x: first.x - scene.cell.left,
      y: first.y - scene.cell.top,
      expected: pixelAt(expected, first.x, first.y),
      actual: pixelAt(actual, first.x, first.y),
    });
  }
  return differences;
}

function differingPixels(a: RgbImage, b: RgbImage, { left, top, right, bottom }: Rect) {
  const places: { x: number; y: number }[] = [];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (pixelAt(a, x, y) !== pixelAt(b, x, y)) places.push({ x, y });
    }
  }
  return places;
}

function pixelAt({ width, data }: RgbImage, x: number, y: number): number {
  const at = 3 * (y * width + x);
  return (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
}

/** One line for people: what went wrong, with the seeds to try again. */
export function describeDifferences({ scenes, differing, fatal }: DrawComparison): string {
  const parts = differing.map(({ scene, pixels, x, y, expected, actual }) => {
    const colors = `${expected.toString(16)} expected, ${actual.toString(16)} drawn`;
    return `seed ${scene.seed}: ${pixels} pixels, first at ${x},${y} (${colors})`;
  });
  parts.push(...fatal.map((seed) => `seed ${seed}: spice-gtk ended`));
  return parts.length === 0 ? `${scenes} scenes equal` : parts.slice(0, 10).join("; ");
}
