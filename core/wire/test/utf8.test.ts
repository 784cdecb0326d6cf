// UTF-8 is held against the host's own coders, which core itself may not use.

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, encodeUtf8, utf8Size } from "../src/index.ts";

test("any text encodes as the host encodes it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), (a, b) => {
      // Halves of pairs arise when a pair is cut.
      const text = a + b.slice(1) + a.slice(0, 1);
      const expected = new TextEncoder().encode(text);
      expect(encodeUtf8(text)).toEqual(expected);
      expect(utf8Size(text)).toBe(expected.length);
    }),
  );
});

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const hostile = fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xa0, 0x9f, 0xf0, 0xf4);

test("any bytes decode as the host decodes them", () => {
  const mixed = fc.array(fc.oneof(hostile, fc.integer({ min: 0, max: 255 })));
  fc.assert(
    fc.property(mixed, (values) => {
      const bytes = Uint8Array.from(values);
      expect(decodeUtf8(bytes)).toBe(decoder.decode(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("a long text decodes whole", () => {
  const text = "añ😀".repeat(10_000);
  expect(decodeUtf8(encodeUtf8(text))).toBe(text);
});
