// Sound and picture together: the viewer in Chromium at the testcard, whose video flashes when its
// tune clicks, before and behind a seamless move between two servers of ours. A click is heard when
// it leaves the browser's sound worklets, and the output's latency later; a flash is seen on the
// page's canvas.

import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CarawayClient, endpointOf, MovingTestcard } from "@caraway/interop";
import { buildConfigured, servePage, startChromium } from "@caraway/testing-browser";
import type { Page } from "playwright-core";
import type { BenchRow } from "./row.ts";

const suite = "audio";
const settleMs = 4000;
const watchMs = 8000;
/** A flash and a click of the same second are no further apart. */
const togetherMs = 400;
/** As long after the guest has gone on, what is silent is so because of the move. */
const behindMs = 1000;
/** On the guest's screen: the middle of its flash. */
const flashAt = { x: 241, y: 150 };
const testcard = { width: 480, height: 360, sound: true, video: true } as const;

/** All times are milliseconds since 1970, of the clock that page and server share. */
interface Witness {
  readonly clicks: number[];
  readonly flashes: number[];
  readonly silences: { readonly from: number; readonly ms: number }[];
  readonly sinks: string[];
  /** What the player keeps ready and wants to, and the device's own latency, in ms. */
  readonly kept: { readonly ready: number; readonly target: number; readonly output: number }[];
  readonly faults: string[];
}

declare const witness: Witness;

export async function benchAudio(): Promise<BenchRow[]> {
  const config = fileURLToPath(new URL("../apps/viewer/vite.config.ts", import.meta.url));
  using built = await buildConfigured(config);
  await using pages = await servePage(built.directory);
  const sent: number[] = [];
  const running: { readonly running: boolean; readonly at: number }[] = [];
  await using moving = await MovingTestcard.start({
    testcard,
    anyOrigin: true,
    onGuestOutput: (output) => {
      if (output.type === "running") running.push({ running: output.running, at: wallClock() });
      else if (output.type === "playback-samples" && hasClick(output.samples)) {
        if (wallClock() - (sent.at(-1) ?? 0) > 500) sent.push(wallClock());
      }
    },
  });
  const browser = await startChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 700, height: 560 } });
    await page.addInitScript("globalThis.__name = (value) => value;");
    await page.addInitScript(bearWitness, flashAt);
    const url = encodeURIComponent(`ws://127.0.0.1:${moving.port}/`);
    await page.goto(`${pages.origin}/?url=${url}&autoconnect&resize=off`);
    await heardAtAll(page);
    await delay(settleMs);
    const before = await watched(page, watchMs);
    const clock = new ClockWatch(moving);
    await delay(1000);
    const from = await page.evaluate(() => witness.silences.length);
    await moving.move("seamless", true);
    await delay(settleMs);
    const stepsBack = clock.end();
    const stoppedAt = running.findLast((event) => !event.running)?.at ?? 0;
    const startedAt = running.findLast((event) => event.running)?.at ?? 0;
    const silent = (await seen(page)).silences.slice(from);
    for (const { from: began, ms } of silent) {
      const since = Math.round(began - stoppedAt);
      process.stderr.write(`silence of ${ms.toFixed(0)} ms, ${since} ms after the guest stopped\n`);
    }
    // What is heard is behind what is made: the move's own silences begin a little later.
    const ofMove = silent.filter(({ from: began }) => {
      return began >= stoppedAt && began <= startedAt + behindMs;
    });
    const others = silent.length - ofMove.length;
    const silences = ofMove.map(({ ms }) => ms);
    const after = await watched(page, watchMs);
    const endedByMove = moving.hosts.flatMap(({ events }) =>
      events.filter(({ name }) => name === "video-ended"),
    );
    const latencies = latenciesOf([...before.clicks, ...after.clicks], sent);
    const { kept } = after;
    const row = (name: string, value: number, ceiling: number, unit = "ms"): BenchRow => {
      return { suite, name, value, unit, ceiling };
    };
    return [
      row(`flash and click apart, before a move (${before.flashes.length})`, apart(before), 40),
      row(`flash and click apart, behind it (${after.flashes.length})`, apart(after), 40),
      row(
        `sound leaves the browser after it was made (${before.sinks[0]})`,
        median(latencies),
        150,
      ),
      row("of that, kept ready to play evenly", median(kept.map(({ ready }) => ready)), Infinity),
      row("of that, wanted", median(kept.map(({ target }) => target)), Infinity),
      row("of that, the output's own", median(kept.map(({ output }) => output)), Infinity),
      row("silence in a move beyond the guest's own", sum(silences) - downtime(running), 21),
      row("silences beside that of the move", others, 0, "silences"),
      row("the guest's downtime", downtime(running), Infinity),
      row("steps back of the clock in a move", stepsBack, 0, "steps"),
      row("streams of video that a move ended", endedByMove.length, 0, "streams"),
    ];
  } finally {
    await browser.close();
  }
}

/** @throws Error with what the page has seen, when it hears nothing. */
async function heardAtAll(page: Page): Promise<void> {
  const isHeard = () => witness.clicks.length > 1;
  await page.waitForFunction(isHeard, undefined, { timeout: 60_000 }).catch(async () => {
    throw new Error(`no click is heard: ${JSON.stringify(await seen(page))}`);
  });
}

/** A client without a screen, whose clock is read all the time. */
class ClockWatch {
  readonly #client: CarawayClient;
  readonly #timer: NodeJS.Timeout;
  #last: number | null = null;
  #stepsBack = 0;

