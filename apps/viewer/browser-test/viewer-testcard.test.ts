// The viewer in a real Chromium at our own server with the testcard behind it.

import { ServedTestcard, type ServedTestcardOptions } from "@caraway/interop";
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
