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
const rounds = 2;
const settleMs = 2500;
const windowMs = 8000;
const viewport = { width: 1100, height: 900 };

/** The compiler's own wrapper around functions, which go to the page as text. */
const namer = "globalThis.__name = (value) => value;";

interface Painted {
  pixels: number;
  draws: number;
  /** When the whole picture was there, from the beginning of the page. */
  firstMs: number;
}

interface Load {
  /** Milliseconds of the renderers in a second. */
  readonly cpuPerSecond: number;
  readonly cpuPerMegapixel: number;
  readonly drawsPerSecond: number;
  readonly firstMs: number;
}

export async function benchViewer(): Promise<BenchRow[]> {
  await ensurePackages(["spice-html5", "novnc"]);
  await using bench = await ViewerBench.start();
  return [
    ...(await bench.beside("quic", 1 / 0.3)),
    ...(await bench.beside("lz", 1)),
    ...(await bench.text()),
    await bench.move(),
  ];
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
      await vm.shell.run("busy start anim");
      const ours: Load[] = [];
      const theirs: Load[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await this.#watch(this.#viewerAddress(vm), ".screen canvas"));
        theirs.push(await this.#watch(this.#html5Address(vm), "#spice-screen canvas"));
      }
      const value = least(ours, "cpuPerMegapixel");
      const peerValue = least(theirs, "cpuPerMegapixel");
      const rates = `${most(ours).toFixed(0)} draws/s, peer ${most(theirs).toFixed(0)}`;
      const peer = html5;
      const first = [least(ours, "firstMs"), least(theirs, "firstMs")] as const;
      return [
        {
          ...{ suite, name: `renderer time, photos in ${compression} (${rates})`, value },
          ...{ unit: "ms/Mpx", peer, peerValue, ratio: peerValue / value, floor },
        },
        {
          ...{ suite, name: `page to first picture, ${compression}`, value: first[0], unit: "ms" },
          ...{ peer, peerValue: first[1], ratio: first[1] / first[0], floor: 1 },
        },
      ];
    } finally {
      await vm.close();
    }
  }

  async text(): Promise<BenchRow[]> {
    const [webSocketPort, plainPort] = [await findFreePort(), await findFreePort()];
    const vm = await startSavedVm("qxl-vga", { spice: { vnc: { webSocketPort, plainPort } } });
    try {
      await vm.shell.run("busy start scroll");
      const query = `autoconnect=1&host=127.0.0.1&port=${webSocketPort}&path=`;
      const theirPage = `${this.#origins.noVnc}/vnc.html?${query}`;
      const ours: Load[] = [];
      const theirs: Load[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await this.#watch(this.#viewerAddress(vm), ".screen canvas"));
        theirs.push(await this.#watch(theirPage, "#noVNC_container canvas"));
      }
      const value = least(ours, "cpuPerSecond");
      const peerValue = least(theirs, "cpuPerSecond");
      const rates = `${most(ours).toFixed(0)} draws/s, peer ${most(theirs).toFixed(0)}`;
      return [
        {
          ...{ suite, name: `renderer time, text scrolling (${rates})`, value, unit: "ms/s" },
          ...{ peer: noVnc, peerValue, ratio: peerValue / value, floor: 1 },
        },
      ];
    } finally {
      await vm.close();
    }
  }

  /** How much longer the picture stands than the guest does when it moves. */
  async move(): Promise<BenchRow> {
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
      await source.shell.run("busy start scroll");
      await delay(settleMs);
      const report = await source.migrateTo(target);
      await page.waitForFunction(() => viewerOf().migrations.at(-1)?.firstPaintedAt != null);
      const gap = pictureGapMs(await page.evaluate(() => viewerOf().migrations.at(-1)!));
      return {
        ...{ suite, name: "seamless move: picture stands longer than the guest by" },
        ...{ value: (gap ?? Number.NaN) - (report.downtimeMs ?? 0), unit: "ms", ceiling: 250 },
      };
    } finally {
      await browser.close();
      await target?.close();
      await source.close();
    }
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
      return {
        cpuPerSecond: cpu / seconds,
        cpuPerMegapixel: cpu / ((after.pixels - before.pixels) / 1e6),
        drawsPerSecond: (after.draws - before.draws) / seconds,
        firstMs: after.firstMs,
      };
    } finally {
      await browser.close();
    }
  }
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
    return own == null ? seen : { ...seen, pixels: own.pixels, draws: own.frames };
  });
  return { ...painted, at };
}

/** Begins with the page: counts what is put on canvases, and looks for the first whole picture. */
function countPaintings(canvas: string): void {
  const painted: Painted = { pixels: 0, draws: 0, firstMs: 0 };
  const viewer = () => document.querySelector("spice-viewer");
  Object.assign(globalThis, { paintedBy: () => painted, viewerOf: viewer });
  const { prototype } = CanvasRenderingContext2D;
  const { putImageData } = prototype;
  prototype.putImageData = function (this: CanvasRenderingContext2D, image: ImageData, ...rest) {
    painted.pixels += image.width * image.height;
    painted.draws += 1;
    return (putImageData as (...all: unknown[]) => void).call(this, image, ...rest);
  } as typeof putImageData;
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

async function rendererMs(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo
    .filter(({ type }) => type === "renderer")
    .reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
}

function least(loads: readonly Load[], figure: keyof Load): number {
  return Math.min(...loads.map((load) => load[figure]));
}

function most(loads: readonly Load[]): number {
  return Math.max(...loads.map(({ drawsPerSecond }) => drawsPerSecond));
}
