// What it costs to show one VM, in two ways at once: QEMU's own SPICE, and our server at the same
// QEMU's D-Bus display, with a spice-gtk at each. One emulated guest of 1920x1080 does as its script
// says; processor time is that of our whole process, beside that of QEMU's SPICE thread alone, which
// has no copy of the picture to read.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type GtkClient,
  JsonProgram,
  startGtkClient,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import type { BenchRow } from "./row.ts";

const suite = "vm";
const command = fileURLToPath(new URL("../apps/cli/bin/caraway.js", import.meta.url));
const [width, height] = [1920, 1080];
const phaseMs = 10_000;
/** Of /proc. */
const ticksPerSecond = 100;
const built = "spice-server in QEMU";

/** What the guest does in each part, as a line of its shell, which ends by itself. */
const parts: readonly (readonly [name: string, script: string])[] = [
  [
    "full-HD pictures",
    "x=0; while [ $x -lt 8 ]; do xsetroot -mod $((x % 7 + 2)) $((x % 5 + 3)) -fg rgb:$((x % 9 + 1))0/80/40 -bg rgb:20/$((x % 9 + 1))0/c0; sleep 1; x=$((x+1)); done",
  ],
  ["scrolling", "timeout 9 scrollterm 0.05"],
  [
    "a window that is moved",
    "xterm -geometry 60x20+100+100 & p=$!; sleep 2; w=$(xdotool search --class xterm | tail -1); x=0; while [ $x -lt 60 ]; do xdotool windowmove $w $((100 + x * 12)) $((100 + x * 6)); sleep 0.1; x=$((x+1)); done; kill $p",
  ],
  [
    "typing",
    "xterm -geometry 80x24+300+200 & p=$!; sleep 2; xdotool type --delay 80 'the quick brown fox jumps over the lazy dog, again and again and again'; kill $p",
  ],
  ["video", "timeout 9 xanim 640x360 15 400,300"],
];

interface Spent {
  readonly cpuMs: number;
  readonly bytes: number;
  readonly draws: number;
}

function cpuOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** Of a whole process, or of its threads of that name. */
function cpuMs(pid: number, thread?: RegExp): number {
  if (thread === undefined) return cpuOf(readFileSync(`/proc/${pid}/stat`, "latin1"));
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1"))
    .filter((stat) => thread.test(stat))
    .reduce((sum, stat) => sum + cpuOf(stat), 0);
}

/** What has been spent on a client and sent to it until now. */
async function spent(client: GtkClient, cpu: () => number): Promise<Spent> {
  const status = await client.ask("status", "status");
  const channels = status["channels"] as readonly { bytes: number; draws: number }[];
  const sum = (of: "bytes" | "draws") => channels.reduce((all, one) => all + one[of], 0);
  return { cpuMs: cpu(), bytes: sum("bytes"), draws: sum("draws") };
}

async function makeLarge(vm: Vm): Promise<void> {
  const mode = `${width}x${height}`;
  await vm.shell.run(`xrandr -s ${mode} || xrandr --output Virtual-1 --mode ${mode}`);
  for (let tries = 0; tries < 100; tries++) {
    const picture = await vm.screendump();
    if (picture.width === width && picture.height === height) return;
    await delay(100);
  }
  throw new Error(`the guest does not show ${mode}`);
}

export async function benchVm(): Promise<BenchRow[]> {
  await using vm = await startSavedVm("virtio-vga", {
    spice: { dbusDisplay: true, streamingVideo: "filter" },
  });
  await using serving = new JsonProgram(process.execPath, [
    ...[command, "serve", "--qemu", vm.displayQmp, "--listen", "spice://127.0.0.1:0", "--json"],
  ]);
  const { address } = await serving.waitFor("listening", { timeoutMs: 60_000 });
  const port = Number(new URL(`${address}`.replace(/^spice:/, "http:")).port);
  await makeLarge(vm);
  const channels = ["main", "display", "inputs", "cursor"];
  await using theirs = await startGtkClient(vm.spice, { channels });
  await using ours = await startGtkClient({ host: "127.0.0.1", port }, { channels });
  for (const client of [theirs, ours]) await client.waitFor("mark", { timeoutMs: 30_000 });
  await delay(3000);
  const look = async () => ({
    ours: await spent(ours, () => cpuMs(serving.pid)),
    theirs: await spent(theirs, () => cpuMs(vm.pid, /\(SPICE Worker\)/)),
  });
  const rows: BenchRow[] = [];
  let before = await look();
  for (const [name, script] of parts) {
    const end = performance.now() + phaseMs;
    await vm.shell.run(`${script}; true`, { timeoutMs: 60_000 });
    await delay(Math.max(2000, end - performance.now()));
    const after = await look();
    const used = (who: "ours" | "theirs", what: keyof Spent) =>
      after[who][what] - before[who][what];
    const row = (of: string, unit: string, value: number, peerValue: number): BenchRow => {
      const ratio = value === 0 ? 1 : peerValue / value;
      return { suite, name: `${name}, ${of}`, value, unit, peer: built, peerValue, ratio };
    };
    rows.push(row("processor", "ms", used("ours", "cpuMs"), used("theirs", "cpuMs")));
    rows.push(row("sent", "kB", used("ours", "bytes") / 1000, used("theirs", "bytes") / 1000));
    rows.push(row("draws", "1", used("ours", "draws"), used("theirs", "draws")));
    before = after;
  }
  return rows;
}
