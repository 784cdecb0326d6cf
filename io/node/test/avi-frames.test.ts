import { describe, expect, it } from "vitest";
import { AviFrames } from "../src/avi-frames.ts";

function chunk(id: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length & 1)]);
}

const frames = [1, 2, 7, 300].map((size) => Buffer.alloc(size, size));
const file = Buffer.concat([
  Buffer.from("RIFF....AVI LIST....hdrl avih and all that LIST....movi", "latin1"),
  chunk("00dc", frames[0]!),
  chunk("00dc", Buffer.alloc(0)),
  chunk("JUNK", Buffer.alloc(5)),
  ...frames.slice(1).map((frame) => chunk("00dc", frame)),
]);

describe("the frames of an AVI file that is being written", () => {
  it("come as soon as they are whole, wherever the file is cut", () => {
    for (let size = 1; size <= file.length; size = size * 2 + 1) {
      const reader = new AviFrames();
      const read: Buffer[] = [];
      for (let at = 0; at < file.length; at += size) {
        read.push(...reader.push(file.subarray(at, at + size)));
      }
      expect(read.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]));
    }
  });

  it("are none of what is no such file, and none that no memory holds", () => {
    expect(() => new AviFrames().push(Buffer.alloc(1 << 17, 65))).toThrow("no AVI file");
    const huge = Buffer.from("movi00dc\xff\xff\xff\xff", "latin1");
    expect(() => new AviFrames().push(huge)).toThrow("a frame of 4294967295 bytes");
  });
});
