import { deflateSync } from "node:zlib";
import { CodecError } from "@caraway/codecs";
import { describe, expect, it } from "vitest";
import { inflate } from "../src/inflate.ts";

describe("inflate", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at >> 8);
  const wrapped = deflateSync(bytes);

  it("inflates a stream of the announced size", () => {
    expect(Buffer.compare(inflate(wrapped, bytes.length), bytes)).toBe(0);
  });

  it.each([
    ["longer than announced", wrapped, bytes.length - 1],
    ["shorter than announced", wrapped, bytes.length + 1],
    ["far longer than announced", deflateSync(new Uint8Array(1 << 26)), 100],
    ["cut off", wrapped.subarray(0, wrapped.length - 5), bytes.length],
    ["no zlib stream", Uint8Array.of(1, 2, 3), 3],
    ["empty", new Uint8Array(0), 3],
    ["anything where nothing was announced", wrapped, 0],
  ])("refuses a stream that is %s", (_name, data, size) => {
    expect(() => inflate(data, size)).toThrow(CodecError);
  });
});
