// What a desktop costs in a browser: the viewer beside spice-html5 and noVNC, at the same QEMU and the
// same guest, one after the other. Processor time is that of Chromium's renderers; the pixels are
// those that each client puts on its canvas.

import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  ensurePackages,
  findFreePort,
  startMigrationTarget,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import {
  type BuiltPage,
  buildConfigured,
  type PageServer,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser, Page } from "playwright-core";
import { pictureGapMs } from "../apps/viewer/src/session/timeline.ts";
import type { SpiceViewer } from "../apps/viewer/src/spice-viewer.ts";
import type { BenchRow } from "./row.ts";

const suite = "viewer";
const html5 = "spice-html5 (Debian)";
const noVnc = "noVNC (Debian)";
/** The clients take turns, and the best round of each counts: another program disturbs one of them. */
const rounds = 3;
const settleMs = 2000;
const windowMs = 6000;
const viewport = { width: 1100, height: 900 };

/** Smooth frames, as a video that the server takes for pictures; and lines of a terminal. */
const photos = "xanim 640x360 24 200,200";
/** So few a second that every client shows each of them. */
const lines = "scrollterm 0.25";
/** So many that the picture never rests by itself. */
const manyLines = "scrollterm 0.04";

/** The compiler's own wrapper around functions, which go to the page as text. */
const namer = "globalThis.__name = (value) => value;";

interface Painted {
  pixels: number;
  /** Frames of the browser in which anything new was painted. */
  updates: number;
  /** When the whole picture was there, from the beginning of the page. */
  firstMs: number;
}

interface Load {
  /** Milliseconds of the renderers, of all their threads together. */
  readonly cpuPerMegapixel: number;
  readonly cpuPerUpdate: number;
  readonly updatesPerSecond: number;
  readonly megapixelsPerSecond: number;
  readonly firstMs: number;
}

export const benchViewerQuic = () => withBench((bench) => bench.beside("quic", 1 / 0.3));
export const benchViewerLz = () => withBench((bench) => bench.beside("lz", 1));
export const benchViewerText = () => withBench((bench) => bench.text());
export const benchViewerMove = () => withBench((bench) => bench.move());

async function withBench(run: (bench: ViewerBench) => Promise<BenchRow[]>): Promise<BenchRow[]> {
  await ensurePackages(["spice-html5", "novnc"]);
  await using bench = await ViewerBench.start();
  return await run(bench);
}

/** Milliseconds of a move. */
interface Standstill {
  readonly pictureMs: number;
  /** From the stop at the one QEMU until it runs in the other. */
  readonly guestMs: number;
}

interface Origins {
  readonly viewer: string;
  readonly html5: string;
  readonly noVnc: string;
}

class ViewerBench implements AsyncDisposable {
  readonly #built: BuiltPage;
  readonly #servers: readonly PageServer[];
  readonly #origins: Origins;

