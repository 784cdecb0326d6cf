// What `npm start` runs, in a real Chromium: two hosts, a gateway and the page as child processes.

import { fileURLToPath } from "node:url";
import { type BuiltPage, buildConfigured, startChromium } from "@caraway/testing-browser";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Demo } from "../src/index.ts";

/** The first run on a machine installs the browser; the demo's own start has a limit of its own. */
const setUpMs = 600_000;

const config = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

describe("the demo (smoke)", () => {
  let built: BuiltPage;
  let demo: Demo;
  let browser: Browser;
  let page: Page;
  const troubles: string[] = [];

  beforeAll(async () => {
    built = await buildConfigured(config);
    browser = await startChromium();
    const onTrouble = (text: string) => troubles.push(text);
    demo = await Demo.start({ web: built.directory, port: 0, vm: null, onTrouble });
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    await page.goto(demo.address);
    await untilConnected().catch((cause: unknown) => {
      throw new Error(`no desktop is seen\n${demo.lastWords}`, { cause });
    });
  }, setUpMs);

  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    const { lastWords, state } = demo;
    process.stderr.write(`${[lastWords, JSON.stringify(state), ...troubles].join("\n")}\n`);
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.close();
    built?.[Symbol.dispose]();
  });

  async function untilConnected(): Promise<void> {
    await page.waitForFunction(() => {
      const { state, shadowRoot } = document.querySelector("spice-viewer")!;
      const cover = shadowRoot?.querySelector<HTMLElement>(".cover");
      return state.kind === "connected" && cover?.hidden === true;
    });
  }

  /** Presses Migrate and waits until the hosts are done; gives what the viewer saw. */
  async function migrate(mode: string, breakage = "nothing") {
    const before = await page.evaluate(
      () => document.querySelector("spice-viewer")!.migrations.length,
    );
    await page.selectOption("[name=mode]", mode);
    await page.selectOption("[name=breakage]", breakage);
    await page.click("button.main");
    await page.waitForFunction((count) => {
      const { migrations } = document.querySelector("spice-viewer")!;
      return migrations.length > count && migrations.at(-1)?.outcome !== "running";
    }, before);
    await page.locator("button.main:not([disabled])").waitFor();
    return await page.evaluate(() => document.querySelector("spice-viewer")!.migrations.at(-1)!);
  }

  it("moves the desktop seamlessly, there and back, with every channel kept", async () => {
    for (const home of ["right", "left"]) {
      const { mode, outcome, channels } = await migrate("seamless");
      expect({ mode, outcome }).toEqual({ mode: "seamless", outcome: "done" });
      expect(new Set(channels.map((channel) => channel.outcome))).toEqual(new Set(["kept"]));
      // The viewer knows before the hosts have said so.
      await expect.poll(() => demo.state.home, { timeout: 20_000 }).toBe(home);
    }
    expect(await page.locator("#moves article svg.chart").count()).toBe(2);
  });

  it.each(["semi-seamless", "switch-host"])("moves it in mode %s", async (mode) => {
    expect(await migrate(mode)).toMatchObject({ mode, outcome: "done" });
  });

  it("keeps it where it is when the target is killed, and moves it afterwards", async () => {
    const { home } = demo.state;
    expect((await migrate("seamless", "kill-target")).outcome).not.toBe("done");
    expect(demo.state.home).toBe(home);
    const state = await page.evaluate(() => document.querySelector("spice-viewer")!.state);
    expect(state.kind).toBe("connected");
    expect(await migrate("seamless")).toMatchObject({ outcome: "done" });
  });

  it("moves it by changing hosts where links to the target are refused", async () => {
    const from = demo.state.home;
    await migrate("seamless", "refuse-links");
    await page.waitForFunction(() => {
      return document.querySelector("spice-viewer")!.migrations.at(-1)?.outcome === "done";
    });
    await untilConnected();
    await expect.poll(() => demo.state.home, { timeout: 20_000 }).not.toBe(from);
  });

  it("comes back by itself when connections are cut and the gateway is restarted", async () => {
    for (const action of ["cut", "restart-gateway"]) {
      await page.click(`[data-act=${action}]`);
      await page.waitForFunction(() => {
        return document.querySelector("spice-viewer")!.state.kind === "waiting";
      });
      await untilConnected();
    }
    expect(troubles).toEqual([]);
  });

  it("does nothing for pages of others", async () => {
    for (const headers of [{ origin: "http://evil.example" }, { host: "evil.example" }]) {
      const response = await page.request.post(`${demo.address}api/cut`, { headers });
      expect(response.status()).toBe(403);
    }
  });
});
