// The viewer's page in a real browser, as it is published: opened, driven and looked at.

import { fileURLToPath } from "node:url";
import { compareImages, type RgbImage, type Vm } from "@caraway/interop";
import {
  type BuiltPage,
  buildConfigured,
  type PageServer,
  seenPicture,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { SpiceViewer } from "../src/index.ts";

const config = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

/** No inline script or style, no WebAssembly; pointers of the guest are pictures in data URLs. */
const strictPolicy = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws:";

/** Leads to this machine; a page from there is of no secure origin. */
const foreignName = "desktops.example";

/** A browser, and the built page served to it. */
export class ViewerWorld implements AsyncDisposable {
  readonly browser: Browser;
  readonly server: PageServer;
  /** The same with the headers of a careful operator. */
  readonly strictServer: PageServer;
  /** Where the page was built. */
  readonly directory: string;
  readonly #built: BuiltPage;

  private constructor(
    browser: Browser,
    server: PageServer,
    strictServer: PageServer,
    built: BuiltPage,
  ) {
    this.browser = browser;
    this.server = server;
    this.strictServer = strictServer;
    this.#built = built;
    this.directory = built.directory;
  }

  static async start(): Promise<ViewerWorld> {
    const built = await buildConfigured(config);
    const { directory } = built;
    const strict = await servePage(directory, { "content-security-policy": strictPolicy });
    const browser = await startChromium({ localNames: [foreignName], microphone: true });
    return new ViewerWorld(browser, await servePage(directory), strict, built);
  }

  /** Where the page is of plain http and no secure origin. */
  get insecureOrigin(): string {
    return `http://${foreignName}:${this.server.port}`;
  }

  /** Opens the page; `query` as in its address. */
  async open(
    query = "",
    context: BrowserContextOptions = {},
    policy: "none" | "strict" = "none",
  ): Promise<ViewerPage> {
    const { origin } = policy === "strict" ? this.strictServer : this.server;
    return await this.openAt(`${origin}/${query}`, context);
  }

  /** The page as somebody else serves it. */
  async openAt(address: string, context: BrowserContextOptions = {}): Promise<ViewerPage> {
    const opened = await this.browser.newContext({
      viewport: { width: 1024, height: 768 },
      ...context,
    });
    const page = await opened.newPage();
    await page.goto(address);
    await page.waitForFunction(() => customElements.get("spice-viewer") !== undefined);
    return new ViewerPage(page);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.server[Symbol.asyncDispose]();
    await this.strictServer[Symbol.asyncDispose]();
    this.#built[Symbol.dispose]();
  }
}

/** `?host=…`: what leads to a machine without a click. */
export function addressOf(vm: Vm, more: Readonly<Record<string, string>> = {}): string {
  const { host, port, password } = vm.spice;
  const query = new URLSearchParams({ host, port: String(port), ...more });
  return `?${query}${password === null ? "" : `#password=${password}`}`;
}

export function urlOf(vm: Vm): string {
  return `ws://${vm.spice.host}:${vm.spice.port}`;
}

export class ViewerPage implements AsyncDisposable {
  readonly page: Page;
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Runs in the page, with the viewer. */
  run<T, A = undefined>(work: (viewer: SpiceViewer, argument: A) => T, argument?: A): Promise<T> {
    const call = `(${work})(document.querySelector("spice-viewer"), ${JSON.stringify(argument)})`;
    return this.page.evaluate(call) as Promise<T>;
  }

  /** Waits until `condition` is true of the viewer. */
  async until(condition: (viewer: SpiceViewer) => boolean, timeout = 20_000): Promise<void> {
    const deadline = performance.now() + timeout;
    // Not by Playwright's own means, which a security policy may forbid.
    while (!(await this.run(condition))) {
      if (performance.now() > deadline) {
        throw new Error(`the viewer is not so after ${timeout} ms: ${condition}`);
      }
      await this.page.waitForTimeout(50);
    }
  }

  /** Waits until the desktop is seen. */
  async untilShown(): Promise<void> {
    await this.until((viewer) => viewer.state.kind === "connected" && viewer.screens.length > 0);
    await this.page.locator("spice-viewer .cover").waitFor({ state: "hidden", timeout: 20_000 });
  }

  /** Pixels of what is seen of the only screen that differ from `wanted`, at best within 15 s. */
  async difference(wanted: RgbImage): Promise<number> {
    const screen = this.page.locator("spice-viewer .screen canvas:not(.pointer)").first();
    let pixels = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 50 && pixels > 0; tries++) {
      pixels = compareImages(await seenPicture(screen), wanted).pixels;
      if (pixels > 0) await this.page.waitForTimeout(300);
    }
    return pixels;
  }

  /** Nothing lies over the desktop while it is compared. */
  async hideControls(): Promise<void> {
    await this.run((viewer) => {
      viewer.controls = false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
