// What one idle session of a 1920x1080 desktop costs a client: our process before and after, and
// spice-gtk's whole process beside it, both at the same QEMU.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startGtkClient, startSavedVm, type Vm } from "@caraway/interop";
import type { BenchRow } from "./row.ts";

const [width, height] = [1920, 1080];
const surfaceMiB = (width * height * 4) / (1 << 20);
const suite = "session";
const unit = "MiB";

export async function benchSession(): Promise<BenchRow[]> {
  const vm = await startSavedVm("qxl-vga");
  try {
    const ours = await measureOurs(vm);
    const gtk = await measureGtk(vm);
    return [
      // The guest has two surfaces of the screen's size; the rest is caches, machines and heap.
      {
        suite,
        name: "idle 1080p, held in the heap and in buffers",
        value: ours.held / (1 << 20),
        unit,
        ceiling: 2 * surfaceMiB + 12,
      },
      {
        suite,
        name: "idle 1080p, resident memory gained",
        value: ours.rss / (1 << 20),
        unit,
        peer: "spice-gtk, whole process",
        peerValue: gtk / (1 << 20),
        ratio: gtk / ours.rss,
      },
    ];
  } finally {
    await vm.close();
  }
}

async function measureOurs(vm: Vm): Promise<{ rss: number; held: number }> {
  const program = fileURLToPath(new URL("idle-session.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    ...process.execArgv,
    ...[program, vm.spice.host, `${vm.spice.port}`, `${width}`, `${height}`],
  ]);
  return JSON.parse(stdout) as { rss: number; held: number };
}

/** Resident memory of spice-gtk's process, in bytes, with the desktop that our client has left. */
async function measureGtk(vm: Vm): Promise<number> {
  const client = await startGtkClient(vm.spice);
  try {
    await client.waitFor("mark");
    await client.dumpWhenEqual(await vm.screendump());
    const status = readFileSync(`/proc/${client.pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } finally {
    await client.close();
  }
}
