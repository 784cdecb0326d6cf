import { DisplayCapability } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { plainEncoders, type ServerOptions } from "../src/index.ts";
import { allDisplayCapabilities, RawClient, type RawClientOptions } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const width = 320;
const height = 240;
const area = { left: 40, top: 32, right: 240, bottom: 192 };
const encoders = { ...plainEncoders, jpeg: true };
const capabilities = [
  ...allDisplayCapabilities,
  DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT,
  DisplayCapability.SPICE_DISPLAY_CAP_MULTI_CODEC,
  DisplayCapability.SPICE_DISPLAY_CAP_CODEC_MJPEG,
];

function setUp(options: Partial<ServerOptions> = {}): ServerWorld {
  const world = new ServerWorld({ encoders, jpeg: "never", ...options });
  world.begin(width, height);
  const data = new Uint8Array(width * height * 4).fill(90);
  const box = { left: 0, top: 0, right: width, bottom: height };
  world.guest({ type: "update", display: 0, surface: 0, box, pixels: { stride: width * 4, data } });
  return world;
}

function connect(world: ServerWorld, options: RawClientOptions = {}) {
  const client = new RawClient(world, { displayCapabilities: capabilities, ...options });
  client.openAll("display");
  return { client, display: client.channel("display") };
}

/** Smooth, as a photo is, and another at each step. */
function paint(world: ServerWorld, step: number, box = area, flat = false): void {
  const columns = box.right - box.left;
  const rows = box.bottom - box.top;
  const data = new Uint8Array(columns * rows * 4);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = (y * columns + x) * 4;
      data[at] = flat ? step : 128 + 100 * Math.sin((x + step * 3) / 17);
      data[at + 1] = flat ? step : 128 + 100 * Math.sin((y + step * 2) / 13);
      data[at + 2] = flat ? step : (x + y + step) & 255;
    }
  }
  const pixels = { stride: columns * 4, data };
  world.guest({ type: "update", display: 0, surface: 0, box, pixels });
}

function play(world: ServerWorld, frames: number, from = 0, eachMs = 40): void {
  for (let frame = 0; frame < frames; frame++) {
    paint(world, from + frame);
    world.advance(eachMs);
  }
}

interface Created {
  readonly id: number;
  readonly dest: typeof area;
}

describe("a part of a framebuffer that plays", () => {
  it("becomes a stream of its exact size, and is sent without losses when it rests", () => {
    const world = setUp();
    const { client, display } = connect(world);
    play(world, 40);
    expect(display.ofName<Created>("STREAM_CREATE").map(({ dest }) => dest)).toEqual([area]);
    const began = display.names.indexOf("STREAM_CREATE");
    expect(began).toBeGreaterThan(0);
    expect(display.names.slice(began + 1)).not.toContain("DRAW_COPY");
    expect(display.ofName("STREAM_DATA").length).toBeGreaterThan(20);
    world.advance(1000);
    expect(display.names.slice(-2)).toEqual(["STREAM_DESTROY", "DRAW_COPY"]);
    const truth = setUp();
    const other = connect(truth, { displayCapabilities: allDisplayCapabilities });
    paint(truth, 39);
    expect(client.colors()).toEqual(other.client.colors());
    expect(world.eventsOf("video-ended")).toMatchObject([{ channel: "display 0", stream: 0 }]);
  });

  it("grows over what plays beside it and was late to be seen", () => {
    const world = setUp();
    const { display } = connect(world);
    const lower = { ...area, top: 96 };
    const from = (step: number) => (step % 3 === 0 ? area : lower);
    for (let step = 0; step < 60; step++) {
      paint(world, step, from(step));
      world.advance(60);
    }
    expect(display.ofName<Created>("STREAM_CREATE").at(-1)!.dest).toEqual(area);
    expect(display.ofName("STREAM_CREATE").length).toBeLessThanOrEqual(2);
  });

  it("says for which moment a frame is", () => {
    const world = setUp();
    const { client, display } = connect(world);
    play(world, 30);
    const times = display.ofName<{ multiMediaTime: number }>("STREAM_DATA");
    const steps = times.slice(1).map((one, at) => one.multiMediaTime - times[at]!.multiMediaTime);
    expect(new Set(steps.slice(1))).toEqual(new Set([40]));
    const init = client.channel("main").ofName<{ multiMediaTime: number }>("INIT")[0]!;
    expect(times[0]!.multiMediaTime - init.multiMediaTime).toBeGreaterThan(400);
  });

  it("is none for a client that cannot show it, for flat pictures, and when it is switched off", () => {
    const noMjpeg = capabilities.slice(0, -1);
    const world = setUp();
    const { display } = connect(world, { displayCapabilities: noMjpeg });
    play(world, 30);
    expect(display.names).not.toContain("STREAM_CREATE");
    const off = setUp({ streaming: "off" });
    const second = connect(off);
    play(off, 30);
    expect(second.display.names).not.toContain("STREAM_CREATE");
    const flat = setUp();
    const third = connect(flat);
    for (let step = 0; step < 40; step++) {
      paint(flat, step, area, true);
      flat.advance(40);
    }
    expect(third.display.names).not.toContain("STREAM_CREATE");
  });

  it("keeps the rest of the screen exact, also where a drawing crosses its edge", () => {
    const world = setUp();
    const { client, display } = connect(world);
    play(world, 20);
    const across = { left: 0, top: 100, right: 100, bottom: 130 };
    paint(world, 7, across, true);
    world.advance(40);
    expect(client.colors()[101 * width + 20]! & 0xffffff).toBe(0x070707);
    expect(display.names.filter((name) => name === "STREAM_DESTROY")).toEqual([]);
  });

  it("is shown to who comes later, and ends with its surface", () => {
    const world = setUp();
    connect(world);
    play(world, 20);
    const { display } = connect(world);
    play(world, 5, 20);
    expect(display.names).toContain("STREAM_CREATE");
    world.guest({ type: "surface-destroy", display: 0, surface: 0 });
    expect(display.names.slice(-2)).toEqual(["STREAM_DESTROY", "SURFACE_DESTROY"]);
  });
});

