// Video encoders of this computer: those of an `ffmpeg` that is installed (Debian has it in the
// package of that name). Nothing needs it: without it, video goes out as JPEG frames.

import { execFile, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { VideoCodecType } from "@caraway/protocol";
import type { VideoBudget } from "@caraway/server";

export interface VideoEncoders {
  /** The program, by name or path. */
  readonly program: string;
  readonly codecs: readonly VideoCodecType[];
}

interface EncoderChoice {
  readonly codec: VideoCodecType;
  readonly name: string;
  /** Each frame comes out before the next one goes in. */
  readonly flags: readonly string[];
}

const realtime = ["-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
const zeroLatency = ["-preset", "superfast", "-tune", "zerolatency"];
const x265 = "log-level=none:bframes=0:frame-threads=1:repeat-headers=1";

const choices: readonly EncoderChoice[] = [
  { codec: VideoCodecType.VP8, name: "libvpx", flags: realtime },
  { codec: VideoCodecType.VP9, name: "libvpx-vp9", flags: [...realtime, "-row-mt", "1"] },
  { codec: VideoCodecType.H264, name: "libx264", flags: zeroLatency },
  {
    codec: VideoCodecType.H265,
    name: "libx265",
    flags: ["-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", x265],
  },
];

const lookMs = 10_000;
/** What one thread encodes at 30 frames a second, about. */
const pixelsPerThread = 640 * 480;
/** A picture that is higher is taken for HD, by decoders that are not told: GStreamer's rule. */
const sdHeightMax = 576;
/** A decoder that has lost its way finds it again within so many frames. */
const keyFrameEach = 300;

const found = new Map<string, Promise<VideoEncoders | null>>();

/** null when there is none. Looked for once in a process. */
export function findVideoEncoders(program = "ffmpeg"): Promise<VideoEncoders | null> {
  const known = found.get(program) ?? look(program);
  found.set(program, known);
  return known;
}

async function look(program: string): Promise<VideoEncoders | null> {
  try {
    const run = promisify(execFile);
    const { stdout } = await run(program, ["-hide_banner", "-encoders"], { timeout: lookMs });
    const names = new Set(stdout.split("\n").map((line) => line.trim().split(/\s+/)[1]));
    const codecs = choices.filter(({ name }) => names.has(name)).map(({ codec }) => codec);
    return codecs.length === 0 ? null : { program, codecs };
  } catch {
    return null;
  }
}

export interface EncodedStream {
  readonly codec: VideoCodecType;
  /** Both even. */
  readonly width: number;
  readonly height: number;
  readonly budget: VideoBudget;
}

/** Takes raw frames of four bytes a pixel (blue, green, red, any) and writes an AVI file. */
export function startFfmpeg(program: string, stream: EncodedStream) {
  const { codec, width, height, budget } = stream;
  const choice = choices.find((one) => one.codec === codec);
  if (choice === undefined) throw new Error(`no encoder for codec ${codec}`);
  const threads = Math.ceil((width * height) / pixelsPerThread);
  const rate = `${budget.bitsPerSecond}`;
  const isHd = height > sdHeightMax;
  const matrix = isHd ? "bt709" : "smpte170m";
  const input = [
    // Nothing is looked at ahead, and the decoder of raw frames holds none back.
    ...["-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0", "-threads", "1"],
    ...["-f", "rawvideo", "-pixel_format", "bgr0", "-video_size", `${width}x${height}`],
    ...["-framerate", `${budget.framesPerSecond}`, "-i", "pipe:0"],
  ];
  const colors = [
    ...["-vf", `scale=out_color_matrix=${isHd ? "bt709" : "bt601"}:out_range=tv,format=yuv420p`],
    ...["-colorspace", matrix, "-color_primaries", matrix, "-color_trc", matrix],
    ...["-color_range", "tv"],
  ];
  const output = [
    ...["-an", "-vsync", "passthrough", "-c:v", choice.name, ...choice.flags],
    ...["-g", `${keyFrameEach}`, "-b:v", rate, "-maxrate", rate],
    // A third of a second: a key frame may be large, and the next ones make up for it.
    ...["-bufsize", `${Math.round(budget.bitsPerSecond / 3)}`],
    ...["-threads", `${Math.min(threads, availableParallelism())}`],
    ...["-f", "avi", "-flush_packets", "1", "pipe:1"],
  ];
  const args = ["-hide_banner", "-loglevel", "error", ...input, ...colors, ...output];
  return spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
}
