import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { parseUsb } from "../src/argument-values.ts";

describe("a USB device", () => {
  it("is a stick or a CD drive, and may be one of several", () => {
    const first = parseUsb("file=a,b.img");
    expect(parseUsb("cd=/x/disc.iso", parseUsb("file=c.img,readonly", first))).toEqual([
      { kind: "stick", file: "a,b.img", readOnly: false },
      { kind: "stick", file: "c.img", readOnly: true },
      { kind: "cd", file: "/x/disc.iso", readOnly: true },
    ]);
  });

  it.each(["a.img", "file=", "dvd=x", ""])("is not %s", (text) => {
    expect(() => parseUsb(text)).toThrow(InvalidArgumentError);
  });
});
