// The testcard's tune at the real client library, and its microphone at the testcard.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { plainEncoders } from "@caraway/server";
import { expect, it } from "vitest";
import { JsonProgram, ServedTestcard } from "../src/index.ts";
import { ensurePeerProgram } from "../src/peer-program.ts";

const frequency = 48_000;
const testcard = { sound: true, width: 240, height: 240 } as const;
/** Of the click on the right channel, once a second. */
const clickHz = 1000;

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await delay(20);
  }
}

/** Frames at which clicks begin, on the right channel. */
function clicks(samples: Int16Array): number[] {
  const found: number[] = [];
  for (let frame = 0; frame < samples.length / 2; frame++) {
    const isLoud = Math.abs(samples[frame * 2 + 1]!) > 4000;
    const last = found[found.length - 1] ?? Number.NEGATIVE_INFINITY;
    if (isLoud && frame - last > frequency / 2) found.push(frame);
  }
  return found;
}

function heardIn(path: string): Int16Array {
  const bytes = readFileSync(path);
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
}

it.each([true, false])("spice-gtk hears the testcard and is heard, Opus %s", async (opus) => {
  const folder = mkdtempSync(join(tmpdir(), "caraway-sound-"));
  const server = opus ? {} : { encoders: plainEncoders };
  await using served = await ServedTestcard.start({ testcard, server });
  const program = await ensurePeerProgram("gtk-sound", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  const { host, port } = served.address;
  const path = join(folder, "heard.pcm");
  await using client = new JsonProgram(program, [path, `host=${host}`, `port=${port}`]);
  expect(await client.waitFor("start")).toMatchObject({ channels: 2, frequency });
  expect(await client.waitFor("record")).toMatchObject({ channels: 2 });
  await until(() => clicks(heardIn(path)).length >= 4, "four clicks");
  // A second of the guest is a second of samples: nothing is left out, nothing is said twice.
  const found = clicks(heardIn(path)).slice(1);
  const steps = found.slice(1).map((frame, index) => frame - found[index]!);
  for (const step of steps) expect(Math.abs(step - frequency)).toBeLessThan(frequency / clickHz);
  await until(() => served.testcard.sound.heardBytes > frequency, "what the client says");
  expect(served.testcard.sound.loudest).toBeGreaterThan(3000);
  rmSync(folder, { recursive: true });
});
