// Screens in a real Chromium at a real QEMU: sizes, several displays, windows, the pointer that the
// guest moves, full screen.

import { compareImages, type RgbImage, startSavedVm, type Vm } from "@caraway/interop";
import { seenPicture } from "@caraway/testing-browser";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { addressOf, urlOf, type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;

/** The part of a picture from a column on. */
function cropped({ width, height, data }: RgbImage, left: number): RgbImage {
  const part = new Uint8Array((width - left) * height * 3);
  for (let y = 0; y < height; y++) {
    const row = data.subarray((y * width + left) * 3, (y + 1) * width * 3);
    part.set(row, y * (width - left) * 3);
  }
  return { width: width - left, height, data: part };
}

describe("the viewer's screens (smoke)", () => {
  let vm: Vm;
  let world: ViewerWorld;
  let viewer: ViewerPage | null = null;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    vm = await startSavedVm({ display: "qxl-vga", monitors: 2 });
  }, setUpMs);

  afterEach(async () => {
    await viewer?.[Symbol.asyncDispose]();
    viewer = null;
  });

  afterAll(async () => {
    await vm?.close();
    await world?.[Symbol.asyncDispose]();
  });

  async function open(...[query, context]: Parameters<ViewerWorld["open"]>): Promise<ViewerPage> {
    viewer = await world.open(query, context);
    await viewer.untilShown();
    await viewer.hideControls();
    return viewer;
  }

  it("show the guest to the pixel, at its own size", async () => {
    const shown = await open(addressOf(vm, { resize: "off" }));
    await vm.withStillPicture(async (wanted) => {
      expect(await shown.difference(wanted)).toBe(0);
    });
    const image = await shown.run(async (element) => {
      const data = await element.getImageData();
      return data === null ? null : [data.width, data.height, data.data.length];
    });
    expect(image).toEqual([1024, 768, 1024 * 768 * 4]);
    expect(shown.errors).toEqual([]);
  });

  it("fit into the space that there is, and are panned at their own size", async () => {
    const shown = await open(addressOf(vm, { resize: "scale" }), {
      viewport: { width: 600, height: 500 },
    });
    const screen = shown.page.locator("spice-viewer .screen");
    expect(await screen.boundingBox()).toMatchObject({ width: 600, height: 450, x: 0, y: 25 });
    expect(await shown.run((element) => element.clippingViewport)).toBe(false);
    await shown.run((element) => {
      element.scaling = "none";
    });
    expect(await shown.run((element) => element.clippingViewport)).toBe(true);
    const box = await screen.boundingBox();
    expect([box?.width, box?.height]).toEqual([1024, 768]);
  });

  it("have a pixel of the device for a pixel of the guest, where that is wanted", async () => {
    const shown = await open(addressOf(vm, { resize: "off" }), { deviceScaleFactor: 2 });
    await shown.run((element) => {
      element.highDpi = true;
    });
    const screen = shown.page.locator("spice-viewer .screen");
    expect(await screen.boundingBox()).toMatchObject({ width: 512, height: 384 });
    // A screenshot has the pixels of the device: again the guest's own.
    await vm.withStillPicture(async (wanted) => {
      const picture = await seenPicture(screen);
      expect([picture.width, picture.height]).toEqual([wanted.width, wanted.height]);
      expect(await shown.difference(wanted)).toBe(0);
    });
  });

  it("take the size of the page, when the guest is to follow it", async () => {
    const shown = await open(addressOf(vm, { resize: "remote" }), {
      viewport: { width: 1000, height: 650 },
    });
    await shown.until(({ screens }) => screens[0]?.width === 1000 && screens[0].height === 650);
    await shown.page.setViewportSize({ width: 1200, height: 700 });
    await shown.until(({ screens }) => screens[0]?.width === 1200 && screens[0].height === 700);
    await vm.withStillPicture(async (wanted) => {
      expect([wanted.width, wanted.height]).toEqual([1200, 700]);
      expect(await shown.difference(wanted)).toBe(0);
    });
  });

  it("can be two, side by side, and one of them in a window of its own", async () => {
    const shown = await open(addressOf(vm, { resize: "remote" }), {
      viewport: { width: 1600, height: 600 },
    });
    await shown.until(({ capabilities }) => capabilities.agent);
    await shown.run((element) => {
      element.displayCount = 2;
    });
    await shown.until(({ screens }) => screens.length === 2);
    await shown.until(({ screens }) => screens.every(({ width }) => width === 800));
    expect(await shown.page.locator("spice-viewer .screen").count()).toBe(2);
    const [popup] = await Promise.all([
      shown.page.waitForEvent("popup"),
      shown.run((element) => element.openScreen(element.screens[1]!)),
    ]);
    await popup.locator(".screen canvas:not(.coming)").waitFor();
    expect(await shown.page.locator("spice-viewer .screen").count()).toBe(1);
    await vm.withStillPicture(async (both) => {
      // The card has one surface for all of its monitors.
      const wanted = cropped(both, 800);
      let pixels = Number.POSITIVE_INFINITY;
      for (let tries = 0; tries < 50 && pixels > 0; tries++) {
        pixels = compareImages(await seenPicture(popup.locator(".screen")), wanted).pixels;
        if (pixels > 0) await popup.waitForTimeout(300);
      }
      expect(pixels).toBe(0);
    });
    await popup.close();
    await shown.until((element) => element.shadowRoot?.querySelectorAll(".screen").length === 2);
    await shown.run((element) => {
      element.displayCount = 1;
      element.scaling = "fit";
    });
    await shown.until(({ screens }) => screens.length === 1);
  });

  it("draw the pointer where the guest moves it, and take the mouse with a click", async () => {
    const shown = await open(addressOf(vm, { resize: "off" }));
    const { page } = shown;
    await shown.run((element, url) => element.connect(url, { mouseMode: "server" }), urlOf(vm));
    await shown.untilShown();
    const locked = shown.run((element) => {
      return new Promise<boolean>((resolve) => {
        element.addEventListener("pointerlock", ({ detail }) => resolve(detail.locked));
      });
    });
    await page.waitForTimeout(500);
    await page.mouse.click(500, 400);
    expect(await locked).toBe(true);
    const pointer = page.locator("spice-viewer .pointer:not([hidden])");
    await pointer.waitFor();
    const before = await pointer.boundingBox();
    for (let step = 1; step <= 20; step++) await page.mouse.move(500 + step * 3, 400 + step * 2);
    await page.waitForTimeout(1000);
    const after = await pointer.boundingBox();
    expect(after!.x).toBeGreaterThan(before!.x + 10);
    expect(after!.y).toBeGreaterThan(before!.y + 5);
  });

  it("fill the whole screen, and leave it again", async () => {
    const shown = await open(addressOf(vm));
    await shown.run((element) => {
      element.controls = true;
    });
    await shown.page.locator("spice-viewer .handle, spice-viewer .bar").first().waitFor();
    await shown.page.mouse.move(512, 3);
    await shown.page.locator("spice-viewer .tool[aria-label='Full screen']").click();
    await shown.until((element) => document.fullscreenElement === element);
    await shown.page.locator("spice-viewer .tool[aria-label='Leave full screen']").click();
    await shown.until(() => document.fullscreenElement === null);
  });
});
