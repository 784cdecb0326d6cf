// Every device of a real Debian on a QEMU without SPICE, through its keeper and our server: what our
// client and spice-gtk have of it.

import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SessionEvent } from "@caraway/client";
import { openFileDrive, UsbDevices } from "@caraway/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyInGuest, hashOfPaste, sha256 } from "../cells/agent.ts";
import { readReports, startReports, waitForReport } from "../cells/guest-keys.ts";
import { Ear, isRecorded, recordedTone, toneSource, windowsOf, writeTone } from "../cells/sound.ts";
import { VmCopies } from "../cells/vm-copies.ts";
import { VmSetting } from "../cells/vm-setting.ts";
import { ClipboardUser, startGtkClient } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "../src/ownership.ts";

const setUpMs = 300_000;
const testMs = 180_000;
const text = "Gr\u00fc\u00dfe \u65e5\u672c\u8a9e";
const stickSize = 4 << 20;

let vms: VmSetting;
let directory: string;

beforeAll(async () => {
  directory = makeOwnedDirectory("devices");
  vms = await VmSetting.start();
}, setUpMs);
afterAll(async () => {
  await vms?.[Symbol.asyncDispose]();
  removeOwnedDirectory(directory);
});

async function inGuest(command: string): Promise<string> {
  return await (await vms.shell()).run(command, { timeoutMs: 60_000 });
}

/** The guest's applications can paste something of this type. */
async function untilOffered(target: string): Promise<void> {
  const list = "timeout 2 xclip -selection clipboard -t TARGETS -o 2>/dev/null";
  await inGuest(`for n in $(seq 40); do ${list} | grep -q ${target} && break; sleep 0.3; done`);
}

async function sizeOfScreen(): Promise<string> {
  return (await inGuest("xdpyinfo | sed -n 's/.*dimensions: *\\([0-9x]*\\).*/\\1/p'")).trim();
}

describe("our client", { timeout: testMs }, () => {
  it("hears what the guest plays", async () => {
    const ear = new Ear();
    await using _client = await vms.connect({ playback: ear });
    const vm = { shell: await vms.shell() };
    await writeTone(vm, 6);
    await inGuest("amixer -q sset Master 100% unmute; aplay -q /tmp/tone.wav");
    await delay(500);
    const { loud, wrong } = windowsOf(ear.samples());
    process.stderr.write(
      `${loud} windows of a tenth of a second are loud, ${wrong} are not the tone\n`,
    );
    expect(ear.problems).toEqual([]);
    expect(loud).toBeGreaterThan(54);
    // Where an emulated guest did not get to play in time, the tone begins anew.
    expect(wrong).toBeLessThan(loud / 4);
  });

  it("is heard by the guest", async () => {
    await using _client = await vms.connect({ record: toneSource() });
    const recorded = await recordedTone({ shell: await vms.shell() });
    expect(isRecorded(recorded), JSON.stringify(recorded)).toBe(true);
  });

  it("copies and pastes, and sends a file", async () => {
    let answer: (event: SessionEvent) => void = () => {};
    await using client = await vms.connect({ onEvent: (event) => answer(event) });
    const user = new ClipboardUser(client);
    answer = (event) => user.answer(event);
    await user.agentIsThere(0, 60_000);
    const vm = { shell: await vms.shell() };
    user.copy(new Map([["UTF8_TEXT", Buffer.from(text)]]));
    await untilOffered("UTF8_STRING");
    expect(await hashOfPaste(vm, "clipboard -t UTF8_STRING")).toBe(sha256(Buffer.from(text)));
    await copyInGuest(vm, "printf 'aus dem Gast'", "clipboard -t UTF8_STRING");
    expect(Buffer.from((await user.paste("UTF8_TEXT")) ?? []).toString()).toBe("aus dem Gast");
    const file = join(directory, "sent.bin");
    writeFileSync(file, randomBytes(2_000_000));
    const { phase } = await user.sent(await user.send(file));
    expect(phase).toBe("done");
    const sum = await inGuest('sha256sum "$HOME/transfers/sent.bin"');
    expect(sum.slice(0, 64)).toBe(sha256(readFileSync(file)));
  });

  it("lends a stick, which the guest reads and writes", async () => {
    const file = join(directory, "stick.img");
    const before = randomBytes(stickSize);
    writeFileSync(file, before);
    const drive = await openFileDrive({ kind: "stick", file, readOnly: false }, () => {});
    const drives = new UsbDevices([drive]);
    const client = await vms.connect({
      session: { channels: ["main", "display", "usbredir"] },
      onStream: (stream) => drives.offer(stream),
    });
    try {
      await inGuest("for n in $(seq 100); do [ -b /dev/sda ] && break; sleep 0.2; done");
      expect((await inGuest("sha256sum /dev/sda")).slice(0, 64)).toBe(sha256(before));
      await inGuest("dd if=/dev/zero of=/dev/sda bs=1M count=1 seek=1 conv=fsync 2>/dev/null");
      const after = Buffer.from(before).fill(0, 1 << 20, 2 << 20);
      expect(readFileSync(file).equals(after)).toBe(true);
      drive.unplug();
      await inGuest("for n in $(seq 100); do [ -e /dev/sda ] || break; sleep 0.2; done");
      expect(await inGuest("ls /dev/sda 2>/dev/null || echo gone")).toBe("gone");
    } finally {
      client.close();
      await drives.close();
    }
  });

  it("shares a folder, from which the guest copies and into which it does", async () => {
    await using copies = await VmCopies.open();
    await using _client = await vms.connect({
      session: { channels: ["main", "display", "webdav"] },
      onStream: (stream) => copies.folder.offer(stream),
    });
    await copies.start(await vms.shell());
    await delay(3000);
    expect(await copies.stop(await vms.shell())).toBeGreaterThan(0);
  });

  it("gives the guest another size", async () => {
    await using client = await vms.connect();
    for (const [width, height] of [
      [1280, 800],
      [1024, 768],
    ] as const) {
      client.client.command({ name: "monitors", monitors: [{ x: 0, y: 0, width, height }] });
      await expect.poll(sizeOfScreen, { timeout: 30_000 }).toBe(`${width}x${height}`);
      await vms.demandExact({ client });
    }
  });
});

