// Codecs of video streams: which one a client gets, when it gets another, and what lies over a video.

import { DisplayCapability, VideoCodecType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { plainEncoders, type ServerOptions } from "../src/index.ts";
import { chooseVideoCodec } from "../src/video-codecs.ts";
import { box, copy, picture } from "./drawings.ts";
import { MoveWorld } from "./move-world.ts";
import { allDisplayCapabilities, RawClient } from "./raw-client.ts";
import { ServerEar } from "./server-ear.ts";
import { ServerWorld } from "./server-world.ts";

const { MJPEG, VP8, H264, VP9 } = VideoCodecType;
const width = 321;
const height = 240;
const area = { left: 40, top: 32, right: 241, bottom: 193 };
const encoders = { ...plainEncoders, jpeg: true, video: [VP8, H264, VP9] };
const videoCodecs = ["h264", "vp9", "vp8", "mjpeg"] as const;
const codecBits = {
  mjpeg: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_MJPEG,
  vp8: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP8,
  h264: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_H264,
  vp9: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP9,
} as const;

function capabilities(...codecs: (keyof typeof codecBits)[]): number[] {
  return [
    ...allDisplayCapabilities,
    DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT,
    DisplayCapability.SPICE_DISPLAY_CAP_MULTI_CODEC,
    ...codecs.map((name) => codecBits[name]),
  ];
}

function setUp(options: Partial<ServerOptions> = {}): ServerWorld {
  const world = new ServerWorld({ encoders, videoCodecs, jpeg: "never", ...options });
  world.begin(width, height);
  const data = new Uint8Array(width * height * 4).fill(90);
  const whole = { left: 0, top: 0, right: width, bottom: height };
  const pixels = { stride: width * 4, data };
  world.guest({ type: "update", display: 0, surface: 0, box: whole, pixels });
  return world;
}

function connect(world: ServerWorld, ...codecs: (keyof typeof codecBits)[]) {
  const client = new RawClient(world, { displayCapabilities: capabilities(...codecs) });
  client.openAll("display");
  return { client, display: client.channel("display") };
}

/** A photo that moves, and a flat menu over it where `menu` is. */
function play(world: ServerWorld, frames: number, from = 0, menu: typeof area | null = null): void {
  for (let step = from; step < from + frames; step++) {
    const columns = area.right - area.left;
    const rows = area.bottom - area.top;
    const data = new Uint8Array(columns * rows * 4);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const at = (y * columns + x) * 4;
        const [h, v] = [x + area.left, y + area.top];
        const isMenu =
          menu !== null && h >= menu.left && h < menu.right && v >= menu.top && v < menu.bottom;
        data[at] = isMenu ? 200 : 128 + 100 * Math.sin((x + step * 3) / 17);
        data[at + 1] = isMenu ? 210 : 128 + 100 * Math.sin((y + step * 2) / 13);
        data[at + 2] = isMenu ? (h >> 3) & 1 && 40 : (x + y + step) & 255;
      }
    }
    const pixels = { stride: columns * 4, data };
    world.guest({ type: "update", display: 0, surface: 0, box: area, pixels });
    world.advance(40);
  }
}

interface Created {
  readonly id: number;
  readonly codecType: number;
  readonly dest: typeof area;
}

type Display = ReturnType<typeof connect>["display"];

function codecs(display: Display): number[] {
  return display.ofName<Created>("STREAM_CREATE").map(({ codecType }) => codecType);
}

/** As spice-gtk says it: without the id of a report, for the stream and for its reports. */
function refuse(display: Display): void {
  const nothing = { startFrameMmTime: 0, endFrameMmTime: 0, numFrames: 0, lastFrameDelay: 0 };
  const refusal = { numDrops: 0xffffffff, audioDelay: 0xffffffff };
  const body = { streamId: 0, uniqueId: 0, ...nothing, ...refusal };
  for (let time = 0; time < 2; time++) display.send({ name: "STREAM_REPORT", body });
}

