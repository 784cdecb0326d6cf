// spice-html5, the reference's client for browsers, as Debian has it: its page in Chromium at any server that takes WebSockets.

import { ensurePackages, type RgbImage } from "@caraway/interop";
import type { Browser, Page } from "playwright-core";
import { servePage } from "./page-server.ts";
import { decodePng } from "./seen-picture.ts";

export class Html5Client implements AsyncDisposable {
  readonly page: Page;
  readonly #stop: () => Promise<void>;

  private constructor(page: Page, stop: () => Promise<void>) {
    this.page = page;
    this.#stop = stop;
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(browser: Browser, port: number, password = ""): Promise<Html5Client> {
    await ensurePackages(["spice-html5"]);
    const served = await servePage("/usr/share/spice-html5");
    const page = await browser.newPage({ viewport: { width: 1280, height: 1024 } });
    const stop = async () => {
      await page.close();
      await served[Symbol.asyncDispose]();
    };
    // What the page shows of the password's dialog is of no use here.
    page.on("dialog", (dialog) => void dialog.dismiss());
    const query = new URLSearchParams({ host: "127.0.0.1", port: `${port}`, path: "", password });
    await page.goto(`${served.origin}/spice_auto.html?${query}`);
    return new Html5Client(page, stop);
  }

  /** The primary surface, or null while there is none. */
  async picture(): Promise<RgbImage | null> {
    // In a string: this package knows no DOM.
    const look = "document.querySelector('#spice-screen canvas')?.toDataURL() ?? null";
    const url: string | null = await this.page.evaluate(look);
    if (url === null) return null;
    return decodePng(Buffer.from(url.slice(url.indexOf(",") + 1), "base64"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}
