import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { SlowNetwork, type SlowNetworkOptions } from "../src/index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that takes one connection, and the client's and the server's ends of it. */
async function link(options: Omit<SlowNetworkOptions, "target"> = {}) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const network = await SlowNetwork.open({ ...options, target: { port } });
  closers.push(() => network[Symbol.asyncDispose]());
  const join = async () => {
    const client = connect({ port: network.port, allowHalfOpen: true });
    const [far] = (await once(server, "connection")) as [Socket];
    for (const socket of [client, far]) {
      socket.on("error", () => {});
      closers.push(() => socket.destroy());
    }
    return { client, far };
  };
  return { network, join, ...(await join()) };
}

async function readAll(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe("a slow network", () => {
  it("passes every byte in order, in both directions, and the end behind them", async () => {
    const { client, far } = await link({ toTarget: { delayMs: 20 }, queueBytes: 4096 });
    const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7) >> 3));
    client.end(bytes);
    far.end(bytes.subarray(1000));
    const [there, back] = await Promise.all([readAll(far), readAll(client)]);
    expect(there.equals(bytes)).toBe(true);
    expect(back.equals(bytes.subarray(1000))).toBe(true);
  });

  it("lets nothing arrive before its time", async () => {
    const { client, far } = await link({ toTarget: { delayMs: 150 } });
    const start = performance.now();
    client.write("x");
    await once(far, "data");
    expect(performance.now() - start).toBeGreaterThanOrEqual(149);
  });

  it("lets no more through than its rate, for all connections together", async () => {
    const { client, far, join } = await link({ toClient: { bytesPerSecond: 200_000 } });
    const second = await join();
    const start = performance.now();
    far.end(Buffer.alloc(40_000));
    second.far.end(Buffer.alloc(40_000));
    await Promise.all([readAll(client), readAll(second.client)]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(390);
  });

  it("pushes back when the receiver does not read", async () => {
    const { client, far, network } = await link();
    far.pause();
    const bytes = Buffer.alloc(64 << 20);
    client.write(bytes);
    let passed = -1;
    while (passed !== network.passed.toTarget) {
      passed = network.passed.toTarget;
      await delay(200);
    }
    expect(client.writableLength).toBeGreaterThan(0);
    client.end();
    expect((await readAll(far)).length).toBe(bytes.length);
  });

  it("lets nothing out while it is held", async () => {
    const { client, far, network } = await link();
    network.hold();
    client.write("now");
    await delay(100);
    expect(far.bytesRead).toBe(0);
    network.release();
    const [bytes] = (await once(far, "data")) as [Buffer];
    expect(bytes.toString()).toBe("now");
  });

  it("cuts what is there, and takes new connections", async () => {
    const { client, far, network, join } = await link();
    client.write("x");
    await once(far, "data");
    const ends = [client, far].map((socket) => {
      return new Promise<void>((resolve) => socket.once("close", () => resolve()));
    });
    network.cut();
    await Promise.all(ends);
    const next = await join();
    next.client.write("y");
    await once(next.far, "data");
    expect(network.connections).toBe(2);
  });
});
