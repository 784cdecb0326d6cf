// A folder of the user's and the guest's ports in a real Chromium, with a guest at our own server:
// its programs read files that were chosen, and a terminal talks with its port. Folders that are
// written are in testing/interop/long.

import { loudPort } from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FolderPages } from "./folder-page.ts";

const setUpMs = 900_000;

describe("devices of the guest in the viewer (smoke)", () => {
  let pages: FolderPages;

  beforeAll(async () => {
    pages = await FolderPages.start();
  }, setUpMs);

  afterAll(() => pages?.[Symbol.asyncDispose]());

  it("share chosen files where the browser opens no folders, to be read only", async () => {
    await using guest = await pages.serve();
    await using viewer = await pages.open(guest);
    await viewer.run((element) =>
      element.devices.shareFolder([new File(["chosen"], "chosen.txt")]),
    );
    await viewer.until(({ devices }) => devices.folder?.connected === true);
    expect(await (await fetch(`${guest.url}/chosen.txt`)).text()).toBe("chosen");
    const put = await fetch(`${guest.url}/chosen.txt`, { method: "PUT", body: "other" });
    expect(put.status).toBe(403);
    expect(await viewer.run(({ devices }) => devices.folder?.readOnly)).toBe(true);
    expect(viewer.errors).toEqual([]);
  });

  it("talk with a port in a terminal, loaded when it is opened, under a strict policy", async () => {
    await using guest = await pages.serve();
    await using viewer = await pages.open(guest, "strict");
    const loaded = () => {
      return viewer.page.evaluate(
        "performance.getEntriesByType('resource').some(({ name }) => name.includes('console-panel'))",
      );
    };
    expect(await loaded()).toBe(false);
    expect(await viewer.run((element, name) => element.devices.openConsole(name), loudPort)).toBe(
      true,
    );
    expect(await loaded()).toBe(true);
    await viewer.page.keyboard.type("hello there");
    const rows = viewer.page.locator("spice-viewer .console .xterm-rows");
    await expect.poll(() => rows.textContent(), { timeout: 20_000 }).toContain("HELLO THERE");
    await viewer.page.locator("spice-viewer .console header button").first().click();
    await expect.poll(() => rows.textContent(), { timeout: 20_000 }).toContain("<BREAK>");
    // The terminal has its lines below each other, which takes the style sheets it makes.
    const height = await viewer.page.evaluate(
      "document.querySelector('spice-viewer').shadowRoot.querySelector('.xterm-rows > div:nth-child(2)').offsetHeight",
    );
    expect(height).toBeGreaterThan(10);
    await viewer.run((element) => element.devices.closeConsole());
    expect(await viewer.page.locator("spice-viewer .console").count()).toBe(0);
    expect(viewer.errors).toEqual([]);
  });
});
