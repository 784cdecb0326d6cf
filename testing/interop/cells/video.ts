// Video: streams of a real spice-server at our client, each frame accounted for and compared with
// what libjpeg makes of it; and the testcard's video from our server at spice-gtk and at our client.

import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  compareImages,
  connectCaraway,
  endpointOf,
  ensurePackages,
  type RgbImage,
  ServedTestcard,
  SlowNetwork,
  startGtkClient,
  startMigrationTarget,
  startSavedVm,
} from "@caraway/interop";
import { ClipType, VideoCodecType } from "@caraway/protocol";

/** One in so many frames is compared. */
const comparedEach = 8;
const psnrMin = 40;
const watchMs = 15_000;
/** Less than the video of the testcard takes at its best. */
const narrowBytesPerSecond = 60_000;

interface Placed {
  readonly data: Uint8Array;
  /** What of it is shown; null for all. */
  readonly rects: readonly Rect[] | null;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function rectsOf(clip: { readonly type: number; readonly rects?: readonly Rect[] }) {
  return clip.type === ClipType.NONE ? null : (clip.rects ?? []);
}

/** What libjpeg's own program makes of a file. */
function byLibjpeg(jpeg: Uint8Array): RgbImage {
  const { stdout, status } = spawnSync("djpeg", ["-pnm"], { input: jpeg, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error("djpeg cannot read the frame");
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(stdout.toString("latin1", 0, 40));
  if (header === null) throw new Error("djpeg gives no picture");
  const [all, width, height] = header;
  return { width: Number(width), height: Number(height), data: stdout.subarray(all.length) };
}

function part(picture: RgbImage, { left, top, width, height }: Placed): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * picture.width + left) * 3;
    data.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

/** The parts of both that are shown, compared; null where nothing is. */
function psnrOf(shown: RgbImage, wanted: RgbImage, { left, top, width, rects }: Placed) {
  if (rects === null) return compareImages(shown, wanted).psnr;
  const isShown = (at: number) => {
    const [x, y] = [left + (at % width), top + Math.floor(at / width)];
    return rects.some((one) => x >= one.left && x < one.right && y >= one.top && y < one.bottom);
  };
  let pixels = 0;
  const hidden = wanted.data.slice();
  for (let at = 0; at * 3 < hidden.length; at++) {
    if (isShown(at)) pixels += 1;
    else hidden.set(shown.data.subarray(at * 3, at * 3 + 3), at * 3);
  }
  // Errors are of the shown pixels alone, and so is their mean.
  const share = 10 * Math.log10(pixels / (hidden.length / 3)) || 0;
  return pixels === 0 ? null : compareImages(shown, { ...wanted, data: hidden }).psnr + share;
}

async function showsQemu(): Promise<CellResult> {
  await ensurePackages(["libjpeg-turbo-progs"]);
  await using vm = await startSavedVm("qxl-vga", { spice: { streamingVideo: "all" } });
  const frames = new Map<number, Placed>();
  const compared: { placed: Placed; shown: RgbImage }[] = [];
  const streams = new Map<number, Omit<Placed, "data">>();
  const counts = { handed: 0, shown: 0, lost: 0, clips: 0, codecs: new Set<number>() };
  await using client: CarawayClient = connectCaraway(vm, {
    onRender: (command) => {
      if (command.type === "apply" && command.message.name === "STREAM_CREATE") {
        const { id, dest, codecType, clip } = command.message.body;
        const { left, top, right, bottom } = dest;
        counts.codecs.add(codecType);
        const size = { width: right - left, height: bottom - top };
        streams.set(id, { left, top, ...size, rects: rectsOf(clip) });
      } else if (command.type === "apply" && command.message.name === "STREAM_CLIP") {
        const { id, clip } = command.message.body;
        const stream = streams.get(id);
        if (stream !== undefined) streams.set(id, { ...stream, rects: rectsOf(clip) });
        counts.clips += 1;
      } else if (command.type === "frame") {
        counts.handed += 1;
        const { id, data } = command.message.body;
        const stream = streams.get(id);
        const isCompared = counts.handed % comparedEach === 0;
        if (stream !== undefined && isCompared) {
          frames.set(command.key, { ...stream, data: data.slice() });
        }
      }
    },
    onPicture: (event) => {
      if (event.type === "frame-lost") counts.lost += 1;
      if (event.type !== "frame-shown") return;
      counts.shown += 1;
      const placed = frames.get(event.key);
      frames.delete(event.key);
      if (placed !== undefined) compared.push({ placed, shown: part(client.picture(), placed) });
    },
  });
  await client.settle();
  await vm.shell.run("DISPLAY=:0 setsid xanim 320x240 12 200,200 >/dev/null 2>&1 </dev/null &");
  await delay(watchMs);
  await vm.shell.run("pkill xanim");
  await delay(3000);
  const ended = client.events.flatMap((event) => {
    return event.name === "video-ended" ? [event.figures] : [];
  });
  const sum = (key: keyof (typeof ended)[number]) => {
    return ended.reduce((total, one) => total + one[key], 0);
  };
  const bad: string[] = [];
  const psnrs = compared.flatMap(({ placed, shown }) => {
    const wanted = byLibjpeg(placed.data);
    const isSame = wanted.width === placed.width && wanted.height === placed.height;
    const psnr = isSame ? psnrOf(shown, wanted, placed) : null;
    if (psnr !== null && psnr < psnrMin) bad.push(describe(placed, shown, wanted, psnr));
    return psnr === null ? [] : [psnr];
  });
  const least = Math.min(...psnrs);
  const received = sum("received");
  const isAccounted =
    received === sum("shown") + sum("dropped") + sum("refused") &&
    sum("shown") <= counts.handed &&
    counts.shown + counts.lost === counts.handed;
  const isGood =
    received > 20 &&
    isAccounted &&
    psnrs.length > 0 &&
    least >= psnrMin &&
    [...counts.codecs].every((codec) => codec === VideoCodecType.MJPEG);
  const detail =
    `${received} frames: ${sum("shown")} due, ${sum("late")} late, ${sum("dropped")} dropped; ` +
    `${counts.shown} drawn, ${counts.lost} lost; ${psnrs.length} compared, ` +
    `PSNR from ${least.toFixed(1)} dB; ${counts.clips} clips` +
    (bad.length === 0 ? "" : `; ${bad.length} of them below, the first: ${bad[0]}`);
  return {
    outcome: isGood ? "passed" : "failed",
    detail,
    facts: { received, handed: counts.handed, drawn: counts.shown, lost: counts.lost, least },
  };
}

function describe(placed: Placed, shown: RgbImage, wanted: RgbImage, psnr: number): string {
  const { left, top, width, height, rects } = placed;
  const { box, pixels } = compareImages(shown, wanted);
  const where = { left, top, width, height, rects, box, pixels };
  return `${psnr.toFixed(1)} dB, ${JSON.stringify(where)}`;
}

/** What becomes of a stream when QEMU moves, for comparison with our own moves. */
async function movesQemu(): Promise<CellResult> {
  await using vm = await startSavedVm("qxl-vga", { spice: { streamingVideo: "all" } });
  const seen: { readonly name: string; readonly id: number; readonly at: number }[] = [];
  await using client: CarawayClient = connectCaraway(vm, {
    onRender: (command) => {
      if (command.type === "frame") {
        const { id } = command.message.body;
        seen.push({ name: "frame", id, at: performance.now() });
      } else if (command.type === "apply" && command.message.name.startsWith("STREAM_")) {
        const { name, body } = command.message;
        const id = "id" in body && typeof body.id === "number" ? body.id : -1;
        seen.push({ name, id, at: performance.now() });
      }
    },
  });
  await client.settle();
  await vm.shell.run("DISPLAY=:0 setsid xanim 320x240 12 200,200 >/dev/null 2>&1 </dev/null &");
  await delay(8000);
  await using target = await startMigrationTarget(vm);
  await vm.migrateTo(target);
  await delay(8000);
  const ended = seen.findLastIndex(({ name }) => name.startsWith("STREAM_DESTROY"));
  const began = seen.findIndex(({ name }, at) => at > ended && name === "STREAM_CREATE");
  const lastFrame = seen.findLast(({ name }, at) => at < ended && name === "frame");
  const nextFrame = seen.find(({ name }, at) => at > began && name === "frame");
  const isOver = ended >= 0 && lastFrame !== undefined;
  const isBack = began >= 0 && nextFrame !== undefined;
  const withoutMs = isOver && isBack ? Math.round(nextFrame.at - lastFrame.at) : null;
  return {
    outcome: isOver && isBack ? "passed" : "failed",
    detail:
      withoutMs === null
        ? `no stream before and behind the move: ${seen.length} messages of streams`
        : `the stream was destroyed, and another one showed frames ${withoutMs} ms later`,
    facts: { withoutMs: withoutMs ?? -1 },
  };
}

/** The testcard's video until its clock stands. */
const playedMs = 9000;

async function showsOurs(output: "drawing" | "framebuffer"): Promise<CellResult> {
  const testcard = { width: 480, height: 360, video: true, output, freezeAtMs: playedMs } as const;
  await using served = await ServedTestcard.start({ testcard });
  await using ours = new CarawayClient(endpointOf(served.address), {});
  await using gtk = await startGtkClient(served.address);
  await gtk.waitFor("mark");
  await delay(playedMs / 2);
  const during = await gtk.dump();
  const isLossy = compareImages(during, served.picture()).pixels > 0;
  await delay(playedMs / 2 + 2000);
  const wanted = served.picture();
  const atGtk = compareImages(await gtk.dumpWhenEqual(wanted), wanted);
  const atOurs = compareImages(await ours.pictureWhenEqual(wanted), wanted);
  const ended = served.events.filter((event) => event.name === "video-ended");
  const frames = ended.map((event) => event.frames);
  const isGood =
    frames.length >= 2 && Math.min(...frames) > 20 && atGtk.pixels === 0 && atOurs.pixels === 0;
  const detail =
    `frames to each client ${frames.join(", ")}; ` +
    `at rest ${atGtk.pixels} pixels differ at spice-gtk, ${atOurs.pixels} at ours` +
    (isLossy ? "" : "; spice-gtk was never seen to play");
  return { outcome: isGood ? "passed" : "failed", detail };
}

/** What spice-gtk reports of a link that takes less than the video wants. */
async function slowsDownForGtk(): Promise<CellResult> {
  const testcard = { width: 480, height: 360, video: true } as const;
  await using served = await ServedTestcard.start({ testcard });
  await using network = await SlowNetwork.open({
    target: { port: served.address.port },
    toClient: { bytesPerSecond: narrowBytesPerSecond, delayMs: 20 },
  });
  await using gtk = await startGtkClient({ host: "127.0.0.1", port: network.port });
  await gtk.waitFor("mark", { timeoutMs: 60_000 });
  const steps: number[] = [];
  let [frames, drops, skipped] = [0, 0, 0];
  for (let second = 0; second < 20; second++) {
    await delay(1000);
    const [video] = videosOf(served);
    if (video === undefined) continue;
    steps.push(video.rateStep);
    ({ frames, drops, skipped } = video.figures);
  }
  const least = Math.min(...steps);
  const most = Math.max(...steps);
  const isGood = frames > 20 && most > least && drops + skipped > 0 && gtk.isAlive;
  const detail =
    `${frames} frames at ${narrowBytesPerSecond / 1000} kB/s: steps ${steps.join(" ")}; ` +
    `${drops} reported as too late, ${skipped} not sent`;
  return { outcome: isGood ? "passed" : "failed", detail, facts: { frames, drops, skipped, most } };
}

interface VideoState {
  readonly rateStep: number;
  readonly figures: { readonly frames: number; readonly drops: number; readonly skipped: number };
}

/** Of streams that go on, as the server has them. */
function videosOf({ server }: ServedTestcard): VideoState[] {
  const found: VideoState[] = [];
  JSON.stringify(server.snapshot(), (key, value) => {
    if (key === "videos" && Array.isArray(value)) {
      found.push(...value.filter((one) => "rateStep" in one));
    }
    return typeof value === "bigint" ? `${value}` : value;
  });
  return found;
}

export const cells: readonly Cell[] = [
  { name: "streams of spice-server: each frame is accounted for", run: showsQemu },
  { name: "a stream of spice-server in a seamless move, for comparison", run: movesQemu },
  { name: "spice-gtk's reports slow our video down on a narrow link", run: slowsDownForGtk },
  { name: "spice-gtk and our client see our video, drawn", run: () => showsOurs("drawing") },
  { name: "… and in a framebuffer", run: () => showsOurs("framebuffer") },
];
