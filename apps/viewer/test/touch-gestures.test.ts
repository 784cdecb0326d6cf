import { describe, expect, it } from "vitest";
import { type Gesture, TouchGestures } from "../src/input/touch-gestures.ts";

type Step =
  | readonly ["down" | "up", id: number, x: number, y: number, now: number]
  | readonly ["move", id: number, x: number, y: number]
  | readonly ["timeout", now: number];

function gestures(...steps: Step[]): Gesture[] {
  const touch = new TouchGestures();
  return steps.flatMap((step) => {
    if (step[0] === "timeout") return touch.timeout(step[1]);
    if (step[0] === "move") return touch.move({ id: step[1], x: step[2], y: step[3] });
    const [name, id, x, y, now] = step;
    return touch[name]({ id, x, y }, now);
  });
}

const kinds = (found: Gesture[]) => found.map(({ kind }) => kind);

describe("fingers on a screen", () => {
  it("tap with one, two or three", () => {
    expect(gestures(["down", 1, 10, 10, 0], ["up", 1, 12, 11, 100])).toEqual([
      { kind: "tap", fingers: 1, x: 12, y: 11 },
    ]);
    const two = gestures(
      ["down", 1, 10, 10, 0],
      ["down", 2, 50, 10, 30],
      ["up", 1, 10, 10, 100],
      ["up", 2, 50, 10, 110],
    );
    expect(two).toMatchObject([{ kind: "tap", fingers: 2 }]);
    const three = gestures(
      ["down", 1, 10, 10, 0],
      ["down", 2, 50, 10, 30],
      ["down", 3, 90, 10, 30],
      ["up", 1, 10, 10, 100],
      ["up", 2, 50, 10, 110],
      ["up", 3, 90, 10, 110],
    );
    expect(three).toMatchObject([{ kind: "tap", fingers: 3 }]);
  });

  it("drag from where they began", () => {
    const found = gestures(
      ["down", 1, 100, 100, 0],
      ["move", 1, 104, 100],
      ["move", 1, 120, 100],
      ["move", 1, 130, 105],
      ["up", 1, 130, 105, 300],
    );
    expect(found).toEqual([
      { kind: "drag-start", hold: false, x: 100, y: 100 },
      { kind: "drag", x: 120, y: 100, dx: 20, dy: 0 },
      { kind: "drag", x: 130, y: 105, dx: 10, dy: 5 },
      { kind: "drag", x: 130, y: 105, dx: 0, dy: 0 },
      { kind: "drag-end", x: 130, y: 105 },
    ]);
  });

  it("mean the other button when they rest", () => {
    const touch = new TouchGestures();
    touch.down({ id: 1, x: 5, y: 5 }, 1000);
    expect(touch.deadline()).toBe(1600);
    expect(touch.timeout(1500)).toEqual([]);
    expect(touch.timeout(1600)).toEqual([{ kind: "drag-start", hold: true, x: 5, y: 5 }]);
    expect(touch.deadline()).toBeNull();
    expect(kinds(touch.up({ id: 1, x: 5, y: 5 }, 1700))).toEqual(["drag", "drag-end"]);
    expect(touch.down({ id: 2, x: 5, y: 5 }, 1800)).toEqual([]);
    expect(kinds(touch.up({ id: 2, x: 5, y: 5 }, 1850))).toEqual(["tap"]);
  });

  it("do nothing when two of them rest too long for a tap", () => {
    const found = gestures(
      ["down", 1, 10, 10, 0],
      ["down", 2, 50, 10, 0],
      ["timeout", 700],
      ["up", 1, 10, 10, 900],
      ["up", 2, 50, 10, 900],
    );
    expect(found).toEqual([]);
  });

  it("scroll when two of them move together", () => {
    const found = gestures(
      ["down", 1, 10, 100, 0],
      ["down", 2, 50, 100, 0],
      ["move", 1, 10, 120],
      ["move", 2, 50, 120],
      ["move", 1, 10, 130],
      ["move", 2, 50, 130],
    );
    expect(new Set(kinds(found))).toEqual(new Set(["scroll"]));
    const sum = found.reduce(
      (all, gesture) => all + (gesture.kind === "scroll" ? gesture.dy : 0),
      0,
    );
    expect(sum).toBe(20);
  });

  it("zoom when they move apart", () => {
    const found = gestures(
      ["down", 1, 100, 100, 0],
      ["down", 2, 200, 100, 0],
      ["move", 2, 240, 100],
      ["move", 2, 280, 100],
      ["move", 2, 320, 100],
    );
    const zooms = found.filter((gesture) => gesture.kind === "zoom");
    expect(zooms.length).toBeGreaterThan(0);
    expect(zooms.every(({ factor }) => factor > 1)).toBe(true);
  });

  it("let a drag go when the system takes them", () => {
    const touch = new TouchGestures();
    touch.down({ id: 1, x: 0, y: 0 }, 0);
    touch.move({ id: 1, x: 50, y: 0 });
    expect(touch.cancel()).toEqual([{ kind: "drag-end", x: 50, y: 0 }]);
    expect(touch.cancel()).toEqual([]);
  });
});
