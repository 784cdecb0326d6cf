// Sound of a real guest, both ways: a tone that it plays is measured in what arrives, and a tone
// from the client's microphone in what the guest records.

import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  connectCaraway,
  endpointOf,
  JsonProgram,
  MovingTestcard,
  startMigrationTarget,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import { defaultPlayout, PlayoutBuffer } from "@caraway/media";
import type { PlaybackSink, RecordSource } from "@caraway/node";
import { makeOwnedDirectory, removeOwnedDirectory } from "../src/ownership.ts";
import { ensurePeerProgram } from "../src/peer-program.ts";

export const frequency = 48_000;
const playedHz = 600;
const recordedHz = 700;
/** How often a loudspeaker asks for samples, as browsers do, about. */
const pullMs = 2.5;

interface Heard {
  readonly samples: Float32Array;
  readonly time: number;
  readonly at: number;
}

/** Keeps what is played, with the time of its arrival. */
export class Ear implements PlaybackSink {
  readonly heard: Heard[] = [];
  readonly problems: string[] = [];
  starts = 0;

  start(_device: number, format: { channels: number; frequency: number }): void {
    this.starts += 1;
    if (format.channels !== 2 || format.frequency !== frequency) {
      this.problems.push(`the guest plays ${JSON.stringify(format)}`);
    }
  }

  play(_device: number, samples: Float32Array, time: number): void {
    this.heard.push({ samples, time, at: performance.now() });
  }

  stop(): void {}

  failed(_device: number, error: Error): void {
    this.problems.push(error.message);
  }

  /** The left channel of all. */
  samples(): Float32Array {
    const frames = this.heard.reduce((sum, { samples }) => sum + samples.length / 2, 0);
    const left = new Float32Array(frames);
    let at = 0;
    for (const { samples } of this.heard) {
      for (let index = 0; index < samples.length; index += 2) left[at++] = samples[index]!;
    }
    return left;
  }

  /** What a loudspeaker's buffer would have missed, fed with what came when it came. */
  underruns(): number {
    return this.#playOut(() => {}).figures.underruns;
  }

  /** Milliseconds for which such a loudspeaker would have been silent, of some time. */
  silence(from: number, to: number): number {
    let silentMs = 0;
    this.#playOut((now, played) => {
      if (now >= from && now < to) silentMs += pullMs * (1 - played);
    });
    return silentMs;
  }

  /** `hear` is told how much of each pull there was. */
  #playOut(hear: (now: number, played: number) => void): PlayoutBuffer {
    const buffer = new PlayoutBuffer({ channels: 2, frequency, ...defaultPlayout });
    buffer.fed(true);
    const output = new Float32Array((pullMs * frequency * 2) / 1000);
    const [first] = this.heard;
    const last = this.heard[this.heard.length - 1];
    let next = 0;
    for (let now = first?.at ?? 0; now < (last?.at ?? 0); now += pullMs) {
      for (; next < this.heard.length && this.heard[next]!.at <= now; next++) {
        const { time, samples, at } = this.heard[next]!;
        buffer.push(time, samples, at);
      }
      hear(now, (2 * buffer.pull(output)) / output.length);
    }
    return buffer;
  }
}

/** Part of the power of a window that lies at a frequency. */
export function shareAt(hz: number, samples: Float32Array): number {
  let cosine = 0;
  let sine = 0;
  let power = 0;
  for (const [frame, value] of samples.entries()) {
    const phase = (2 * Math.PI * hz * frame) / frequency;
    cosine += value * Math.cos(phase);
    sine += value * Math.sin(phase);
    power += value * value;
  }
  return power === 0 ? 0 : (2 * (cosine ** 2 + sine ** 2)) / (samples.length * power);
}

/** Writes a tone of so many seconds into the guest: one period, repeated. */
export async function writeTone(vm: Pick<Vm, "shell">, seconds: number): Promise<void> {
  const bytes = seconds * frequency * 4;
  const period = frequency / playedHz;
  const script =
    `binmode STDOUT; print pack("A4VA4A4VvvVVvvA4V","RIFF",36+${bytes},"WAVE","fmt ",16,1,2,` +
    `${frequency},${frequency * 4},4,16,"data",${bytes}); my $p=""; for my $i(0..${period - 1}) ` +
    `{ my $v=int(12000*sin(6.283185307179586*$i/${period})); $p.=pack("ss",$v,$v) } ` +
    `print $p x ${(seconds * frequency) / period};`;
  await vm.shell.run(`perl -e '${script}' > /tmp/tone.wav`);
}

/** Windows of 100 ms in which there is a tone, and those of them that are not it. */
export function windowsOf(samples: Float32Array): { loud: number; wrong: number } {
  const size = frequency / 10;
  let loud = 0;
  let wrong = 0;
  for (let at = 0; at + size <= samples.length; at += size) {
    const window = samples.subarray(at, at + size);
    if (window.every((value) => Math.abs(value) < 0.01)) continue;
    loud += 1;
    if (shareAt(playedHz, window) < 0.95) wrong += 1;
  }
  return { loud, wrong };
}

