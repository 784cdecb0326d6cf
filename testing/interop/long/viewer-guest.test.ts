// What the viewer's user shares with a real guest, in Chromium: clipboard of text and pictures both
// ways, a large file, a folder, a console.

import { setTimeout as delay } from "node:timers/promises";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addressOf,
  type ViewerPage,
  ViewerWorld,
} from "../../../apps/viewer/browser-test/viewer-page.ts";
import { copyInGuest } from "../cells/agent.ts";
import { startSavedVm, type Vm } from "../src/index.ts";

const setUpMs = 900_000;
const consoleName = "org.caraway.console";
const place = "http://localhost:9843";
const [width, height] = [40, 30];

/** A picture that nobody mistakes for another. */
function pixelsOf(seed: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 4 }, (_, at) => {
    return at % 4 === 3 ? 255 : (at * 7919 + seed * 104_729) >>> 3;
  });
}

function colors(data: ArrayLike<number>, channels: number): number[] {
  return Array.from({ length: width * height }, (_, at) => {
    const from = at * channels;
    return (data[from]! << 16) | (data[from + 1]! << 8) | data[from + 2]!;
  });
}

describe("the viewer at a real guest", () => {
  let vm: Vm;
  let world: ViewerWorld;
  let viewer: ViewerPage;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    vm = await startSavedVm({ display: "qxl-vga", console: true });
    viewer = await world.open(addressOf(vm, { resize: "off" }), {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await viewer.untilShown();
    await viewer.until(({ capabilities }) => capabilities.agent, 60_000);
  }, setUpMs);

  afterAll(async () => {
    await viewer?.[Symbol.asyncDispose]();
    await vm?.close();
    await world?.[Symbol.asyncDispose]();
  });

  /** As somebody does who comes back from where something was copied. */
  async function comeBack(target: string): Promise<void> {
    const list = "timeout 2 xclip -selection clipboard -t TARGETS -o 2>/dev/null";
    for (let turn = 0; turn < 20; turn++) {
      await viewer.page.mouse.click(500, 400);
      await delay(700);
      const targets = await vm.shell.run(`${list} || true`, { timeoutMs: 30_000 });
      if (targets.includes(target)) break;
    }
    await delay(500);
  }

  it("copies text both ways", async () => {
    const text = "Grüße aus der Seite 日本語";
    await viewer.page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await comeBack("UTF8_STRING");
    const pasted = await vm.shell.run("timeout 20 xclip -selection clipboard -o", {
      timeoutMs: 30_000,
    });
    expect(pasted.trim()).toBe(text);
    await copyInGuest(vm, "printf 'aus dem Gast \\303\\204'", "clipboard -t UTF8_STRING");
    await expect
      .poll(() => viewer.page.evaluate("navigator.clipboard.readText()"), { timeout: 30_000 })
      .toBe("aus dem Gast Ä");
  });

  it("copies a picture both ways, to the pixel", async () => {
    const mine = pixelsOf(1);
    const png = Buffer.from(encode({ width, height, data: mine, channels: 4 })).toString("base64");
    await viewer.page.evaluate(`(async () => {
      const bytes = Uint8Array.from(atob("${png}"), (char) => char.charCodeAt(0));
      const blob = new Blob([bytes], { type: "image/png" });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    })()`);
    await comeBack("image/png");
    const pasted = await vm.shell.run(
      "timeout 20 xclip -selection clipboard -t image/png -o | base64 -w0",
      { timeoutMs: 30_000 },
    );
    const there = decode(Buffer.from(pasted.trim(), "base64"));
    expect(colors(there.data, there.channels)).toEqual(colors(mine, 4));

    const theirs = pixelsOf(2);
    const file = Buffer.from(encode({ width, height, data: theirs, channels: 4 }));
    for (let at = 0; at < file.length; at += 1500) {
      const part = file.subarray(at, at + 1500).toString("base64");
      await vm.shell.run(`echo ${part} | base64 -d >> /tmp/picture.png`);
    }
    await copyInGuest(vm, "cat /tmp/picture.png", "clipboard -t image/png");
    const read = `(async () => {
      for (const item of await navigator.clipboard.read()) {
        if (!item.types.includes("image/png")) continue;
        const picture = await createImageBitmap(await item.getType("image/png"));
        const canvas = new OffscreenCanvas(picture.width, picture.height);
        const context = canvas.getContext("2d");
        context.drawImage(picture, 0, 0);
        return [...context.getImageData(0, 0, picture.width, picture.height).data];
      }
      return [];
    })()`;
    await expect
      .poll(
        async () => {
          const data = (await viewer.page.evaluate(read)) as number[];
          return (
            data.length === theirs.length && colors(data, 4).join() === colors(theirs, 4).join()
          );
        },
        { timeout: 30_000 },
      )
      .toBe(true);
  });

  it("sends a file of 50 MB", async () => {
    const hash = await viewer.run(async (element) => {
      const content = new Uint8Array(50_000_000);
      for (let at = 0; at < content.length; at += 65_536) {
        crypto.getRandomValues(content.subarray(at, Math.min(at + 65_536, content.length)));
      }
      element.sendFiles([new File([content], "from page.bin")]);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
      return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    });
    const isOver = () => {
      return viewer.run(({ fileTransfers }) => fileTransfers.map(({ phase }) => phase).join());
    };
    await expect.poll(isOver, { timeout: 170_000, interval: 1000 }).toBe("done");
    const sum = 'sha256sum "$HOME/transfers/from page.bin"';
    expect((await vm.shell.run(sum, { timeoutMs: 60_000 })).slice(0, 64)).toBe(hash);
  });

  it("shares a folder that programs in the guest read and write", async () => {
    await viewer.run(async (element) => {
      const root = await navigator.storage.getDirectory();
      const file = await root.getFileHandle("page.txt", { create: true });
      const writable = await file.createWritable();
      await writable.write("from the page\n");
      await writable.close();
      await element.devices.shareFolder(root as never);
    });
    await viewer.until(({ devices }) => devices.folder?.connected === true, 30_000);
    const curl = (words: string) => vm.shell.run(`curl -sSf -m 60 ${words}`, { timeoutMs: 70_000 });
    expect(await curl(`${place}/page.txt`)).toContain("from the page");
    const made = "head -c 3000000 /dev/urandom > /tmp/made && sha256sum /tmp/made";
    const hash = (await vm.shell.run(made, { timeoutMs: 60_000 })).slice(0, 64);
    await curl(`-T /tmp/made ${place}/made.bin`);
    const arrived = await viewer.run(async () => {
      const root = await navigator.storage.getDirectory();
      const file = await (await root.getFileHandle("made.bin")).getFile();
      const digest = new Uint8Array(
        await crypto.subtle.digest("SHA-256", await file.arrayBuffer()),
      );
      return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    });
    expect(arrived).toBe(hash);
    await viewer.run((element) => element.devices.stopSharing());
  });

  it("talks with a shell over a port, in a terminal", async () => {
    await viewer.until(({ devices }) => devices.ports.length > 0);
    await viewer.run((element, name) => element.devices.openConsole(name), consoleName);
    await viewer.page.keyboard.type("echo the sum is $((40 + 2)); tty\n");
    const rows = viewer.page.locator("spice-viewer .console .xterm-rows");
    await expect
      .poll(() => rows.textContent(), { timeout: 30_000 })
      .toMatch(/the sum is 42.*\/dev\/hvc0/);
    await viewer.run((element) => element.devices.closeConsole());
    expect(viewer.errors).toEqual([]);
  });
});
