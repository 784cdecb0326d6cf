// A real VM between two of our hosts: a Debian guest on a QEMU without SPICE that works all the
// time, our client and spice-gtk connected, keys typed; and the same beside QEMU's own SPICE.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  type GtkClient,
  startGtkClient,
  startMigrationTarget,
  startSavedVm,
} from "@caraway/interop";
import { balance, readKeys, readReports, startReports, Typist } from "./guest-keys.ts";
import { demand, demandKept, isEnded } from "./host-setting.ts";
import { PictureClock, VmSetting, watchGtk } from "./vm-setting.ts";

async function manyMoves(count: number): Promise<CellResult> {
  await using vms = await VmSetting.start();
  const clock = new PictureClock();
  await using ours = new CarawayClient(endpointOf(await vms.address()), {
    onPicture: () => clock.tick(),
  });
  while (!ours.client.screens.isShown(0)) await delay(10);
  await using gtk = await startGtkClient(await vms.address());
  await gtk.waitFor("mark");
  await startReports({ shell: await vms.shell() });
  await (await vms.shell()).run("busy start scroll");
  await delay(3000);
  const typist = new Typist(ours);
  typist.start();
  const gaps: number[] = [];
  const downtimes: number[] = [];
  const stops: number[] = [];
  for (let round = 0; round < count; round++) {
    clock.reset();
    const moved = await vms.move();
    await delay(1500);
    demandKept(moved, 2);
    gaps.push(clock.longestMs);
    downtimes.push(moved.downtimeMs ?? 0);
    stops.push(Math.round((moved.stoppedMs ?? 0) + (moved.outcome?.holdMs ?? 0)));
  }
  await typist.stop();
  await delay(2000);
  await vms.demandExact([ours, gtk]);
  const { downs, held } = readKeys(await readReports({ shell: await vms.shell() }));
  const { lost, extra } = balance(typist.typed, downs);
  demand(!isEnded(ours) && gtk.isAlive, "a session has ended");
  demand(extra.length === 0, `keys came that nobody typed: ${extra.join("")}`);
  demand(lost.length === 0, `${lost.length} of ${typist.typed.length} keys were lost`);
  demand(held.length === 0, `keys are held: ${held.join()}`);
  return {
    outcome: "passed",
    detail: `${count} seamless moves of a busy Debian guest; ${typist.typed.length} keys, each once; exact`,
    facts: {
      "longest without a new picture (ms)": gaps.join(" "),
      "QEMU's downtime (ms)": downtimes.join(" "),
      "stopped and held (ms)": stops.join(" "),
    },
  };
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
  change?: Parameters<typeof VmSetting.start>[0],
): Promise<CellResult> {
  await using vms = await VmSetting.start(change);
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
  await vms.demandExact([client]);
  demand(!isEnded(client), "the session has ended");
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

/** Each end has other memory than the VM that comes: `{directory}` names a file that only one has. */
const otherMemory: Parameters<typeof VmSetting.start>[0] = (vm) => {
  return { ...vm, startArguments: [...(vm.startArguments ?? []), "-device", "virtio-rng-pci"] };
};

export const cells: readonly Cell[] = [
  {
    name: "a busy Debian guest ten times, our client and spice-gtk along, keys typed meanwhile",
    run: () => manyMoves(10),
  },
  { name: "the picture's gap beside QEMU's own SPICE", run: gaps },
  { name: "called off while memory goes over: the guest goes on", run: () => fails(callOff) },
  { name: "the target's QEMU ends: the guest goes on", run: () => fails(killTargetQemu) },
  { name: "the target's host is killed: the guest goes on", run: () => fails(killTargetHost) },
  {
    name: "the target cannot load it: the guest goes on",
    run: () => fails(async () => {}, otherMemory),
  },
];