/** The server stamps sound when the guest gives it: a gap in the stamps is the guest's own. */
function stallsOf(heard: readonly Heard[]): number {
  return heard.filter(({ time }, at) => at > 0 && time - heard[at - 1]!.time > 20).length;
}

async function hears(seconds: number): Promise<CellResult> {
  await using vm = await startSavedVm("virtio-vga");
  const ear = new Ear();
  await using client = connectCaraway(vm, { playback: ear });
  await client.settle();
  await writeTone(vm, seconds);
  await vm.shell.run("amixer -q sset Master 100% unmute; aplay -q /tmp/tone.wav &");
  await delay(seconds * 1000);
  await vm.shell.run("while pidof aplay > /dev/null; do sleep 0.2; done");
  const { loud, wrong } = windowsOf(ear.samples());
  const underruns = ear.underruns();
  const stamps = ear.heard.map(({ time }) => time);
  const backward = stamps.filter((time, index) => index > 0 && time < stamps[index - 1]!).length;
  const stalls = stallsOf(ear.heard);
  const detail =
    `${loud / 10} s of tone heard, ${wrong} of ${loud} windows impure, ` +
    `${underruns} underruns, ${stalls} stalls of the guest`;
  const isGood =
    ear.problems.length === 0 &&
    loud >= seconds * 10 * 0.95 &&
    // Where the guest stalled, its tone has a break.
    wrong <= loud * 0.02 + 4 + stalls &&
    underruns <= stalls &&
    backward === 0;
  return {
    outcome: isGood ? "passed" : "failed",
    detail: [detail, ...ear.problems].join("; "),
    facts: { seconds, loud, wrong, underruns, stalls, backward },
  };
}

/** What the guest records for some seconds: how high the client's tone is there, and how loud. */
export async function recordedTone(
  vm: Pick<Vm, "shell">,
): Promise<{ hz: number; loudest: number }> {
  await vm.shell.run(
    `amixer -q sset Capture 100% cap; arecord -q -d 4 -f S16_LE -r ${frequency} -c 2 /tmp/r.wav`,
    { timeoutMs: 60_000 },
  );
  // The middle two seconds: how often the left channel goes up through zero.
  const script =
    `binmode STDIN; local $/; my $d=<STDIN>; my @s=unpack("s<*",substr($d,44+${frequency}*4,` +
    `${frequency}*8)); my ($n,$p,$m)=(0,0,0); for (my $i=0;$i<@s;$i+=2) ` +
    "{ $n++ if $p<0 && $s[$i]>=0; $p=$s[$i]; $m=abs($p) if abs($p)>$m } print $n/2, q( ), $m";
  const [hz, loudest] = (await vm.shell.run(`perl -e '${script}' < /tmp/r.wav`)).trim().split(" ");
  return { hz: Number(hz), loudest: Number(loudest) };
}

/** Whether that is what the client plays into its microphone. */
export function isRecorded({ hz, loudest }: { hz: number; loudest: number }): boolean {
  return Math.abs(hz - recordedHz) <= 15 && loudest > 3000;
}

async function records(): Promise<CellResult> {
  await using vm = await startSavedVm("virtio-vga");
  await using client = connectCaraway(vm, { record: toneSource() });
  await client.settle();
  const recorded = await recordedTone(vm);
  const detail = `the guest hears ${recorded.hz} Hz, as loud as ${recorded.loudest}`;
  return { outcome: isRecorded(recorded) ? "passed" : "failed", detail };
}

export function toneSource(): RecordSource {
  let frame = 0;
  return {
    read(format, frames) {
      const samples = new Float32Array(frames * format.channels);
      for (let index = 0; index < samples.length; index++) {
        const at = frame + Math.floor(index / format.channels);
        samples[index] = 0.4 * Math.sin((2 * Math.PI * recordedHz * at) / format.frequency);
      }
      frame += frames;
      return samples;
    },
  };
}

async function hearsThroughMove(): Promise<CellResult> {
  await using vm = await startSavedVm("virtio-vga");
  const ear = new Ear();
  await using client = connectCaraway(vm, { playback: ear });
  await client.settle();
  await writeTone(vm, 60);
  await vm.shell.run("amixer -q sset Master 100% unmute; aplay -q /tmp/tone.wav &");
  await delay(3000);
  await using target = await startMigrationTarget(vm);
  await vm.migrateTo(target);
  await delay(4000);
  const done = client.events.some((event) => event.name === "migration" && event.phase === "done");
  const gaps = ear.heard.slice(1).map(({ at }, index) => at - ear.heard[index]!.at);
  const gapMs = Math.round(Math.max(...gaps));
  const moved = ear.heard.slice(gaps.indexOf(Math.max(...gaps)) + 1);
  const frames = moved.reduce((sum, { samples }) => sum + samples.length / 2, 0);
  const after = frames / frequency;
  const { loud, wrong } = windowsOf(ear.samples().subarray(-frames));
  const stalls = stallsOf(moved);
  const isGood = done && after > 2 && loud > after * 8 && wrong <= stalls + 3;
  const detail =
    `longest gap ${gapMs} ms, then ${after.toFixed(1)} s of sound, ${wrong} of ${loud} windows ` +
    `impure with ${stalls} stalls of the guest; ${ear.starts} times started`;
  return {
    outcome: isGood ? "passed" : "failed",
    detail: [detail, ...ear.problems].join("; "),
    facts: { gapMs },
  };
}

