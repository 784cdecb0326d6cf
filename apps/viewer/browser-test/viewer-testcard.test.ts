// The viewer in a real Chromium at our own server with the testcard behind it.

import { compareImages, ServedTestcard, type ServedTestcardOptions } from "@caraway/interop";
import { seenPicture } from "@caraway/testing-browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;
/** The desktop's clock stands there, so that nothing changes but what is done to it. */
const freezeAtMs = 3000;

describe("the viewer at the embedded guest (smoke)", () => {
  let world: ViewerWorld;

  beforeAll(async () => {
    world = await ViewerWorld.start();
  }, setUpMs);

  afterAll(() => world?.[Symbol.asyncDispose]());

  function serve(options: ServedTestcardOptions["testcard"] = {}): Promise<ServedTestcard> {
    const testcard = { width: 800, height: 600, freezeAtMs, ...options };
    // The page comes from another port.
    return ServedTestcard.start({ testcard, origins: [world.server.origin] });
  }

  /** Pictures can be compared from here on: the guest's clock has come to its end. */
  async function whenStill(viewer: ViewerPage, served: ServedTestcard): Promise<void> {
    while (served.testcard.deadline() !== null) await viewer.page.waitForTimeout(50);
  }

  async function open(served: ServedTestcard, more = "resize=off"): Promise<ViewerPage> {
    const { host, port } = served.address;
    const viewer = await world.open(`?host=${host}&port=${port}&${more}`);
    await viewer.untilShown();
    await viewer.hideControls();
    await whenStill(viewer, served);
    return viewer;
  }

  it("shows it to the pixel, whichever way it is drawn", async () => {
    for (const output of ["drawing", "framebuffer"] as const) {
      await using served = await serve({ output });
      await using viewer = await open(served);
      expect(await viewer.difference(served.picture())).toBe(0);
      expect(viewer.errors).toEqual([]);
    }
  });

  it("types, drags and draws on it", async () => {
    await using served = await serve();
    await using viewer = await open(served);
    const { page } = viewer;
    const before = served.picture();
    await viewer.run((element) => element.focus());
    await page.keyboard.type("Hello");
    await page.mouse.move(200, 400);
    await page.mouse.down();
    await page.mouse.move(260, 430, { steps: 6 });
    await page.mouse.up();
    await viewer.page.waitForTimeout(500);
    expect(Buffer.compare(served.picture().data, before.data)).not.toBe(0);
    expect(await viewer.difference(served.picture())).toBe(0);
  });

  it("has two displays side by side", async () => {
    await using served = await serve({ width: 480, height: 360, monitors: 2 });
    await using viewer = await open(served);
    await viewer.until(({ screens }) => screens.length === 2);
    const boxes = await Promise.all(
      (await viewer.page.locator("spice-viewer .screen").all()).map((each) => each.boundingBox()),
    );
    expect(boxes.map((box) => [box?.width, box?.height])).toEqual([
      [480, 360],
      [480, 360],
    ]);
  });

  it("takes the size of the page, also in full screen", async () => {
    await using served = await serve({ freezeAtMs: 1000 });
    await using viewer = await open(served, "resize=remote");
    const { page } = viewer;
    const seen = (width: number, height: number) =>
      expect
        .poll(() => viewer.run(({ screens }) => [screens[0]?.width, screens[0]?.height]), {
          timeout: 15_000,
        })
        .toEqual([width, height]);
    await seen(1024, 768);
    await page.setViewportSize({ width: 904, height: 700 });
    await seen(904, 700);
    expect(await viewer.difference(served.picture())).toBe(0);
    await viewer.run((element) => {
      element.controls = true;
    });
    await page.mouse.move(452, 3);
    await page.locator("spice-viewer .tool[aria-label='Full screen']").click();
    await viewer.until((element) => document.fullscreenElement === element);
    const space = await viewer.run(() => [innerWidth, innerHeight] as const);
    await seen(Math.floor(space[0] / 8) * 8, space[1]);
    await viewer.hideControls();
    expect(await viewer.difference(served.picture())).toBe(0);
  });

  it("has a display in a window of its own", async () => {
    await using served = await serve({ width: 480, height: 360, monitors: 2 });
    await using viewer = await open(served);
    await viewer.until(({ screens }) => screens.length === 2);
    const [popup] = await Promise.all([
      viewer.page.waitForEvent("popup"),
      viewer.run((element) => element.openScreen(element.screens[1]!)),
    ]);
    await popup.locator(".screen canvas:not(.coming)").waitFor();
    expect(await viewer.page.locator("spice-viewer .screen").count()).toBe(1);
    const pixels = async () => {
      const picture = await seenPicture(popup.locator(".screen"));
      return compareImages(picture, served.picture(1)).pixels;
    };
    await expect.poll(pixels, { timeout: 15_000 }).toBe(0);
    await popup.close();
    await viewer.until((element) => element.shadowRoot?.querySelectorAll(".screen").length === 2);
  });

  it("paints again when the browser has thrown away what was painted", async () => {
    await using served = await serve();
    await using viewer = await world.open("?autoconnect=0");
    const { host, port } = served.address;
    await viewer.run((element, url) => {
      document.body.dataset["connected"] = "true";
      document.querySelector("form")!.hidden = true;
      element.controls = false;
      element.scaling = "none";
      element.connect(url, { placement: "page" });
    }, `ws://${host}:${port}`);
    await viewer.untilShown();
    await whenStill(viewer, served);
    expect(await viewer.difference(served.picture())).toBe(0);
    await viewer.run((element) => {
      const canvas = element.shadowRoot!.querySelector<HTMLCanvasElement>(".screen canvas")!;
      canvas.getContext("2d")!.clearRect(0, 0, canvas.width, canvas.height);
      canvas.dispatchEvent(new Event("contextrestored"));
    });
    expect(await viewer.difference(served.picture())).toBe(0);
  });
});
