// A program of its own, so that its memory is that of one session: connects our client, waits until
// the desktop has the wanted size and rests, and prints as JSON what the process gained by it.
//
// node --expose-gc idle-session.ts HOST PORT WIDTH HEIGHT

import { setTimeout as delay } from "node:timers/promises";
import { defaultSessionOptions } from "@caraway/client";
import { endpointOf, SpiceClient } from "@caraway/node";

const [host = "", port = "", width = "", height = ""] = process.argv.slice(2);

interface Memory {
  readonly rss: number;
  /** JavaScript heap and array buffers: what is really held. */
  readonly held: number;
}

async function measure(): Promise<Memory> {
  for (let round = 0; round < 3; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await delay(100);
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rss, held: heapUsed + arrayBuffers };
}

const before = await measure();
const client = new SpiceClient({
  session: { ...defaultSessionOptions, endpoint: endpointOf({ host, port: Number(port) }) },
});
const monitors = [{ width: Number(width), height: Number(height), x: 0, y: 0 }];
client.command({ name: "monitors", monitors });
for (let waited = 0; ; waited += 50) {
  const screen = client.screens.list()[0];
  if (screen !== undefined && client.screens.isShown(0)) {
    const { right, bottom } = screen.box;
    if (right === Number(width) && bottom === Number(height)) break;
  }
  if (client.ended || waited > 20_000) throw new Error("the desktop did not get its size");
  await delay(50);
}
await delay(2000);
const after = await measure();
process.stdout.write(
  `${JSON.stringify({ rss: after.rss - before.rss, held: after.held - before.held })}\n`,
);
client.close();
