// A domain that libvirt has started, by the recipe of docs/virtual-machines.md: a host of ours adopts
// it, and its user sees what it shows, whatever libvirt does with it meanwhile.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { shownClient } from "../cells/vm-setting.ts";
import { ensurePackages, HostProcess, KeeperFolder, readPpm } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";

const packages = [
  ...["qemu-system-x86", "libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients"],
];

function domain(directory: string): string {
  const monitor = (name: string) => `<qemu:arg value='-qmp'/>
    <qemu:arg value='unix:${join(directory, name)},server=on,wait=off'/>`;
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>desk</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <graphics type='dbus' p2p='yes'/>
    <video><model type='vga'/></video>
    <channel type='unix'>
      <source mode='bind' path='${join(directory, "agent")}'/>
      <target type='virtio' name='com.redhat.spice.0'/>
    </channel>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    ${monitor("qmp")}
    ${monitor("inputs")}
  </qemu:commandline>
</domain>
`;
}

it("is adopted, and goes on while libvirt suspends and resumes it", async () => {
  await ensurePackages(packages);
  const directory = makeOwnedDirectory("libvirt");
  // A daemon of the test's own; the superuser has no session.
  chmodSync(directory, 0o777);
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const folders = { XDG_RUNTIME_DIR: directory, XDG_CONFIG_HOME: directory };
  const env = { ...process.env, ...folders, XDG_CACHE_HOME: directory, HOME: directory };
  const virsh = (...words: readonly string[]) => {
    const [program = "", ...before] = [...user, "virsh", "-q", "-c", "qemu:///session"];
    return runProgram(program, [...before, ...words], { env });
  };
  const file = join(directory, "domain.xml");
  writeFileSync(file, domain(directory));
  try {
    await virsh("create", file);
    await using folder = new KeeperFolder();
    const path = join(directory, "agent");
    const streams = [
      // libvirt's own name of the domain's first channel.
      { use: "agent", chardev: "charchannel0", name: "com.redhat.spice.0", path } as const,
    ];
    const adopt = { qmp: join(directory, "qmp"), inputs: join(directory, "inputs") };
    const vm = folder.describe({ arguments: [], streams }, adopt);
    await using host = await HostProcess.start("host", {
      flags: ["--state-dir", folder.path, "--vm", `desk=${vm}`],
    });
    await using client = await shownClient(await host.addressOf("desk"));
    await virsh("suspend", "desk");
    await host.guestIn("desk", "running");
    await delay(500);
    const dump = join(directory, "dump.ppm");
    await virsh("qemu-monitor-command", "desk", "--hmp", `screendump ${dump}`);
    expect(await client.difference(readPpm(dump))).toBe(0);
    await virsh("resume", "desk");
    expect(await virsh("domstate", "desk")).toContain("running");
    expect(client.isAlive).toBe(true);
    await virsh("destroy", "desk");
    await expect.poll(() => host.guests(), { timeout: 20_000 }).toEqual([]);
  } finally {
    await virsh("destroy", "desk").catch(() => {});
    const pid = Number(readFileSync(join(directory, "libvirt", "libvirtd.pid"), "utf8"));
    process.kill(pid);
    removeOwnedDirectory(directory);
  }
}, 180_000);