describe("the choice of a codec", () => {
  const failed = new Set<number>();
  const ours = [H264, VP9, VP8, MJPEG];
  it("is the server's best that the client has, or what the client prefers of them", () => {
    const choose = (has: number[], preferred: number[] = []) => {
      return chooseVideoCodec({ ours, capabilities: bits(has), preferred, failed });
    };
    expect(choose(capabilities("mjpeg", "vp8", "vp9"))).toBe(VP9);
    expect(choose(capabilities("mjpeg", "vp8", "vp9"), [H264, VP8, VP9])).toBe(VP8);
    expect(choose(capabilities("mjpeg", "vp8", "vp9"), [99])).toBe(VP9);
    expect(choose(capabilities())).toBe(null);
    expect(choose(allDisplayCapabilities.slice())).toBe(MJPEG);
  });
});

function bits(list: readonly number[]): number[] {
  const words = [0];
  for (const bit of list) words[0]! |= 1 << bit;
  return words;
}

describe("a stream", () => {
  it("is in the best codec of both, of even sides, and has an encoder as long as it lasts", () => {
    const world = setUp();
    const { display } = connect(world, "mjpeg", "vp8", "h264");
    play(world, 40);
    expect(codecs(display)).toEqual([H264]);
    const [{ dest }] = display.ofName<Created>("STREAM_CREATE") as [Created];
    expect(dest).toEqual({ ...area, right: area.right - 1, bottom: area.bottom - 1 });
    expect(display.ofName("STREAM_DATA").length).toBeGreaterThan(20);
    world.advance(1500);
    expect(display.names).toContain("STREAM_DESTROY");
    const names = new Set(world.videoTasks.map(({ encoder }) => encoder));
    expect(names.size).toBe(1);
    expect(world.videoTasks.filter(({ kind }) => kind === "video-end")).toHaveLength(1);
    expect(world.videoTasks.at(-1)).toMatchObject({ kind: "video-end" });
  });

  it("keeps the row and column that an even side leaves over exact", () => {
    const world = setUp();
    const { client } = connect(world, "h264");
    play(world, 30);
    const truth = setUp();
    const other = connect(truth);
    play(truth, 30);
    const column = (colors: Uint32Array) => {
      return [...Array(160).keys()].map((y) => colors[(area.top + y) * width + area.right - 1]);
    };
    expect(column(client.colors())).toEqual(column(other.client.colors()));
  });

  it("begins anew when the client prefers another codec", () => {
    const world = setUp();
    const { display } = connect(world, "mjpeg", "vp8", "vp9");
    play(world, 20);
    expect(codecs(display)).toEqual([VP9]);
    display.send({ name: "PREFERRED_VIDEO_CODEC_TYPE", body: { codecs: [VP8, MJPEG] } });
    play(world, 10, 20);
    display.send({ name: "PREFERRED_VIDEO_CODEC_TYPE", body: { codecs: [VP8] } });
    play(world, 10, 30);
    expect(codecs(display)).toEqual([VP9, VP8]);
    expect(display.ofName("STREAM_DESTROY")).toHaveLength(1);
    expect(world.videoTasks.filter(({ kind }) => kind === "video-end")).toHaveLength(1);
  });

  it("goes on in the next best codec when the client cannot decode it, or nobody encodes it", () => {
    const world = setUp();
    const { display } = connect(world, "mjpeg", "vp8", "vp9");
    play(world, 20);
    refuse(display);
    play(world, 10, 20);
    expect(codecs(display)).toEqual([VP9, VP8]);
    world.hasNoEncoder = true;
    play(world, 10, 30);
    expect(codecs(display)).toEqual([VP9, VP8, MJPEG]);
    expect(display.ofName("STREAM_DESTROY")).toHaveLength(2);
    play(world, 10, 40);
    expect(display.names.at(-1)).toBe("STREAM_DATA");
  });

  it("leaves no encoder behind when its client goes", () => {
    const world = setUp();
    const { display } = connect(world, "h264");
    play(world, 20);
    world.hangUp(display.connection);
    world.advance(10);
    expect(world.videoTasks.at(-1)).toMatchObject({ kind: "video-end" });
  });
});

