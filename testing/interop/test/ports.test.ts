// Ports between real programs: spice-gtk at our server, and our client at QEMU's.

import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { defaultSessionOptions } from "@caraway/client";
import { type ClientStream, SpiceClient, streamDuplex } from "@caraway/node";
import { expect, it } from "vitest";
import { endpointOf, ensurePackages, JsonProgram, ServedTestcard } from "../src/index.ts";
import { endProcess, spawnOwned } from "../src/ownership.ts";
import { ensurePeerProgram } from "../src/peer-program.ts";

const counters = { counters: ["port", "usbredir"], width: 240, height: 240 } as const;

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await delay(20);
  }
}

it("spice-gtk sends back every byte that a port of ours says, in order", async () => {
  await using served = await ServedTestcard.start({ testcard: counters });
  const program = await ensurePeerProgram("gtk-port", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  const { host, port } = served.address;
  await using client = new JsonProgram(program, [`host=${host}`, `port=${port}`]);
  const opened = await client.waitFor("port");
  expect(opened).toMatchObject({ id: 0, name: "org.caraway.counter.0", opened: true });
  const counter = () => served.testcard.counters[0]!;
  await until(() => counter().heard > 300_000, "300 kB there and back");
  client.send("break 0");
  await until(() => counter().breaks === 1, "the break");
  expect(counter().wrongAt).toBeNull();
  // Another client is not told of a port that somebody has.
  await using other = new JsonProgram(program, [`host=${host}`, `port=${port}`]);
  await delay(500);
  expect(other.events.filter(({ event }) => event === "port")).toEqual([]);
  await client[Symbol.asyncDispose]();
  await other.waitFor("port");
  await until(() => counter().heard > 10_000, "bytes of the next client");
  expect(counter().wrongAt).toBeNull();
});

it("our client sends back every byte of two kinds of streams of ours", async () => {
  await using served = await ServedTestcard.start({ testcard: counters });
  const client = new SpiceClient({
    session: {
      ...defaultSessionOptions,
      channels: [...defaultSessionOptions.channels, "port", "usbredir"],
      endpoint: endpointOf(served.address),
    },
    onStream: (stream) => {
      const duplex = streamDuplex(stream);
      duplex.pipe(duplex);
    },
  });
  await until(() => served.testcard.counters.every(({ heard }) => heard > 300_000), "the bytes");
  expect(served.testcard.counters.map(({ wrongAt }) => wrongAt)).toEqual([null, null]);
  client.close();
});

it("our client talks with QEMU's monitor over a port of spice-server", async () => {
  await ensurePackages(["qemu-system-x86"]);
  const port = await freePort();
  const qemu = spawnOwned("qemu-system-x86_64", [
    ...["-machine", "none", "-nodefaults", "-display", "none"],
    ...["-spice", `addr=127.0.0.1,port=${port},disable-ticketing=on`],
    ...["-chardev", "spiceport,id=monitor,name=org.qemu.monitor.qmp.0"],
    ...["-mon", "chardev=monitor,mode=control"],
  ]);
  try {
    const endpoint = endpointOf({
      host: "127.0.0.1",
      port,
      tlsPort: 0,
      unixPath: null,
      password: null,
    });
    const { client, stream } = await connectPort(endpoint);
    expect(stream).toMatchObject({ channel: "port", portName: "org.qemu.monitor.qmp.0" });
    const duplex = streamDuplex(stream);
    const lines = createInterface({ input: duplex })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value as string) as object;
    const say = (execute: string) => duplex.write(Buffer.from(`${JSON.stringify({ execute })}\n`));
    const ask = async (execute: string) => {
      say(execute);
      return await next();
    };
    expect(await next()).toHaveProperty("QMP");
    expect(await ask("qmp_capabilities")).toEqual({ return: {} });
    // Large answers come in many messages, and their end is in its place. QEMU 7.2 leaves the last kilobytes of one in its device
    // until there is something else to say.
    say("query-qmp-schema");
    await delay(1000);
    say("query-status");
    const schema = (await next()) as { return: object[] };
    expect(schema.return.length).toBeGreaterThan(500);
    expect(await next()).toMatchObject({ return: { running: true } });
    client.close();
  } finally {
    await endProcess(qemu);
  }
});

async function connectPort(endpoint: ReturnType<typeof endpointOf>) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise<{ client: SpiceClient; stream: ClientStream }>((resolve, reject) => {
        const client: SpiceClient = new SpiceClient({
          session: { ...defaultSessionOptions, channels: ["main", "port"], endpoint },
          onStream: (stream) => resolve({ client, stream }),
          onEvent: (event) => {
            if (event.name === "ended") reject(event.error);
          },
        });
      });
    } catch (error) {
      // QEMU listens a moment after it was started.
      if (attempt === 50) throw error;
      await delay(100);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
