import { describe, expect, it } from "vitest";
import { typeText } from "../src/input/text-typing.ts";
import { Wheel } from "../src/input/wheel.ts";

function strokes(
  text: string,
  unicode: "none" | "ctrl-shift-u" = "none",
  capsLock = false,
): string {
  return typeText(text, unicode, capsLock)
    .commands.map((command) => {
      if (command.kind !== "key-down" && command.kind !== "key-up") return command.kind;
      return `${command.kind === "key-down" ? "+" : "-"}${command.scancode.toString(16)}`;
    })
    .join(" ");
}

describe("typing text", () => {
  it("presses the keys of a US keyboard", () => {
    expect(strokes("aB\r\n")).toBe("+1e -1e +2a +30 -30 -2a +1c -1c");
  });

  it("turns letters over, and nothing else, while the guest has Caps Lock", () => {
    expect(strokes("aB!", "none", true)).toBe("+2a +1e -1e -2a +30 -30 +2a +2 -2 -2a");
  });

  it("says what it could not type", () => {
    expect(typeText("aß語b", "none", false).refused).toBe("ß語");
    expect(typeText("aß語b", "none", false).commands).toHaveLength(4);
  });

  it("enters the number of a character where the guest knows that", () => {
    expect(strokes("é", "ctrl-shift-u")).toBe("+1d +2a +16 -16 -2a -1d +12 -12 +a -a +1c -1c");
    expect(typeText("😀", "ctrl-shift-u", false).refused).toBe("");
  });
});

describe("the wheel", () => {
  it("makes steps of distances, and keeps what remains", () => {
    const wheel = new Wheel();
    const turns = [30, 30, 30, 30].map((deltaY) => wheel.turn({ deltaY, deltaMode: 0 }));
    expect(turns).toEqual([0, 1, 0, 1]);
  });

  it("forgets what remains when it turns back", () => {
    const wheel = new Wheel();
    wheel.turn({ deltaY: 40, deltaMode: 0 });
    expect(wheel.turn({ deltaY: -40, deltaMode: 0 })).toBe(0);
    expect(wheel.turn({ deltaY: -20, deltaMode: 0 })).toBe(-1);
  });

  it("counts lines and pages, and has an end", () => {
    const wheel = new Wheel();
    expect(wheel.turn({ deltaY: 3, deltaMode: 1 })).toBe(1);
    expect(new Wheel().turn({ deltaY: 1, deltaMode: 2 })).toBe(8);
    expect(new Wheel().turn({ deltaY: 100_000, deltaMode: 0 })).toBe(10);
  });
});
