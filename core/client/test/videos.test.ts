import {
  ClipType,
  DisplayCapability,
  hasCapability,
  StreamFlag,
  SurfaceFlag,
  VideoCodecType,
} from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channelCapabilities } from "../src/capabilities.ts";
import { defaultSessionOptions } from "../src/index.ts";
import { connected, expectNoBreach, ready, type Setting } from "./setting.ts";

const dest = { left: 0, top: 0, right: 64, bottom: 48 };

function create(setting: Setting, id = 0, codecType: number = VideoCodecType.MJPEG) {
  const display = setting.source.channel("display 0");
  const size = { streamWidth: 64, streamHeight: 48, srcWidth: 64, srcHeight: 48 };
  const clip = { type: ClipType.NONE };
  display.send("STREAM_CREATE", {
    ...{ surfaceId: 0, id, flags: StreamFlag.TOP_DOWN, codecType, stamp: 0n, ...size, dest, clip },
  });
  setting.world.run();
  return display;
}

/** A session with a stream; its clock shows what the world's does. */
function streaming(
  codecType: number = VideoCodecType.MJPEG,
  videoCodecs: readonly VideoCodecType[] = [VideoCodecType.MJPEG],
  displayLatencyMs = 0,
) {
  const session = { videoCodecs, displayLatencyMs };
  const setting = connected({ source: { channels: ["display 0"] }, session });
  const body = { surfaceId: 0, width: 64, height: 48, format: 32, flags: SurfaceFlag.PRIMARY };
  setting.source.channel("display 0").send("SURFACE_CREATE", body);
  const display = create(setting, 0, codecType);
  const { world } = setting;
  const frame = (inMs: number, bytes = 10, id = 0) => {
    const multiMediaTime = (world.now + inMs + 2 ** 32) % 2 ** 32;
    display.send("STREAM_DATA", { id, multiMediaTime, data: new Uint8Array(bytes) });
    world.run();
  };
  const seen = (type: "frame" | "show-frame") => {
    return world.renders.flatMap((command) => (command.type === type ? [command.key] : []));
  };
  return { ...setting, setting, display, frame, seen };
}

function figures({ world }: Setting) {
  return world.named("video-ended").at(-1)?.figures;
}

