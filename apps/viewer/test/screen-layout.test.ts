import type { ScreenInfo } from "@caraway/browser";
import { describe, expect, it } from "vitest";
import {
  arrange,
  isPixelated,
  monitorsFor,
  type ScaleInput,
  scaleOf,
} from "../src/screen/screen-layout.ts";

const screen = (channel: number, monitor: number, x: number, y: number, w: number, h: number) =>
  ({ key: `${channel}:${monitor}`, channel, monitor, x, y, width: w, height: h }) as ScreenInfo;

const input = (parts: Partial<ScaleInput>): ScaleInput => ({
  scaling: "fit",
  space: { width: 800, height: 600 },
  content: { width: 1600, height: 900 },
  devicePixelRatio: 1,
  highDpi: false,
  zoom: 1,
  ...parts,
});

describe("the arrangement of screens", () => {
  it("keeps monitors of one channel where the guest has them", () => {
    const { screens, width, height } = arrange([
      screen(0, 0, 0, 0, 1024, 768),
      screen(0, 1, 1024, 100, 800, 600),
    ]);
    expect(screens).toMatchObject([
      { left: 0, top: 0 },
      { left: 1024, top: 100 },
    ]);
    expect([width, height]).toEqual([1824, 768]);
  });

  it("puts channels side by side, and leaves no empty space before them", () => {
    const { screens, width, height } = arrange([
      screen(0, 0, 0, 0, 640, 480),
      screen(1, 0, 200, 50, 1024, 768),
    ]);
    expect(screens).toMatchObject([
      { left: 0, top: 0 },
      { left: 640, top: 0 },
    ]);
    expect([width, height]).toEqual([1664, 768]);
  });

  it("is nothing without a screen", () => {
    expect(arrange([])).toEqual({ screens: [], width: 0, height: 0 });
  });
});

describe("the scale of screens", () => {
  it("fits them into the space, both ways", () => {
    expect(scaleOf(input({}))).toBe(0.5);
    expect(scaleOf(input({ content: { width: 400, height: 300 } }))).toBe(2);
  });

  it("never enlarges a guest that was asked to resize", () => {
    expect(scaleOf(input({ scaling: "resize" }))).toBe(0.5);
    expect(scaleOf(input({ scaling: "resize", content: { width: 400, height: 300 } }))).toBe(1);
  });

  it("shows pixels as they are: of the page, or of the device", () => {
    expect(scaleOf(input({ scaling: "none" }))).toBe(1);
    expect(scaleOf(input({ scaling: "none", devicePixelRatio: 2 }))).toBe(1);
    expect(scaleOf(input({ scaling: "none", devicePixelRatio: 2, highDpi: true }))).toBe(0.5);
  });

  it("is zoomed by the user on top", () => {
    expect(scaleOf(input({ zoom: 3 }))).toBe(1.5);
  });

  it("says nothing of a space that is not there yet", () => {
    expect(scaleOf(input({ space: { width: 0, height: 0 } }))).toBe(1);
  });

  it("keeps pixels square where they are whole", () => {
    expect([0.5, 1, 1.5, 2].map((scale) => isPixelated(scale, 1))).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(isPixelated(0.5, 2)).toBe(true);
  });
});

describe("the monitors that a guest is asked for", () => {
  it("fill the space side by side, in widths that video cards have", () => {
    const space = { width: 1365, height: 767 };
    const none = { devicePixelRatio: 2, highDpi: false };
    expect(monitorsFor(space, 1, none)).toEqual([{ width: 1360, height: 767, x: 0, y: 0 }]);
    expect(monitorsFor(space, 2, none)).toEqual([
      { width: 680, height: 767, x: 0, y: 0 },
      { width: 680, height: 767, x: 680, y: 0 },
    ]);
    const sharp = { devicePixelRatio: 2, highDpi: true };
    expect(monitorsFor(space, 1, sharp)).toEqual([{ width: 2728, height: 1534, x: 0, y: 0 }]);
  });

  it("are never too small to be used", () => {
    const none = { devicePixelRatio: 1, highDpi: false };
    expect(monitorsFor({ width: 10, height: 10 }, 1, none)).toMatchObject([
      { width: 320, height: 320 },
    ]);
  });
});
