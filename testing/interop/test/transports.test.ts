// Every transport against the real spice-server in QEMU: plain, TLS with each way of knowing the
// server, unix socket, WebSocket on the server's own ports, and a proxy.

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TlsIdentity } from "@caraway/channel";
import type { Endpoint, SessionEvent } from "@caraway/client";
import { parseProxyUrl, type TransportOptions } from "@caraway/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CarawayClient,
  CertificateAuthority,
  endpointOf,
  type ServerCertificate,
  startSavedVm,
  type Vm,
} from "../src/index.ts";

const password = "open sesame";

let authority: CertificateAuthority;
let certificate: ServerCertificate;
let vm: Vm;
let ca: string;
beforeAll(async () => {
  authority = await CertificateAuthority.create();
  certificate = await authority.makeServer({ name: "spice host", hosts: ["localhost"] });
  ca = readFileSync(authority.caFile, "utf8");
  const { x509Directory } = certificate;
  const spice = { listen: "both", x509Directory, password, tlsChannels: ["inputs"] } as const;
  vm = await startSavedVm("qxl-vga", { spice, paused: true });
});
afterAll(async () => {
  await vm?.close();
  await authority?.close();
});

function open(endpoint: Endpoint, transport: TransportOptions = {}): CarawayClient {
  const tls = { ca, ...transport.tls };
  return new CarawayClient(endpoint, {
    credentials: { password },
    transport: { ...transport, tls },
  });
}

type Linked = Extract<SessionEvent, { name: "channel-linked" }>;
type Ended = Extract<SessionEvent, { name: "ended" }>;

const isLinked =
  (channel: string) =>
  (event: SessionEvent): event is Linked =>
    event.name === "channel-linked" && event.channel === channel;

/**
 * Waits until every channel has said something, and tells whether main and inputs came over TLS.
 * To leave earlier is to risk the server: it dies of a client that goes while the server's own
 * threads still connect its display or cursor.
 */
async function linked(client: CarawayClient): Promise<{ main: boolean; inputs: boolean }> {
  const main = await client.waitFor(isLinked("main"));
  const inputs = await client.waitFor(isLinked("inputs"));
  await settled(client);
  return { main: main.tls, inputs: inputs.tls };
}

async function settled(client: CarawayClient): Promise<void> {
  await client.waitFor((event): event is SessionEvent => event.name === "cursor");
  await client.settle(50);
}

async function failure(client: CarawayClient): Promise<Ended["error"]> {
  return (await client.waitFor((event): event is Ended => event.name === "ended")).error;
}

describe("a real server", () => {
  test("is reached in plain, and over TLS for the channel that wants it", async () => {
    const identity: TlsIdentity = { kind: "subject", subject: certificate.subject };
    await using client = open({ ...endpointOf(vm.spice), identity });
    expect(await linked(client)).toEqual({ main: false, inputs: true });
  });

  test.each<[string, () => Partial<Endpoint>]>([
    ["host name", () => ({ host: "localhost" })],
    ["subject", () => ({ identity: { kind: "subject", subject: certificate.subject } })],
    ["public key", () => ({ identity: { kind: "public-key", key: publicKey() } })],
  ])("is known by its %s", async (_what, known) => {
    await using client = open({ ...endpointOf(vm.spice), port: null, ...known() });
    expect(await linked(client)).toEqual({ main: true, inputs: true });
  });

  test.each<[string, () => Partial<Endpoint>]>([
    ["host name", () => ({ host: "127.0.0.1" })],
    ["subject", () => ({ identity: { kind: "subject", subject: "CN=spice host" } })],
    ["public key", () => ({ identity: { kind: "public-key", key: new Uint8Array(91) } })],
  ])("is not trusted under another %s", async (_what, known) => {
    await using client = open({ ...endpointOf(vm.spice), port: null, ...known() });
    expect(await failure(client)).toMatchObject({ transport: { kind: "tls" } });
  });

  test("says that its plain port speaks no TLS", async () => {
    const { host, port } = vm.spice;
    await using client = open({ ...endpointOf(vm.spice), host, port: null, tlsPort: port });
    expect(await failure(client)).toMatchObject({
      transport: { kind: "tls", detail: expect.stringContaining("plain port") },
    });
  });

  test("is reached by WebSocket, in plain and over TLS", async () => {
    const { port, tlsPort } = vm.spice;
    // A WebSocket URL has one port: the channel that wants TLS is lost in plain.
    await using plain = open({ ...endpointOf(vm.spice), url: `ws://127.0.0.1:${port}/` });
    await settled(plain);
    const url = `wss://localhost:${tlsPort}/`;
    await using secured = open({ ...endpointOf(vm.spice), host: "localhost", url });
    expect(await linked(secured)).toEqual({ main: true, inputs: true });
  });

  test("is reached through a proxy", async () => {
    const asked: string[] = [];
    await using proxy = await startProxy(asked);
    await using client = open(
      { ...endpointOf(vm.spice), host: "localhost" },
      { proxy: parseProxyUrl(`http://127.0.0.1:${proxy.port}`) },
    );
    expect(await linked(client)).toEqual({ main: false, inputs: true });
    expect(asked).toContain(`localhost:${vm.spice.port}`);
    expect(asked).toContain(`localhost:${vm.spice.tlsPort}`);
  });

  test("turns away a wrong password without repeating it", async () => {
    await using client = new CarawayClient(endpointOf(vm.spice), {
      credentials: { password: "swordfish" },
    });
    const error = await failure(client);
    expect(error).toMatchObject({ code: "LINK_PERMISSION_DENIED" });
    expect(error?.message).not.toContain("swordfish");
  });
});

describe("a real server on a unix socket", () => {
  test("is reached there", async () => {
    const local = await startSavedVm("qxl-vga", { spice: { listen: "unix" }, paused: true });
    try {
      await using client = open(endpointOf(local.spice));
      expect(await linked(client)).toEqual({ main: false, inputs: false });
    } finally {
      await local.close();
    }
  });
});

function publicKey(): Uint8Array {
  const pem = readFileSync(`${certificate.x509Directory}/server-cert.pem`);
  const key = new X509Certificate(pem).publicKey;
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

/** A proxy that tunnels to this machine, whatever host it is asked for. */
async function startProxy(
  asked: string[],
): Promise<{ port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const server: Server = createServer();
  const sockets = new Set<Socket>();
  server.on("connect", (request, socket: Socket) => {
    asked.push(request.url ?? "");
    const onward = connect(Number(request.url?.split(":").at(-1)), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket);
      socket.pipe(onward);
    });
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on("error", () => {});
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
