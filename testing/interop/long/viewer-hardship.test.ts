// What browsers do to a desktop that is shown: they hide it, lose what was painted, and keep things
// from pages of plain http. And what only they can give: keys and the mouse in full screen.

import { setTimeout as delay } from "node:timers/promises";
import { compareImages, ServedTestcard, type ServedTestcardOptions } from "@caraway/interop";
import { type Clip, PlainPage } from "@caraway/testing-browser";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ViewerPage, ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";

const setUpMs = 900_000;
const testcard = { width: 800, height: 600 };
/** The machine may be busy with other work. */
const patience = { timeout: 20_000 };

describe("the viewer in a browser that makes trouble (smoke)", () => {
  let world: ViewerWorld;

  beforeAll(async () => {
    world = await ViewerWorld.start();
  }, setUpMs);

  afterAll(() => world?.[Symbol.asyncDispose]());

  function serve(more: ServedTestcardOptions = {}): Promise<ServedTestcard> {
    const origins = [world.server.origin, world.insecureOrigin];
    return ServedTestcard.start({ testcard, origins, ...more });
  }

  async function open(served: ServedTestcard, origin = world.server.origin): Promise<ViewerPage> {
    const { host, port } = served.address;
    const viewer = await world.openAt(`${origin}/?host=${host}&port=${port}&resize=off`);
    await viewer.untilShown();
    return viewer;
  }

  /** The guest's clock stands at a time that is still to come, for pictures to be compared. */
  async function expectExact(viewer: ViewerPage, served: ServedTestcard): Promise<void> {
    await viewer.hideControls();
    while (served.testcard.deadline() !== null) await viewer.page.waitForTimeout(50);
    expect(await viewer.difference(served.picture())).toBe(0);
  }

  it("goes on while its page is hidden, and is exact when it is seen again", async () => {
    await using served = await serve({ testcard: { ...testcard, freezeAtMs: 30_000 } });
    const { host, port } = served.address;
    const address = `${world.server.origin}/?host=${host}&port=${port}&resize=off`;
    await using page = await PlainPage.open(world.browser, address);
    const viewer = 'document.querySelector("spice-viewer")';
    const reads = (expression: string) => expect.poll(() => page.run(expression), patience);
    await reads(`${viewer}?.statistics?.frames > 0`).toBe(true);
    await page.show(false);
    await reads("document.visibilityState").toBe("hidden");
    const drawn = `${viewer}.statistics.channels.find(({label}) => label === "display 0").bytesIn`;
    const frames = `${viewer}.statistics.frames`;
    // Statistics come once a second.
    await delay(1500);
    const before = [await page.run(drawn), await page.run(frames)] as number[];
    await delay(3000);
    const after = [await page.run(drawn), await page.run(frames)] as number[];
    // Nobody looks, and nothing is painted; but the server is not kept waiting.
    expect(after[0]).toBeGreaterThan(before[0]!);
    expect(after[1]).toBe(before[1]);
    expect(await page.run(`${viewer}.state.kind`)).toBe("connected");
    await page.show(true);
    await reads("document.visibilityState").toBe("visible");
    await page.run(`${viewer}.controls = false`);
    while (served.testcard.deadline() !== null) await delay(50);
    const canvas = `${viewer}.shadowRoot.querySelector(".screen canvas").getBoundingClientRect()`;
    const clip = (await page.run(`${canvas}.toJSON()`)) as Clip;
    const wrong = async () => compareImages(await page.picture(clip), served.picture()).pixels;
    await expect.poll(wrong, patience).toBe(0);
  });

  it("paints again when the browser's graphics process has died", async () => {
    await using served = await serve({ testcard: { ...testcard, freezeAtMs: 3000 } });
    await using viewer = await open(served);
    await expectExact(viewer, served);
    const devtools = await world.browser.newBrowserCDPSession();
    await devtools.send("Browser.crashGpuProcess");
    await viewer.page.waitForTimeout(1000);
    expect(await viewer.run(({ state }) => state.kind)).toBe("connected");
    await expectExact(viewer, served);
    // And what is drawn from then on is seen, too.
    await viewer.run((element) => element.focus());
    await viewer.page.keyboard.type("Back again");
    await viewer.page.waitForTimeout(300);
    await expectExact(viewer, served);
  });

  it("has all keys and the mouse at once in full screen", async () => {
    await using served = await serve();
    const { host, port } = served.address;
    await using viewer = await world.open("?autoconnect=0");
    const { page } = viewer;
    await viewer.run((element, url) => {
      document.body.dataset["connected"] = "true";
      document.querySelector("form")!.hidden = true;
      const { keyboard } = navigator as unknown as { keyboard: { lock(): Promise<void> } };
      const lock = keyboard.lock.bind(keyboard);
      keyboard.lock = async () => {
        await lock();
        document.body.dataset["keys"] = "locked";
      };
      element.connect(url, { mouseMode: "server" });
    }, `ws://${host}:${port}`);
    await viewer.untilShown();
    await page.mouse.move(512, 3);
    await page.locator("spice-viewer .tool[aria-label='Full screen']").click();
    await viewer.until((element) => document.fullscreenElement === element);
    await page.locator("body[data-keys=locked]").waitFor({ state: "attached" });
    await page.mouse.click(400, 400);
    await viewer.until((element) => element.shadowRoot?.pointerLockElement != null);
    expect(await viewer.run((element) => document.fullscreenElement === element)).toBe(true);
    // A key that browsers keep, and motion, while the mouse is the guest's.
    const heard = vi.spyOn(served.testcard, "handle");
    await page.keyboard.press("Escape");
    await page.mouse.move(460, 430, { steps: 4 });
    const inputs = () => heard.mock.calls.map(([{ type }]) => type);
    await expect.poll(inputs, patience).toEqual(expect.arrayContaining(["key", "mouse-motion"]));
    expect(await viewer.run((element) => document.fullscreenElement === element)).toBe(true);
  });

  it("says on a page of plain http what is missing, and why", async () => {
    await using served = await serve({ testcard: { ...testcard, freezeAtMs: 3000 } });
    await using viewer = await open(served, world.insecureOrigin);
    expect(await viewer.run(() => globalThis.isSecureContext)).toBe(false);
    await viewer.page.locator("spice-viewer .line").getByText("came over plain http").waitFor();
    await viewer.page.mouse.move(512, 3);
    await viewer.page.locator("spice-viewer .tool[aria-label='Connection details']").click();
    const panel = viewer.page.locator("spice-viewer .panel");
    await panel.getByText("What this browser withholds").waitFor();
    await panel.getByText("browsers keep these from pages").waitFor();
    const missing = await panel.locator(".missing li").allTextContents();
    for (const part of ["full screen", "clipboard", "SCRAM", "USB"]) {
      expect(missing.join(" ")).toContain(part);
    }
    await panel.getByRole("button", { name: "Close" }).click();
    await expectExact(viewer, served);
    // So does the form, before anything is connected.
    await using form = await world.openAt(`${world.insecureOrigin}/?autoconnect=0`);
    await form.page.locator("#missing summary").click();
    await form.page.locator("#missing li").first().waitFor();
  });
});
