import { CompositeFlag, Display, SurfaceFormat } from "@caraway/protocol";
import { arbitraryFields, arbitraryOf, Random } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import { isDrawMessage } from "../src/draw.ts";
import type { DisplayMessage } from "../src/index.ts";
import { box, copy, createSurface, fill, picture, Scene } from "./scene.ts";

const formats = Object.values(SurfaceFormat);
const schemas = Display.server.filter(({ id }) => id > 100);

/** Makes a message less absurd, so that it gets as far as drawing: fields that are random give way. */
function tame(message: DisplayMessage, random: Random): DisplayMessage {
  const near = () => random.below(40) - 10;
  const patch = (value: unknown, key: string): unknown => {
    if (key === "surfaceId") return random.below(formats.length);
    if (key === "clip" && random.once(2)) return { type: 0 };
    if (key === "flags" && message.name === "DRAW_COMPOSITE") {
      // The fields that follow from the flags stay as they are.
      const kept =
        CompositeFlag.HAS_MASK | CompositeFlag.HAS_SRC_TRANSFORM | CompositeFlag.HAS_MASK_TRANSFORM;
      return ((value as number) & kept) | (random.below(0x3f) | (random.below(5) << 8));
    }
    if (Array.isArray(value)) return value.map((item) => patch(item, ""));
    if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
    if ("left" in value && !random.once(4)) {
      const [left, top] = [near(), near()];
      return box(left, top, left + random.below(40), top + random.below(40));
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, patch(item, name)]),
    );
  };
  return { name: message.name, body: patch(message.body, "") } as DisplayMessage;
}

function hostileMessage(seed: number): DisplayMessage {
  const random = new Random(seed);
  const schema = schemas[random.below(schemas.length)]!;
  const body = arbitraryFields(schema.fields, arbitraryOf(seed));
  const message = { name: schema.name, body } as DisplayMessage;
  return random.once(3) ? message : tame(message, random);
}

function start(scene: Scene, display: number): void {
  formats.forEach((format, id) => {
    scene.apply(createSurface(20 + id, 30 - id, format, id), display);
  });
}

const limits = {
  maxSurfacePixels: 1 << 16,
  maxSurfaces: 20,
  maxCachePixels: 1 << 16,
  maxGlzPixels: 1 << 16,
};

describe("hostile messages", () => {
  it("end their own display at most, and touch no other", () => {
    const scene = new Scene(limits);
    scene.apply(createSurface(4, 4), 1);
    scene.apply(copy(box(0, 0, 4, 4), picture([[1, 2, 3, 4]]), { srcArea: box(0, 0, 4, 1) }), 1);
    const before = scene.raw(0, 1);
    start(scene, 0);
    let failures = 0;
    let drawn = 0;
    for (let seed = 1; seed <= 4000; seed++) {
      const message = hostileMessage(seed);
      scene.outputs.length = 0;
      scene.apply(message, 0);
      const [failed] = scene.ofType("failed");
      if (failed !== undefined) {
        failures++;
        expect(failed.display).toBe(0);
        expect(failed.error.code).toMatch(/^(CANVAS|CODEC)_/);
      } else if (isDrawMessage(message) && scene.renderer.pending(0) === 0) {
        drawn++;
      }
      // What waits for an image that never comes, or has failed, is over: begin anew.
      if (failed !== undefined || scene.renderer.pending(0) > 0) {
        scene.handle({ type: "close", display: 0 });
        start(scene, 0);
      }
    }
    expect(scene.raw(0, 1)).toEqual(before);
    expect(failures).toBeGreaterThan(100);
    expect(drawn).toBeGreaterThan(100);
  });

  it("of extreme coordinates draw what lies inside, on every kind of surface", () => {
    const far = box(-0x80000000, -0x80000000, 0x7fffffff, 0x7fffffff);
    for (const format of formats) {
      const scene = new Scene(limits);
      scene.apply(createSurface(3, 2, format));
      scene.apply(fill(far, 0xffffffff));
      expect(scene.ofType("failed")).toEqual([]);
      expect(new Set(scene.raw()).size).toBe(1);
      expect(scene.raw()[0]).not.toBe(0);
      scene.apply(copy(far, picture([[0]]), { srcArea: box(0, 0, 1, 1) }));
      scene.apply(copy(box(0, 0, 3, 2), picture([[0]]), { srcArea: far }));
      scene.apply({
        name: "COPY_BITS",
        body: {
          base: { surfaceId: 0, box: far, clip: { type: 0 } },
          srcPos: { x: 0x7fffffff, y: -0x80000000 },
        },
      });
      expect(scene.ofType("failed")).toEqual([]);
    }
  });

  it("are ignored after the display has failed, until it begins anew", () => {
    const scene = new Scene(limits);
    scene.apply(createSurface(1, 1));
    scene.apply(createSurface(40_000, 1, SurfaceFormat["32_xRGB"], 3));
    scene.apply(fill(box(0, 0, 1, 1), 5));
    expect(scene.raw()).toEqual([0]);
    expect(scene.ofType("applied")).toHaveLength(1);
    scene.handle({ type: "reset", display: 0 });
    scene.apply(fill(box(0, 0, 1, 1), 5));
    expect(scene.raw()).toEqual([5]);
  });
});
