// Whatever a client sends ends its own channel at worst, with a typed error; nobody else notices.

import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { box, draw, fill } from "./drawings.ts";
import { type RawChannelName, RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const names: RawChannelName[] = ["main", "display", "inputs", "cursor"];

function setUp(): { world: ServerWorld; witness: RawClient } {
  const world = new ServerWorld();
  world.begin();
  const stream = { use: "agent", id: 0 } as const;
  world.guest(
    { type: "attach", device: { kind: "stream", ...stream, name: "agent" } },
    { type: "stream-credit", stream, bytes: 1 << 20 },
    { type: "stream-open", stream, open: true },
  );
  return { world, witness: new RawClient(world).openAll("display", "inputs", "cursor") };
}

/** The witness is as well as ever. */
function expectWell(world: ServerWorld, witness: RawClient): void {
  expect(witness.channels.some(({ isClosed }) => isClosed)).toBe(false);
  const color = world.toGuest.length & 0xff;
  world.guest(draw(fill(box(0, 0, 64, 48), color)));
  expect(witness.colors()).toEqual(new Uint32Array(64 * 48).fill(0xff000000 | color));
}

function frame(id: number, body: Uint8Array, size = body.length): Uint8Array {
  const bytes = new Uint8Array(6 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id, true);
  view.setUint32(2, size, true);
  bytes.set(body, 6);
  return bytes;
}

describe("a hostile client", () => {
  it("ends its own channels only, whatever it sends", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(
          fc.tuple(
            fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 6), fc.integer({ min: 100, max: 120 })),
            fc.uint8Array({ maxLength: 60 }),
          ),
          { maxLength: 12 },
        ),
        (name, messages) => {
          const { world, witness } = setUp();
          const client = new RawClient(world, { acks: false }).openAll(
            ...names.filter((other) => other !== "main"),
          );
          const channel = client.channel(name);
          for (const [id, body] of messages) channel.sendRaw(frame(id, body));
          world.advance(100);
          expectWell(world, witness);
          for (const { error } of world.eventsOf("channel-lost")) {
            expect(error?.code).toMatch(/^[A-Z_]+$/);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is told off for bytes without sense after the link stage", () => {
    const random = new Random(5);
    for (let times = 0; times < 100; times++) {
      const { world, witness } = setUp();
      const client = new RawClient(world).openAll("display", "inputs");
      const bytes = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
      client.channel(random.pick(["main", "display", "inputs"] as const)).sendRaw(bytes);
      expectWell(world, witness);
    }
  });

  it.each([
    ["main", 4096 + 11 * 2048],
    ["display", 1024],
    ["inputs", 2048],
    ["cursor", 1024],
  ] as const)("cannot announce a message on %s of more than %d bytes", (name, most) => {
    const { world, witness } = setUp();
    const client = new RawClient(world).openAll("display", "inputs", "cursor");
    client.channel(name).sendRaw(frame(104, new Uint8Array(0), most + 1));
    expect(client.channel(name).isClosed).toBe(true);
    const error = world.events.find((event) => "error" in event && event.error !== null);
    expect(error).toMatchObject({ error: { code: "MESSAGE_TOO_LARGE" } });
    expectWell(world, witness);
  });

  it("cannot open its display twice", () => {
    const { world, witness } = setUp();
    const client = new RawClient(world).openAll("display");
    const display = client.channel("display");
    const body = {
      pixmapCacheId: 1,
      pixmapCacheSize: 1n,
      glzDictionaryId: 1,
      glzDictionaryWindowSize: 1,
    };
    display.send({ name: "INIT", body });
    expect(display.isClosed).toBe(true);
    expectWell(world, witness);
  });

  it("gets an image cache and a window of no more than sane sizes", () => {
    const { world, witness } = setUp();
    for (const cachePixels of [-1n, 0n, (1n << 63n) - 1n]) {
      for (const windowPixels of [-1, 0, 0x7fffffff]) {
        const client = new RawClient(world, { cachePixels, windowPixels }).openAll("display");
        world.guest(draw(fill(box(0, 0, 64, 48), 9)));
        expect(client.channel("display").isClosed).toBe(false);
        client.channel("main").close();
      }
    }
    expectWell(world, witness);
  });

  it("is not believed when it says that the guest has moved", () => {
    for (const id of [4, 5]) {
      const { world, witness } = setUp();
      const client = new RawClient(world).openAll("display");
      client.channel("display").sendRaw(frame(id, new Uint8Array(0)));
      expect(client.channel("display").isClosed).toBe(true);
      expectWell(world, witness);
    }
  });

  it("may leave at any moment", () => {
    for (let step = 0; step < 12; step++) {
      const { world, witness } = setUp();
      const client = new RawClient(world).openAll();
      const display = client.open("display");
      world.guest(draw(fill(box(0, 0, 9, 9), step)));
      if (step % 3 === 0) world.hold(display.connection);
      world.guest(draw(fill(box(0, 0, 9, 9), step + 1)));
      client.channels[step % client.channels.length]!.close();
      world.advance(step * 10);
      expectWell(world, witness);
    }
  });
});
