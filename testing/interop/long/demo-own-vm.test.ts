// `npm start -- --vm …`, in a real Chromium: somebody's own QEMU instead of the hosts and their guest.

import { fileURLToPath } from "node:url";
import { compareImages, startSavedVm, type Vm } from "@caraway/interop";
import {
  type BuiltPage,
  buildConfigured,
  decodePng,
  startChromium,
} from "@caraway/testing-browser";
import { Demo } from "caraway-demo";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const config = fileURLToPath(new URL("../../../apps/demo/vite.config.ts", import.meta.url));
const password = "open sesame";
/** The first run on a machine builds the guest. */
const setUpMs = 900_000;

describe("the demo with a QEMU of one's own (smoke)", () => {
  let built: BuiltPage;
  let vm: Vm;
  let browser: Browser;
  let demo: Demo;
  const troubles: string[] = [];

  beforeAll(async () => {
    built = await buildConfigured(config);
    vm = await startSavedVm("qxl-vga", { spice: { password } });
    browser = await startChromium();
    demo = await Demo.start({
      ...{ web: built.directory, port: 0 },
      vm: `spice://${vm.spice.host}:${vm.spice.port} password=${JSON.stringify(password)}`,
      onTrouble: (text) => troubles.push(text),
    });
  }, setUpMs);

  afterAll(async () => {
    await browser?.close();
    await demo?.close();
    await vm?.close();
    built?.[Symbol.dispose]();
  });

  it("shows its desktop to the pixel, types in it, and offers no move", async () => {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    await page.goto(demo.address);
    await page
      .waitForFunction(() => {
        const { state, shadowRoot } = document.querySelector("spice-viewer")!;
        const cover = shadowRoot?.querySelector<HTMLElement>(".cover");
        return state.kind === "connected" && cover?.hidden === true;
      })
      .catch((cause: unknown) => {
        throw new Error(`no desktop is seen\n${demo.lastWords}`, { cause });
      });
    expect(await page.locator("#move").isVisible()).toBe(false);
    expect(await page.locator("#said").textContent()).toContain(`spice://127.0.0.1`);
    expect(JSON.stringify(demo.state)).not.toContain(password);
    await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
    await vm.events.waitFor(/READY/);
    await page.evaluate(() => document.querySelector("spice-viewer")!.focus());
    await page.keyboard.press("KeyV");
    await vm.events.waitFor(/KEY up .* v$/);
    await vm.withStillPicture(async (wanted) => {
      const difference = async () => {
        const url = await page.evaluate(async () => {
          const blob = await document.querySelector("spice-viewer")!.toBlob();
          const reader = new FileReader();
          return await new Promise<string>((resolve) => {
            reader.onload = () => resolve(String(reader.result));
            reader.readAsDataURL(blob!);
          });
        });
        const picture = decodePng(Buffer.from(url.slice(url.indexOf(",") + 1), "base64"));
        return compareImages(picture, wanted).pixels;
      };
      await expect.poll(difference, { timeout: 15_000 }).toBe(0);
    });
    expect(troubles).toEqual([]);
  });
});
