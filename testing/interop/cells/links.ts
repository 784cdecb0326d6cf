// How a session with a real server begins and ends when something is not as it should be: every
// refusal is a typed error, every end is told once, and nothing hangs.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import type { TlsIdentity } from "@caraway/channel";
import type { Endpoint, SessionEvent, SessionOptions } from "@caraway/client";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  CertificateAuthority,
  endpointOf,
  findFreePort,
  type SpiceOptions,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import type { TransportOptions } from "@caraway/node";
import { BlackHole } from "./tcp-obstacle.ts";

const password = "secret";

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

interface Attempt {
  readonly endpoint: Endpoint;
  readonly password?: string;
  readonly session?: Partial<SessionOptions>;
  readonly transport?: TransportOptions;
}

function open(attempt: Attempt): CarawayClient {
  return new CarawayClient(attempt.endpoint, {
    credentials: { password: attempt.password ?? password },
    session: attempt.session ?? {},
    ...(attempt.transport && { transport: attempt.transport }),
  });
}

type Ended = Extract<SessionEvent, { name: "ended" }>;

async function endOf(client: CarawayClient): Promise<Ended> {
  const isEnd = (event: SessionEvent): event is Ended => event.name === "ended";
  return await client.waitFor(isEnd);
}

/** Tries to connect, and demands that the session ends with this code. */
async function demandRefusal(attempt: Attempt, code: string): Promise<CellResult> {
  const client = open(attempt);
  try {
    const { error } = await endOf(client);
    demand(error?.code === code, `the session ended with ${error?.code}: ${error?.message}`);
    return { outcome: "passed", detail: error?.message ?? "" };
  } finally {
    client.close();
  }
}

async function withVm(
  spice: SpiceOptions,
  work: (vm: Vm) => Promise<CellResult>,
): Promise<CellResult> {
  const vm = await startSavedVm("qxl-vga", { spice: { password, ...spice } });
  try {
    return await work(vm);
  } finally {
    await vm.close();
  }
}

interface Tls {
  readonly vm: Vm;
  readonly transport: TransportOptions;
}

async function withTls(
  spice: SpiceOptions,
  work: (tls: Tls) => Promise<CellResult>,
): Promise<CellResult> {
  const authority = await CertificateAuthority.create();
  try {
    const { x509Directory } = await authority.makeServer({ name: "server" });
    const transport = { tls: { ca: readFileSync(authority.caFile, "utf8") } };
    return await withVm({ listen: "both", x509Directory, ...spice }, (vm) => {
      return work({ vm, transport });
    });
  } finally {
    await authority.close();
  }
}

function here(port: number): Endpoint {
  return {
    host: "127.0.0.1",
    port,
    tlsPort: null,
    unixPath: null,
    url: null,
    identity: null,
  };
}

function wrongTicket(): Promise<CellResult> {
  return withVm({}, (vm) => {
    return demandRefusal(
      { endpoint: endpointOf(vm.spice), password: "guess" },
      "LINK_PERMISSION_DENIED",
    );
  });
}

function expiredTicket(): Promise<CellResult> {
  return withVm({}, async (vm) => {
    await vm.setPassword(password, "now");
    return await demandRefusal({ endpoint: endpointOf(vm.spice) }, "LINK_PERMISSION_DENIED");
  });
}

async function nobodyListens(): Promise<CellResult> {
  return await demandRefusal({ endpoint: here(await findFreePort()) }, "LINK_UNREACHABLE");
}

async function nothingAnswers(): Promise<CellResult> {
  await using hole = await BlackHole.open();
  const session = { linkTimeoutMs: 2000 };
  return await demandRefusal({ endpoint: here(hole.port), session }, "LINK_TIMEOUT");
}

/** A process that is stopped takes connections and says nothing. */
function serverStands(): Promise<CellResult> {
  return withVm({}, async (vm) => {
    process.kill(vm.pid, "SIGSTOP");
    try {
      const session = { linkTimeoutMs: 2000 };
      return await demandRefusal({ endpoint: endpointOf(vm.spice), session }, "LINK_TIMEOUT");
    } finally {
      process.kill(vm.pid, "SIGCONT");
    }
  });
}

async function notSpice(): Promise<CellResult> {
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    return await demandRefusal({ endpoint: here(port) }, "LINK_NOT_SPICE");
  } finally {
    server.close();
  }
}

function plainAtTlsPort(): Promise<CellResult> {
  return withTls({}, ({ vm }) => {
    return demandRefusal({ endpoint: here(vm.spice.tlsPort) }, "LINK_CLOSED");
  });
}

function tlsAtPlainPort(): Promise<CellResult> {
  return withTls({}, ({ vm, transport }) => {
    const endpoint = { ...here(0), port: null, tlsPort: vm.spice.port };
    return demandRefusal({ endpoint, transport }, "LINK_UNREACHABLE");
  });
}

function wrongIdentity(identity: TlsIdentity): Promise<CellResult> {
  return withTls({}, ({ vm, transport }) => {
    const endpoint = { ...endpointOf(vm.spice), port: null, identity };
    return demandRefusal({ endpoint, transport }, "LINK_UNREACHABLE");
  });
}

function untrusted(): Promise<CellResult> {
  return withTls({}, ({ vm }) => {
    const endpoint = { ...endpointOf(vm.spice), port: null };
    return demandRefusal({ endpoint }, "LINK_UNREACHABLE");
  });
}

