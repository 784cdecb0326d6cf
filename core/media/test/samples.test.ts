import { describe, expect, it } from "vitest";
import {
  floatSamples,
  interleave,
  isForOpus,
  sampleBytes,
  samplesOf,
  wholeSamples,
} from "../src/index.ts";

describe("samples of 16 bits", () => {
  it("come back as they went, wherever their bytes lie", () => {
    const samples = Int16Array.of(0, 1, -1, 32_767, -32_768, 1234);
    const bytes = new Uint8Array([0, ...sampleBytes(samples)]).subarray(1);
    expect(samplesOf(bytes)).toEqual(samples);
    expect(wholeSamples(floatSamples(bytes))).toEqual(samples);
  });

  it("are cut where they are too loud, and silent where there are none", () => {
    expect([...wholeSamples(Float32Array.of(2, -2, 0.5), 5)]).toEqual([
      ...[32_767, -32_768, 16_384, 0, 0],
    ]);
  });

  it("lose half a sample at the end", () => {
    expect(floatSamples(Uint8Array.of(0, 0x40, 7))).toEqual(Float32Array.of(0.5));
  });

  it("of planes stand one after the other", () => {
    const planes = [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)];
    expect([...interleave(planes, 2)]).toEqual([1, 4, 2, 5]);
  });
});

describe("Opus", () => {
  it("codes its own rates, of one or two channels", () => {
    expect(isForOpus({ channels: 2, frequency: 48_000 })).toBe(true);
    expect(isForOpus({ channels: 2, frequency: 44_100 })).toBe(false);
    expect(isForOpus({ channels: 3, frequency: 48_000 })).toBe(false);
  });
});
