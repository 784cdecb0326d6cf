import { describe, expect, it } from "vitest";
import { strokeOf, typing } from "../src/us-keyboard.ts";

describe("typing on a US keyboard", () => {
  it("has a key for every printable ASCII character, and no two alike", () => {
    const seen = new Set<string>();
    for (let code = 0x20; code < 0x7f; code++) {
      const stroke = strokeOf(String.fromCharCode(code));
      expect(stroke, String.fromCharCode(code)).not.toBeNull();
      seen.add(JSON.stringify(stroke));
    }
    expect(seen.size).toBe(0x7f - 0x20);
  });

  it("presses and releases each key, with shift around the shifted ones", () => {
    expect(typing("aA")).toEqual([
      { scancode: 0x1e, down: true },
      { scancode: 0x1e, down: false },
      { scancode: 0x2a, down: true },
      { scancode: 0x1e, down: true },
      { scancode: 0x1e, down: false },
      { scancode: 0x2a, down: false },
    ]);
  });

  it("says which character has no key", () => {
    expect(() => typing("é")).toThrow(/"é"/);
  });
});
