import { VideoCodecType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { isKeyFrame } from "../src/key-frame.ts";

const { MJPEG, VP8, VP9, H264, H265 } = VideoCodecType;
const bytes = (...values: number[]) => Uint8Array.from(values);
const unit = (...values: number[]) => [0, 0, 0, 1, ...values];

describe("a key frame", () => {
  it("of VP8 has the lowest bit clear and a start code", () => {
    expect(isKeyFrame(VP8, bytes(0x90, 3, 0, 0x9d, 1, 0x2a, 64, 0))).toBe(true);
    expect(isKeyFrame(VP8, bytes(0x91, 3, 0, 0x9d, 1, 0x2a, 64, 0))).toBe(false);
    expect(isKeyFrame(VP8, bytes(0x90, 3, 0, 1, 2, 3))).toBe(false);
  });

  it("of VP9 is a frame of its own and of that type, in every profile", () => {
    expect(isKeyFrame(VP9, bytes(0b10_00_0_0_10, 0x49))).toBe(true);
    expect(isKeyFrame(VP9, bytes(0b10_00_0_1_10, 0x49))).toBe(false);
    expect(isKeyFrame(VP9, bytes(0b10_00_1_0_10, 0x49))).toBe(false);
    expect(isKeyFrame(VP9, bytes(0b10_11_0_0_0_1, 0x49))).toBe(true);
    expect(isKeyFrame(VP9, bytes(0b10_11_0_0_1_1, 0x49))).toBe(false);
    expect(isKeyFrame(VP9, bytes(0b00_00_0_0_10))).toBe(false);
  });

  it("of H.264 and H.265 has a picture that needs no other, behind its parameters", () => {
    expect(isKeyFrame(H264, bytes(...unit(0x67, 1, 2), ...unit(0x68, 3), ...unit(0x65, 9)))).toBe(
      true,
    );
    expect(isKeyFrame(H264, bytes(...unit(0x06, 1), ...unit(0x41, 9)))).toBe(false);
    expect(isKeyFrame(H265, bytes(...unit(0x40, 1), ...unit(0x26, 1)))).toBe(true);
    expect(isKeyFrame(H265, bytes(...unit(0x02, 1)))).toBe(false);
  });

  it("is nothing that is empty, cut, made of start codes, or of another codec", () => {
    for (const codec of [VP8, VP9, H264, H265]) {
      expect(isKeyFrame(codec, bytes())).toBe(false);
      expect(isKeyFrame(codec, bytes(0))).toBe(false);
      expect(isKeyFrame(codec, new Uint8Array(4000).fill(0))).toBe(false);
    }
    const many = Uint8Array.from({ length: 100_000 }, (_, at) => (at % 3 === 2 ? 1 : 0));
    expect(isKeyFrame(H264, many)).toBe(false);
    expect(isKeyFrame(MJPEG, bytes(0x90, 3, 0, 0x9d, 1, 0x2a))).toBe(false);
  });
});