/** Main and inputs want TLS: each is told so, and comes again at the other port. */
function securedChannels(): Promise<CellResult> {
  return withTls({ tlsChannels: ["main", "inputs"] }, async ({ vm, transport }) => {
    const client = open({ endpoint: endpointOf(vm.spice), transport });
    try {
      await client.settle();
      const linked = client.events.filter((event) => event.name === "channel-linked");
      const overTls = linked.filter(({ tls }) => tls).map(({ channel }) => channel);
      demand(overTls.sort().join() === "inputs,main", `over TLS: ${overTls.join()}`);
      demand(linked.length === 4, `${linked.length} channels`);
      return { outcome: "passed", detail: "main and inputs over TLS, the others plain" };
    } finally {
      client.close();
    }
  });
}

function securedWithoutPort(): Promise<CellResult> {
  return withTls({ tlsChannels: ["main"] }, ({ vm }) => {
    return demandRefusal({ endpoint: here(vm.spice.port) }, "LINK_NEED_SECURED");
  });
}

/** A channel that must not use TLS is lost to a client that insists on it; the session is not. */
function plaintextChannel(): Promise<CellResult> {
  return withTls({ plaintextChannels: ["cursor"] }, async ({ vm, transport }) => {
    const session = { secureChannels: "all" } as const;
    const client = open({ endpoint: endpointOf(vm.spice), transport, session });
    try {
      await client.settle();
      const lost = client.events.filter((event) => event.name === "channel-lost");
      const codes = lost.map(({ channel, error }) => `${channel} ${error.code}`);
      demand(codes.join() === "cursor LINK_NEED_UNSECURED", `lost: ${codes.join()}`);
      return { outcome: "passed", detail: "only the cursor channel is lost" };
    } finally {
      client.close();
    }
  });
}

/** spice-server serves one client: another one takes its place. */
function secondClient(): Promise<CellResult> {
  return withVm({}, async (vm) => {
    const first = open({ endpoint: endpointOf(vm.spice) });
    const second = { client: null as CarawayClient | null };
    try {
      await first.settle();
      second.client = open({ endpoint: endpointOf(vm.spice) });
      const { error } = await endOf(first);
      demand(error?.code === "CHANNEL_CLOSED", `the first ended with ${error?.code}`);
      await second.client.settle();
      return { outcome: "passed", detail: "the first ends with CHANNEL_CLOSED, the second is in" };
    } finally {
      first.close();
      second.client?.close();
    }
  });
}

function serverEnds(how: "kill" | "quit"): Promise<CellResult> {
  return withVm({}, async (vm) => {
    const client = open({ endpoint: endpointOf(vm.spice) });
    try {
      await client.settle();
      if (how === "kill") await vm.kill();
      else await vm.qmp.execute("quit");
      const { error } = await endOf(client);
      demand(error?.code === "CHANNEL_CLOSED", `the session ended with ${error?.code}`);
      const ends = client.events.filter(({ name }) => name === "ended");
      demand(ends.length === 1, `${ends.length} ends were told`);
      return { outcome: "passed", detail: error?.message ?? "" };
    } finally {
      client.close();
    }
  });
}

/** Channels that are not opened at first are none the worse for it. */
function plugged(): Promise<CellResult> {
  return withVm({}, async (vm) => {
    const channels = ["main", "display", "inputs", "cursor", "usbredir"] as const;
    const client = open({ endpoint: endpointOf(vm.spice), session: { channels } });
    try {
      await client.settle();
      const since = client.events.length;
      const backend = { type: "spicevmc", data: { type: "usbredir" } };
      await vm.qmp.executeAny("chardev-add", { id: "plugged", backend });
      await vm.qmp.executeAny("device_add", { driver: "usb-redir", chardev: "plugged", id: "p" });
      await client.waitFor(
        (event): event is SessionEvent => event.name === "channel-linked" && event.id === 1,
        { since },
      );
      return { outcome: "passed", detail: "a USB slot that is plugged later is linked" };
    } finally {
      client.close();
    }
  });
}

export const cells: readonly Cell[] = [
  { name: "a wrong ticket", run: wrongTicket },
  { name: "an expired ticket", run: expiredTicket },
  { name: "nobody listens", run: nobodyListens },
  { name: "nothing answers", run: nothingAnswers },
  { name: "the server stands", run: serverStands },
  { name: "the server does not speak SPICE", run: notSpice },
  { name: "plain at a TLS port", run: plainAtTlsPort },
  { name: "TLS at a plain port", run: tlsAtPlainPort },
  {
    name: "a certificate for another host",
    run: () => wrongIdentity({ kind: "hostname", host: "elsewhere.example" }),
  },
  {
    name: "a certificate with another subject",
    run: () => wrongIdentity({ kind: "subject", subject: "O=Caraway,CN=somebody" }),
  },
  { name: "a certificate of nobody we know", run: untrusted },
  { name: "channels that want TLS", run: securedChannels },
  { name: "a channel that wants TLS without a port for it", run: securedWithoutPort },
  { name: "a channel that must not use TLS", run: plaintextChannel },
  { name: "a second client", run: secondClient },
  { name: "the server is killed", run: () => serverEnds("kill") },
  { name: "the server quits", run: () => serverEnds("quit") },
  { name: "a USB slot is plugged", run: plugged },
];
