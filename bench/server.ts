// What serving costs: memory of a client that only looks at a guest at rest, and how many clients
// of busy guests a processor core serves.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CarawayClient, endpointOf } from "@caraway/interop";
import type { BenchRow } from "./row.ts";
import type { Usage } from "./served-guests.ts";

const suite = "server";
const idleClients = 20;
const busyGuests = 4;
const busySeconds = 10;

class ServedGuests implements AsyncDisposable {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  ports: readonly number[] = [];

  private constructor(count: number, pace: "still" | "busy") {
    const program = fileURLToPath(new URL("served-guests.ts", import.meta.url));
    const programArguments = [...process.execArgv, program, `${count}`, pace];
    this.#child = spawn(process.execPath, ["--expose-gc", ...programArguments], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(count: number, pace: "still" | "busy"): Promise<ServedGuests> {
    const guests = new ServedGuests(count, pace);
    guests.ports = (await guests.#read()) as number[];
    return guests;
  }

  async usage(): Promise<Usage> {
    this.#child.stdin.write("\n");
    return (await this.#read()) as Usage;
  }

  async #read(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the server's process has ended");
    return JSON.parse(value) as unknown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((resolve) => this.#child.once("exit", resolve));
  }
}

async function connect(port: number): Promise<CarawayClient> {
  const address = { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
  const client = new CarawayClient(endpointOf(address), {});
  while (!client.client.screens.isShown(0)) {
    if (client.client.ended) throw new Error("a client of the bench was sent away");
    await delay(20);
  }
  return client;
}

export async function benchIdleClients(): Promise<BenchRow[]> {
  await using guests = await ServedGuests.start(1, "still");
  const clients: CarawayClient[] = [];
  try {
    // The first ones have the code compiled, and pictures encoded that others share.
    for (let index = 0; index < 3; index++) clients.push(await connect(guests.ports[0]!));
    await delay(3000);
    const before = await guests.usage();
    for (let index = 0; index < idleClients; index++) clients.push(await connect(guests.ports[0]!));
    await delay(3000);
    const after = await guests.usage();
    const perClient = (figure: "resident" | "held") => {
      // Garbage that has gone in the meantime may be more than all that came.
      return Math.max(0, after[figure] - before[figure]) / idleClients / (1 << 20);
    };
    const of = `an idle client of ${idleClients}, 1024x768`;
    const row = { suite, unit: "MiB", ceiling: 2 };
    return [
      { ...row, name: `${of}: held in the heap and in buffers`, value: perClient("held") },
      { ...row, name: `${of}: resident memory`, value: perClient("resident") },
    ];
  } finally {
    for (const client of clients) client.close();
  }
}

export async function benchBusySessions(): Promise<BenchRow[]> {
  await using guests = await ServedGuests.start(busyGuests, "busy");
  const cpuPerSecond = async () => {
    await delay(5000);
    const before = await guests.usage();
    const start = performance.now();
    await delay(busySeconds * 1000);
    const after = await guests.usage();
    const seconds = (performance.now() - start) / 1000;
    return (after.cpuSeconds - before.cpuSeconds) / seconds;
  };
  const clients: CarawayClient[] = [];
  try {
    for (const port of guests.ports) clients.push(await connect(port));
    const served = await cpuPerSecond();
    for (const client of clients) client.close();
    const alone = await cpuPerSecond();
    const row = { suite, unit: "sessions" };
    return [
      {
        ...row,
        name: "sessions of a core, each with a busy guest of 1024x768",
        value: busyGuests / served,
      },
      {
        ...row,
        name: "sessions of a core, without what their guests cost",
        value: busyGuests / (served - alone),
        floor: 20,
      },
    ];
  } finally {
    for (const client of clients) client.close();
  }
}
