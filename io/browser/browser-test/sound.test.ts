// Sound in a real Chromium at a real QEMU: the tone that the guest plays is in what leaves the page.

import { fileURLToPath } from "node:url";
import { startSavedVm, type Vm } from "@caraway/interop";
import {
  type BuiltPage,
  buildPage,
  type PageServer,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPage } from "./page/main.ts";

const root = fileURLToPath(new URL("./page", import.meta.url));
const setUpMs = 900_000;
/** A name that is not localhost: over http, no secure context. */
const foreignName = "desktop.example";
const toneHz = 600;
/** Sound is played a little faster or slower to stay in time. */
const toleratedHz = 6;

/** Listens to all that goes to the loudspeaker. */
const listen = `
  const createGain = AudioContext.prototype.createGain;
  AudioContext.prototype.createGain = function () {
    const gain = createGain.call(this);
    const analyser = this.createAnalyser();
    analyser.fftSize = 32768;
    gain.connect(analyser);
    globalThis.ear = { analyser, rate: this.sampleRate };
    return gain;
  };
`;

declare const page: TestPage;
declare const ear: { readonly analyser: AnalyserNode; readonly rate: number };

describe("sound in a browser", () => {
  let vm: Vm;
  let built: BuiltPage;
  let server: PageServer;
  let browser: Browser;
  let open: Page | null = null;

  beforeAll(async () => {
    built = await buildPage(root);
    server = await servePage(built.directory);
    browser = await startChromium({ localNames: [foreignName] });
    vm = await startSavedVm("virtio-vga");
    const period = 48_000 / toneHz;
    const script =
      `my $n=48000*240; binmode STDOUT; print pack("A4VA4A4VvvVVvvA4V","RIFF",36+$n,"WAVE",` +
      `"fmt ",16,1,2,48000,192000,4,16,"data",$n); my $p=""; for my $i(0..${period - 1}) ` +
      `{ my $v=int(12000*sin(6.283185307179586*$i/${period})); $p.=pack("ss",$v,$v) } ` +
      `print $p x ($n/4/${period});`;
    await vm.shell.run(`perl -e '${script}' > /tmp/tone.wav; amixer -q sset Master 100% unmute`);
    await vm.shell.run("(while true; do aplay -q /tmp/tone.wav; done) > /dev/null 2>&1 &");
  }, setUpMs);

  afterAll(async () => {
    await browser?.close();
    await vm?.close();
    await server?.[Symbol.asyncDispose]();
    built?.[Symbol.dispose]();
  });

  async function connect(origin: string): Promise<Page> {
    await open?.close();
    open = await browser.newPage();
    await open.addInitScript(listen);
    await open.goto(origin);
    await open.evaluate(
      (url) => page.connect({ url, sound: true }),
      `ws://127.0.0.1:${vm.spice.port}`,
    );
    await open.waitForFunction(() => page.client?.sound?.state === "playing", undefined, {
      timeout: 20_000,
    });
    return open;
  }

  /** The loudest frequency of what leaves the page, once there is sound. */
  async function loudest(shown: Page): Promise<number> {
    let hz = 0;
    for (let tries = 0; tries < 40 && Math.abs(hz - toneHz) > toleratedHz; tries++) {
      await shown.waitForTimeout(250);
      hz = await shown.evaluate(() => {
        const bins = new Float32Array(ear.analyser.frequencyBinCount);
        ear.analyser.getFloatFrequencyData(bins);
        return (bins.indexOf(Math.max(...bins)) * ear.rate) / ear.analyser.fftSize;
      });
    }
    return hz;
  }

  it("is the guest's tone, by the browser's own decoder, on a secure page", async () => {
    const shown = await connect(server.origin);
    expect(Math.abs((await loudest(shown)) - toneHz)).toBeLessThanOrEqual(toleratedHz);
    const coding = await shown.evaluate(() => {
      const data = page.events.find((event) => event.name === "playback-data");
      return data?.name === "playback-data" ? data.coding : null;
    });
    expect(coding).toBe("opus");
    expect(await shown.evaluate(() => page.faults)).toEqual([]);
  });

  it("is the guest's tone by WebAssembly on a page that is not secure", async () => {
    const shown = await connect(server.origin.replace("127.0.0.1", foreignName));
    expect(await shown.evaluate(() => [isSecureContext, "AudioDecoder" in globalThis])).toEqual([
      false,
      false,
    ]);
    expect(Math.abs((await loudest(shown)) - toneHz)).toBeLessThanOrEqual(toleratedHz);
  });

  it("can be turned off and on", async () => {
    const shown = await connect(server.origin);
    await loudest(shown);
    const isLoud = () => {
      const samples = new Float32Array(8192);
      ear.analyser.getFloatTimeDomainData(samples);
      return Math.max(...samples) > 0.05;
    };
    await shown.waitForFunction(isLoud, undefined, { timeout: 20_000 });
    await shown.evaluate(() => page.client?.sound?.setVolume(1, true));
    await shown.waitForTimeout(1500);
    expect(await shown.evaluate(isLoud)).toBe(false);
    await shown.evaluate(() => page.client?.sound?.setVolume(1, false));
    await shown.waitForFunction(isLoud, undefined, { timeout: 20_000 });
    const figures = await shown.evaluate(() => page.client?.sound?.figures ?? null);
    process.stdout.write(`  sound: ${JSON.stringify(figures)}\n`);
  });
});
