// A folder that a page has opened, in a real Chromium: programs of a guest at our own server read,
// write and move what is in it.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FolderPages } from "../../../apps/viewer/browser-test/folder-page.ts";

const setUpMs = 900_000;

describe("the viewer at a guest of ours", () => {
  let pages: FolderPages;

  beforeAll(async () => {
    pages = await FolderPages.start();
  }, setUpMs);

  afterAll(() => pages?.[Symbol.asyncDispose]());

  it("shares a folder that the page has opened, to be read and written", async () => {
    await using guest = await pages.serve();
    await using viewer = await pages.open(guest);
    await viewer.run(async (element) => {
      // The page's own storage has folders of the very kind that users open to pages.
      const root = await navigator.storage.getDirectory();
      const file = await root.getFileHandle("from the page.txt", { create: true });
      const writable = await file.createWritable();
      await writable.write("written in the page");
      await writable.close();
      await element.devices.shareFolder(root as never);
    });
    await viewer.until(({ devices }) => devices.folder?.connected === true);
    const read = await fetch(`${guest.url}/from%20the%20page.txt`);
    expect(await read.text()).toBe("written in the page");
    const large = new Uint8Array(3_000_000).map((_, index) => index % 251);
    const put = await fetch(`${guest.url}/sub.bin`, { method: "PUT", body: large });
    expect(put.status).toBe(201);
    const back = await fetch(`${guest.url}/sub.bin`, {
      headers: { range: "bytes=1000000-2999999" },
    });
    const isSame = Buffer.compare(Buffer.from(await back.arrayBuffer()), large.subarray(1_000_000));
    expect(isSame).toBe(0);
    expect((await fetch(`${guest.url}/dir`, { method: "MKCOL" })).status).toBe(201);
    const destination = { destination: `${guest.url}/dir/moved` };
    const moved = await fetch(`${guest.url}/sub.bin`, { method: "MOVE", headers: destination });
    expect(moved.status).toBe(201);
    const names = await viewer.run(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("dir");
      const moved = await (await folder.getFileHandle("moved")).getFile();
      const found: string[] = [`${moved.size}`];
      for await (const name of (root as unknown as { keys(): AsyncIterable<string> }).keys()) {
        found.push(name);
      }
      return found.sort();
    });
    expect(names).toEqual(["3000000", "dir", "from the page.txt"]);
    const away = await fetch(`${guest.url}/a%2F..%2F..%2Fx`, { method: "PUT", body: "x" });
    expect(away.status).toBe(403);
    await viewer.until(({ devices }) => devices.folder?.refused?.includes("out of") === true);
    await viewer.run((element) => element.devices.stopSharing());
    await viewer.until(({ devices }) => devices.folder === null);
    expect(viewer.errors).toEqual([]);
  });
});
