// How fast a guest reads a client's CD drive, on one machine and 20 ms of round trip away: ours beside the drive that spice-gtk makes,
// at the same guest, the testcard. Of ours it asks for all parts of a command at once; spice-gtk's takes one request at a time.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  endpointOf,
  ServedTestcard,
  SlowNetwork,
  type SpiceAddress,
  startGtkClient,
} from "@caraway/interop";
import { openFileDrive, UsbDevices } from "@caraway/node";
import { makeOwnedDirectory, removeOwnedDirectory } from "../testing/interop/src/ownership.ts";
import type { BenchRow } from "./row.ts";

const measuredMs = 4000;
const discBytes = 8 << 20;
const connectWithinMs = 20_000;
const testcard = { usb: 1, speed: 0, width: 320, height: 240 } as const;

export async function benchUsb(): Promise<BenchRow[]> {
  const directory = makeOwnedDirectory("usb-bench");
  try {
    const disc = join(directory, "disc.iso");
    writeFileSync(disc, randomBytes(discBytes));
    const rows: BenchRow[] = [];
    for (const roundTripMs of [0, 20]) {
      const ours = await measure(roundTripMs, (address, work) => withOurs(disc, address, work));
      const theirs = await measure(roundTripMs, (address, work) => withGtk(disc, address, work));
      const name = `reads of a CD at ${roundTripMs} ms`;
      const figures = { value: ours, peer: "spice-gtk", peerValue: theirs, ratio: ours / theirs };
      rows.push({ suite: "usb", name, unit: "MB/s", ...figures, floor: 0.8 });
    }
    return rows;
  } finally {
    removeOwnedDirectory(directory);
  }
}

type WithDrive = (address: SpiceAddress, work: () => Promise<number>) => Promise<number>;

/** MB each second. */
async function measure(roundTripMs: number, withDrive: WithDrive): Promise<number> {
  await using served = await ServedTestcard.start({ testcard });
  const way = { delayMs: roundTripMs / 2 };
  const target = { host: served.address.host, port: served.address.port };
  await using network = await SlowNetwork.open({ target, toTarget: way, toClient: way });
  const address = { ...served.address, port: network.port, unixPath: null };
  const read = (): number => served.testcard.usb[0]!.storage.readBytes;
  return await withDrive(address, async () => {
    for (let waited = 0; read() === 0; waited += 20) {
      if (waited > connectWithinMs) throw new Error("the guest does not read the drive");
      await delay(20);
    }
    await delay(500);
    const [from, since] = [read(), performance.now()];
    await delay(measuredMs);
    const rate = (read() - from) / (performance.now() - since) / 1000;
    const { wrongAt } = served.testcard.usb[0]!.storage;
    if (wrongAt !== null) throw new Error("what was read is wrong");
    return rate;
  });
}

async function withOurs(
  disc: string,
  address: SpiceAddress,
  work: () => Promise<number>,
): Promise<number> {
  const drives = new UsbDevices([await openFileDrive({ kind: "cd", file: disc, readOnly: true })]);
  await using client = new CarawayClient(endpointOf(address), {
    session: { channels: ["main", "usbredir"] },
    onStream: (stream) => drives.offer(stream),
  });
  try {
    return await work();
  } finally {
    client.close();
    await drives.close();
  }
}

async function withGtk(
  disc: string,
  address: SpiceAddress,
  work: () => Promise<number>,
): Promise<number> {
  await using client = await startGtkClient(address, { channels: ["main", "usbredir"] });
  await client.waitFor("channel", {
    where: ({ channel, state }) => channel === "main" && state === "opened",
  });
  // It knows of the guest's slots a moment later.
  await delay(1000);
  client.send(`share-cd ${disc}`);
  const { error } = await client.waitFor("usb");
  if (error !== "") throw new Error(`spice-gtk: ${error}`);
  return await work();
}
