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

  it("lets the guest paste copied files, alone and beside a shared folder", async () => {
    await using guest = await pages.serve();
    await using viewer = await pages.open(guest);
    await viewer.until(({ capabilities }) => capabilities.agent);
    const pasted = async (count: number) => {
      const paths = () => [...guest.text().matchAll(/^\/\.spice-clipboard\/.*$/gm)].map(String);
      await expect
        .poll(
          () => {
            if (paths().length < count) guest.pressPaste();
            return paths().length;
          },
          { timeout: 20_000, interval: 300 },
        )
        .toBe(count);
      return paths().at(-1)!;
    };
    const read = async (path: string) =>
      await (await fetch(`${guest.url}${encodeURI(path)}`)).text();
    const copy = (name: string, content: string) => {
      return viewer.run(
        (element, [name, content]) => element.copyFiles([new File([content], name)]),
        [name, content] as const,
      );
    };
    expect(await copy("first.txt", "copied first")).toBe(true);
    expect(await viewer.run(({ devices }) => devices.folder)).toBeNull();
    const first = await pasted(1);
    expect(await read(first)).toBe("copied first");
    await viewer.run(async (element) => {
      await element.devices.shareFolder([new File(["chosen"], "chosen.txt")]);
    });
    await viewer.until(({ devices }) => devices.folder?.connected === true);
    expect(await read("/chosen.txt")).toBe("chosen");
    expect(await read(first)).toBe("copied first");
    expect(await copy("second.txt", "copied second")).toBe(true);
    expect(await read(await pasted(2))).toBe("copied second");
    const put = await fetch(`${guest.url}${first}`, { method: "PUT", body: "other" });
    expect(put.status).toBe(403);
    await viewer.run((element) => element.devices.stopSharing());
    expect(viewer.errors).toEqual([]);
  });
});
