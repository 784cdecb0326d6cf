// The example for React, as it is built, in a real Chromium at our server.

import { fileURLToPath } from "node:url";
import { ServedTestcard } from "@caraway/interop";
import {
  type BuiltPage,
  buildConfigured,
  type PageServer,
  servePage,
  startChromium,
} from "@caraway/testing-browser";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** The machine may be busy with other work. */
const patience = { timeout: 20_000 };

const config = fileURLToPath(new URL("../../../examples/react/vite.config.ts", import.meta.url));

describe("the example for React (smoke)", () => {
  let built: BuiltPage;
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    built = await buildConfigured(config);
    server = await servePage(built.directory);
    browser = await startChromium();
  }, 900_000);

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    built?.[Symbol.dispose]();
  });

  it("shows a desktop, hears of it, and leaves it with its component", async () => {
    await using served = await ServedTestcard.start({ origins: [server.origin] });
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    const url = encodeURIComponent(`ws://127.0.0.1:${served.address.port}`);
    await page.goto(`${server.origin}/?url=${url}`);
    const state = page.locator("output");
    const reads = (text: string) => expect.poll(() => state.textContent(), patience).toBe(text);
    await reads("connected");
    await page.locator("spice-viewer .screen canvas:not(.coming)").waitFor();
    const names = () => served.events.map(({ name }) => name);
    const comings = () => names().filter((name) => name === "client-joined").length;
    expect(comings()).toBe(1);
    await page.getByRole("button", { name: "Close" }).click();
    await expect.poll(names, patience).toContain("client-left");
    expect(await page.locator("spice-viewer").count()).toBe(0);
    await page.getByRole("button", { name: "Open" }).click();
    await reads("connected");
    expect(comings()).toBe(2);
    expect(errors).toEqual([]);
    await page.close();
  });
});
