import { describe, expect, it } from "vitest";
import { MuxReader, muxBytes } from "../src/index.ts";

describe("the framing of a webdav channel", () => {
  it("gives back what was framed, wherever the bytes are cut", () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
    const all = [
      ...muxBytes(-5n, bytes),
      ...muxBytes(7n, new Uint8Array(0)),
      ...muxBytes(7n, bytes),
    ];
    for (let cut = 0; cut <= all.length; cut++) {
      const reader = new MuxReader();
      const frames: unknown[] = [];
      for (const part of [all.slice(0, cut), all.slice(cut)]) {
        reader.push(Uint8Array.from(part));
        for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
      }
      expect(frames).toEqual([
        { connection: -5n, bytes },
        { connection: 7n, bytes: new Uint8Array(0) },
        { connection: 7n, bytes },
      ]);
      expect(reader.waiting).toBe(0);
    }
  });

  it("cuts what is larger than a frame", () => {
    const reader = new MuxReader();
    reader.push(muxBytes(1n, new Uint8Array(100_000)));
    expect([reader.next()?.bytes.length, reader.next()?.bytes.length]).toEqual([65_535, 34_465]);
    expect(reader.next()).toBeNull();
  });
});
