// A real VM between two of our hosts: a Debian guest on a QEMU without SPICE that works all the
// time, our client and spice-gtk connected, keys typed; and the same beside QEMU's own SPICE.

import { setTimeout as delay } from "node:timers/promises";
import {
  type Cell,
  type CellResult,
  type GtkClient,
  startGtkClient,
  startMigrationTarget,
  startSavedVm,
} from "@caraway/interop";
import { balance, readKeys, readReports, startReports, Typist } from "./guest-keys.ts";
import { demand, demandKept } from "./host-setting.ts";
import { VmCopies } from "./vm-copies.ts";
import {
  debianVm,
  type Onlooker,
  PictureClock,
  VmSetting,
  type VmSettingOptions,
  watchGtk,
} from "./vm-setting.ts";

/** It scrolls, plays and compiles. */
const work = "busy start scroll sound compile";
/** An emulated guest changes its memory nearly as fast as two processors that do all of this can send it. */
const patiently = { autoConverge: true, downtimeLimitMs: 800 } as const;
/** Of spice-gtk, beside a client that has the folder. */
const gtkChannels = ["main", "display", "inputs", "cursor", "playback"];

/**
 * Moves a guest that compiles, plays, scrolls and copies as often as that, back and forth, with our
 * client, spice-gtk and whoever else looks on.
 */
export async function manyMoves(
  vms: VmSetting,
  count: number,
  join: () => Promise<Readonly<Record<string, Onlooker>>> = async () => ({}),
): Promise<CellResult> {
  const clock = new PictureClock();
  await using copies = await VmCopies.open();
  await using ours = await vms.connect({
    session: { channels: ["main", "display", "inputs", "cursor", "playback", "webdav"] },
    onPicture: () => clock.tick(),
    onStream: (stream) => copies.folder.offer(stream),
  });
  await using gtk = await startGtkClient(await vms.address(), { channels: gtkChannels });
  await gtk.waitFor("mark");
  // Behind our client, which is to have the folder.
  const others = await join();
  await startReports({ shell: await vms.shell() });
  await (await vms.shell()).run(work);
  await copies.start(await vms.shell());
  await delay(2000);
  const typist = new Typist(ours);
  typist.start();
  const clients = 2 + Object.keys(others).length;
  const gaps: number[] = [];
  const downtimes: number[] = [];
  const stops: number[] = [];
  for (let round = 0; round < count; round++) {
    clock.reset();
    const moved = await vms.move(patiently);
    await delay(1500);
    demandKept(moved, clients);
    const { downtimeMs, memory } = moved;
    process.stdout.write(
      `  move ${round + 1}: ${memory?.iteration} passes, QEMU's downtime ${downtimeMs} ms, no new picture for ${clock.longestMs} ms\n`,
    );
    gaps.push(clock.longestMs);
    downtimes.push(moved.downtimeMs ?? 0);
    stops.push(Math.round((moved.stoppedMs ?? 0) + (moved.outcome?.holdMs ?? 0)));
  }
  await typist.stop();
  const shell = await vms.shell();
  const files = await copies.stop(shell);
  await shell.run("busy stop");
  await delay(1000);
  await vms.demandExact({ "our client": ours, "spice-gtk": gtk, ...others });
  const { downs, held } = readKeys(await readReports({ shell }));
  const { lost, extra } = balance(typist.typed, downs);
  demand(extra.length === 0, `keys came that nobody typed: ${extra.join("")}`);
  demand(lost.length === 0, `${lost.length} of ${typist.typed.length} keys were lost`);
  demand(held.length === 0, `keys are held: ${held.join()}`);
  return {
    outcome: "passed",
    detail: `${count} seamless moves of a busy Debian guest with ${clients} clients; ${typist.typed.length} keys, each once; ${files} files to and fro, whole; exact`,
    facts: {
      "longest without a new picture (ms)": gaps.join(" "),
      "QEMU's downtime (ms)": downtimes.join(" "),
      "stopped and held (ms)": stops.join(" "),
    },
  };
}

async function tenMoves(): Promise<CellResult> {
  await using vms = await VmSetting.start();
  return await manyMoves(vms, 10);
}

/** How long spice-gtk shows nothing new of a scrolling terminal, and how long QEMU says it stood still. */
interface Gap {
  readonly gapMs: number;
  readonly downtimeMs: number;
}

