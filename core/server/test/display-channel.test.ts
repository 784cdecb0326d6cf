import { readGlzHeader } from "@caraway/codecs";
import { BitmapFormat, ImageType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { plainEncoders } from "../src/index.ts";
import { box, copy, copyBits, draw, fill, fromSurface, invert, picture } from "./drawings.ts";
import { type RawChannel, RawClient, type RawClientOptions } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const screen = box(0, 0, 64, 48);

function setUp(options: ConstructorParameters<typeof ServerWorld>[0] = {}): ServerWorld {
  const world = new ServerWorld(options);
  world.begin();
  world.guest(draw(fill(screen, 0)));
  return world;
}

function connect(world: ServerWorld, options: RawClientOptions = {}) {
  const client = new RawClient(world, options).openAll("display");
  return { client, display: client.channel("display") };
}

/** Names of the messages from here on. */
function following(display: RawChannel): () => string[] {
  const from = display.received.length;
  return () => display.names.slice(from);
}

interface WireImage {
  readonly id: bigint;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

function images(display: RawChannel): WireImage[] {
  return display.ofName<{ srcBitmap: WireImage }>("DRAW_COPY").map(({ srcBitmap }) => srcBitmap);
}

/** Flat enough for LZ, large enough to be worth it. */
function icon(key: bigint | null, size = 16, color = 0x336699) {
  return picture(size, size, (x) => color + (x & 3), { key });
}

function photo(key: bigint | null = null) {
  return picture(48, 48, (x, y) => (x * 5) | ((y * 5) << 8) | (((x * y) & 63) << 16), { key });
}

describe("the display channel", () => {
  it("says nothing before INIT, and waits for it half a minute", () => {
    const world = setUp();
    const { client, display } = connect(world, { sendsInit: false });
    world.guest(draw(fill(screen, 1)));
    world.advance(29_999);
    expect(display.names).toEqual([]);
    expect(display.isClosed).toBe(false);
    world.advance(1);
    expect(display.isClosed).toBe(true);
    expect(client.channel("main").isClosed).toBe(false);
  });

  it("sends what is drawn as it is drawn", () => {
    const world = setUp();
    const { display } = connect(world);
    const names = following(display);
    world.guest(
      draw(fill(box(1, 1, 5, 5), 1)),
      draw(invert(box(2, 2, 4, 4))),
      draw(copyBits(box(10, 10, 14, 14), 1, 1)),
    );
    expect(names()).toEqual(["DRAW_FILL", "DRAW_INVERS", "COPY_BITS"]);
  });

  it("makes a surface when it is first used, and not before", () => {
    const world = setUp();
    const create = (surface: number) => {
      const size = { width: 64, height: 48, format: 32, content: null } as const;
      world.guest({ type: "surface-create", display: 0, surface, ...size });
    };
    create(1);
    world.guest(draw(fill(screen, 7, 1)));
    const { client, display } = connect(world);
    create(2);
    const names = following(display);
    world.guest(draw(fill(screen, 9, 2)), draw(fill(screen, 8, 1)));
    expect(names()).toEqual(["SURFACE_CREATE", "DRAW_FILL"]);
    world.guest(draw(copy(screen, fromSurface(1))));
    expect(names().slice(2)).toEqual(["SURFACE_CREATE", "DRAW_COPY", "DRAW_COPY"]);
    expect(client.colors()[0]).toBe(0xff000008);
    world.guest({ type: "surface-destroy", display: 0, surface: 2 });
    expect(names().at(-1)).toBe("SURFACE_DESTROY");
  });

  it("marks a new primary surface when its content is there", () => {
    const world = setUp();
    const { client, display } = connect(world);
    const names = following(display);
    const content = { stride: 16, data: new Uint8Array(64).fill(3) };
    world.guest({ type: "surface-destroy", display: 0, surface: 0 });
    world.guest({
      type: "surface-create",
      ...{ display: 0, surface: 0, width: 4, height: 4, format: 32, content },
    });
    expect(names()).toEqual([
      ...["SURFACE_DESTROY", "SURFACE_CREATE", "DRAW_COPY", "MONITORS_CONFIG", "MARK"],
    ]);
    expect(client.colors()).toEqual(new Uint32Array(16).fill(0xff030303));
  });

  it("tells the guest's monitors", () => {
    const world = setUp();
    const { display } = connect(world);
    const head = { monitorId: 0, surfaceId: 0, width: 32, height: 48, x: 0, y: 0, flags: 0 };
    const heads = [head, { ...head, monitorId: 1, x: 32 }];
    world.guest({ type: "monitors", display: 0, maxAllowed: 4, heads });
    expect(display.ofName("MONITORS_CONFIG").at(-1)).toEqual({ maxAllowed: 4, heads });
    const old = connect(world, { displayCapabilities: [] });
    expect(old.display.names).not.toContain("MONITORS_CONFIG");
  });

  it("sends new pixels of a framebuffer, merged for a client that is slow", () => {
    const world = setUp();
    const { client, display } = connect(world);
    const update = (value: number) => {
      const pixels = { stride: 64 * 4, data: new Uint8Array(64 * 48 * 4).fill(value) };
      world.guest({ type: "update", display: 0, surface: 0, box: screen, pixels });
    };
    update(1);
    expect(display.names.at(-1)).toBe("DRAW_COPY");
    world.hold(display.connection);
    const names = following(display);
    for (let value = 2; value < 200; value++) update(value);
    world.release(display.connection);
    expect(names().length).toBeLessThan(45);
    expect(client.colors()[0]).toBe(0xffc7c7c7);
  });

  it("reports what the guest draws wrongly, and goes on", () => {
    const world = setUp();
    const { display } = connect(world);
    const names = following(display);
    const short = { ...icon(null), data: new Uint8Array(3) };
    world.guest(
      draw(copy(box(0, 0, 16, 16), short)),
      draw(copy(box(0, 0, 4, 4), fromSurface(77))),
      draw(fill(box(0, 0, 4, 4), 1, 55)),
      { type: "surface-destroy", display: 0, surface: 9 },
      draw(fill(box(0, 0, 4, 4), 1), 3),
      draw(fill(box(0, 0, 4, 4), 1)),
    );
    expect(world.eventsOf("guest-fault")).toHaveLength(5);
    expect(names()).toEqual(["DRAW_FILL"]);
  });
});

describe("a slow client", () => {
  it("gets no more than two windows of messages without an ack", () => {
    const world = setUp();
    const { display } = connect(world, { acks: false });
    display.send({ name: "ACK_SYNC", body: { generation: 1 } });
    for (let index = 0; index < 200; index++) {
      world.guest(draw(fill(box(index % 60, 0, (index % 60) + 2, 2), index)));
    }
    const afterSetAck = display.received.length - 1;
    expect(afterSetAck).toBe(41);
    display.send({ name: "ACK", body: {} });
    expect(display.received.length - 1).toBe(61);
  });

  it("does not hold up the guest or another client, and gets the newest picture", () => {
    const world = setUp();
    const slow = connect(world);
    const fast = connect(world);
    world.hold(slow.display.connection);
    for (let index = 0; index < 5000; index++) {
      world.guest(draw(invert(box(index % 60, index % 40, (index % 60) + 4, (index % 40) + 5))));
    }
    expect(fast.display.names.filter((name) => name === "DRAW_INVERS")).toHaveLength(5000);
    expect(world.heldBytes(slow.display.connection)).toBeLessThan(256 << 10);
    world.release(slow.display.connection);
    expect(slow.client.colors()).toEqual(fast.client.colors());
    expect(slow.display.received.length).toBeLessThan(800);
  });

  it("has few pictures waiting for it, however many are drawn", () => {
    const world = setUp();
    const { client, display } = connect(world, { acks: false });
    display.send({ name: "ACK_SYNC", body: { generation: 1 } });
    for (let index = 0; index < 600; index++) {
      world.guest(draw(copy(box(index % 40, 0, (index % 40) + 16, 16), icon(null, 16, index))));
    }
    const snapshot = JSON.stringify(world.server.snapshot(world.now), (_key, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    const waiting = /"waiting":\[([^\]]*)\]/.exec(snapshot)![1]!;
    expect(waiting.split(",").length).toBeLessThanOrEqual(512);
    for (let times = 0; times < 60; times++) display.send({ name: "ACK", body: {} });
    world.advance(100);
    const wanted = connect(world).client.colors();
    expect(client.colors()).toEqual(wanted);
  });

  it("does not see drawings that others hide", () => {
    const world = setUp();
    const { client, display } = connect(world);
    world.hold(display.connection);
    // Until the ack window is closed.
    for (let index = 0; index < 45; index++) world.guest(draw(invert(box(index, 0, index + 1, 1))));
    const names = following(display);
    world.guest(
      draw(fill(box(0, 10, 10, 20), 1)),
      draw(copyBits(box(20, 10, 30, 20), 0, 10)),
      draw(fill(box(0, 10, 10, 20), 2)),
      draw(fill(box(0, 30, 10, 40), 3)),
      draw(invert(box(0, 30, 5, 35))),
      draw(fill(screen, 4)),
    );
    world.release(display.connection);
    const later = names().slice(-3);
    expect(later.at(-1)).toBe("DRAW_FILL");
    expect(names()).not.toContain("COPY_BITS");
    expect(client.colors()).toEqual(new Uint32Array(64 * 48).fill(0xff000004));
  });

  it("has to go when it takes nothing at all", () => {
    const world = setUp();
    const { client, display } = connect(world);
    world.server.handle(
      { type: "backlog", connection: display.connection, bytes: 64 << 20 },
      world.now,
    );
    for (let output = world.server.poll(); output !== null; output = world.server.poll()) {
      if (output.type === "event") world.events.push(output.event);
    }
    expect(world.eventsOf("channel-lost")[0]?.error?.code).toBe("CLIENT_TOO_SLOW");
    expect(client.channel("main").isClosed).toBe(false);
  });
});

describe("pictures", () => {
  it("are sent once and referred to after that", () => {
    const world = setUp();
    const { client, display } = connect(world);
    const names = following(display);
    world.guest(draw(copy(box(0, 0, 16, 16), icon(5n))), draw(copy(box(20, 0, 36, 16), icon(5n))));
    expect(names()).toEqual(["DRAW_COPY", "DRAW_COPY"]);
    const [first, second] = images(display).slice(-2);
    expect(first).toMatchObject({ id: 5n, flags: 1 });
    expect(second).toMatchObject({ id: 5n, type: ImageType.FROM_CACHE });
    expect(client.colors()[20]).toBe(0xff336699);
  });

  it("leave the cache when others need the room, oldest first", () => {
    const world = setUp();
    const { display } = connect(world, { cachePixels: 512n });
    for (const key of [1n, 2n, 1n, 3n]) world.guest(draw(copy(box(0, 0, 16, 16), icon(key))));
    expect(display.ofName("INVAL_LIST")).toEqual([{ resources: [{ type: 1, id: 2n }] }]);
    expect(display.names.slice(-2)).toEqual(["INVAL_LIST", "DRAW_COPY"]);
  });

  it("are not dropped before other displays have used them", () => {
    const world = setUp();
    world.guest({ type: "attach", device: { kind: "display", id: 1 } });
    const size = { width: 64, height: 48, format: 32, content: null } as const;
    world.guest({ type: "surface-create", display: 1, surface: 0, ...size });
    const client = new RawClient(world, { cachePixels: 512n }).openAll("display");
    const other = client.open("display", 1);
    const first = client.channel("display", 0);
    world.guest(draw(copy(box(0, 0, 16, 16), icon(1n))));
    world.guest(draw(copy(box(0, 0, 16, 16), icon(1n)), 1));
    const serial = other.serials.at(-1)!;
    world.guest(draw(copy(box(0, 0, 16, 16), icon(2n))));
    world.guest(draw(copy(box(0, 0, 16, 16), icon(3n))));
    expect(first.names.slice(-3)).toEqual(["WAIT_FOR_CHANNELS", "INVAL_LIST", "DRAW_COPY"]);
    expect(first.ofName("WAIT_FOR_CHANNELS")).toEqual([
      { waitList: [{ channelType: 2, channelId: 1, messageSerial: serial }] },
    ]);
  });

  it("have palettes that are sent once", () => {
    const world = setUp({ compression: "off" });
    const { client, display } = connect(world);
    const indexed = (palette: bigint) =>
      picture(8, 8, () => 0, {
        format: BitmapFormat["8BIT"],
        stride: 8,
        data: new Uint8Array(64).fill(1),
        palette: { key: palette, colors: [0, 0x123456] },
      });
    for (const key of [1n, 1n]) world.guest(draw(copy(box(0, 0, 8, 8), indexed(key))));
    const [first, second] = images(display).slice(-2) as unknown as Record<string, unknown>[];
    expect(first).toMatchObject({ bitmapFlags: 5, palette: { unique: 1n } });
    expect(second).toMatchObject({ bitmapFlags: 6, paletteId: 1n });
    for (let key = 2n; key < 140n; key++) world.guest(draw(copy(box(0, 0, 8, 8), indexed(key))));
    expect(display.ofName("INVAL_PALETTE").length).toBeGreaterThan(0);
    expect(client.colors()[0]).toBe(0xff123456);
  });

  it.each([
    ["off", ImageType.BITMAP, ImageType.BITMAP],
    ["auto_glz", ImageType.GLZ_RGB, ImageType.QUIC],
    ["auto_lz", ImageType.LZ_RGB, ImageType.QUIC],
    ["quic", ImageType.QUIC, ImageType.QUIC],
    ["glz", ImageType.GLZ_RGB, ImageType.GLZ_RGB],
    ["lz", ImageType.LZ_RGB, ImageType.LZ_RGB],
    // A picture that would not become smaller goes as it is.
    ["lz4", ImageType.LZ4, ImageType.BITMAP],
  ] as const)("are encoded with %s as its users expect", (compression, drawn, photographed) => {
    const world = setUp({ compression });
    const { display } = connect(world);
    world.guest(draw(copy(box(0, 0, 32, 32), icon(null, 32))));
    expect(images(display).at(-1)!.type).toBe(drawn);
    world.guest(draw(copy(box(0, 0, 48, 48), photo())));
    expect(images(display).at(-1)!.type).toBe(photographed);
  });

  it("are encoded as the client prefers", () => {
    const world = setUp();
    const { display } = connect(world);
    display.send({ name: "PREFERRED_COMPRESSION", body: { imageCompression: 6 } });
    world.guest(draw(copy(box(0, 0, 32, 32), icon(null, 32))));
    expect(images(display).at(-1)!.type).toBe(ImageType.LZ_RGB);
  });

  it("of what was there before the client are in LZ, and stay out of its GLZ window", () => {
    const world = setUp({ compression: "glz" });
    world.guest(draw(copy(box(0, 0, 32, 32), icon(null, 32))));
    const { client, display } = connect(world);
    expect(images(display).map(({ type }) => type)).toEqual([ImageType.LZ_RGB]);
    expect(display.names.at(-1)).toBe("MARK");
    world.guest(draw(copy(box(0, 0, 32, 32), icon(null, 32))));
    expect(images(display).at(-1)!.type).toBe(ImageType.GLZ_RGB);
    expect(readGlzHeader(images(display).at(-1)!.data).id).toBe(0);
    expect(client.colors()).toHaveLength(64 * 48);
  });

  it("go in LZ to a client that has no LZ4", () => {
    const world = setUp({ compression: "lz4" });
    const { display } = connect(world, { displayCapabilities: [] });
    world.guest(draw(copy(box(0, 0, 32, 32), icon(null, 32))));
    expect(images(display).at(-1)!.type).toBe(ImageType.LZ_RGB);
  });

  it("stop referring to what a lost channel may never have shown", () => {
    const world = setUp({ compression: "glz" });
    world.guest({ type: "attach", device: { kind: "display", id: 1 } });
    const size = { width: 64, height: 48, format: 32, content: null } as const;
    world.guest({ type: "surface-create", display: 1, surface: 0, ...size });
    const client = new RawClient(world).openAll("display");
    const other = client.open("display", 1);
    world.guest(draw(copy(box(0, 0, 16, 16), icon(1n)), 1));
    other.close();
    world.guest(draw(copy(box(0, 0, 16, 16), icon(1n))));
    expect(images(client.channel("display", 0)).at(-1)).toMatchObject({
      id: 0n,
      flags: 0,
      type: ImageType.LZ_RGB,
    });
  });
});

describe("losses", () => {
  const encoders = { ...plainEncoders, jpeg: true };

  it("are made good when there is time", () => {
    const world = setUp({ compression: "quic", jpeg: "always", encoders });
    const { client, display } = connect(world);
    world.guest(draw(copy(box(0, 0, 48, 48), photo())));
    expect(images(display).at(-1)!.type).toBe(ImageType.JPEG);
    const exact = () => connect(setUpWith(photo())).client.colors();
    expect(client.colors()).not.toEqual(exact());
    const names = following(display);
    world.advance(499);
    expect(names()).toEqual([]);
    world.advance(1);
    expect(names()).toEqual(["DRAW_COPY"]);
    expect(client.colors()).toEqual(exact());
    world.advance(5000);
    expect(names()).toHaveLength(1);
  });

  function setUpWith(image: ReturnType<typeof photo>): ServerWorld {
    const world = setUp({ compression: "quic" });
    world.guest(draw(copy(box(0, 0, 48, 48), image)));
    return world;
  }

  it("spread with what is drawn from them, and are made good there, too", () => {
    const world = setUp({ compression: "quic", jpeg: "always", encoders });
    const { client } = connect(world);
    world.guest(draw(copy(box(0, 0, 48, 48), photo())));
    world.guest(draw(copyBits(box(10, 10, 40, 40), 0, 0)), draw(invert(box(0, 0, 20, 20))));
    const other = connect(world).client;
    world.advance(2000);
    expect(client.colors()).toEqual(other.colors());
    expect(new Set(client.colors()).size).toBeGreaterThan(1000);
  });

  it("are replaced in the cache when the picture comes again without", () => {
    const world = setUp({ compression: "quic", jpeg: "always", encoders });
    const { client, display } = connect(world);
    world.guest(draw(copy(box(0, 0, 48, 48), photo(9n))));
    expect(images(display).at(-1)).toMatchObject({ type: ImageType.JPEG, flags: 1 });
    // A raster operation allows no losses.
    const again = copy(box(0, 0, 48, 48), photo(9n));
    const drawing = { ...again, body: { ...again.body, ropDescriptor: 64 } } as typeof again;
    world.guest(draw(drawing));
    expect(images(display).at(-1)).toMatchObject({ type: ImageType.QUIC, flags: 4, id: 9n });
    world.guest(draw(drawing));
    expect(images(display).at(-1)).toMatchObject({ type: ImageType.FROM_CACHE_LOSSLESS });
    const other = connect(world).client;
    world.advance(2000);
    expect(client.colors()).toEqual(other.colors());
    expect(new Set(client.colors()).size).toBeGreaterThan(1000);
  });

  it("wait for the encoder in order", () => {
    const world = setUp({ compression: "quic", jpeg: "always", encoders });
    const { display } = connect(world);
    world.defersJpeg = true;
    const names = following(display);
    world.guest(draw(copy(box(0, 0, 48, 48), photo())), draw(fill(box(0, 0, 4, 4), 1)));
    expect(names()).toEqual([]);
    world.finishTasks();
    expect(names()).toEqual(["DRAW_COPY", "DRAW_FILL"]);
  });

  it("are for connections that are slow, where nothing else is said", () => {
    const world = setUp({ compression: "quic", encoders });
    const { display } = connect(world);
    world.guest(draw(copy(box(0, 0, 48, 48), photo())));
    expect(images(display).at(-1)!.type).toBe(ImageType.QUIC);
  });
});
