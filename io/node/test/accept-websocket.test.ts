import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TransportFailure } from "@caraway/channel";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { acceptWebSocket, type WebSocketStream, webSocketFault } from "../src/index.ts";

class Host {
  readonly server = createServer();
  readonly received: Uint8Array[] = [];
  readonly closes: (TransportFailure | null)[] = [];
  readonly faults: (string | null)[] = [];
  stream: WebSocketStream | null = null;
  onStream: (stream: WebSocketStream) => void = () => {};

  constructor() {
    this.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const fault = webSocketFault(request);
      this.faults.push(fault);
      if (fault !== null) {
        socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      const stream = acceptWebSocket(request, socket, head, "client");
      this.stream = stream;
      stream.listen({
        received: (bytes) => this.received.push(Uint8Array.from(bytes)),
        backlog: () => {},
        closed: (failure) => this.closes.push(failure),
      });
      this.onStream(stream);
    });
  }

  async url(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/any/path`;
  }
}

const hosts: Host[] = [];
afterEach(() => {
  for (const { server } of hosts.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function start(): Promise<[Host, string]> {
  const host = new Host();
  hosts.push(host);
  return [host, await host.url()];
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("a WebSocket that was accepted", () => {
  it.each([[["binary"]], [["binary", "base64"]], [[]]])(
    "carries bytes both ways for a client that offers %j",
    async (protocols) => {
      const [host, url] = await start();
      host.onStream = (stream) => stream.write(new Uint8Array(100_000).fill(5));
      const client = new WebSocket(url, protocols, { perMessageDeflate: true });
      client.binaryType = "nodebuffer";
      const [message] = (await once(client, "message")) as [Buffer];
      expect(client.protocol).toBe(protocols.length === 0 ? "" : "binary");
      expect(client.extensions).toBe("");
      expect(message.equals(Buffer.alloc(100_000, 5))).toBe(true);
      client.send(Buffer.alloc(70_000, 6));
      client.send(Buffer.from("end"));
      await until(() => host.received.reduce((sum, { length }) => sum + length, 0) === 70_003);
      client.close(1001);
      const [code] = (await once(client, "close")) as [number];
      expect(code).toBe(1001);
      await until(() => host.closes.length === 1);
      expect(host.closes).toEqual([null]);
    },
  );

  it("ends with the code that was set, after what was written", async () => {
    const [host, url] = await start();
    host.onStream = (stream) => {
      stream.endCode = 1001;
      stream.write(Uint8Array.of(1));
      stream.end();
    };
    const client = new WebSocket(url);
    const closed = once(client, "close");
    await once(client, "message");
    expect((await closed)[0]).toBe(1001);
    expect(host.closes).toEqual([]);
  });

  it("answers pings", async () => {
    const [, url] = await start();
    const client = new WebSocket(url);
    await once(client, "open");
    client.ping("hello");
    const [payload] = (await once(client, "pong")) as [Buffer];
    expect(payload.toString()).toBe("hello");
    client.terminate();
  });

  it("tells a client that breaks the rules which one, and its owner that it is over", async () => {
    const [host, url] = await start();
    const client = new WebSocket(url);
    await once(client, "open");
    client.send("text");
    const [code] = (await once(client, "close")) as [number];
    expect(code).toBe(1003);
    expect(host.closes[0]?.kind).toBe("websocket");
  });

  it("gives up a client that gives no sign of life, and none that does", async () => {
    const [host, url] = await start();
    const alive = new WebSocket(url);
    await once(alive, "open");
    const first = host.stream!;
    for (let count = 0; count < 4; count++) {
      const pinged = once(alive, "ping");
      first.ping();
      await pinged;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(host.closes).toEqual([]);
    const silent = new WebSocket(url, { autoPong: false });
    await once(silent, "open");
    const second = host.stream!;
    for (let count = 0; count < 3; count++) second.ping();
    await once(silent, "close");
    expect(host.closes[0]?.kind).toBe("timeout");
    alive.terminate();
  });

  it("is refused to those who offer no sub-protocol that fits", async () => {
    const [host, url] = await start();
    const client = new WebSocket(url, ["chat"]);
    await once(client, "error");
    expect(host.faults[0]).toMatch(/binary/);
  });
});