describe("spice-gtk", { timeout: testMs }, () => {
  it("types and points", async () => {
    await using gtk = await startGtkClient(await vms.address());
    await gtk.waitFor("mark");
    const vm = { shell: await vms.shell() };
    await startReports(vm);
    const before = (await readReports(vm)).length;
    gtk.tapKey(0x1e);
    gtk.send("position 300 200 0 0");
    await waitForReport(vm, /KEY up .* a$/);
    await waitForReport(vm, /POINTER 300 200/);
    const keys = (await readReports(vm)).slice(before).filter((line) => line.startsWith("KEY "));
    expect(keys).toHaveLength(2);
  });

  it("copies and pastes, sends a file, and gives the guest another size", async () => {
    await using gtk = await startGtkClient(await vms.address());
    await gtk.waitFor("mark");
    await gtk.waitFor("agent", { where: ({ connected }) => connected === true, timeoutMs: 60_000 });
    const vm = { shell: await vms.shell() };
    const [offered, pasted] = [join(directory, "offered"), join(directory, "pasted")];
    writeFileSync(offered, text);
    // 1: UTF-8 text.
    await gtk.ask(`offer 1 ${offered}`, "offered");
    await untilOffered("UTF8_STRING");
    expect(await hashOfPaste(vm, "clipboard -t UTF8_STRING")).toBe(sha256(Buffer.from(text)));
    await copyInGuest(vm, "printf 'aus dem Gast'", "clipboard -t UTF8_STRING");
    await delay(1500);
    await gtk.ask(`paste 1 ${pasted}`, "pasted");
    expect(readFileSync(pasted, "utf8")).toBe("aus dem Gast");
    const file = join(directory, "gtk.bin");
    writeFileSync(file, randomBytes(1_000_000));
    gtk.send(`send-file ${file}`);
    expect(await gtk.waitFor("file-sent", { timeoutMs: 60_000 })).toMatchObject({ error: "" });
    const sum = await inGuest('sha256sum "$HOME/transfers/gtk.bin"');
    expect(sum.slice(0, 64)).toBe(sha256(readFileSync(file)));
    gtk.send("monitors 0,0,0,1280,800");
    await expect.poll(sizeOfScreen, { timeout: 30_000 }).toBe("1280x800");
    await vms.demandExact({ "spice-gtk": gtk });
  });
});
