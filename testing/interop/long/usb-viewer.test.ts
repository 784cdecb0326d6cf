// Disk images of the user's in a real Chromium: a guest at our own server works with a stick and a CD that stand on files of the page.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildScript } from "@caraway/testing-browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ViewerPage, ViewerWorld } from "../../../apps/viewer/browser-test/viewer-page.ts";
import { ServedTestcard } from "../src/index.ts";
import { runProgram } from "../src/ownership.ts";

const setUpMs = 900_000;
const pageUsb = fileURLToPath(
  new URL("../../../apps/viewer/browser-test/page-usb.ts", import.meta.url),
);

/** The tool bar is folded away while nobody uses it. */
async function openMenu(viewer: ViewerPage): Promise<void> {
  const button = (name: string) => viewer.page.getByRole("button", { name });
  const menu = button("Clipboard and files");
  if (!(await menu.isVisible())) await button("Show the desktop's controls").click();
  await menu.click();
}

/** For people who look at it: where `SCREENSHOTS` names a folder. */
async function shoot(viewer: ViewerPage, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder !== undefined) await viewer.page.screenshot({ path: join(folder, `${name}.png`) });
}

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
    await expect.poll(() => slot().unplugged, { timeout: 20_000 }).toBe(1);
    // An ISO in the same slot.
    const disc = join(directory, "disc.iso");
    writeFileSync(disc, randomBytes(1 << 19));
    const second = viewer.page.waitForEvent("filechooser");
    await viewer.page.evaluate(
      "[...document.querySelector('spice-viewer').shadowRoot.querySelectorAll('.usb .item')][1].click()",
    );
    await (await second).setFiles(disc);
    await viewer.until(({ devices }) => devices.disks[0]?.state === "connected");
    await expect.poll(() => slot().storage.isReadOnly, { timeout: 20_000 }).toBe(true);
    const before = slot().storage.readBytes;
    await expect.poll(() => slot().storage.readBytes, { timeout: 20_000 }).toBeGreaterThan(before);
    expect(slot()).toMatchObject({ plugged: 2, strangers: 0, storage: { wrongAt: null } });
    // Another disc in the same drive, which stays plugged in. The testcard asks for all parts of a command at once, and waits behind one
    // that ends early, so that what it makes of the new disc is not asked here.
    const other = join(directory, "other.iso");
    writeFileSync(other, randomBytes(1 << 20));
    await openMenu(viewer);
    await shoot(viewer, "usb-cd");
    const third = viewer.page.waitForEvent("filechooser");
    await viewer.page.getByRole("button", { name: "Change disc…" }).click();
    await (await third).setFiles(other);
    await viewer.until(({ devices }) => devices.disks[0]?.name === "other.iso");
    expect(slot()).toMatchObject({ plugged: 2, unplugged: 1, storage: { wrongAt: null } });
    expect(viewer.errors).toEqual([]);
  });

  it("a smartcard of two files is in the guest's reader, and a keyboard in its slot takes what is typed", async () => {
    const origins = [world.server.origin];
    const testcard = { usb: 1, smartcard: true, speed: 0 } as const;
    await using guest = await ServedTestcard.start({ testcard, origins });
    const { host, port } = guest.address;
    await using viewer = await world.open(`?host=${host}&port=${port}&resize=off`);
    await viewer.untilShown();
    await viewer.until(({ devices }) => devices.takesCard);
    const [certificate, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Page"];
    await runProgram("openssl", [...request, "-keyout", key, "-out", certificate]);
    await openMenu(viewer);
    await viewer.page.getByLabel("PIN").fill("123456");
    const chooser = viewer.page.waitForEvent("filechooser");
    await viewer.page.getByRole("menuitem", { name: "Insert a certificate" }).click();
    await (await chooser).setFiles([key, certificate]);
    await viewer.until(({ devices }) => devices.card?.state === "connected");
    const card = () => guest.testcard.card!;
    await expect.poll(() => card().objects, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(card()).toMatchObject({ inserted: 1, wrong: 0, strangers: 0 });
    await viewer.run(({ devices }) => devices.attachKeyboard());
    await viewer.until(({ devices }) => devices.usb[0]?.state === "connected");
    const slot = () => guest.testcard.usb[0]!;
    expect(slot().plugged).toBe(1);
    await shoot(viewer, "usb-card");
    await viewer.page.keyboard.press("Escape");
    await viewer.run((element) => element.focus());
    const { reports } = slot();
    await viewer.page.keyboard.type("abc");
    await expect.poll(() => slot().reports, { timeout: 20_000 }).toBe(reports + 6);
    expect(slot().strangers).toBe(0);
    await viewer.run(({ devices }) => devices.removeCard());
    await expect.poll(() => card().removed, { timeout: 20_000 }).toBe(1);
    expect(viewer.errors).toEqual([]);
  });

  it("a real device is chosen, and what browsers withhold is said", async () => {
    const origins = [world.server.origin];
    await using guest = await ServedTestcard.start({ testcard: { usb: 1, speed: 0 }, origins });
    const { host, port } = guest.address;
    await using viewer = await world.open(`?host=${host}&port=${port}&resize=off`);
    await viewer.untilShown();
    await viewer.page.evaluate(await buildScript(pageUsb));
    const choose = async (choice: "serial" | "stick") => {
      await viewer.page.evaluate(`navigator.usb.choice = "${choice}"`);
      await openMenu(viewer);
      await viewer.page.getByRole("menuitem", { name: "A USB device of this computer" }).click();
    };
    await choose("stick");
    await viewer.until(({ devices }) => devices.usbRefused !== null);
    expect(await viewer.run(({ devices }) => devices.usbRefused)).toContain("is withheld");
    await choose("serial");
    await viewer.until(({ devices }) => devices.usb[0]?.state === "connected");
    expect(await viewer.run(({ devices }) => devices.usb[0]?.name)).toBe("Caraway Echo");
    await expect.poll(() => guest.testcard.usb[0]!.plugged, { timeout: 20_000 }).toBe(1);
    await openMenu(viewer);
    await shoot(viewer, "usb-device");
    // By rules, without a question: what the user let the page have before.
    await viewer.run(({ devices }) => devices.detachDisk(devices.usb[0]!.id));
    await expect.poll(() => guest.testcard.usb[0]!.unplugged, { timeout: 20_000 }).toBe(1);
    await viewer.run((element) => {
      element.usbAuto = "0x08,-1,-1,-1,0|-1,0x1209,-1,-1,1";
    });
    await viewer.until(({ devices }) => devices.usb[0]?.state === "connected");
    expect(guest.testcard.usb[0]!.plugged).toBe(2);
    await viewer.page.evaluate("navigator.usb.pull()");
    await viewer.until(({ devices }) => devices.usb.length === 0);
    await expect.poll(() => guest.testcard.usb[0]!.unplugged, { timeout: 20_000 }).toBe(2);
    expect(viewer.errors).toEqual([]);
  });
});
