// The reference interpreter on small schemas: one test for each rule of the vocabulary.

import { describe, expect, test } from "vitest";
import {
  type AnySchema,
  bytes,
  type Context,
  count,
  decodeValue,
  emptyable,
  encodeValue,
  enumOf,
  fileDescriptor,
  given,
  i16,
  i64,
  list,
  nullable,
  openEnumOf,
  pointer,
  sizeOf,
  struct,
  tagged,
  text,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  unless,
  WireError,
  when,
} from "../src/index.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replaceAll(/(..)(?=.)/g, "$1 ");
}

/** Holds both directions and the size against each other. */
function expectBothWays<T>(schema: AnySchema, value: T, wire: string, context?: Context): void {
  expect(decodeValue(schema, "T", hex(wire), context)).toEqual(value);
  expect(toHex(encodeValue(schema, "T", value, context))).toBe(wire);
  expect(sizeOf(schema, value, context)).toBe(hex(wire).length);
}

function faultOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return [error.code, error.path, error.offset];
  }
}

const decodeFault = (schema: AnySchema, wire: string, context?: Context) =>
  faultOf(() => decodeValue(schema, "T", hex(wire), context));
const encodeFault = (schema: AnySchema, value: unknown, context?: Context) =>
  faultOf(() => encodeValue(schema, "T", value, context));

describe("numbers", () => {
  const Numbers = struct("Numbers", { a: u8, b: u16, c: i16, d: u32, e: u64, f: i64 });
  const value = { a: 1, b: 0x0302, c: -2, d: 0xfffffffe, e: 0x0807060504030201n, f: -1n };

  test("are packed and little endian", () => {
    const wire = "01 02 03 fe ff fe ff ff ff 01 02 03 04 05 06 07 08 ff ff ff ff ff ff ff ff";
    expectBothWays(Numbers, value, wire);
  });

  test("are big endian where the scalar says so", () => {
    expectBothWays(struct("S", { a: u16be, b: u32be }), { a: 1, b: 2 }, "00 01 00 00 00 02");
  });

  test("that are cut off are truncated, at the field's own offset", () => {
    expect(decodeFault(Numbers, "01 02 03 fe ff fe ff")).toEqual(["WIRE_TRUNCATED", "T.d", 5]);
  });

  test.each([
    [-1, "T.a"],
    [256, "T.a"],
    [1.5, "T.a"],
    [Number.NaN, "T.a"],
  ])("that do not fit are refused, not wrapped: %s", (a, path) => {
    expect(encodeFault(Numbers, { ...value, a })).toEqual(["WIRE_INVALID_VALUE", path, 0]);
  });

  test("of 64 bits are refused beyond their range", () => {
    const fault = encodeFault(Numbers, { ...value, e: 1n << 64n });
    expect(fault).toEqual(["WIRE_INVALID_VALUE", "T.e", 9]);
  });
});

describe("an enum", () => {
  const values = { A: 1, B: 2 } as const;

  test("refuses values that it does not name, both ways", () => {
    const S = struct("S", { x: u8, e: enumOf(u8, "E", values) });
    expectBothWays(S, { x: 0, e: 2 }, "00 02");
    expect(decodeFault(S, "00 03")).toEqual(["WIRE_INVALID_VALUE", "T.e", 1]);
    expect(encodeFault(S, { x: 0, e: 3 })).toEqual(["WIRE_INVALID_VALUE", "T.e", 1]);
  });

  test("that is open lets them through", () => {
    expectBothWays(struct("S", { e: openEnumOf(u16, "E", values) }), { e: 3 }, "03 00");
  });
});

describe("a count", () => {
  const S = struct("S", { n: count(u8, "items"), items: list(u16, { count: "n" }) });

  test("is filled in from what it counts and does not show in the value", () => {
    expectBothWays(S, { items: [1, 2] }, "02 01 00 02 00");
  });

  test("beyond the bytes that are left is too large, whatever it says", () => {
    expect(decodeFault(S, "02 01 00 02")).toEqual(["WIRE_TOO_LARGE", "T.items", 1]);
  });

  test("that does not fit its own field is too large", () => {
    const items = new Array(256).fill(0);
    expect(encodeFault(S, { items })).toEqual(["WIRE_TOO_LARGE", "T.n", 0]);
  });

  test("of a huge list is refused before anything is allocated", () => {
    const Huge = struct("S", { n: count(u32, "items"), items: list(u8, { count: "n" }) });
    expect(decodeFault(Huge, "ff ff ff ff 00")).toEqual(["WIRE_TOO_LARGE", "T.items", 4]);
  });

  test("that two lists share must fit both", () => {
    const Two = struct("S", {
      n: count(u8, "a"),
      a: list(u8, { count: "n" }),
      b: list(u8, { count: "n" }),
    });
    expectBothWays(Two, { a: [1], b: [2] }, "01 01 02");
    expect(encodeFault(Two, { a: [1], b: [] })).toEqual(["WIRE_INVALID_VALUE", "T.b", 2]);
  });
});

