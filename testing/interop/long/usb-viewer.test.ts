// Disk images of the user's in a real Chromium: a guest at our own server works with a stick and a CD that stand on files of the page.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { ServedTestcard } from "../src/index.ts";

const setUpMs = 900_000;

describe("disk images in the viewer", () => {
  let world: ViewerWorld;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "viewer-usb-"));
    world = await ViewerWorld.start();
  }, setUpMs);

  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  it("are chosen in the menu, written and read by the guest, saved, and pulled out", async () => {
    const origins = [world.server.origin];
    await using guest = await ServedTestcard.start({ testcard: { usb: 1, speed: 0 }, origins });
    const { host, port } = guest.address;
    await using viewer = await world.open(`?host=${host}&port=${port}&resize=off`);
    await viewer.untilShown();
    await viewer.until(({ devices }) => devices.usbSlots === 1);
    const stick = join(directory, "stick.img");
    writeFileSync(stick, new Uint8Array(1 << 20));
    const chooser = viewer.page.waitForEvent("filechooser");
    await viewer.page.evaluate(
      "[...document.querySelector('spice-viewer').shadowRoot.querySelectorAll('.usb .item')][0].click()",
    );
    await (await chooser).setFiles(stick);
    await viewer.until(({ devices }) => devices.disks[0]?.state === "connected");
    const slot = () => guest.testcard.usb[0]!;
    await expect.poll(() => slot().storage.writtenBytes, { timeout: 20_000 }).toBeGreaterThan(1e5);
    await expect.poll(() => slot().storage.readBytes, { timeout: 20_000 }).toBeGreaterThan(1e5);
    await viewer.until(({ devices }) => devices.disks[0]?.isChanged === true);
    const size = await viewer.run(({ devices }) => devices.diskImage(devices.disks[0]!.id)?.size);
    expect(size).toBe(1 << 20);
    await viewer.run(({ devices }) => devices.detachDisk(devices.disks[0]!.id));
    await expect.poll(() => slot().unplugged).toBe(1);
    // An ISO in the same slot.
    const disc = join(directory, "disc.iso");
    writeFileSync(disc, randomBytes(1 << 20));
    const second = viewer.page.waitForEvent("filechooser");
    await viewer.page.evaluate(
      "[...document.querySelector('spice-viewer').shadowRoot.querySelectorAll('.usb .item')][1].click()",
    );
    await (await second).setFiles(disc);
    await viewer.until(({ devices }) => devices.disks[0]?.state === "connected");
    await expect.poll(() => slot().storage.isReadOnly).toBe(true);
    const before = slot().storage.readBytes;
    await expect.poll(() => slot().storage.readBytes, { timeout: 20_000 }).toBeGreaterThan(before);
    expect(slot()).toMatchObject({ plugged: 2, strangers: 0, storage: { wrongAt: null } });
    expect(viewer.errors).toEqual([]);
  });
});
