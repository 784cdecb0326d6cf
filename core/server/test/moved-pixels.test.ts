// Two displays whose channels share a cache and a window, drawn on at random, move again and again
// with clients of every kind: what they show is what the guest shows, whatever was under way.

import { readColors } from "@caraway/canvas";
import { SurfaceFormat } from "@caraway/protocol";
import { type DrawnSurface, Random, RandomDrawings } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import type { GuestOutput, ServerOptions } from "../src/index.ts";
import { draw, Truth } from "./drawings.ts";
import { MoveWorld, type MovingClient } from "./move-world.ts";
import { ServerEar } from "./server-ear.ts";
import type { ServerWorld } from "./server-world.ts";

const size = { width: 70, height: 50 } as const;

const surfaces: readonly DrawnSurface[] = [
  { id: 0, ...size, format: SurfaceFormat["32_xRGB"] },
  { id: 1, ...size, format: SurfaceFormat["32_ARGB"] },
];

/** Beside the worlds, which describe themselves while they are made. */
const truths = new WeakMap<MoveWorld, readonly Truth[]>();

class TwoDisplays extends MoveWorld {
  get truths(): readonly Truth[] {
    const known = truths.get(this);
    if (known !== undefined) return known;
    const made = [0, 1].map(() => {
      const truth = new Truth();
      for (const { id, width, height, format } of surfaces) truth.create(id, width, height, format);
      return truth;
    });
    truths.set(this, made);
    return made;
  }

  override describe(world: ServerWorld): void {
    const outputs = this.truths.flatMap((truth, display): GuestOutput[] => [
      { type: "attach", device: { kind: "display", id: display } },
      ...surfaces.map(({ id, width, height, format }): GuestOutput => {
        const content = { stride: width * 4, data: truth.bytes(id) };
        return { type: "surface-create", display, surface: id, width, height, format, content };
      }),
    ]);
    world.guest(
      { type: "identity", name: "vm", uuid: new Uint8Array(16).fill(7) },
      { type: "attach", device: { kind: "keyboard" } },
      ...outputs,
      { type: "ready" },
    );
  }

  /** Both displays draw the same, so that they share their pictures. */
  drawn(world: ServerWorld, drawings: RandomDrawings, count: number): void {
    for (let index = 0; index < count; index++) {
      const drawing = drawings.next();
      for (const [display, truth] of this.truths.entries()) {
        truth.draw(drawing);
        world.guest(draw(drawing, display));
      }
    }
  }

  expectShown(client: MovingClient): void {
    const whole = { left: 0, top: 0, right: size.width, bottom: size.height };
    for (const [display, truth] of this.truths.entries()) {
      const shown = client.renderer.primary(display)!;
      expect(readColors(shown, whole, true)).toEqual(truth.colors(0));
    }
  }
}

interface Course {
  readonly seed: number;
  readonly options: Partial<ServerOptions>;
  readonly pixmapCachePixels: number;
  readonly glzWindowPixels: number;
  readonly hasPeer: boolean;
}

/** Four moves; returns how much the targets said. */
function run({ seed, options, hasPeer, ...caches }: Course): number {
  const random = new Random(seed);
  const world = new TwoDisplays({ source: options, target: options });
  let ear = new ServerEar(world.target);
  const source = new ServerEar(world.source);
  const client = world.join(caches);
  const drawings = new RandomDrawings(seed, surfaces);
  world.drawn(world.source, drawings, 40);
  let connections = source.connections;
  let heard = 0;
  for (let leg = 0; leg < 4; leg++) {
    world.begin({ peer: hasPeer });
    world.drawn(world.source, drawings, random.below(30));
    if (random.below(2) === 0) world.advance(2500);
    const held = ["display 0", "display 1"]
      .filter(() => random.below(2) === 0)
      .map((channel) => connections.get(channel)!);
    for (const connection of held) world.source.hold(connection);
    world.drawn(world.source, drawings, random.below(60));
    world.stop();
    world.hand();
    world.switch();
    for (const connection of held) world.source.release(connection);
    world.settle();
    world.runWhenTold();
    world.drawn(world.target, drawings, 60);
    world.advance(1500);
    world.expectShown(client);
    expect(world.target.eventsOf("channel-lost")).toEqual([]);
    const kept = world.target.eventsOf("move-channel").map(({ outcome }) => outcome);
    expect(new Set(kept)).toEqual(new Set(["kept"]));
    heard += ear.names("display 0").length;
    world.turn();
    connections = ear.connections;
    ear = new ServerEar(world.target);
  }
  expect(client.events.map(({ name }) => name)).not.toContain("channel-lost");
  return heard;
}

describe("what a client shows of two displays, through four moves", () => {
  const caches = { pixmapCachePixels: 1 << 20, glzWindowPixels: 1 << 20 };
  const small = { pixmapCachePixels: 6000, glzWindowPixels: 9000 };
  const courses: Course[] = [
    { seed: 1, options: { compression: "auto_glz" }, ...caches, hasPeer: true },
    { seed: 2, options: { compression: "glz" }, ...small, hasPeer: true },
    { seed: 3, options: { compression: "off" }, ...small, hasPeer: true },
    { seed: 4, options: { compression: "glz", miniHeader: false }, ...small, hasPeer: true },
    { seed: 5, options: { compression: "glz" }, ...small, hasPeer: false },
    { seed: 6, options: { compression: "auto_lz" }, ...caches, hasPeer: false },
  ];
  for (const course of courses) {
    const { seed, options, hasPeer, pixmapCachePixels } = course;
    const how = `${options.compression}, ${pixmapCachePixels} pixels of cache`;
    it(`is exact (${how}, ${hasPeer ? "with" : "without"} a peer link, seed ${seed})`, () => {
      expect(run(course)).toBeGreaterThan(100);
    });
  }
});
