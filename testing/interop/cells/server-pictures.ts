// Real clients at our server, the testcard behind it: each shows exactly what the guest shows, in every compression, with both kinds of
// headers; and what was sent with losses becomes exact when the guest rests.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  compareImages,
  endpointOf,
  ensurePackages,
  type RgbImage,
  readPpm,
  ServedTestcard,
  type ServedTestcardOptions,
  startGtkClient,
  startXClient,
  type XClientName,
  XScreen,
} from "@caraway/interop";
import type { CompressionName } from "@caraway/server";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";

const compressions = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"] as const;
const clients = ["spice-gtk", "spicy", "remote-viewer", "our client"] as const;
type ClientName = (typeof clients)[number];

/** The desktop moves while the client comes, and stands still then. */
const testcard = { width: 1024, height: 768, freezeAtMs: 4000 };

/** Where the wheel turns to another photo. */
const onPhoto = { x: 500, y: 150 };

/** Shows the client's picture until it is the wanted one; gives how many pixels are wrong in the end. */
type Look = (wanted: () => RgbImage) => Promise<number>;

async function withClient<T>(
  name: ClientName,
  served: ServedTestcard,
  use: (look: Look) => Promise<T>,
): Promise<T> {
  switch (name) {
    case "spice-gtk": {
      await using client = await startGtkClient(served.address);
      await client.waitFor("mark");
      return await use(async (wanted) => {
        const picture = wanted();
        return compareImages(await client.dumpWhenEqual(picture), picture).pixels;
      });
    }
    case "our client": {
      await using client = new CarawayClient(endpointOf(served.address), {});
      await client.settle(0);
      return await use(async (wanted) => {
        const picture = wanted();
        return compareImages(await client.pictureWhenEqual(picture), picture).pixels;
      });
    }
    default:
      return await withXClient(name, served, use);
  }
}

async function withXClient<T>(
  name: XClientName,
  served: ServedTestcard,
  use: (look: Look) => Promise<T>,
): Promise<T> {
  await using screen = await XScreen.start();
  await using program = await startXClient(screen, name, served.address, { size: testcard });
  return await use(async (wanted) => {
    if ((await screen.find(wanted)) !== null) return 0;
    if (!program.isAlive) throw new Error(`${name} has ended: ${program.output}`);
    return Number.POSITIVE_INFINITY;
  });
}

async function whenStill(served: ServedTestcard): Promise<void> {
  await delay(testcard.freezeAtMs);
  while (served.testcard.deadline() !== null) await delay(50);
}

/** Pixels that are wrong when the guest has come to rest. */
async function wrongPixels(name: ClientName, options: ServedTestcardOptions): Promise<number> {
  await using served = await ServedTestcard.start({ testcard, ...options });
  return await withClient(name, served, async (look) => {
    await whenStill(served);
    const wrong = await look(() => served.picture());
    const fault = served.events.find((event) => event.name === "guest-fault");
    if (fault !== undefined) throw new Error("the server takes the guest's drawing for a fault");
    return wrong;
  });
}

async function exactCell(name: ClientName, compression: CompressionName): Promise<CellResult> {
  for (const [headers, miniHeader] of [
    ["mini", true],
    ["full", false],
  ] as const) {
    const wrong = await wrongPixels(name, { server: { compression, miniHeader } });
    if (wrong > 0) {
      return { outcome: "failed", detail: `${wrong} pixels differ, ${headers} headers` };
    }
  }
  return { outcome: "passed", detail: "equal, with mini and with full headers" };
}

async function framebufferCell(name: ClientName): Promise<CellResult> {
  const wrong = await wrongPixels(name, { testcard: { ...testcard, output: "framebuffer" } });
  if (wrong > 0) return { outcome: "failed", detail: `${wrong} pixels differ` };
  return { outcome: "passed", detail: "equal" };
}

/** Losses while the guest is busy, and none when it rests. */
async function lossyCell(name: ClientName, compression: CompressionName): Promise<CellResult> {
  const server = { compression, jpeg: "always", zlibGlz: "always" } as const;
  await using served = await ServedTestcard.start({ testcard, server });
  return await withClient(name, served, async (look) => {
    let areas = 0;
    served.server.input({ type: "tablet-position", display: 0, ...onPhoto, buttons: 0 });
    for (let turns = 0; turns < 30; turns++) {
      if (turns % 5 === 0) served.server.input({ type: "wheel", steps: 1, buttons: 0 });
      await delay(50);
      areas = Math.max(areas, lossyAreas(served));
    }
    await whenStill(served);
    const wrong = await look(() => served.picture());
    const facts = { "areas with losses at a time": areas, "at rest": lossyAreas(served) };
    if (wrong > 0) return { outcome: "failed", detail: `${wrong} pixels differ`, facts };
    if (areas === 0) return { outcome: "failed", detail: "nothing had losses", facts };
    return { outcome: "passed", detail: "equal at rest", facts };
  });
}

function lossyAreas(served: ServedTestcard): number {
  const { server } = served.server.snapshot() as {
    server: { clients: { channels: { handler: { sender?: { lossy: unknown[] } } }[] }[] };
  };
  return server.clients
    .flatMap(({ channels }) => channels)
    .reduce((sum, { handler }) => sum + (handler.sender?.lossy.length ?? 0), 0);
}

/** One picture by the program that takes nothing else: what a client sees at once when it comes. */
async function screenshotCell(compression: CompressionName): Promise<CellResult> {
  for (const miniHeader of [true, false]) {
    const server = { compression, miniHeader };
    await using served = await ServedTestcard.start({ testcard, server });
    await whenStill(served);
    const directory = makeOwnedDirectory("screenshot");
    try {
      const file = join(directory, "picture.ppm");
      const { host, port } = served.address;
      await runProgram("spicy-screenshot", ["-h", host, "-p", `${port}`, "-o", file]);
      const { pixels } = compareImages(readPpm(file), served.picture());
      if (pixels > 0) return { outcome: "failed", detail: `${pixels} pixels differ` };
    } finally {
      removeOwnedDirectory(directory);
    }
  }
  return { outcome: "passed", detail: "equal, with mini and with full headers" };
}

const screenshotCells: readonly Cell[] = compressions.map((compression) => ({
  name: `spicy-screenshot, image-compression ${compression}`,
  run: async () => {
    await ensurePackages(["spice-client-gtk"]);
    return await screenshotCell(compression);
  },
}));

const pictureCells: readonly Cell[] = clients.flatMap((name) => [
  ...compressions.map((compression) => ({
    name: `${name}, image-compression ${compression}`,
    run: () => exactCell(name, compression),
  })),
  { name: `${name}, a framebuffer`, run: () => framebufferCell(name) },
  ...(["auto_glz", "quic"] as const).map((compression) => ({
    name: `${name}, ${compression} with JPEG and zlib always`,
    run: () => lossyCell(name, compression),
  })),
]);

export const cells: readonly Cell[] = [...pictureCells, ...screenshotCells];
