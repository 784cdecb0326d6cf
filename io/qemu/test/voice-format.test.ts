import { expect, it } from "vitest";
import { voiceFormat } from "../src/voice-format.ts";

it("takes samples of 16 bits, signed, least byte first, and refuses all that is not said to be so", () => {
  expect(voiceFormat([16, true, false, 44_100, 2, 4, 176_400, false])).toEqual({
    channels: 2,
    frequency: 44_100,
  });
  expect(voiceFormat([8, true, false, 44_100, 2, 2, 88_200, false])).toBe(null);
  expect(voiceFormat([16, false, false, 44_100, 2, 4, 176_400, false])).toBe(null);
  expect(voiceFormat([16, true, true, 44_100, 2, 4, 176_400, false])).toBe(null);
  expect(voiceFormat([16, true, false, 44_100, 2, 4, 176_400, true])).toBe(null);
  expect(voiceFormat([16, true, false, 44_100, 2, 4, 176_400])).toBe(null);
  expect(voiceFormat([16, true, false, "44100", 2, 4, 176_400, false])).toBe(null);
});
