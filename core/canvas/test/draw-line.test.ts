import { BrushType, LineFlag, PathFlag, RopDescriptor } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { base, box, createSurface, Scene, solid } from "./scene.ts";

type Points = readonly (readonly [number, number])[];

/** Strokes a path over an 8 by 8 surface and shows it as text. */
function stroke(
  points: Points,
  more: { flags?: number; dashes?: readonly number[]; startsWithGap?: boolean; mode?: number } = {},
): string[] {
  const scene = new Scene();
  scene.apply(createSurface(8, 8));
  const flags = PathFlag.BEGIN | PathFlag.END | (more.flags ?? 0);
  const fixed = points.map(([x, y]) => ({ x: x * 16, y: y * 16 }));
  const styled = more.dashes === undefined ? null : { style: more.dashes.map((n) => n * 16) };
  const gap = more.startsWithGap === true ? LineFlag.START_WITH_GAP : 0;
  const body = {
    base: base(box(0, 0, 8, 8)),
    path: { segments: [{ flags, points: fixed }] },
    attr: { flags: styled === null ? 0 : LineFlag.STYLED | gap, styled },
    brush: solid(1),
    foreMode: more.mode ?? RopDescriptor.OP_PUT,
    backMode: RopDescriptor.OP_PUT,
  };
  scene.apply({ name: "DRAW_STROKE", body });
  expect(scene.ofType("failed")).toEqual([]);
  const raw = scene.raw();
  const rows = Array.from({ length: 8 }, (_, y) => raw.slice(8 * y, 8 * y + 8));
  return rows.map((row) => row.map((value) => (value === 0 ? "." : "#")).join(""));
}

describe("DRAW_STROKE", () => {
  it("leaves out the last point of a line", () => {
    expect(
      stroke([
        [1, 2],
        [4, 2],
      ])[2],
    ).toBe(".###....");
    expect(
      stroke([
        [4, 2],
        [1, 2],
      ])[2],
    ).toBe("..###...");
  });

  it("takes the side step where the line has passed the middle between two pixels", () => {
    expect(
      stroke([
        [0, 0],
        [6, 3],
      ]).slice(0, 3),
    ).toEqual(["#.......", ".##.....", "...##..."]);
  });

  it("draws the visible part of a line that begins and ends far away as if it were all there", () => {
    const far = stroke([
      [-3000, -3000],
      [3000, 3000],
    ]);
    expect(far).toEqual(
      Array.from({ length: 8 }, (_, i) => `${".".repeat(i)}#${".".repeat(7 - i)}`),
    );
  });

  it("closes a path with a line to its first point", () => {
    const rows = stroke(
      [
        [1, 1],
        [5, 1],
        [5, 5],
        [1, 5],
      ],
      { flags: PathFlag.CLOSE },
    );
    expect(rows[1]).toBe(".#####..");
    expect(rows[3]).toBe(".#...#..");
    expect(rows[5]).toBe(".#####..");
  });

  it("draws dashes and gaps in turn, either of them first", () => {
    expect(
      stroke(
        [
          [0, 1],
          [8, 1],
        ],
        { dashes: [2, 1] },
      )[1],
    ).toBe("##.##.##");
    expect(
      stroke(
        [
          [0, 1],
          [8, 1],
        ],
        { dashes: [2, 1], startsWithGap: true },
      )[1],
    ).toBe("..#..#..");
  });

  it("draws nothing, and ends, when all dashes have no length", () => {
    expect(
      stroke(
        [
          [0, 1],
          [8, 1],
        ],
        { dashes: [0, 0] },
      )[1],
    ).toBe("........");
  });

  it("draws curves from their ends towards their control points", () => {
    const rows = stroke(
      [
        [0, 7],
        [0, 0],
        [7, 0],
        [7, 7],
      ],
      { flags: PathFlag.BEZIER },
    );
    expect(rows.map((row) => row.indexOf("#"))).not.toEqual([-1, -1, -1, -1, -1, -1, -1, -1]);
    expect(rows[0]).toBe("........");
    expect(rows[7]?.startsWith("#")).toBe(true);
  });

  it("ends with a curve whose points are all the same", () => {
    expect(
      stroke(
        [
          [3, 3],
          [3, 3],
          [3, 3],
          [3, 3],
        ],
        { flags: PathFlag.BEZIER },
      ),
    ).toHaveLength(8);
  });

  it("refuses lines whose dashes would take too long", () => {
    const scene = new Scene();
    scene.apply(createSurface(8, 8));
    const points = Array.from({ length: 200 }, (_, i) => ({
      x: i % 2 === 0 ? -(1 << 30) : 1 << 30,
      y: 0,
    }));
    const body = {
      base: base(box(0, 0, 8, 8)),
      path: { segments: [{ flags: PathFlag.BEGIN, points }] },
      attr: { flags: LineFlag.STYLED, styled: { style: [16] } },
      brush: { type: BrushType.NONE },
      foreMode: RopDescriptor.OP_PUT,
      backMode: 0,
    };
    scene.apply({ name: "DRAW_STROKE", body });
    expect(scene.ofType("failed")).toMatchObject([{ error: { code: "CANVAS_LIMIT" } }]);
  });
});
