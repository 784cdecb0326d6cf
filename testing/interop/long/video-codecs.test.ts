// Video of our server in each codec that ffmpeg has, as Chromium and spice-gtk show it: what they have
// on their screens in the middle of it is one of the guest's frames, as far as a codec with losses
// can give it back.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findVideoEncoders, type VideoEncoders } from "@caraway/node";
import { type VideoCodecName, videoCodecNumbers } from "@caraway/server";
import {
  type BuiltPage,
  buildPage,
  type PageServer,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPage } from "../../../io/browser/browser-test/page/main.ts";
import {
  compareImages,
  ensurePackages,
  type RgbImage,
  ServedTestcard,
  startGtkClient,
} from "../src/index.ts";

declare const page: TestPage;

const root = fileURLToPath(new URL("../../../io/browser/browser-test/page", import.meta.url));
const foreignName = "desktop.example";
const testcard = { width: 480, height: 360, video: true } as const;
/** Well inside of the picture that plays, around its flash. */
const part = { left: 91, top: 60, width: 300, height: 180 };
/** A busy computer sends less of it, and so worse. */
const psnrMin = 28;
const looks = 6;
/** The first frames are still on their way when the others come. */
const framesBefore = 15;
const patienceMs = 40_000;
const setUpMs = 300_000;

describe("a video in the codecs of ffmpeg", () => {
  let encoders: VideoEncoders | null;
  let built: BuiltPage;
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    // The last one has the parser that H.264 needs there.
    const gstreamer = ["good", "bad"].map((name) => `gstreamer1.0-plugins-${name}`);
    await ensurePackages(["ffmpeg", "gstreamer1.0-libav", ...gstreamer]);
    encoders = await findVideoEncoders();
    built = await buildPage(root);
    server = await servePage(built.directory);
    browser = await startChromium({ localNames: [foreignName] });
  }, setUpMs);

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    built?.[Symbol.dispose]();
  });

  async function serve(videoCodecs: readonly VideoCodecName[]) {
    const served = await ServedTestcard.start({
      testcard,
      origins: "any",
      videoEncoders: encoders,
      server: { videoCodecs },
    });
    return { served, history: new History(served) };
  }

  async function watch(origin: string, served: ServedTestcard): Promise<Page> {
    const shown = await browser.newPage();
    await shown.goto(origin);
    await shown.evaluate((url) => page.connect({ url }), `ws://127.0.0.1:${served.address.port}`);
    await shown.waitForFunction(
      () => page.events.some(({ name }) => name === "video-began"),
      undefined,
      { timeout: 20_000 },
    );
    return shown;
  }

  async function codecsAt(shown: Page): Promise<number[]> {
    return await shown.evaluate(() => {
      return page.events.flatMap((event) => (event.name === "video-began" ? [event.codec] : []));
    });
  }

  for (const codec of ["h264", "vp9", "vp8", "mjpeg"] as const) {
    it(`is right in Chromium in ${codec}`, async () => {
      const { served, history } = await serve([codec]);
      await using _served = served;
      using _history = history;
      const shown = await watch(server.origin, served);
      const psnrs = await looksAt(served, history, codec, () => pictureOnPage(shown));
      expect(new Set(await codecsAt(shown))).toEqual(new Set([videoCodecNumbers[codec]]));
      console.log(`Chromium, ${codec}: ${told(psnrs)}; ${JSON.stringify(streamsOf(served))}`);
      expect(await shown.evaluate(() => page.faults)).toEqual([]);
      await shown.close();
      expect(Math.min(...psnrs)).toBeGreaterThan(psnrMin);
      // Different frames were seen.
      expect(new Set(psnrs).size).toBeGreaterThan(2);
    }, 60_000);

    it(`is right at spice-gtk in ${codec}`, async () => {
      const { served, history } = await serve([codec]);
      await using _served = served;
      using _history = history;
      await using gtk = await startGtkClient(served.address);
      await gtk.waitFor("mark");
      const take = async () => crop(await gtk.dump());
      const psnrs = await looksAt(served, history, codec, take);
      console.log(`spice-gtk, ${codec}: ${told(psnrs)}; ${JSON.stringify(streamsOf(served))}`);
      expect(Math.min(...psnrs)).toBeGreaterThan(psnrMin);
      expect(new Set(psnrs).size).toBeGreaterThan(2);
    }, 60_000);
  }

  for (const codec of ["h264", "vp9", "vp8"] as const) {
    it(`does no harm in Chromium when it arrives damaged in ${codec}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "caraway-video-"));
      const program = join(folder, "encoder.cjs");
      writeFileSync(program, damagingProgram, { mode: 0o755 });
      const damaging = encoders === null ? null : { ...encoders, program };
      await using served = await ServedTestcard.start({
        testcard: { ...testcard, freezeAtMs: 6000 },
        origins: "any",
        videoEncoders: damaging,
        server: { videoCodecs: [codec] },
      });
      const shown = await watch(server.origin, served);
      await shown.waitForFunction(
        () => page.events.some(({ name }) => name === "video-ended"),
        undefined,
        { timeout: 20_000 },
      );
      await delay(1500);
      const whole = crop(served.picture());
      expect(compareImages(await pictureOnPage(shown), whole).pixels).toBe(0);
      const ended = await shown.evaluate(() => {
        return page.events.flatMap((event) => (event.name === "video-ended" ? [event] : []));
      });
      console.log(`damaged ${codec}: ${JSON.stringify(ended)}`);
      expect(await shown.evaluate(() => page.faults)).toEqual([]);
      expect(await shown.evaluate(() => page.events.some(({ name }) => name === "ended"))).toBe(
        false,
      );
      await shown.close();
      rmSync(folder, { recursive: true });
    }, 60_000);
  }

  it("is MJPEG on a page that is not secure, whatever the server has", async () => {
    const { served, history } = await serve(["h264", "vp9", "vp8", "mjpeg"]);
    await using _served = served;
    using _history = history;
    const shown = await watch(server.origin.replace("127.0.0.1", foreignName), served);
    expect(await shown.evaluate(() => "VideoDecoder" in globalThis)).toBe(false);
    expect(await codecsAt(shown)).toEqual([videoCodecNumbers.mjpeg]);
    await shown.close();
  }, 60_000);

  it("is in the best codec that a secure page has, and in another one when it prefers that", async () => {
    const { served, history } = await serve(["h264", "vp9", "vp8", "mjpeg"]);
    await using _served = served;
    using _history = history;
    const shown = await watch(server.origin, served);
    expect(await codecsAt(shown)).toEqual([videoCodecNumbers.h264]);
    await shown.close();
    const other = await browser.newPage();
    await other.goto(server.origin);
    await other.evaluate(
      (url) => page.connect({ url, preferredVideoCodecs: [4, 2] }),
      `ws://127.0.0.1:${served.address.port}`,
    );
    await other.waitForFunction(
      () => page.events.some(({ name }) => name === "video-began"),
      undefined,
      { timeout: 20_000 },
    );
    expect(await codecsAt(other)).toEqual([videoCodecNumbers.vp9]);
    await other.close();
  }, 60_000);
});

