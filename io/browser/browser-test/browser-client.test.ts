// The browser's driver in a real Chromium at a real QEMU: what is seen is what the guest shows.

import { fileURLToPath } from "node:url";
import { compareImages, type RgbImage, startSavedVm, type Vm } from "@caraway/interop";
import {
  type BuiltPage,
  buildPage,
  type PageServer,
  seenPicture,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPage } from "./page/main.ts";

const root = fileURLToPath(new URL("./page", import.meta.url));
const setUpMs = 900_000;
const password = "secret";
/** What JPEG of the server's quality costs at most, in decibels. */
const psnrFloor = 30;
/** A name that is not localhost: over http, no secure context. */
const foreignName = "desktop.example";

declare const page: TestPage;

describe("a session in a browser (smoke)", () => {
  let vm: Vm;
  let built: BuiltPage;
  let server: PageServer;
  let strictServer: PageServer;
  let browser: Browser;
  let open: Page | null = null;

  beforeAll(async () => {
    built = await buildPage(root);
    server = await servePage(built.directory);
    strictServer = await servePage(built.directory, {
      "content-security-policy":
        "default-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src *",
    });
    browser = await startChromium({ localNames: [foreignName] });
    vm = await startSavedVm("qxl-vga", { spice: { password } });
  }, setUpMs);

  afterAll(async () => {
    await browser?.close();
    await vm?.close();
    await server?.[Symbol.asyncDispose]();
    await strictServer?.[Symbol.asyncDispose]();
    built?.[Symbol.dispose]();
  });

  async function connect(
    origin: string,
    options: Parameters<TestPage["connect"]>[0],
    prepare = "",
  ): Promise<Page> {
    await open?.close();
    open = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    await open.addInitScript(prepare);
    await open.goto(origin);
    await open.evaluate((given) => page.connect(given), {
      url: `ws://127.0.0.1:${vm.spice.port}`,
      credentials: { password },
      ...options,
    });
    await open.waitForSelector("canvas", { timeout: 20_000 });
    return open;
  }

  /** How many pixels of what is seen differ from the still picture of the guest, at best within 15 s. */
  async function difference(shown: Page, wanted: RgbImage): Promise<number> {
    let pixels = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 50 && pixels > 0; tries++) {
      pixels = compareImages(await seenPicture(shown.locator("canvas")), wanted).pixels;
      if (pixels > 0) await shown.waitForTimeout(300);
    }
    return pixels;
  }

  async function expectExact(shown: Page): Promise<void> {
    await vm.withStillPicture(async (wanted) => {
      expect(await difference(shown, wanted)).toBe(0);
    });
    expect(await shown.evaluate(() => page.faults)).toEqual([]);
  }

  it("shows the guest exactly from a worker, also after the picture has changed", async () => {
    const shown = await connect(server.origin, {});
    expect(await shown.evaluate(() => page.client?.placement)).toBe("worker");
    await expectExact(shown);
    await vm.shell.run("busy start scroll draw");
    await shown.waitForTimeout(3000);
    await vm.shell.run("busy stop");
    await expectExact(shown);
    const facts = await shown.waitForFunction(() => page.statistics);
    const statistics = await facts.jsonValue();
    expect(statistics?.hasKernels).toBe(true);
    expect(statistics?.decodeThreads).toBeGreaterThan(0);
    expect(statistics?.channels.map(({ label }) => label).sort()).toEqual([
      "cursor 0",
      "display 0",
      "inputs 0",
      "main 0",
    ]);
  });

  it("shows it from the page where a canvas cannot be given away", async () => {
    const prepare = "delete HTMLCanvasElement.prototype.transferControlToOffscreen";
    const shown = await connect(server.origin, {}, prepare);
    expect(await shown.evaluate(() => page.client?.placement)).toBe("page");
    await expectExact(shown);
  });

  it("shows it with plain decoders where the page forbids WebAssembly", async () => {
    const shown = await connect(strictServer.origin, {});
    expect(await shown.evaluate(() => page.client?.placement)).toBe("worker");
    await expectExact(shown);
    const facts = await shown.waitForFunction(() => page.statistics);
    expect((await facts.jsonValue())?.hasKernels).toBe(false);
  });

  it("shows it on a page of plain http, without WebCrypto", async () => {
    const shown = await connect(`http://${foreignName}:${server.port}`, {});
    expect(await shown.evaluate(() => globalThis.isSecureContext)).toBe(false);
    await expectExact(shown);
  });

  it("shows it over channels that the embedder brings", async () => {
    const shown = await connect(server.origin, { bridge: true });
    await expectExact(shown);
  });

  it("decodes what a server sends over slow lines: JPEG closely, zlib around GLZ exactly", async () => {
    const slow = await startSavedVm("qxl-vga", {
      spice: { jpegWanCompression: "always", zlibGlzWanCompression: "always" },
    });
    try {
      const shown = await connect(server.origin, { url: `ws://127.0.0.1:${slow.spice.port}` });
      await slow.shell.run("busy start scroll anim");
      await shown.waitForTimeout(2500);
      await slow.shell.run("busy stop");
      await slow.withStillPicture(async (wanted) => {
        let psnr = 0;
        for (let tries = 0; tries < 30 && psnr < psnrFloor; tries++) {
          await shown.waitForTimeout(300);
          psnr = compareImages(await seenPicture(shown.locator("canvas")), wanted).psnr;
        }
        expect(psnr).toBeGreaterThan(psnrFloor);
      });
      const codecs = await shown.evaluate(() => Object.keys(page.statistics?.codecs ?? {}));
      // Whether photos have transparency is the guest's business.
      expect(codecs.some((name) => name.startsWith("jpeg"))).toBe(true);
      expect(codecs).toContain("inflate");
      expect(await shown.evaluate(() => page.faults)).toEqual([]);
    } finally {
      await slow.close();
    }
  });

  it("ends with a code and with advice when the password is wrong", async () => {
    const shown = await browser.newPage();
    await shown.goto(server.origin);
    await shown.evaluate((given) => page.connect(given), {
      url: `ws://127.0.0.1:${vm.spice.port}`,
      credentials: { password: "wrong" },
    });
    const ended = await shown.waitForFunction(() =>
      page.events.find(({ name }) => name === "ended"),
    );
    const error = (await ended.jsonValue()) as { error: { code: string; message: string } };
    expect(error.error.code).toBe("LINK_PERMISSION_DENIED");
    expect(error.error.message).toContain("the password is wrong or has expired");
    await shown.close();
  });
});