  private constructor(built: BuiltPage, servers: readonly [PageServer, PageServer, PageServer]) {
    this.#built = built;
    this.#servers = servers;
    const [viewer, html5Page, noVncPage] = servers;
    this.#origins = {
      viewer: viewer.origin,
      html5: html5Page.origin,
      noVnc: noVncPage.origin,
    };
  }

  static async start(): Promise<ViewerBench> {
    const config = fileURLToPath(new URL("../apps/viewer/vite.config.ts", import.meta.url));
    const built = await buildConfigured(config);
    return new ViewerBench(built, [
      await servePage(built.directory),
      await servePage("/usr/share/spice-html5"),
      await servePage("/usr/share/novnc"),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    this.#built[Symbol.dispose]();
  }

  /** Photo-like frames in one compression, and how soon the first picture is there. */
  async beside(compression: "quic" | "lz", floor: number): Promise<BenchRow[]> {
    const vm = await startSavedVm("qxl-vga", { spice: { imageCompression: compression } });
    try {
      await begin(vm, photos);
      const [ours, theirs] = await this.#turns(
        [this.#viewerAddress(vm), ".screen canvas"],
        [this.#html5Address(vm), "#spice-screen canvas"],
      );
      const [value, peerValue] = best(ours, theirs, "cpuPerMegapixel");
      const [first, peerFirst] = best(ours, theirs, "firstMs");
      const rate = (loads: readonly Load[]) => most(loads, "megapixelsPerSecond").toFixed(1);
      const rates = `${rate(ours)} Mpx/s, peer ${rate(theirs)}`;
      return [
        {
          ...{ suite, name: `renderer time, photos in ${compression} (${rates})`, value },
          ...{ unit: "ms/Mpx", peer: html5, peerValue, ratio: peerValue / value, floor },
        },
        {
          ...{ suite, name: `page to first picture, ${compression}`, value: first, unit: "ms" },
          ...{ peer: html5, peerValue: peerFirst, ratio: peerFirst / first, floor: 1 },
        },
      ];
    } finally {
      await vm.close();
    }
  }

  /** A terminal that scrolls, as often for either client. */
  async text(): Promise<BenchRow[]> {
    const [webSocketPort, plainPort] = [await findFreePort(), await findFreePort()];
    const vm = await startSavedVm("qxl-vga", { spice: { vnc: { webSocketPort, plainPort } } });
    try {
      await begin(vm, lines);
      const query = `autoconnect=1&host=127.0.0.1&port=${webSocketPort}&path=`;
      const [ours, theirs] = await this.#turns(
        [this.#viewerAddress(vm), ".screen canvas"],
        [`${this.#origins.noVnc}/vnc.html?${query}`, "#noVNC_container canvas"],
      );
      const [value, peerValue] = best(ours, theirs, "cpuPerUpdate");
      const rate = (loads: readonly Load[]) => most(loads, "updatesPerSecond").toFixed(1);
      const rates = `${rate(ours)} updates/s, peer ${rate(theirs)}`;
      return [
        {
          ...{ suite, name: `renderer time, text scrolling (${rates})`, value, unit: "ms/update" },
          ...{ peer: noVnc, peerValue, ratio: peerValue / value, floor: 1 },
        },
      ];
    } finally {
      await vm.close();
    }
  }

  /** How much longer the picture stands than the guest does when it moves. */
  async move(): Promise<BenchRow[]> {
    const moves: Standstill[] = [];
    for (let round = 0; round < rounds; round++) moves.push(await this.#moveOnce());
    const beyond = (move: Standstill) => move.pictureMs - move.guestMs;
    const shortest = moves.reduce((a, b) => (beyond(b) < beyond(a) ? b : a));
    const [picture, guest] = [shortest.pictureMs.toFixed(0), shortest.guestMs.toFixed(0)];
    const name = `seamless move: picture stands longer than the guest (${picture} ms, ${guest} ms)`;
    return [{ suite, name, value: beyond(shortest), unit: "ms", ceiling: 250 }];
  }

  async #moveOnce(): Promise<Standstill> {
    const source = await startSavedVm("qxl-vga");
    const browser = await startChromium();
    let target: Vm | null = null;
    try {
      target = await startMigrationTarget(source);
      const page = await browser.newPage({ viewport });
      await page.addInitScript(namer);
      await page.addInitScript(countPaintings, ".screen canvas");
      await page.goto(this.#viewerAddress(source));
      await page.waitForFunction(() => viewerOf().state.kind === "connected");
      await begin(source, manyLines);
      await delay(settleMs);
      const report = await source.migrateTo(target);
      await page.waitForFunction(() => viewerOf().migrations.at(-1)?.firstPaintedAt != null);
      const gap = pictureGapMs(await page.evaluate(() => viewerOf().migrations.at(-1)!));
      // What QEMU calls downtime is the source's part of it.
      const guestMs = (report.resumedAt ?? report.completedAt) - report.stoppedAt;
      return { pictureMs: gap ?? Number.NaN, guestMs };
    } finally {
      await browser.close();
      await target?.close();
      await source.close();
    }
  }

  async #turns(
    ours: readonly [address: string, canvas: string],
    theirs: readonly [address: string, canvas: string],
  ): Promise<[Load[], Load[]]> {
    const loads: [Load[], Load[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      loads[0].push(await this.#watch(...ours));
      loads[1].push(await this.#watch(...theirs));
    }
    return loads;
  }

  #viewerAddress({ spice }: Vm): string {
    return `${this.#origins.viewer}/?host=${spice.host}&port=${spice.port}&resize=off`;
  }

  #html5Address({ spice }: Vm): string {
    return `${this.#origins.html5}/spice_auto.html?host=${spice.host}&port=${spice.port}&path=`;
  }

  /** In a browser of its own. `canvas`: where the desktop is seen, within the viewer or the page. */
  async #watch(address: string, canvas: string): Promise<Load> {
    const browser = await startChromium();
    try {
      const page = await browser.newPage({ viewport });
      page.on("dialog", (dialog) => void dialog.dismiss());
      await page.addInitScript(namer);
      await page.addInitScript(countPaintings, canvas);
      await page.goto(address);
      await page.waitForFunction(() => paintedBy().firstMs > 0, null, { polling: 50 });
      await delay(settleMs);
      const [before, cpuBefore] = [await counted(page), await rendererMs(browser)];
      await delay(windowMs);
      const [after, cpuAfter] = [await counted(page), await rendererMs(browser)];
      const cpu = cpuAfter - cpuBefore;
      const seconds = (after.at - before.at) / 1000;
      const megapixels = (after.pixels - before.pixels) / 1e6;
      const updates = after.updates - before.updates;
      return {
        cpuPerMegapixel: cpu / megapixels,
        cpuPerUpdate: cpu / updates,
        updatesPerSecond: updates / seconds,
        megapixelsPerSecond: megapixels / seconds,
        firstMs: after.firstMs,
      };
    } finally {
      await browser.close();
    }
  }
}

/** Starts a program on the guest's screen; its output is nobody's business. */
async function begin(vm: Vm, program: string): Promise<void> {
  await vm.shell.run(`DISPLAY=:0 setsid ${program} >/dev/null 2>&1 </dev/null &`);
}

/** What `countPaintings` leaves in the page. */
declare function viewerOf(): SpiceViewer;
declare function paintedBy(): Painted;

/** What was painted until now, by the viewer's own account or that of the page's canvases. */
async function counted(page: Page): Promise<Painted & { readonly at: number }> {
  const at = performance.now();
  const painted = await page.evaluate(() => {
    const own = viewerOf()?.statistics;
    const seen = paintedBy();
    return own == null ? seen : { ...seen, pixels: own.pixels, updates: own.frames };
  });
  return { ...painted, at };
}

/**
 * Begins with the page: counts what is put on canvases that are seen, and looks for the first whole
 * picture. A viewer that paints in a worker counts by itself.
 */
function countPaintings(canvas: string): void {
  const painted: Painted = { pixels: 0, updates: 0, firstMs: 0 };
  const viewer = () => document.querySelector("spice-viewer");
  Object.assign(globalThis, { paintedBy: () => painted, viewerOf: viewer });
  let isCounted = false;
  const count = (place: HTMLCanvasElement, pixels: number): void => {
    if (!place.isConnected) return;
    painted.pixels += pixels;
    if (isCounted) return;
    isCounted = true;
    painted.updates += 1;
    requestAnimationFrame(() => {
      isCounted = false;
    });
  };
  const { prototype } = CanvasRenderingContext2D;
  const { putImageData, drawImage } = prototype as unknown as Record<string, Paint>;
  Object.assign(prototype, {
    putImageData(this: CanvasRenderingContext2D, ...all: [ImageData]): void {
      count(this.canvas, all[0].width * all[0].height);
      putImageData!.apply(this, all);
    },
    drawImage(this: CanvasRenderingContext2D, ...all: unknown[]): void {
      // With nine arguments the last two are the size on this canvas.
      const [width, height] = all.length === 9 ? (all.slice(7) as [number, number]) : [0, 0];
      count(this.canvas, width * height);
      drawImage!.apply(this, all);
    },
  });
  const small = document.createElement("canvas");
  [small.width, small.height] = [64, 48];
  const context = small.getContext("2d", { willReadFrequently: true })!;
  const look = (): void => {
    const root = viewer()?.shadowRoot ?? document;
    const shown = root.querySelector<HTMLCanvasElement>(canvas);
    if (shown !== null && shown.width >= 640) {
      context.drawImage(shown, 0, 0, 64, 48);
      const { data } = context.getImageData(0, 0, 64, 48);
      if (new Set(new Uint32Array(data.buffer)).size >= 16) {
        painted.firstMs = performance.now();
        return;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

type Paint = (this: CanvasRenderingContext2D, ...all: unknown[]) => void;

async function rendererMs(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo
    .filter(({ type }) => type === "renderer")
    .reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
}

/** The least of a figure in each client's rounds. */
function best(
  ours: readonly Load[],
  theirs: readonly Load[],
  figure: keyof Load,
): [number, number] {
  const least = (loads: readonly Load[]) => Math.min(...loads.map((load) => load[figure]));
  return [least(ours), least(theirs)];
}

function most(loads: readonly Load[], figure: keyof Load): number {
  return Math.max(...loads.map((load) => load[figure]));
}