describe("a length", () => {
  test("can be the sum of fields", () => {
    const S = struct("S", { a: u8, b: u8, x: bytes({ sum: ["a", "b"] }) });
    expectBothWays(S, { a: 1, b: 2, x: hex("0a 0b 0c") }, "01 02 0a 0b 0c");
    const wrong = { a: 1, b: 1, x: hex("0a 0b 0c") };
    expect(encodeFault(S, wrong)).toEqual(["WIRE_INVALID_VALUE", "T.x", 2]);
  });

  test("can be a product of fields and is checked without overflow", () => {
    const S = struct("S", { a: u32, b: u32, x: bytes({ product: ["a", "b"] }) });
    expectBothWays(S, { a: 1, b: 2, x: hex("0a 0b") }, "01 00 00 00 02 00 00 00 0a 0b");
    expect(decodeFault(S, "00 00 01 00 00 00 01 00")).toEqual(["WIRE_TOO_LARGE", "T.x", 8]);
  });

  test("can be that of an image, whose lines are whole bytes", () => {
    const image = { bitsPerPixel: 1, width: "w", height: "h" } as const;
    const S = struct("S", { w: u16, h: u16, x: bytes({ image }) });
    expectBothWays(S, { w: 9, h: 2, x: hex("01 02 03 04") }, "09 00 02 00 01 02 03 04");
  });

  test("can be a 64-bit field", () => {
    const S = struct("S", { n: u64, x: bytes({ count: "n" }) });
    expectBothWays(S, { n: 1n, x: hex("07") }, "01 00 00 00 00 00 00 00 07");
    expect(decodeFault(S, "ff ff ff ff ff ff ff ff 07")).toEqual(["WIRE_TOO_LARGE", "T.x", 8]);
  });

  test("can be the rest, which must hold whole items", () => {
    const S = struct("S", { x: list(u16, { rest: true }) });
    expectBothWays(S, { x: [1, 2] }, "01 00 02 00");
    expect(decodeFault(S, "01 00 02")).toEqual(["WIRE_TRUNCATED", "T.x[1]", 2]);
  });

  test("can be fixed", () => {
    const S = struct("S", { x: bytes({ fixed: 2 }) });
    expectBothWays(S, { x: hex("01 02") }, "01 02");
    expect(decodeFault(S, "01")).toEqual(["WIRE_TRUNCATED", "T.x", 0]);
    expect(encodeFault(S, { x: hex("01") })).toEqual(["WIRE_INVALID_VALUE", "T.x", 0]);
  });
});

describe("a text", () => {
  test("is UTF-8 and its count is of bytes", () => {
    const S = struct("S", { n: count(u8, "t"), t: text({ count: "n" }, false) });
    expectBothWays(S, { t: "aé€😀" }, "0a 61 c3 a9 e2 82 ac f0 9f 98 80");
  });

  test("that is zero terminated counts the NUL, which the value lacks", () => {
    const S = struct("S", { n: count(u8, "t"), t: text({ count: "n" }, true) });
    expectBothWays(S, { t: "ab" }, "03 61 62 00");
    expect(decodeValue(S, "T", hex("02 61 62"))).toEqual({ t: "ab" });
  });
});

