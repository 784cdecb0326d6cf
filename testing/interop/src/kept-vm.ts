// The tests' VM as our own hosts start it: without SPICE, its devices on sockets of its keeper.

import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { VmAdoption, VmDescription } from "caraway-keeper";
import { ensureGuest } from "./guest.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import { deviceArguments, type VmDevices } from "./qemu-arguments.ts";
import { Qmp } from "./qmp.ts";
import { type RgbImage, readPpm } from "./rgb-image.ts";
import { ensureSavedVm } from "./saved-vm.ts";
import { SerialLines, SerialShell } from "./serial.ts";
import { connectUnix } from "./unix-socket.ts";

/** A machine that shows its firmware's text and no more, and is there at once. */
export const firmwareMachine: readonly string[] = [
  ...["-machine", "pc-i440fx-7.2,accel=tcg", "-m", "64", "-vga", "std", "-nic", "none"],
];

/** The same for one of our hosts. */
export const firmwareVm: VmDescription = {
  arguments: [...firmwareMachine, "-qmp", "unix:{directory}/control,server=on,wait=off"],
};

/** What a VM shows, which is stopped and stays so. */
export async function stoppedPicture(control: Qmp, directory: string): Promise<RgbImage> {
  await control.execute("stop");
  // What it has drawn last is on its way.
  await delay(300);
  const filename = join(directory, `dump-${randomUUID()}.ppm`);
  await control.execute("screendump", { filename });
  const picture = readPpm(filename);
  rmSync(filename);
  return picture;
}

/** A VM on its desktop after a few seconds. */
export async function keptVmDescription(devices: VmDevices): Promise<VmDescription> {
  const state = await ensureSavedVm(devices);
  const words = deviceArguments(devices, {}, await ensureGuest());
  const ours: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [word, value] = [words[at]!, words[at + 1]!];
    if (["-display", "-chardev", "-audiodev"].includes(word)) {
      at += 1;
    } else if (value?.startsWith("virtserialport,")) {
      // QEMU tells of ports that have a name.
      const [, chardev] = /chardev=([a-z]+)/.exec(value)!;
      ours.push(word, `${value},id=port-${chardev}`);
      at += 1;
    } else ours.push(word);
  }
  const serial = (name: string) => ["-serial", `unix:{directory}/${name},server=on,wait=off`];
  const control = ["-qmp", "unix:{directory}/control,server=on,wait=off"];
  return {
    arguments: [...ours, ...serial("shell"), ...serial("events"), ...control],
    startArguments: ["-incoming", `exec:cat ${state}`],
    streams: [
      { use: "agent", chardev: "vdagent", name: "com.redhat.spice.0" },
      { use: "webdav", chardev: "webdav", name: "org.spice-space.webdav.0" },
      { use: "usbredir", chardev: "usbredir0" },
    ],
    sound: "sound",
  };
}

/** Where the keepers of one host are; ended with the test. */
export class KeeperFolder implements AsyncDisposable {
  readonly path = makeOwnedDirectory("vms");

  /** A file for `--vm`, of a VM that is started, or runs already. */
  describe(vm: VmDescription, adopt?: VmAdoption): string {
    const file = join(this.path, "vm.json");
    writeFileSync(file, JSON.stringify({ ...vm, adopt }));
    return file;
  }

  get keepers(): readonly string[] {
    const entries = readdirSync(this.path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(this.path, name));
  }

  /** The root shell of the only VM here. */
  async shell(): Promise<SerialShell> {
    const socket = await connectUnix(join(this.#only, "shell"), () => true);
    return new SerialShell(new SerialLines(socket));
  }

  /** What `xevents` reports in the only VM here. */
  async events(): Promise<SerialLines> {
    return new SerialLines(await connectUnix(join(this.#only, "events"), () => true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const keeper of this.keepers) {
      try {
        process.kill(Number(readFileSync(join(keeper, "pid"), "utf8")), "SIGTERM");
      } catch {
        // It has ended by itself.
      }
    }
    for (let waits = 0; waits < 100 && this.keepers.length > 0; waits++) await delay(50);
    removeOwnedDirectory(this.path);
  }

  /** A monitor of the only VM here. */
  async control(): Promise<Qmp> {
    return await Qmp.connect(join(this.#only, "control"), () => true);
  }

  get #only(): string {
    const [keeper, ...others] = this.keepers;
    if (keeper === undefined || others.length > 0) throw new Error("there is not one VM here");
    return keeper;
  }
}
