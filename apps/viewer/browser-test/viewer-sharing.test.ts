// Clipboard and files of the viewer in a real Chromium, at our own server with the testcard's
// agent behind it.

import { createHash, randomBytes } from "node:crypto";
import { ServedTestcard } from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;
const [control, letterC, letterV] = [0x1d, 0x2e, 0x2f];

describe("what user and guest share in the viewer (smoke)", () => {
  let world: ViewerWorld;

  beforeAll(async () => {
    world = await ViewerWorld.start();
  }, setUpMs);

  afterAll(() => world?.[Symbol.asyncDispose]());

  async function open(served: ServedTestcard, permissions: string[]): Promise<ViewerPage> {
    const { host, port } = served.address;
    const viewer = await world.open(`?host=${host}&port=${port}&resize=off`, { permissions });
    await viewer.untilShown();
    await viewer.until(({ capabilities }) => capabilities.agent);
    return viewer;
  }

  function serve(): Promise<ServedTestcard> {
    return ServedTestcard.start({
      testcard: { width: 480, height: 360, speed: 0 },
      origins: [world.server.origin],
    });
  }

  function press(served: ServedTestcard, ...codes: readonly number[]): void {
    for (const code of codes) served.server.input({ type: "key", code, down: true });
    for (const code of codes.toReversed()) served.server.input({ type: "key", code, down: false });
  }

  function textOf({ testcard }: ServedTestcard): string {
    return (testcard.snapshot(0) as { editor: { text: string } }).editor.text;
  }

  it("is the clipboard, both ways, where the browser allows it", async () => {
    await using served = await serve();
    await using viewer = await open(served, ["clipboard-read", "clipboard-write"]);
    await viewer.page.evaluate("navigator.clipboard.writeText('copied by the user')");
    // As somebody does who comes back from where it was copied.
    await viewer.page.mouse.click(240, 180);
    await expect
      .poll(
        () => {
          press(served, control, letterV);
          return textOf(served);
        },
        { timeout: 20_000, interval: 300 },
      )
      .toContain("copied by the user");
    press(served, control, letterC);
    await expect
      .poll(() => viewer.page.evaluate("navigator.clipboard.readText()"), { timeout: 20_000 })
      .toBe(textOf(served));
    expect(viewer.errors).toEqual([]);
  });

  it("are files that are dropped on it, with their progress to be seen", async () => {
    await using served = await serve();
    await using viewer = await open(served, []);
    const content = randomBytes(300_000);
    const drop = `(() => {
      const bytes = Uint8Array.from(atob("${content.toString("base64")}"), (c) => c.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "dropped.bin"));
      const viewer = document.querySelector("spice-viewer");
      viewer.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    })()`;
    await viewer.page.evaluate(drop);
    await viewer.page.locator("spice-viewer .transfer").waitFor();
    await expect
      .poll(() => served.testcard.files.at(-1)?.sha256, { timeout: 30_000 })
      .toBe(createHash("sha256").update(content).digest("hex"));
    await viewer.until(({ fileTransfers }) => fileTransfers.every(({ phase }) => phase === "done"));
    expect(viewer.errors).toEqual([]);
  });
});
