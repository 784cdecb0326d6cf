// What a client has is used by the server that it moves to: each test draws, types or points before
// the move and looks at what the target sends for the same behind it.

import { FrameWriter } from "@caraway/channel";
import { readGlzHeader } from "@caraway/codecs";
import {
  BitmapFlag,
  BitmapFormat,
  ChannelType,
  CursorFlag,
  ImageCompression,
  ImageFlag,
  ImageType,
  peerCodec,
} from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { encodeDisplayEarlyState } from "../src/display-state.ts";
import { type GuestCursor, plainEncoders } from "../src/index.ts";
import { box, copy, fill, invert, picture } from "./drawings.ts";
import { MoveWorld } from "./move-world.ts";
import { ServerEar } from "./server-ear.ts";

interface WireImage {
  readonly id: bigint;
  readonly type: number;
  readonly flags: number;
  readonly bitmapFlags?: number;
  readonly data: Uint8Array;
}

function images(ear: ServerEar): WireImage[] {
  return ear
    .ofName<{ srcBitmap: WireImage }>("display 0", "DRAW_COPY")
    .map(({ srcBitmap }) => srcBitmap);
}

/** Of the first client: by the number that its first connection came with. */
const firstSession = 0x1001;

function setUp(options: ConstructorParameters<typeof MoveWorld>[0] = {}) {
  const world = new MoveWorld(options);
  const ear = new ServerEar(world.target);
  return { world, ear };
}

const noise = (count: number) => (x: number, y: number) => {
  return (Math.imul(x + y * 64 + count * 5000, 0x9e3779b1) >>> 3) & 0xffffff;
};

function icon(key: bigint | null, seed = Number(key ?? 0)) {
  return picture(20, 20, noise(seed), { key });
}

/** Pictures of eight bits with the same palette. */
function indexed(seed: number) {
  const colors = Array.from({ length: 256 }, (_, at) => (at * 0x010305) & 0xffffff);
  const pixels = noise(seed);
  const data = Uint8Array.from({ length: 400 }, (_, at) => pixels(at, 0));
  return picture(20, 20, () => 0, {
    ...{ format: BitmapFormat["8BIT"], stride: 20, data },
    palette: { key: 77n, colors },
  });
}