/** An ffmpeg whose frames arrive damaged, two of three. */
const damagingProgram = `#!/usr/bin/env node
const { spawn } = require("node:child_process");
const child = spawn("ffmpeg", process.argv.slice(2), { stdio: ["pipe", "pipe", "inherit"] });
process.stdin.pipe(child.stdin);
let bytes = Buffer.alloc(0);
let isHead = true;
let count = 0;
child.stdout.on("data", (piece) => {
  bytes = Buffer.concat([bytes, piece]);
  if (isHead) {
    const at = bytes.indexOf("movi");
    if (at < 0) return;
    isHead = false;
    process.stdout.write(bytes.subarray(0, at + 4));
    bytes = bytes.subarray(at + 4);
  }
  while (bytes.length >= 8) {
    const size = bytes.readUInt32LE(4);
    const end = 8 + size + (size & 1);
    if (bytes.length < end) return;
    const chunk = Buffer.from(bytes.subarray(0, end));
    count += 1;
    if (count % 3 !== 0) for (let at = 8 + (count % 5); at < 8 + size; at += 11) chunk[at] ^= 0x5a;
    process.stdout.write(chunk);
    bytes = bytes.subarray(end);
  }
});
`;

/** What the guest has shown, frame by frame. */
class History implements Disposable {
  readonly #pictures: RgbImage[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(served: ServedTestcard) {
    let last = "";
    // More often than the guest paints, so that none is missed.
    this.#timer = setInterval(() => {
      const picture = crop(served.picture());
      const mark = Buffer.from(picture.data.filter((_part, at) => at % 997 === 0)).toString("hex");
      if (mark === last) return;
      last = mark;
      this.#pictures.push(picture);
      if (this.#pictures.length > 100) this.#pictures.shift();
    }, 10);
  }

  /** How like the most like frame it is, in dB. */
  nearest(picture: RgbImage): number {
    return Math.max(...this.#pictures.map((one) => compareImages(picture, one).psnr));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function crop({ width, data }: RgbImage): RgbImage {
  const cut = new Uint8Array(part.width * part.height * 3);
  for (let row = 0; row < part.height; row++) {
    const from = ((part.top + row) * width + part.left) * 3;
    cut.set(data.subarray(from, from + part.width * 3), row * part.width * 3);
  }
  return { width: part.width, height: part.height, data: cut };
}

async function pictureOnPage(shown: Page): Promise<RgbImage> {
  const { width, height, text } = await shown.evaluate(async () => {
    const capture = await page.client!.capture("0:0");
    let binary = "";
    for (let at = 0; at < capture!.rgba.length; at += 4) {
      binary += String.fromCharCode(...capture!.rgba.subarray(at, at + 3));
    }
    return { width: capture!.width, height: capture!.height, text: btoa(binary) };
  });
  return crop({ width, height, data: new Uint8Array(Buffer.from(text, "base64")) });
}

/** While the video is on its way in that codec, how like the guest's frames it is. */
async function looksAt(
  served: ServedTestcard,
  history: History,
  codec: VideoCodecName,
  take: () => Promise<RgbImage>,
): Promise<number[]> {
  const psnrs: number[] = [];
  const isPlaying = () => {
    return streamsOf(served).some(({ codec: used, figures }) => {
      return used === videoCodecNumbers[codec] && figures.frames > framesBefore;
    });
  };
  for (let end = Date.now() + patienceMs; psnrs.length < looks; await delay(130)) {
    if (Date.now() > end) throw new Error(`no video: ${JSON.stringify(streamsOf(served))}`);
    if (!isPlaying()) continue;
    const picture = await take();
    // A busy computer may have stopped it meanwhile.
    if (isPlaying()) psnrs.push(history.nearest(picture));
  }
  return psnrs;
}

interface StreamState {
  readonly codec: number;
  readonly figures: { readonly frames: number };
}

/** Of streams that go on, as the server has them. */
function streamsOf({ server }: ServedTestcard): StreamState[] {
  const found: StreamState[] = [];
  JSON.stringify(server.snapshot(), (key, value) => {
    if (key === "videos" && Array.isArray(value)) {
      found.push(...value.filter((one) => "codec" in one));
    }
    return typeof value === "bigint" ? `${value}` : value;
  });
  return found;
}

function told(psnrs: readonly number[]): string {
  return `PSNR ${psnrs.map((psnr) => psnr.toFixed(1)).join(", ")} dB`;
}