async function measured(gtk: GtkClient, move: () => Promise<number>): Promise<Gap> {
  const clock = new PictureClock();
  const stop = watchGtk(gtk, clock);
  await delay(1000);
  clock.reset();
  const downtimeMs = await move();
  await delay(2000);
  stop();
  return { gapMs: clock.longestMs, downtimeMs };
}

async function builtInGap(): Promise<Gap> {
  await using source = await startSavedVm("virtio-vga");
  await using target = await startMigrationTarget(source);
  await using gtk = await startGtkClient(source.spice);
  await gtk.waitFor("mark");
  await source.shell.run("busy start scroll");
  await delay(3000);
  return await measured(gtk, async () => (await source.migrateTo(target)).downtimeMs);
}

async function ourGap(): Promise<Gap> {
  await using vms = await VmSetting.start();
  await using gtk = await startGtkClient(await vms.address());
  await gtk.waitFor("mark");
  await (await vms.shell()).run("busy start scroll");
  await delay(3000);
  return await measured(gtk, async () => {
    const moved = await vms.move();
    demandKept(moved, 1);
    return moved.downtimeMs ?? 0;
  });
}

async function gaps(): Promise<CellResult> {
  const theirs = await builtInGap();
  const ours = await ourGap();
  return {
    outcome: "passed",
    detail: `ours: ${ours.gapMs} ms without a new picture, downtime ${ours.downtimeMs} ms; built-in SPICE: ${theirs.gapMs} ms, downtime ${theirs.downtimeMs} ms`,
    facts: {
      gapMs: ours.gapMs,
      downtimeMs: ours.downtimeMs,
      builtInGapMs: theirs.gapMs,
      builtInDowntimeMs: theirs.downtimeMs,
    },
  };
}

/** The move fails or is called off; the guest goes on here, and so does its client. */
async function fails(
  strike: (vms: VmSetting, id: string) => Promise<void>,
  options: VmSettingOptions = {},
): Promise<CellResult> {
  await using vms = await VmSetting.start(options);
  await using client = await vms.connect();
  await (await vms.shell()).run("busy start scroll");
  await delay(1500);
  const { host } = vms.here;
  const { id } = await host.migrate("desk", { to: vms.there.host.peers, bandwidth: 4 << 20 });
  await strike(vms, id);
  const moved = await host.endOf(id, 120_000);
  demand(moved.owner === "source", `it has moved: ${JSON.stringify(moved)}`);
  const guest = await host.guestIn("desk", "running");
  demand(guest.sessions.length === 1, "the session has ended");
  if (vms.there.host.isAlive) {
    demand((await vms.there.host.guests()).length === 0, "the target still has a guest");
  }
  await delay(1000);
  await vms.demandExact({ "our client": client });
  return { outcome: "passed", detail: `the guest goes on: ${moved.error?.message}` };
}

async function callOff({ here }: VmSetting, id: string): Promise<void> {
  await here.host.phase(id, "moving");
  await delay(1500);
  await here.host.cancel(id);
}

async function killTargetQemu({ here, there }: VmSetting, id: string): Promise<void> {
  await here.host.phase(id, "moving");
  await delay(1500);
  const control = await there.folder.control();
  await control.execute("quit").catch(() => {});
  control.close();
}

async function killTargetHost({ here, there }: VmSetting, id: string): Promise<void> {
  await here.host.phase(id, "moving");
  await delay(1500);
  await there.host.kill();
}

/** Each end has other devices than the VM that comes. */
async function otherDevices(): Promise<CellResult> {
  const vm = await debianVm();
  const startArguments = [...(vm.startArguments ?? []), "-device", "virtio-rng-pci"];
  return await fails(async () => {}, { vm: { ...vm, startArguments } });
}

export const cells: readonly Cell[] = [
  {
    name: "a busy Debian guest ten times, our client and spice-gtk along, keys typed meanwhile",
    run: tenMoves,
  },
  { name: "the picture's gap beside QEMU's own SPICE", run: gaps },
  { name: "called off while memory goes over: the guest goes on", run: () => fails(callOff) },
  { name: "the target's QEMU ends: the guest goes on", run: () => fails(killTargetQemu) },
  { name: "the target's host is killed: the guest goes on", run: () => fails(killTargetHost) },
  { name: "the target cannot load it: the guest goes on", run: otherDevices },
];