describe("behind a move", () => {
  it("nothing is sent of a picture that did not change", () => {
    const { world, ear } = setUp();
    const client = world.join();
    world.paint("source");
    world.move();
    world.advance(5000);
    expect(ear.names("display 0")).toEqual(["SET_ACK"]);
    expect(ear.names("cursor 0")).toEqual(["SET_ACK"]);
    expect(ear.names("inputs 0")).toEqual([]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("images come from the client's cache, and those that were used last stay in it", () => {
    const { world, ear } = setUp();
    const client = world.join({ pixmapCachePixels: 1200 });
    const show = (place: "source" | "target", key: bigint, x: number) => {
      world.draw(place, copy(box(x, 0, x + 20, 20), icon(key)));
    };
    for (const key of [1n, 2n, 3n]) show("source", key, 0);
    show("source", 1n, 20);
    world.move();
    ear.clear();
    show("target", 4n, 40);
    show("target", 1n, 60);
    show("target", 3n, 0);
    show("target", 2n, 70);
    const { FROM_CACHE } = ImageType;
    expect(images(ear).map(({ id, type }) => [id, type === FROM_CACHE])).toEqual([
      [4n, false],
      [1n, true],
      [3n, true],
      [2n, false],
    ]);
    expect(ear.ofName("display 0", "INVAL_LIST")).toMatchObject([
      { resources: [{ id: 2n }] },
      { resources: [{ id: 4n }] },
    ]);
    expect(ear.names("display 0")).not.toContain("INVAL_ALL_PIXMAPS");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("pictures refer to those of the GLZ window, whose ids go on", () => {
    const { world, ear } = setUp({
      source: { compression: "glz" },
      target: { compression: "glz" },
    });
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), icon(null, 1)));
    world.draw("source", copy(box(20, 0, 40, 20), icon(null, 2)));
    world.begin();
    world.advance(3000);
    world.draw("source", copy(box(40, 0, 60, 20), icon(null, 3)));
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    ear.clear();
    for (const seed of [1, 2, 3, 4]) {
      world.draw("target", copy(box(60, 20, 80, 40), icon(null, seed)));
    }
    const sent = images(ear);
    expect(sent.map(({ type }) => type)).toEqual(Array(4).fill(ImageType.GLZ_RGB));
    expect(sent.map(({ data }) => data.length < 100)).toEqual([true, true, true, false]);
    expect(sent.map(({ data }) => readGlzHeader(data).id)).toEqual([3, 4, 5, 6]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("palettes are those that the client remembers", () => {
    const { world, ear } = setUp({
      source: { compression: "off" },
      target: { compression: "off" },
    });
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), indexed(1)));
    world.move();
    ear.clear();
    world.draw("target", copy(box(20, 0, 40, 20), indexed(2)));
    const [image] = images(ear);
    expect(image!.bitmapFlags! & BitmapFlag.PAL_FROM_CACHE).not.toBe(0);
    expect(ear.names("display 0")).not.toContain("INVAL_ALL_PALETTES");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("shapes of the pointer come from the client's cache, and the one it shows is not sent", () => {
    const { world, ear } = setUp();
    const shape = (key: bigint): GuestCursor => ({
      ...{ key, type: 0, width: 2, height: 2, hotSpotX: 0, hotSpotY: 0 },
      data: new Uint8Array(16).fill(Number(key)),
    });
    const place = { type: "cursor-move", display: 0, x: 5, y: 6, visible: true } as const;
    const show = (at: typeof world.source, key: bigint) => {
      at.guest({ type: "cursor-shape", display: 0, shape: shape(key) });
    };
    world.join();
    world.source.guest(place);
    show(world.source, 1n);
    show(world.source, 2n);
    world.begin();
    world.stop();
    world.describe(world.target);
    world.target.guest(place);
    show(world.target, 2n);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    world.runWhenTold();
    expect(ear.names("cursor 0")).toEqual(["SET_ACK"]);
    show(world.target, 1n);
    show(world.target, 3n);
    const flags = ear
      .ofName<{ cursor: { flags: number } }>("cursor 0", "SET")
      .map(({ cursor }) => cursor.flags);
    expect(flags).toEqual([CursorFlag.FROM_CACHE, CursorFlag.CACHE_ME]);
  });

  it("keys and buttons that the client holds are let go when it is gone, and not before", () => {
    const { world } = setUp();
    const client = world.join();
    const other = world.join();
    client.key(0x1e, true);
    client.key(0x1d, true);
    other.key(0x1d, true);
    const press = { kind: "button-down", button: 1 } as const;
    client.feed({ type: "command", command: { name: "input", input: press } });
    world.settle();
    world.move();
    expect(world.target.guestInputs("key")).toEqual([]);
    expect(world.target.guestInputs("buttons")).toEqual([]);
    client.key(0x1e, false);
    world.advance(1000);
    expect(world.target.guestInputs("key")).toEqual([{ type: "key", code: 0x1e, down: false }]);
    client.key(0x1e, true);
    client.die();
    expect(world.target.guestInputs("key").slice(1)).toEqual([
      { type: "key", code: 0x1e, down: true },
      { type: "key", code: 0x1e, down: false },
    ]);
    expect(world.target.guestInputs("buttons")).toEqual([{ type: "buttons", buttons: 0 }]);
    other.die();
    expect(world.target.guestInputs("key").at(-1)).toEqual({
      ...{ type: "key", code: 0x1d, down: false },
    });
    expect(world.source.guestInputs("key").filter(({ down }) => !down)).toEqual([]);
  });

  it("a release that the client says again reaches the guest once", () => {
    const { world } = setUp();
    const client = world.join();
    client.key(0x1e, true);
    client.key(0x1e, false);
    world.move();
    world.advance(2000);
    expect(world.source.guestInputs("key")).toHaveLength(2);
    expect(world.target.guestInputs("key")).toEqual([]);
    client.key(0x1e, true);
    client.key(0x1e, false);
    expect(world.target.guestInputs("key")).toHaveLength(2);
  });

  it("lock LEDs are told only where they differ from what the client was told", () => {
    const { world, ear } = setUp();
    world.join();
    world.source.guest({ type: "leds", modifiers: 2 });
    world.begin();
    world.stop();
    world.describe(world.target);
    world.target.guest({ type: "leds", modifiers: 2 });
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    expect(ear.names("inputs 0")).toEqual([]);
    world.target.guest({ type: "leds", modifiers: 4 });
    expect(ear.ofName("inputs 0", "KEY_MODIFIERS")).toEqual([{ modifiers: 4 }]);
  });

  it("the compression is the one that the client prefers", () => {
    const { world, ear } = setUp({ target: { compression: "off" } });
    const client = world.join({ preferredCompression: ImageCompression.LZ });
    world.move();
    const stripes = picture(20, 20, (x) => 0x336699 + (x & 3));
    world.draw("target", copy(box(0, 0, 20, 20), stripes));
    expect(images(ear).map(({ type }) => type)).toEqual([ImageType.LZ_RGB]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("monitors are told when they changed, and not otherwise", () => {
    const { world, ear } = setUp();
    world.join();
    const head = { monitorId: 0, surfaceId: 0, width: 96, height: 64, x: 0, y: 0, flags: 0 };
    const monitors = { type: "monitors", display: 0, maxAllowed: 2, heads: [head] } as const;
    world.source.guest(monitors);
    world.begin();
    world.stop();
    world.describe(world.target);
    world.target.guest(monitors);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    world.switch();
    world.runWhenTold();
    expect(ear.names("display 0")).toEqual(["SET_ACK"]);
    world.target.guest({ ...monitors, maxAllowed: 4 });
    expect(ear.ofName("display 0", "MONITORS_CONFIG")).toMatchObject([{ maxAllowed: 4 }]);
  });
});

describe("pictures with losses", () => {
  const encoders = { ...plainEncoders, jpeg: true };
  const options = { compression: "quic", jpeg: "always", encoders } as const;
  const photo = (key: bigint | null) => {
    return picture(48, 48, (x, y) => (x * 5) | ((y * 5) << 8) | (((x * y) & 63) << 16), { key });
  };
  const place = box(0, 0, 48, 48);

  it("are made good by the target, when there is time", () => {
    const { world, ear } = setUp({ source: options, target: options });
    const client = world.join();
    world.advance(2000);
    world.draw("source", copy(place, photo(null)));
    expect(client.shows()).not.toEqual(world.truth.colors());
    world.move();
    expect(client.shows()).not.toEqual(world.truth.colors());
    world.advance(1000);
    expect(images(ear)).toHaveLength(1);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("are known as such in the client's cache, and replaced there", () => {
    const { world, ear } = setUp({ source: options, target: { compression: "quic" } });
    const client = world.join();
    world.advance(2000);
    world.draw("source", copy(place, photo(6n)));
    world.move();
    world.draw("target", copy(place, photo(6n)));
    expect(images(ear).at(-1)!.flags & ImageFlag.CACHE_REPLACE_ME).not.toBe(0);
    world.draw("target", copy(box(40, 10, 88, 58), photo(6n)));
    expect(images(ear).at(-1)!.type).toBe(ImageType.FROM_CACHE_LOSSLESS);
    world.advance(1000);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("that are still with a task when the guest stops are sent by the target", () => {
    const { world } = setUp({ source: options, target: options });
    const client = world.join();
    world.advance(2000);
    world.source.defersJpeg = true;
    world.draw("source", copy(place, photo(null)));
    world.move();
    world.source.finishTasks();
    world.advance(2000);
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

describe("early state", () => {
  it("is there before the client has linked, and while the guest runs", () => {
    const { world, ear } = setUp();
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), icon(5n)));
    client.isSlow = true;
    world.begin();
    const { target } = world.target.server.snapshot(world.now) as {
      target: { clients: { caches: { pixmaps: unknown[]; isBroken: boolean } }[] };
    };
    expect(target.clients[0]!.caches).toMatchObject({ isBroken: false, pixmaps: [{}] });
    client.isSlow = false;
    world.settle();
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    expect(new Set(outcomesOf(world))).toEqual(new Set(["kept"]));
    world.draw("target", copy(box(20, 0, 40, 20), icon(5n)));
    expect(images(ear).map(({ type }) => type)).toEqual([ImageType.FROM_CACHE]);
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

describe("early state that cannot be", () => {
  const part = { sequence: 0, pixmapCaches: [], glzWindows: [] };
  const wrongs: [string, Uint8Array][] = [
    ["is cut", encodeDisplayEarlyState(part).subarray(0, 3)],
    ["comes twice", encodeDisplayEarlyState(part)],
  ];
  it.each(wrongs)("costs the caches and nothing else when it %s", (_how, state) => {
    const { world, ear } = setUp();
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), icon(5n)));
    world.begin();
    const channel = { type: ChannelType.DISPLAY, id: 0 };
    const session = firstSession;
    const early = peerCodec.encode({ name: "EARLY_STATE", body: { session, channel, state } });
    world.target.peer(new FrameWriter(true, 1n).write(early));
    world.stop();
    world.hand();
    world.switch();
    world.runWhenTold();
    expect(new Set(outcomesOf(world))).toEqual(new Set(["kept"]));
    world.draw("target", copy(box(20, 0, 40, 20), icon(5n)));
    world.draw("target", copy(box(40, 0, 60, 20), icon(5n)));
    expect(images(ear).map(({ type }) => type)).not.toContain(ImageType.FROM_CACHE);
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

describe("a client that has not taken everything when the guest stops", () => {
  it("does not delay the move, and gets from the target what it lacks", () => {
    const world = new MoveWorld();
    const source = new ServerEar(world.source);
    const client = world.join();
    const connection = source.connections.get("display 0")!;
    world.begin();
    world.source.hold(connection);
    for (let round = 0; round < 60; round++) {
      world.draw("source", invert(box(round, 0, round + 30, 60)));
      world.draw("source", fill(box(round, 10, round + 5, 15), round * 999));
    }
    world.stop();
    world.hand();
    world.switch();
    expect(world.source.heldBytes(connection)).toBeLessThan(20_000);
    expect(client.shows()).not.toEqual(world.truth.colors());
    world.source.release(connection);
    world.settle();
    world.runWhenTold();
    world.advance(100);
    expect(outcomesOf(world)).toEqual(["kept", "kept", "kept", "kept"]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("is exact when it comes back after the guest has run again", () => {
    const world = new MoveWorld();
    const client = world.join();
    world.paint("source");
    world.begin();
    world.stop();
    world.hand();
    client.isDeaf = true;
    world.advance(6000);
    world.runWhenTold();
    expect(world.target.eventsOf("hold-ended")).toMatchObject([{ reason: "deadline" }]);
    world.paint("target");
    world.paint("target");
    client.isDeaf = false;
    world.switch();
    world.advance(1000);
    expect(world.target.eventsOf("move-channel")).toContainEqual(
      expect.objectContaining({ channel: "display 0", outcome: "kept" }),
    );
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

describe("without a peer link", () => {
  it("the client's caches are emptied, and it shows what the guest shows", () => {
    const { world, ear } = setUp();
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), icon(5n)));
    world.move({ peer: false });
    expect(ear.names("display 0")).toEqual([
      "SET_ACK",
      "INVAL_ALL_PIXMAPS",
      "INVAL_ALL_PALETTES",
      "STREAM_DESTROY_ALL",
      "MONITORS_CONFIG",
    ]);
    world.draw("target", copy(box(20, 0, 40, 20), icon(5n)));
    world.draw("target", copy(box(40, 0, 60, 20), icon(5n)));
    expect(images(ear).map(({ flags, type }) => [flags & ImageFlag.CACHE_ME, type])).toMatchObject([
      [ImageFlag.CACHE_ME, expect.not.toBeOneOf([ImageType.FROM_CACHE])],
      [0, ImageType.FROM_CACHE],
    ]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("ids of the GLZ window go on, and nothing refers to what was before", () => {
    const compression = "glz";
    const { world, ear } = setUp({ source: { compression }, target: { compression } });
    const client = world.join();
    world.draw("source", copy(box(0, 0, 20, 20), icon(null, 1)));
    world.move({ peer: false });
    world.draw("target", copy(box(20, 0, 40, 20), icon(null, 1)));
    expect(images(ear).map(({ data }) => readGlzHeader(data))).toMatchObject([
      { id: 1, windowHeadDistance: 0 },
    ]);
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("a slow client gets everything from the source first", () => {
    const world = new MoveWorld();
    const source = new ServerEar(world.source);
    const client = world.join();
    const connection = source.connections.get("display 0")!;
    world.source.hold(connection);
    for (let round = 0; round < 60; round++) world.paint("source");
    world.begin({ peer: false });
    world.stop();
    world.hand();
    world.switch();
    world.source.release(connection);
    world.settle();
    world.runWhenTold();
    world.advance(1000);
    expect(client.shows()).toEqual(world.truth.colors());
  });
});

function outcomesOf(world: MoveWorld): string[] {
  return world.target.eventsOf("move-channel").map(({ outcome }) => outcome);
}
