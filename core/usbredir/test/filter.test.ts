import { checkFilter, formatFilter, parseFilter, UsbredirError } from "@caraway/usbredir";
import { describe, expect, it } from "vitest";

const stick = {
  deviceClass: 0,
  vendor: 0x46f4,
  product: 1,
  version: 0x100,
  interfaces: [{ interfaceClass: 8, interfaceSubclass: 6, interfaceProtocol: 0x50 }],
};

describe("a filter", () => {
  it("is read as usbredir reads it", () => {
    expect(parseFilter("0x03,-1,-1,-1,0|8,0x46f4,1,0x0100,1||-1,-1,-1,-1,0|")).toEqual([
      { deviceClass: 3, vendor: null, product: null, version: null, allow: false },
      { deviceClass: 8, vendor: 0x46f4, product: 1, version: 0x100, allow: true },
      { deviceClass: null, vendor: null, product: null, version: null, allow: false },
    ]);
    expect(parseFilter("")).toEqual([]);
  });

  it("is written as usbredir writes it", () => {
    const text = "0x03,-1,-1,-1,0|0x08,0x46f4,0x0001,0x0100,1";
    expect(formatFilter(parseFilter(text))).toBe(text);
  });

  it.each([
    "1,2,3,4",
    "1,2,3,4,5,6",
    "a,-1,-1,-1,1",
    "256,-1,-1,-1,1",
    "-2,-1,-1,-1,1",
    "0x,1,1,1,1",
    "08,1,1,1,1",
  ])("such as %s is refused", (text) => {
    expect(() => parseFilter(text)).toThrow(UsbredirError);
  });

  it("goes by the first rule that fits, for the device and each of its interfaces", () => {
    const check = (rules: string) => checkFilter(parseFilter(rules), stick);
    expect(check("0x08,-1,-1,-1,1")).toBe("allow");
    expect(check("0x08,-1,-1,-1,0|-1,-1,-1,-1,1")).toBe("deny");
    expect(check("0x03,-1,-1,-1,1")).toBe("deny");
    expect(checkFilter([], stick, "allow")).toBe("allow");
    const both = [...stick.interfaces, { ...stick.interfaces[0]!, interfaceClass: 0x0e }];
    expect(checkFilter(parseFilter("8,-1,-1,-1,1"), { ...stick, interfaces: both })).toBe("deny");
  });

  it("does not mind the buttons of a sound card", () => {
    const buttons = { interfaceClass: 3, interfaceSubclass: 0, interfaceProtocol: 0 };
    const sound = { interfaceClass: 1, interfaceSubclass: 1, interfaceProtocol: 0 };
    const rules = parseFilter("3,-1,-1,-1,0|-1,-1,-1,-1,1");
    const device = { ...stick, interfaces: [sound, buttons] };
    expect(checkFilter(rules, device)).toBe("allow");
    expect(checkFilter(rules, { ...device, interfaces: [buttons] })).toBe("deny");
  });
});