describe("a pointer", () => {
  const Block = list(u8, { count: "n" });

  test("counts from the start of the message and its target follows the fixed part", () => {
    const S = struct("S", { n: count(u8, "p"), p: pointer(Block), z: u8 });
    expectBothWays(S, { p: [7, 8], z: 9 }, "02 06 00 00 00 09 07 08");
  });

  test("may point before itself, as the reference allows", () => {
    const S = struct("S", { a: u8, p: pointer(struct("P", { b: u8 })) });
    expect(decodeValue(S, "T", hex("05 01 00 00 00"))).toEqual({ a: 5, p: { b: 1 } });
  });

  test("outside the message is bad", () => {
    const S = struct("S", { p: pointer(struct("P", { b: u8 })) });
    expect(decodeFault(S, "05 00 00 00")).toEqual(["WIRE_BAD_POINTER", "T.p", 0]);
    expect(decodeFault(S, "04 00 00 00")).toEqual(["WIRE_TRUNCATED", "T.p.b", 4]);
  });

  test("of null is an error, null or the empty value, as declared", () => {
    const n = count(u8, "p");
    expect(decodeFault(struct("S", { n, p: pointer(Block) }), "00 00 00 00 00")).toEqual([
      "WIRE_BAD_POINTER",
      "T.p",
      1,
    ]);
    const Target = struct("P", { b: u8 });
    expectBothWays(struct("S", { p: nullable(Target) }), { p: null }, "00 00 00 00");
    expectBothWays(struct("S", { n, p: emptyable(Block) }), { p: [] }, "00 00 00 00 00");
  });

  test("that may not be null points behind the fixed part when its target is empty", () => {
    const S = struct("S", { n: count(u8, "p"), p: pointer(Block) });
    expectBothWays(S, { p: [] }, "00 05 00 00 00");
    expect(encodeFault(struct("S", { p: pointer(Block) }), { p: null })).toEqual([
      "WIRE_INVALID_VALUE",
      "T.p",
      0,
    ]);
  });

  test("inside a target is followed after all pointers outside it", () => {
    const Inner = struct("I", { v: u8 });
    const Outer = struct("O", { q: pointer(Inner) });
    const S = struct("S", { a: pointer(Outer), b: pointer(Inner) });
    const wire = "08 00 00 00 0c 00 00 00 0d 00 00 00 02 01";
    expectBothWays(S, { a: { q: { v: 1 } }, b: { v: 2 } }, wire);
  });
});

describe("a conditional field", () => {
  test("is there when or unless a flag is set", () => {
    const S = struct("S", { f: u8, a: when("f", 2, u8), b: unless("f", 2, u16) });
    expectBothWays(S, { f: 2, a: 7, b: null }, "02 07");
    expectBothWays(S, { f: 1, a: null, b: 7 }, "01 07 00");
    expect(encodeFault(S, { f: 2, a: null, b: null })).toEqual(["WIRE_INVALID_VALUE", "T.a", 1]);
    expect(encodeFault(S, { f: 1, a: 1, b: 1 })).toEqual(["WIRE_INVALID_VALUE", "T.a", 1]);
  });

  test("is there if the peers agreed on it", () => {
    const S = struct("S", { a: given("CAP", u8), b: u8 });
    expectBothWays(S, { a: 1, b: 2 }, "01 02", new Set(["CAP"]));
    expectBothWays(S, { a: null, b: 2 }, "02");
    expect(encodeFault(S, { a: 1, b: 2 })).toEqual(["WIRE_INVALID_VALUE", "T.a", 0]);
  });
});

describe("a tagged struct", () => {
  const kinds = { NONE: 0, SOME: 1, OTHER: 2 } as const;
  const T = tagged("T", { kind: enumOf(u8, "K", kinds), x: u8 }, "kind", {
    [kinds.NONE]: {},
    [kinds.SOME]: { n: count(u8, "y"), y: bytes({ count: "n" }) },
  });

  test("has the fields of its case beside those of its header", () => {
    expectBothWays(T, { kind: 0, x: 5 }, "00 05");
    expectBothWays(T, { kind: 1, x: 5, y: hex("06") }, "01 05 01 06");
  });

  test("refuses a tag without a case", () => {
    expect(decodeFault(T, "02 05")).toEqual(["WIRE_INVALID_VALUE", "T.kind", 0]);
    expect(encodeFault(T, { kind: 2, x: 5 })).toEqual(["WIRE_INVALID_VALUE", "T.kind", 0]);
  });
});

test("a file descriptor takes no byte and does not show", () => {
  expectBothWays(struct("S", { fd: fileDescriptor, a: u8 }), { a: 1 }, "01");
});

test("a block is a view into the message", () => {
  const wire = hex("01 02 03");
  const S = struct("S", { a: u8, rest: bytes({ rest: true }) });
  const value = decodeValue(S, "T", wire.subarray(1));
  expect(value.rest.buffer).toBe(wire.buffer);
  expect(value.rest).toEqual(hex("03"));
});

test("bytes that no field covers are ignored", () => {
  expect(decodeValue(struct("S", { a: u8 }), "T", hex("01 02"))).toEqual({ a: 1 });
});
