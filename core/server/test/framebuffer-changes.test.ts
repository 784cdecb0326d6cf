import type { Box } from "@caraway/canvas";
import { SurfaceFormat } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { FramebufferChanges, type FramebufferStep } from "../src/framebuffer-changes.ts";
import { ServedSurface } from "../src/served-surface.ts";

const width = 320;
const height = 256;
const all: Box = { left: 0, top: 0, right: width, bottom: height };

/** A picture in which no two places look the same. */
function noise(seed: number): Uint32Array {
  let state = seed;
  return Uint32Array.from({ length: width * height }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  });
}

function surfaceOf(pixels: Uint32Array): ServedSurface {
  const surface = new ServedSurface(0, width, height, SurfaceFormat["32_xRGB"]);
  surface.write(all, { stride: width * 4, data: new Uint8Array(pixels.slice().buffer) });
  return surface;
}

function cut(pixels: Uint32Array, box: Box, padding = 0): { stride: number; data: Uint8Array } {
  const columns = box.right - box.left + padding;
  const rows = box.bottom - box.top;
  const part = new Uint32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const from = (box.top + row) * width + box.left;
    part.set(pixels.subarray(from, from + box.right - box.left), row * columns);
  }
  return { stride: columns * 4, data: new Uint8Array(part.buffer) };
}

/** Copies a part of a picture within it. */
function moved(pixels: Uint32Array, to: Box, dx: number, dy: number): Uint32Array {
  const next = pixels.slice();
  for (let y = to.top; y < to.bottom; y++) {
    for (let x = to.left; x < to.right; x++) {
      next[y * width + x] = pixels[(y - dy) * width + x - dx]!;
    }
  }
  return next;
}

/** Takes the steps as a server does; gives them, and the bytes that were painted. */
function apply(surface: ServedSurface, box: Box, pixels: ReturnType<typeof cut>) {
  const steps: FramebufferStep[] = [];
  let painted = 0;
  for (const step of new FramebufferChanges().steps(surface, box, pixels)) {
    steps.push(step);
    const own = surface.surface.pixmap.pixels as Uint32Array;
    if (step.kind === "move") {
      const { to, from } = step;
      own.set(moved(own, to, to.left - from.x, to.top - from.y));
    } else {
      expect(surface.write(step.box, step.pixels)).toBe(true);
      painted += (step.box.right - step.box.left) * (step.box.bottom - step.box.top);
    }
  }
  return { steps, painted };
}

function isShown(surface: ServedSurface, wanted: Uint32Array): boolean {
  const { pixels } = surface.surface.pixmap;
  return wanted.every((pixel, at) => ((pixel ^ pixels[at]!) & 0xffffff) === 0);
}

const before = noise(1);

describe("new pixels of a framebuffer", () => {
  it("that are as they were are no work, also where nobody sees the difference", () => {
    const surface = surfaceOf(before);
    const next = before.map((pixel) => (pixel | 0xff000000) >>> 0);
    expect(apply(surface, all, cut(next, all)).steps).toEqual([]);
  });

  it("are painted where they differ, to the pixel", () => {
    const surface = surfaceOf(before);
    const next = before.slice();
    for (const at of [50 * width + 70, 51 * width + 73, 200 * width + 300]) next[at] = 0x123456;
    const { steps } = apply(surface, all, cut(next, all, 3));
    expect(steps.map((step) => (step.kind === "paint" ? step.box : step))).toEqual([
      { left: 70, top: 50, right: 74, bottom: 52 },
      { left: 300, top: 200, right: 301, bottom: 201 },
    ]);
    expect(isShown(surface, next)).toBe(true);
  });

  it.each([
    {
      name: "a text that scrolls",
      to: { left: 33, top: 20, right: 290, bottom: 220 },
      dx: 0,
      dy: -17,
    },
    {
      name: "one that scrolls back",
      to: { left: 0, top: 40, right: 320, bottom: 256 },
      dx: 0,
      dy: 13,
    },
    {
      name: "one that scrolls aside",
      to: { left: 10, top: 30, right: 250, bottom: 200 },
      dx: -29,
      dy: 0,
    },
    {
      name: "a window that is moved",
      to: { left: 101, top: 67, right: 260, bottom: 200 },
      dx: 23,
      dy: 11,
    },
  ])("are copied where they come from elsewhere: $name", ({ to, dx, dy }) => {
    const surface = surfaceOf(before);
    const next = moved(before, to, dx, dy);
    const box = { left: 0, top: 10, right: width, bottom: height };
    const { steps, painted } = apply(surface, box, cut(next, box));
    expect(steps[0]).toEqual({ kind: "move", to, from: { x: to.left - dx, y: to.top - dy } });
    expect(painted).toBe(0);
    expect(isShown(surface, next)).toBe(true);
  });

  it("are copied and painted when new lines come with those that scroll", () => {
    const surface = surfaceOf(before);
    const to = { left: 40, top: 0, right: 280, bottom: 240 };
    const next = moved(before, to, 0, -16);
    next.set(noise(7).subarray(0, 16 * width), 240 * width);
    const { steps, painted } = apply(surface, all, cut(next, all));
    expect(steps[0]).toMatchObject({ kind: "move", from: { x: 40, y: 16 } });
    expect(painted).toBe(16 * width);
    expect(isShown(surface, next)).toBe(true);
  });

  it("are painted when all of them are new, and soon without a search", () => {
    const surface = surfaceOf(before);
    for (let frame = 2; frame < 20; frame++) {
      const next = noise(frame);
      const { steps, painted } = apply(surface, all, cut(next, all));
      expect(steps.every(({ kind }) => kind === "paint")).toBe(true);
      expect(painted).toBe(width * height);
      expect(isShown(surface, next)).toBe(true);
    }
  });

  it("make the picture, whatever has moved where", () => {
    let state = 99;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 16) % below;
    };
    const surface = surfaceOf(before);
    let now = before;
    for (let round = 0; round < 60; round++) {
      const left = random(160);
      const top = random(120);
      const to = { left, top, right: left + 20 + random(140), bottom: top + 20 + random(116) };
      const dx = Math.max(to.right - width, Math.min(to.left, random(80) - 40));
      const dy = Math.max(to.bottom - height, Math.min(to.top, random(80) - 40));
      now = moved(now, to, dx, dy);
      if (round % 3 === 0) now.fill(random(1 << 24), random(1000), 2000 + random(9000));
      apply(surface, all, cut(now, all));
      expect(isShown(surface, now)).toBe(true);
    }
  });

  it("of 16 bits are painted as they come", () => {
    const surface = new ServedSurface(0, 64, 64, SurfaceFormat["16_565"]);
    const box = { left: 0, top: 0, right: 64, bottom: 64 };
    const pixels = { stride: 128, data: new Uint8Array(64 * 128) };
    surface.write(box, pixels);
    const steps = [...new FramebufferChanges().steps(surface, box, pixels)];
    expect(steps).toEqual([{ kind: "paint", box, pixels }]);
  });
});