describe("what lies over a video", () => {
  const menu = { left: 96, top: 64, right: 176, bottom: 144 };

  it("is clipped out of its stream and exact, until it goes", () => {
    const world = setUp();
    const { client, display } = connect(world, "mjpeg");
    play(world, 30);
    play(world, 80, 30, menu);
    const clips = display.ofName<{ clip: { type: number; rects?: unknown[] } }>("STREAM_CLIP");
    expect(clips).toHaveLength(1);
    expect(clips[0]!.clip.rects!.length).toBeGreaterThan(1);
    const truth = setUp();
    const other = connect(truth);
    play(truth, 1, 109, menu);
    const inside = (colors: Uint32Array) => {
      return [100, 110, 120].map((y) => [...colors.subarray(y * width + 100, y * width + 170)]);
    };
    expect(inside(client.colors())).toEqual(inside(other.client.colors()));
    const sent = display.names.length;
    play(world, 60, 110);
    const later = display.names.slice(sent);
    expect(later).toContain("STREAM_CLIP");
    expect(later.slice(later.lastIndexOf("STREAM_CLIP") + 1)).not.toContain("DRAW_COPY");
    expect(display.names).not.toContain("STREAM_DESTROY");
  });
});

describe("a stream in a seamless move", () => {
  const exact: Partial<ServerOptions> = { encoders, videoCodecs, jpeg: "never" };
  const place = box(16, 16, 144, 112);
  const playAt = (world: MoveWorld, at: "source" | "target", frames: number, from = 0) => {
    for (let frame = from; frame < from + frames; frame++) {
      const colors = (x: number, y: number) => {
        const [red, green] = [(x * 2 + frame * 3) & 255, (y * 2 + frame * 5) & 255];
        return (red << 16) | (green << 8) | ((x + y + frame) & 255);
      };
      world.draw(at, copy(place, picture(128, 96, colors)));
      world.advance(40);
    }
  };
  const join = (world: MoveWorld) => world.join({ videoCodecs: [MJPEG, VP8, VP9] });
  const size = { width: 160, height: 128 };

  it("goes on in its codec with a new encoder, whose first frame is a key frame", () => {
    const world = new MoveWorld({ source: exact, target: exact, size });
    const ear = new ServerEar(world.target);
    join(world);
    playAt(world, "source", 20);
    world.move();
    playAt(world, "target", 5, 20);
    const streamed = ear.names("display 0").filter((name) => name.startsWith("STREAM_"));
    expect(new Set(streamed)).toEqual(new Set(["STREAM_DATA"]));
    const [source, target] = world.hosts.map(({ videoTasks }) => videoTasks);
    expect(source!.at(-1)).toMatchObject({ kind: "video-end" });
    expect(target!.map(({ kind }) => kind)).toContain("video-encode");
    expect(target![0]).toMatchObject({ codec: VP9 });
  });

  it("becomes another one at a target that does not have its codec", () => {
    const less = { ...exact, encoders: { ...encoders, video: [] } };
    const world = new MoveWorld({ source: exact, target: less, size });
    const ear = new ServerEar(world.target);
    join(world);
    playAt(world, "source", 20);
    world.move();
    playAt(world, "target", 30, 20);
    const streamed = ear.names("display 0").filter((name) => name.startsWith("STREAM_"));
    expect(streamed.slice(0, 2)).toEqual(["STREAM_DESTROY", "STREAM_CREATE"]);
    const codecsSeen = world.clients[0]!.events.flatMap((event) => {
      return event.name === "video-began" ? [event.codec] : [];
    });
    expect(codecsSeen).toEqual([VP9, MJPEG]);
  });
});