  constructor(moving: MovingTestcard) {
    this.#client = new CarawayClient(endpointOf(moving.address), {
      session: { channels: ["main"] },
    });
    this.#timer = setInterval(() => this.#look(), 5);
  }

  end(): number {
    clearInterval(this.#timer);
    const isRead = this.#last !== null;
    this.#client.close();
    return isRead ? this.#stepsBack : Number.NaN;
  }

  #look(): void {
    const time = this.#client.client.mediaTime;
    if (time === null) return;
    if (this.#last !== null && time < this.#last) this.#stepsBack += 1;
    this.#last = time;
  }
}

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/** The right channel has nothing but clicks. */
function hasClick(samples: Uint8Array): boolean {
  const view = new DataView(samples.buffer, samples.byteOffset, samples.byteLength);
  for (let at = 2; at + 1 < samples.length; at += 4) {
    if (Math.abs(view.getInt16(at, true)) > 4000) return true;
  }
  return false;
}

async function seen(page: Page): Promise<Witness> {
  return await page.evaluate(() => witness);
}

/** What happens from now on, for so long. */
async function watched(page: Page, ms: number): Promise<Witness> {
  const from = await page.evaluate(() => [witness.clicks.length, witness.flashes.length]);
  await delay(ms);
  const { clicks, flashes, ...rest } = await seen(page);
  return { clicks: clicks.slice(from[0]), flashes: flashes.slice(from[1]), ...rest };
}

/** By how much flashes and clicks are apart, typically. */
function apart({ clicks, flashes }: Witness): number {
  const steps = flashes.flatMap((flash) => {
    const click = nearest(clicks, flash);
    return click === null || Math.abs(flash - click) > togetherMs ? [] : [flash - click];
  });
  process.stderr.write(`flashes behind their clicks: ${steps.map(Math.round).join(", ")} ms\n`);
  return Math.abs(median(steps));
}

function nearest(times: readonly number[], to: number): number | null {
  return times.reduce<number | null>((best, time) => {
    return best === null || Math.abs(time - to) < Math.abs(best - to) ? time : best;
  }, null);
}

function latenciesOf(heard: readonly number[], sent: readonly number[]): number[] {
  return heard.flatMap((click) => {
    const before = sent.findLast((time) => time <= click);
    return before === undefined || click - before > 900 ? [] : [click - before];
  });
}

/** From the guest's stop at one server to its start at the other. */
function downtime(running: readonly { readonly running: boolean; readonly at: number }[]): number {
  const stopped = running.findLast((event) => !event.running);
  const began = running.findLast((event) => event.running);
  return stopped === undefined || began === undefined ? Number.NaN : began.at - stopped.at;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Begins with the page: an ear at all that goes to the loudspeaker, and an eye on the screen. */
function bearWitness({ x, y }: { readonly x: number; readonly y: number }): void {
  const found: Witness = { clicks: [], flashes: [], silences: [], sinks: [], kept: [], faults: [] };
  Object.assign(globalThis, { witness: found });
  const ear = `
    registerProcessor("bench-ear", class extends AudioWorkletProcessor {
      quietSince = 0; clickAt = -1; isLoud = false;
      process([input]) {
        const [left, right] = input;
        for (let i = 0; i < (left?.length ?? 0); i++) {
          const at = currentTime + i / sampleRate;
          if (Math.abs(right[i]) > 0.1 && at - this.clickAt > 0.5) {
            this.clickAt = at;
            this.port.postMessage({ kind: "click", at });
          }
          if (Math.abs(left[i]) < 0.001 && Math.abs(right[i]) < 0.001) continue;
          const ms = (at - this.quietSince) * 1000;
          if (this.isLoud && ms > 12) this.port.postMessage({ kind: "silence", at, ms });
          this.isLoud = true;
          this.quietSince = at;
        }
        return true;
      }
    });`;
  const { createGain } = AudioContext.prototype;
  AudioContext.prototype.createGain = function listened(this: AudioContext) {
    const gain = createGain.call(this);
    const script = URL.createObjectURL(new Blob([ear], { type: "text/javascript" }));
    void this.audioWorklet.addModule(script).then(() => {
      // Always two channels, also before anything plays.
      const node = new AudioWorkletNode(this, "bench-ear", {
        channelCount: 2,
        channelCountMode: "explicit",
      });
      node.onprocessorerror = () => found.faults.push("the ear has failed");
      gain.connect(node);
      node.connect(this.destination);
      node.port.onmessage = ({ data }) => {
        const leavesAt = (data.at - this.currentTime + this.outputLatency) * 1000;
        const at = performance.timeOrigin + performance.now() + leavesAt;
        if (data.kind === "click") found.clicks.push(at);
        else found.silences.push({ from: at - data.ms, ms: data.ms });
      };
    });
    return gain;
  };
  const Node = globalThis.AudioWorkletNode;
  globalThis.AudioWorkletNode = class extends Node {
    constructor(context: BaseAudioContext, name: string, options?: AudioWorkletNodeOptions) {
      super(context, name, options);
      if (name === "bench-ear") return;
      found.sinks.push(name);
      this.port.addEventListener("message", ({ data: { figures } }) => {
        const { readyMs: ready, targetMs: target } = figures;
        const output = (context as AudioContext).outputLatency * 1000;
        found.kept.push({ ready, target, output });
      });
    }
  };
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
  let isLit = false;
  const look = () => {
    const viewer = document.querySelector("spice-viewer");
    const canvas = viewer?.shadowRoot?.querySelector<HTMLCanvasElement>(".screen canvas");
    if (canvas != null && canvas.width > x) {
      pixel.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
      const isBright = pixel.getImageData(0, 0, 1, 1).data[1]! > 220;
      if (isBright && !isLit) found.flashes.push(performance.timeOrigin + performance.now());
      isLit = isBright;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
