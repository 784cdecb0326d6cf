import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TransportFailure } from "@caraway/channel";
import { afterEach, expect, it } from "vitest";
import { openTransport, type Transport } from "../src/index.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

interface Heard {
  readonly pieces: Uint8Array[];
  readonly closed: Promise<TransportFailure | null>;
  readonly transport: Transport;
}

function open(port: number, sizeMax: () => number): Heard {
  const pieces: Uint8Array[] = [];
  let transport!: Transport;
  const closed = new Promise<TransportFailure | null>((resolve) => {
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    transport = openTransport(
      address,
      null,
      { bulkReads: { sizeMax } },
      {
        connected: () => {},
        received: (bytes) => pieces.push(bytes),
        backlog: () => {},
        closed: resolve,
      },
    );
  });
  return { pieces, closed, transport };
}

function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 31) ^ (at >> 8);
  return bytes;
}

it("gives every byte once and in order, and keeps hands off what it gave", async () => {
  const sent = pattern(20 << 20);
  const port = await listen((socket) => socket.end(sent));
  const { pieces, closed } = open(port, () => 1 << 20);
  expect(await closed).toBeNull();
  expect(Buffer.concat(pieces).equals(sent)).toBe(true);
});

it("reads two sockets at a time without mixing them", async () => {
  const sent = [pattern(3 << 20), Buffer.from(pattern(3 << 20).map((byte) => byte ^ 0xff))];
  let count = 0;
  const port = await listen((socket) => socket.end(sent[count++]!));
  const first = open(port, () => 1 << 20);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = open(port, () => 1 << 20);
  await Promise.all([first.closed, second.closed]);
  const got = [first, second].map(({ pieces }) => Buffer.concat(pieces));
  got.sort((a, b) => a[1]! - b[1]!);
  sent.sort((a, b) => a[1]! - b[1]!);
  expect(got.map((bytes, at) => bytes.equals(sent[at]!))).toEqual([true, true]);
});

it("reads no more than it may at a time", async () => {
  const sent = pattern(2 << 20);
  const port = await listen((socket) => socket.end(sent));
  const { pieces, closed } = open(port, () => 1000);
  await closed;
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(64 << 10);
});

it("stops while it is paused", async () => {
  const port = await listen((socket) => socket.write(pattern(8 << 20)));
  const { pieces, transport } = open(port, () => 1 << 20);
  while (pieces.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  transport.pause();
  const { length } = pieces;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(pieces.length).toBeLessThanOrEqual(length + 1);
  transport.resume();
  const size = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
  while (size() < 8 << 20) await new Promise((resolve) => setTimeout(resolve, 2));
  transport.destroy();
});

it("gives the bytes that came before anybody listened", async () => {
  const port = await listen((socket) => socket.end("first words"));
  const { pieces, closed } = open(port, () => 1 << 20);
  await closed;
  expect(Buffer.concat(pieces).toString()).toBe("first words");
});