describe("the rate of a stream", () => {
  it("goes down when the client drops frames, and comes back", () => {
    const world = setUp();
    const { display } = connect(world);
    play(world, 20);
    const qualities = () => qualityOf(world);
    const best = qualities();
    const [asked] = display.ofName<{ streamId: number; uniqueId: number }>(
      "STREAM_ACTIVATE_REPORT",
    );
    const report = (numDrops: number) => {
      const body = {
        ...{ ...asked!, startFrameMmTime: 0, endFrameMmTime: 0, numFrames: 8, numDrops },
        ...{ lastFrameDelay: 200, audioDelay: 0xffffffff },
      };
      const { streamId, uniqueId, startFrameMmTime, endFrameMmTime, numFrames } = body;
      const frames = { streamId, uniqueId, startFrameMmTime, endFrameMmTime, numFrames, numDrops };
      const { lastFrameDelay, audioDelay } = body;
      display.send({ name: "STREAM_REPORT", body: { ...frames, lastFrameDelay, audioDelay } });
    };
    for (let turn = 0; turn < 3; turn++) {
      report(4);
      play(world, 12, 20 + turn * 12);
    }
    expect(qualities()).toBeLessThan(best);
    for (let turn = 0; turn < 20; turn++) {
      report(0);
      play(world, 25, 100 + turn * 25);
    }
    expect(qualities()).toBeGreaterThanOrEqual(best);
  });

  it("goes down when the client takes nothing, whether it reports or not", () => {
    const world = setUp();
    const { display } = connect(world);
    play(world, 20);
    const best = qualityOf(world);
    world.hold(display.connection);
    play(world, 400, 20);
    expect(world.heldBytes(display.connection)).toBeLessThan(1 << 20);
    world.release(display.connection);
    play(world, 10, 420);
    expect(qualityOf(world)).toBeLessThan(best);
    expect(display.isClosed).toBe(false);
  });

  it("a client that cannot decode it gets drawings instead", () => {
    const world = setUp();
    const { client, display } = connect(world);
    play(world, 20);
    const [asked] = display.ofName<{ uniqueId: number }>("STREAM_ACTIVATE_REPORT");
    const nothing = { startFrameMmTime: 0, endFrameMmTime: 0, numFrames: 0, lastFrameDelay: 0 };
    const refusal = { numDrops: 0xffffffff, audioDelay: 0xffffffff };
    const body = { streamId: 0, uniqueId: asked!.uniqueId, ...nothing, ...refusal };
    const from = display.names.length;
    display.send({ name: "STREAM_REPORT", body });
    play(world, 20, 20);
    expect(display.names.slice(from)).toContain("STREAM_DESTROY");
    expect(display.names.slice(from)).not.toContain("STREAM_CREATE");
    expect(client.colors()[100 * width + 100]).toBeDefined();
  });
});

/** Of the last frame, as the server has it. */
function qualityOf(world: ServerWorld): number {
  const text = JSON.stringify(world.server.snapshot(world.now), (_key, value) => {
    return typeof value === "bigint" ? `${value}` : value;
  });
  return -Number(/"rateStep":(\d+)/.exec(text)![1]);
}