/** spice-gtk on the same way, for comparison: how long it hears nothing, and what is begun again. */
async function hearsThroughMoveAtGtk(): Promise<CellResult> {
  await using vm = await startSavedVm("virtio-vga");
  const program = await ensurePeerProgram("gtk-sound", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  const folder = makeOwnedDirectory("gtk-sound");
  const file = join(folder, "heard.pcm");
  const { host, port } = vm.spice;
  await using client = new JsonProgram(program, [file, `host=${host}`, `port=${port}`]);
  // It has linked when it is told how loud the guest plays.
  await client.waitFor("volume");
  await writeTone(vm, 60);
  await vm.shell.run("amixer -q sset Master 100% unmute; aplay -q /tmp/tone.wav &");
  await client.waitFor("start");
  await delay(3000);
  const gaps = new GapWatch(() => statSync(file).size);
  await using target = await startMigrationTarget(vm);
  const { downtimeMs } = await vm.migrateTo(target);
  await delay(5000);
  const gapMs = gaps.end();
  const starts = client.events.filter(({ event }) => event === "start").length;
  const size = statSync(file).size;
  removeOwnedDirectory(folder);
  return {
    outcome: size > 0 ? "passed" : "failed",
    detail: `longest gap ${gapMs} ms (the guest stopped for ${Math.round(downtimeMs)} ms), ${starts} times started`,
    facts: { gapMs, starts },
  };
}

/** From ours to ours: what a loudspeaker is silent for, beside what the guest stands still for. */
async function hearsThroughOurMove(): Promise<CellResult> {
  const running: { readonly running: boolean; readonly at: number }[] = [];
  await using moving = await MovingTestcard.start({
    testcard: { width: 240, height: 240, sound: true },
    onGuestOutput: (output) => {
      if (output.type === "running") running.push({ ...output, at: performance.now() });
    },
  });
  const ear = new Ear();
  await using client = new CarawayClient(endpointOf(moving.address), { playback: ear });
  const program = await ensurePeerProgram("gtk-sound", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  const folder = makeOwnedDirectory("gtk-sound");
  const file = join(folder, "heard.pcm");
  const place = [`host=${moving.address.host}`, `port=${moving.address.port}`];
  await using gtk = new JsonProgram(program, [file, ...place]);
  await gtk.waitFor("start");
  await delay(6000);
  const gaps = new GapWatch(() => statSync(file).size);
  await moving.move("seamless", true);
  await delay(4000);
  const gtkGapMs = gaps.end();
  const gtkStarts = gtk.events.filter(({ event }) => event === "start").length;
  removeOwnedDirectory(folder);
  const stoppedAt = running.findLast((event) => !event.running)?.at ?? 0;
  const startedAt = running.findLast((event) => event.running)?.at ?? 0;
  const downtimeMs = startedAt - stoppedAt;
  const silenceMs = ear.silence(stoppedAt, startedAt + 1000);
  const done = client.events.some((event) => event.name === "migration" && event.phase === "done");
  const isGood =
    done && ear.starts === 1 && ear.problems.length === 0 && silenceMs <= downtimeMs + 21;
  const detail =
    `silent for ${silenceMs.toFixed(0)} ms in a move in which the guest stands still for ` +
    `${downtimeMs.toFixed(0)} ms, started ${ear.starts} times; spice-gtk gets nothing for ` +
    `${gtkGapMs} ms, started ${gtkStarts} times`;
  return {
    outcome: isGood ? "passed" : "failed",
    detail: [detail, ...ear.problems].join("; "),
    facts: { silenceMs: Math.round(silenceMs), downtimeMs: Math.round(downtimeMs), gtkGapMs },
  };
}

/** How long something does not grow, at most. */
class GapWatch {
  readonly #timer: NodeJS.Timeout;
  #size = 0;
  #since = performance.now();
  #longest = 0;

  constructor(size: () => number) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const grown = size();
      if (grown === this.#size) return;
      if (this.#size > 0) this.#longest = Math.max(this.#longest, now - this.#since);
      this.#size = grown;
      this.#since = now;
    }, 2);
  }

  end(): number {
    clearInterval(this.#timer);
    return Math.round(this.#longest);
  }
}

export const cells: readonly Cell[] = [
  { name: "a tone of a minute that the guest plays is heard, whole", run: () => hears(60) },
  { name: "the guest hears the microphone", run: records },
  { name: "a tone goes on behind a seamless move", run: hearsThroughMove },
  { name: "a tune goes on from ours to ours", run: hearsThroughOurMove },
  { name: "… and at spice-gtk, for comparison", run: hearsThroughMoveAtGtk },
];
