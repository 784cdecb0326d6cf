import { StreamFlag, VideoCodecType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { CanvasError } from "../src/index.ts";
import { type Body, box, clipTo, createSurface, noClip, Scene } from "./scene.ts";

function streamCreate(more: Partial<Body<"STREAM_CREATE">> = {}) {
  const body: Body<"STREAM_CREATE"> = {
    surfaceId: 0,
    id: 1,
    flags: StreamFlag.TOP_DOWN,
    codecType: VideoCodecType.MJPEG,
    stamp: 0n,
    streamWidth: 2,
    streamHeight: 2,
    srcWidth: 2,
    srcHeight: 2,
    dest: box(1, 0, 3, 2),
    clip: noClip,
    ...more,
  };
  return { name: "STREAM_CREATE", body } as const;
}

const frame = {
  name: "STREAM_DATA",
  body: { id: 1, multiMediaTime: 5, data: new Uint8Array(4) },
} as const;

const image = { format: "xrgb", width: 2, height: 2 } as const;

/** A surface of 4 by 2 with a stream, whose frames are decoded by the test. */
function streaming(more: Partial<Body<"STREAM_CREATE">> = {}): Scene {
  const scene = new Scene();
  scene.defer = true;
  scene.apply(createSurface(4, 2));
  scene.apply(streamCreate(more));
  return scene;
}

function decode(scene: Scene, pixels: number[]): void {
  const { task } = scene.later.shift()!;
  const outcome = { kind: "image", image: { ...image, pixels: Uint32Array.from(pixels) } } as const;
  scene.handle({ type: "decoded", task, outcome });
}

describe("a stream", () => {
  it("shows each frame at its place when it is decoded", () => {
    const scene = streaming();
    scene.apply(frame);
    expect(scene.raw()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    decode(scene, [1, 2, 3, 4]);
    expect(scene.raw()).toEqual([0, 1, 2, 0, 0, 3, 4, 0]);
    expect(scene.ofType("damage")).toMatchObject([{ boxes: [box(1, 0, 3, 2)] }]);
  });

  it("turns frames whose first row is the bottom one", () => {
    const scene = streaming({ flags: 0 });
    scene.apply(frame);
    decode(scene, [1, 2, 3, 4]);
    expect(scene.raw()).toEqual([0, 3, 4, 0, 0, 1, 2, 0]);
  });

  it("heeds its clip, and a new one", () => {
    const scene = streaming({ clip: clipTo(box(1, 0, 2, 2)) });
    scene.apply(frame);
    decode(scene, [1, 2, 3, 4]);
    scene.apply({ name: "STREAM_CLIP", body: { id: 1, clip: clipTo(box(2, 1, 9, 9)) } });
    scene.apply(frame);
    decode(scene, [5, 6, 7, 8]);
    expect(scene.raw()).toEqual([0, 1, 0, 0, 0, 3, 8, 0]);
  });

  it("stretches a frame that comes with its own place", () => {
    const scene = streaming();
    const data = new Uint8Array(4);
    const sized = { id: 1, multiMediaTime: 0, width: 2, height: 2, dest: box(0, 0, 4, 2), data };
    scene.apply({ name: "STREAM_DATA_SIZED", body: sized });
    decode(scene, [1, 2, 3, 4]);
    expect(scene.colors().map((color) => color & 0xff)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
  });

  it("goes on after a frame that does not decode", () => {
    const scene = streaming();
    scene.apply(frame);
    const { task } = scene.later.shift()!;
    scene.handle({
      type: "decoded",
      task,
      outcome: { error: new CanvasError("INVALID", "broken") },
    });
    expect(scene.ofType("frame-lost")).toMatchObject([{ stream: 1 }]);
    scene.apply(frame);
    decode(scene, [1, 2, 3, 4]);
    expect(scene.raw()[1]).toBe(1);
  });

  it("is refused when its codec is unknown, and its frames are skipped", () => {
    const scene = streaming({ codecType: VideoCodecType.VP9 });
    scene.apply(frame);
    expect(scene.ofType("stream-refused")).toEqual([
      { type: "stream-refused", display: 0, stream: 1, reason: "codec" },
    ]);
    expect(scene.ofType("applied")).toHaveLength(3);
  });

  it("is unknown after its end", () => {
    const scene = streaming();
    scene.apply({ name: "STREAM_DESTROY", body: { id: 1 } });
    scene.apply(frame);
    expect(scene.ofType("stream-refused")).toMatchObject([{ stream: 1, reason: "unknown" }]);
  });
});
