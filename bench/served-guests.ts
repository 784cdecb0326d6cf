// A program of its own, so that its memory and processor time are those of the server alone: serves
// so many testcards, each on a port of its own, and tells what it costs when it is asked.
//
// node --expose-gc served-guests.ts COUNT STILL|BUSY
//
// Prints the ports as JSON, and for each line of its input what it has used, as JSON.

import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { GuestServer } from "@caraway/node";
import { createTestcard } from "@caraway/testcard";

/** What the process has used until now. */
export interface Usage {
  /** Resident memory in bytes. */
  readonly resident: number;
  /** JavaScript heap and array buffers: what is really held. */
  readonly held: number;
  /** Processor time in seconds. */
  readonly cpuSeconds: number;
}

const [count = "1", pace = "still"] = process.argv.slice(2);
const ports: number[] = [];
for (let index = 0; index < Number(count); index++) {
  const freezeAtMs = pace === "still" ? 0 : null;
  const server = await GuestServer.start({
    guest: createTestcard({ width: 1024, height: 768, seed: index + 1, freezeAtMs }),
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
    server: { clientsMax: 64 },
  });
  const [address] = server.addresses;
  ports.push(address?.kind === "tcp" ? address.port : 0);
}
process.stdout.write(`${JSON.stringify(ports)}\n`);

for await (const _line of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage();
  for (let round = 0; round < 3; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await delay(100);
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const usage: Usage = {
    resident: rss,
    held: heapUsed + arrayBuffers,
    cpuSeconds: (user + system) / 1e6,
  };
  process.stdout.write(`${JSON.stringify(usage)}\n`);
}
process.exit();