describe("frames of video", () => {
  it("are decoded shortly before their time, and shown at it", () => {
    const { world, frame, seen } = streaming();
    frame(400);
    frame(440);
    expect(seen("frame")).toEqual([]);
    world.advance(330);
    expect(seen("frame")).toEqual([1]);
    expect(seen("show-frame")).toEqual([]);
    world.advance(70);
    expect(seen("show-frame")).toEqual([1]);
    world.advance(40);
    expect(seen("show-frame")).toEqual([1, 2]);
  });

  it("are drawn as much sooner as it takes until they are seen", () => {
    const { world, frame, seen } = streaming(VideoCodecType.MJPEG, [VideoCodecType.MJPEG], 25);
    frame(400);
    world.advance(370);
    expect(seen("show-frame")).toEqual([]);
    world.advance(5);
    expect(seen("show-frame")).toEqual([1]);
  });

  it("do not hold up the acknowledgement of what comes behind them", () => {
    const { display, world, frame } = streaming();
    display.send("SET_ACK", { generation: 1, window: 2 });
    frame(400);
    frame(440);
    world.run();
    expect(display.messages.map(({ name }) => name)).toContain("ACK");
  });

  it("that come late are passed over and counted, unless nothing else is to be seen", () => {
    const { world, setting, display, frame, seen } = streaming();
    frame(20);
    world.advance(20);
    for (let late = 0; late < 3; late++) frame(-100);
    expect(seen("show-frame")).toEqual([1]);
    world.advance(300);
    frame(-100);
    expect(seen("show-frame")).toHaveLength(2);
    display.send("STREAM_DESTROY", { id: 0 });
    world.run();
    const counts = { received: 5, shown: 2, late: 4, dropped: 3, refused: 0, bytes: 50 };
    expect(figures(setting)).toEqual(counts);
  });

  it("whose time makes no sense are shown when they come", () => {
    const { frame, seen } = streaming();
    for (const inMs of [2 ** 31, -(2 ** 31) + 1, 600_000, -600_000]) frame(inMs);
    expect(seen("show-frame")).toHaveLength(4);
  });

  it("never pile up, whatever their stamps say", () => {
    const { world, setting, display, frame } = streaming();
    for (let count = 0; count < 1000; count++) frame(4900);
    for (let count = 0; count < 50; count++) frame(4900, 1 << 20);
    const snapshot = JSON.stringify(world.session.snapshot(world.now), plain);
    expect(Number(/"waiting":(\d+)/.exec(snapshot)![1])).toBeLessThanOrEqual(32);
    display.send("STREAM_DESTROY", { id: 0 });
    world.run();
    expect(figures(setting)).toMatchObject({ received: 1050, dropped: 1050, shown: 0 });
  });

  it("are not shown behind the end of their stream", () => {
    const { world, display, frame, seen } = streaming();
    frame(100);
    display.send("STREAM_DESTROY", { id: 0 });
    frame(100);
    world.advance(1000);
    expect(seen("show-frame")).toEqual([]);
  });

  it("of a codec that needs the frames before are decoded even when they are late", () => {
    const { frame, seen } = streaming(VideoCodecType.VP8, [VideoCodecType.VP8]);
    for (const inMs of [0, -100, -100, 0]) frame(inMs);
    expect(seen("frame")).toEqual([1, 2, 3, 4]);
    const other = streaming(VideoCodecType.VP8);
    other.frame(0);
    expect(other.seen("frame")).toEqual([]);
    other.display.send("STREAM_DESTROY", { id: 0 });
    other.world.run();
    expect(figures(other.setting)).toMatchObject({ received: 1, refused: 1 });
  });

  it("go on over a seamless move", () => {
    const setting = ready("seamless", {
      source: { channels: ["display 0"] },
      target: { channels: ["display 0"] },
    });
    const { world, source, target } = setting;
    create(setting);
    const frame = (server: typeof source, inMs: number) => {
      const body = { id: 0, multiMediaTime: world.now + inMs, data: new Uint8Array(9) };
      server.channel("display 0").send("STREAM_DATA", body);
    };
    frame(source, 50);
    source.migrate("main 0", "display 0");
    world.run();
    frame(target, 90);
    world.advance(100);
    expect(world.renders.filter(({ type }) => type === "show-frame")).toHaveLength(2);
    expectNoBreach(setting);
  });

  it("each have one end, whatever a server sends", () => {
    const step = fc.oneof(
      fc.record({ name: fc.constant("frame"), inMs: fc.integer({ min: -300, max: 900 }) }),
      fc.record({ name: fc.constant("wait"), inMs: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ name: fc.constant("create"), inMs: fc.constant(0) }),
      fc.record({ name: fc.constant("time"), inMs: fc.integer({ min: -900, max: 900 }) }),
    );
    const course = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { world, setting, source, display, frame } = streaming();
      let sent = 0;
      for (const { name, inMs } of steps) {
        if (name === "frame") {
          frame(inMs);
          sent += 1;
        } else if (name === "wait") world.advance(inMs);
        else if (name === "create") create(setting);
        else source.channel("main 0").send("MULTI_MEDIA_TIME", { time: world.now + inMs });
        world.run();
      }
      display.send("STREAM_DESTROY_ALL", {});
      world.run();
      const all = world.named("video-ended").map((event) => event.figures);
      const sum = (key: "received" | "shown" | "dropped") => {
        return all.reduce((total, one) => total + one[key], 0);
      };
      expect(sum("received")).toBe(sent);
      expect(sum("shown") + sum("dropped")).toBe(sent);
    });
    fc.assert(course, { numRuns: 40 });
  });
});

describe("what a server learns of its stream", () => {
  const asked = { streamId: 0, uniqueId: 9, maxWindowSize: 4, timeoutMs: 1000 };

  it("is told after as many frames as it asked for, or after a while", () => {
    const { world, display, frame } = streaming();
    display.send("STREAM_ACTIVATE_REPORT", asked);
    for (const inMs of [400, 400, -60, 300]) frame(inMs);
    const reports = () => {
      return display.messages.flatMap(({ name, body }) => (name === "STREAM_REPORT" ? [body] : []));
    };
    expect(reports()).toMatchObject([
      ...[{ streamId: 0, uniqueId: 9, numFrames: 4, numDrops: 1, lastFrameDelay: 300 }],
    ]);
    expect(reports()).toMatchObject([{ audioDelay: 0xffffffff }]);
    frame(400);
    world.advance(1100);
    frame(400);
    expect(reports()).toHaveLength(2);
  });

  it("is told at once when its codec is not decoded here, and which are before", () => {
    const { display, setting } = streaming(VideoCodecType.H265);
    display.send("STREAM_ACTIVATE_REPORT", asked);
    setting.world.run();
    const report = display.messages.findLast(({ name }) => name === "STREAM_REPORT");
    expect(report?.body).toMatchObject({ numFrames: 0, numDrops: 0xffffffff });
    const { endpoint } = setting.world.session;
    const videoCodecs = [VideoCodecType.MJPEG, VideoCodecType.VP9];
    const words = channelCapabilities("display", {
      ...{ ...defaultSessionOptions, endpoint, videoCodecs },
    });
    const has = (bit: number) => hasCapability(words, bit);
    expect(has(DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP9)).toBe(true);
    expect(has(DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP8)).toBe(false);
  });
});

describe("a picture by reference to the server's memory", () => {
  it("ends its channel, and the session goes on", () => {
    const { world, display } = streaming();
    display.send("GL_DRAW", { x: 0, y: 0, w: 1, h: 1 });
    world.run();
    expect(world.named("channel-lost")).toMatchObject([
      { channel: "display", error: { code: "UNEXPECTED_MESSAGE" } },
    ]);
    expect(world.named("ended")).toEqual([]);
  });
});

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
