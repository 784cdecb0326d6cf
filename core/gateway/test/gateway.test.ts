import { ChannelType, LinkError, mainCodec, miniDataHeaderCodec } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpoint, grantFor, type TestClient, type TestServer, unseal, World } from "./world.ts";

const { MAIN, DISPLAY, INPUTS } = ChannelType;

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function main(...message: Parameters<typeof mainCodec.server.encode>): Uint8Array {
  const { id: type, body } = mainCodec.server.encode(...message);
  return Uint8Array.from([...miniDataHeaderCodec.encode({ type, size: body.length }), ...body]);
}

function init(sessionId: number): Uint8Array {
  const body = {
    sessionId,
    displayChannelsHint: 1,
    supportedMouseModes: 3,
    currentMouseMode: 1,
    agentConnected: 0,
    agentTokens: 10,
    multiMediaTime: 5,
    ramHint: 0,
  };
  return main({ name: "INIT", body });
}

const target = { port: 5907, sport: 65535, host: "10.0.0.7", certSubject: "" };

/** A session whose main channel is linked and has begun. */
function begin(world: World, grant = grantFor(), id = 4711): [TestClient, TestServer] {
  const client = world.client(grant);
  const server = world.servers.at(-1)!;
  server.send(init(id));
  return [client, server];
}

/** The credential in the newest target that this client was told. */
function namedTarget(client: TestClient): string {
  const found = [...new TextDecoder("latin1").decode(client.data).matchAll(/g1\.[\w-]+/g)].at(-1);
  return found![0];
}

describe("a connection through the gateway", () => {
  it("links with the VM's password, and carries bytes both ways", () => {
    const world = new World();
    const client = world.client(grantFor());
    const [server] = world.servers;
    expect(client.isLinked).toBe(true);
    expect(server!.address).toEqual({ kind: "tcp", host: "vm-host", port: 5900 });
    expect(server!.proof).toEqual({ kind: "password", password: text("open sesame") });
    client.send(text("up"));
    server!.send(init(1));
    expect(server!.data).toEqual(text("up"));
    expect(client.data).toEqual(init(1));
  });

  it("tells each end what the other is able to do", () => {
    const world = new World();
    const client = world.client(grantFor(), { channelCapabilities: [0x1234] });
    expect(world.servers[0]!.request?.channelCapabilities).toEqual([0x1234]);
    expect(client.channelCapabilities).toEqual([0x77]);
  });

  it("keeps what either end says before the other is linked, in order", () => {
    const world = new World();
    world.greeting = init(1);
    const client = world.arrive(grantFor());
    client.early = text("early");
    client.link();
    expect(client.data).toEqual(init(1));
    expect(world.servers[0]!.data).toEqual(text("early"));
    expect(world.servers[0]!.isPaused).toBe(false);
  });

  it("asks again over TLS where the server wants it, and only where it has such a port", () => {
    const world = new World();
    world.admission = ({ tls }) =>
      tls === null
        ? { kind: "refuse", error: LinkError.NEED_SECURED, detail: "TLS only" }
        : { kind: "admit", channelCapabilities: [] };
    const secured = world.client(grantFor({ server: endpoint({ tlsPort: 5901 }) }));
    expect(secured.isLinked).toBe(true);
    expect(world.servers.map(({ address }) => address)).toEqual([
      { kind: "tcp", host: "vm-host", port: 5900 },
      { kind: "tcp", host: "vm-host", port: 5901 },
    ]);
    expect(world.servers[1]!.tls).toEqual({ kind: "hostname", host: "vm-host" });
    const plain = world.client(grantFor());
    expect(plain.failure?.code).toBe("LINK_ERROR");
  });

  it.each([
    [LinkError.PERMISSION_DENIED, "LINK_PERMISSION_DENIED"],
    [LinkError.CHANNEL_NOT_AVAILABLE, "LINK_CHANNEL_NOT_AVAILABLE"],
    [LinkError.VERSION_MISMATCH, "LINK_ERROR"],
  ])("tells the client why the server has refused: %i", (error, code) => {
    const world = new World();
    world.admission = () => ({ kind: "refuse", error, detail: "no" });
    const client = world.client(grantFor());
    expect(client.failure?.code).toBe(code);
    expect(client.isClosed).toBe(true);
    expect(world.eventsNamed("session-ended")).toHaveLength(1);
  });

  it("closes without a word where the server does, and tells an unreachable one as an error", () => {
    const world = new World();
    world.admission = () => ({ kind: "close", detail: "no such channel" });
    const closed = world.client(grantFor());
    expect([closed.failure, closed.isClosed]).toEqual([null, true]);
    world.unreachable = () => ({ kind: "refused", detail: "vm-host:5900: refused" });
    const refused = world.client(grantFor());
    expect(refused.failure?.code).toBe("LINK_ERROR");
    expect(world.eventsNamed("link-failed").map(({ code }) => code)).toEqual([
      "LINK_CLOSED",
      "LINK_UNREACHABLE",
    ]);
  });

  it("gives the link stage its time and no more", () => {
    const world = new World({ limits: { linkTimeoutMs: 1000 } });
    const silent = world.arrive(grantFor());
    world.advance(999);
    expect(silent.isClosed).toBe(false);
    world.advance(1);
    expect(silent.isClosed).toBe(true);
    const linked = world.client(grantFor());
    world.advance(5000);
    expect(linked.isClosed).toBe(false);
    expect(world.gateway.deadline()).toBeNull();
  });

  it("ends with either end", () => {
    const world = new World();
    const [first, server] = begin(world);
    world.input({ type: "closed", connection: server.key, failure: null });
    expect(first.isClosed).toBe(true);
    const [second, other] = begin(world);
    world.input({ type: "closed", connection: second.key, failure: null });
    expect(other.isClosed).toBe(true);
    expect(world.eventsNamed("ended").map(({ by }) => by)).toEqual(["server", "client"]);
    expect(world.gateway.connectionCount).toBe(0);
    expect(world.gateway.sessionCount).toBe(0);
  });

  it("stops reading the one whose bytes the other does not take", () => {
    const world = new World();
    const [client, server] = begin(world);
    world.input({ type: "backlog", connection: client.key, bytes: 600 << 10 });
    expect([client.isPaused, server.isPaused]).toEqual([false, true]);
    world.input({ type: "backlog", connection: server.key, bytes: 600 << 10 });
    expect([client.isPaused, server.isPaused]).toEqual([true, true]);
    world.input({ type: "backlog", connection: client.key, bytes: 200 << 10 });
    expect(server.isPaused).toBe(true);
    world.input({ type: "backlog", connection: client.key, bytes: 100 << 10 });
    expect([client.isPaused, server.isPaused]).toEqual([true, false]);
    world.input({ type: "backlog", connection: server.key, bytes: 0 });
    expect(client.isPaused).toBe(false);
  });
});

describe("a session", () => {
  it("opens further channels only in SPICE sessions that it has begun itself", () => {
    const world = new World();
    begin(world);
    begin(world, grantFor({ session: "s2", user: "bob" }), 99);
    const own = world.client(grantFor(), { channelType: DISPLAY, connectionId: 4711 });
    expect(own.isLinked).toBe(true);
    const before = world.servers.length;
    const guesses = [
      world.client(grantFor(), { channelType: DISPLAY, connectionId: 99 }),
      world.client(grantFor(), { channelType: MAIN, connectionId: 99 }),
      world.client(grantFor(), { channelType: INPUTS, connectionId: 0 }),
    ];
    for (const guess of guesses) expect(guess.failure?.code).toBe("LINK_BAD_CONNECTION_ID");
    // Nobody was even asked.
    expect(world.servers.length).toBe(before);
  });

  it("may begin anew, with another SPICE session", () => {
    const world = new World();
    begin(world);
    begin(world, grantFor(), 5000);
    const late = world.client(grantFor(), { channelType: DISPLAY, connectionId: 5000 });
    expect(late.isLinked).toBe(true);
  });
});

describe("a migration through the gateway", () => {
  it.each(["MIGRATE_BEGIN", "MIGRATE_BEGIN_SEAMLESS", "MIGRATE_SWITCH_HOST"] as const)(
    "gives the client a credential in place of the target that %s names",
    (name) => {
      const world = new World();
      const [client, server] = begin(world);
      server.send(
        name === "MIGRATE_SWITCH_HOST"
          ? main({ name, body: target })
          : name === "MIGRATE_BEGIN"
            ? main({ name, body: { dstInfo: target } })
            : main({ name, body: { dstInfo: target, srcMigVersion: 1 } }),
      );
      expect(new TextDecoder("latin1").decode(client.data)).not.toContain("10.0.0.7");
      const grant = unseal(namedTarget(client));
      expect(grant).toEqual({ ...grantFor(), server: endpoint({ host: "10.0.0.7", port: 5907 }) });
      expect(world.refusal(grant)).toBeNull();
      const moved = world.client(grant, { connectionId: 4711 });
      expect(moved.isLinked).toBe(true);
      expect(world.servers.at(-1)!.address).toEqual({ kind: "tcp", host: "10.0.0.7", port: 5907 });
      expect(world.eventsNamed("target-named")).toHaveLength(1);
    },
  );

  it("goes on from the target to the next one", () => {
    const world = new World();
    const [client, server] = begin(world);
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: target } }));
    const first = unseal(namedTarget(client));
    const moved = world.client(first, { connectionId: 4711 });
    world.input({ type: "closed", connection: client.key, failure: null });
    const next = { ...target, host: "10.0.0.8" };
    world.servers.at(-1)!.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: next } }));
    const second = unseal(namedTarget(moved));
    expect(world.client(second, { connectionId: 4711 }).isLinked).toBe(true);
    // Calling that off takes back the second target, and not the one where the client is.
    world.servers
      .find(({ address }) => "host" in address && address.host === "10.0.0.7")!
      .send(main({ name: "MIGRATE_CANCEL", body: {} }));
    expect(world.refusal(second)).toBe("target-revoked");
    expect(world.refusal(first)).toBeNull();
  });

  it("takes a target back when the migration is called off, until it is named again", () => {
    const world = new World();
    const [client, server] = begin(world);
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: target } }));
    const grant = unseal(namedTarget(client));
    server.send(main({ name: "MIGRATE_CANCEL", body: {} }));
    expect(world.refusal(grant)).toBe("target-revoked");
    const late = world.client(grant, { connectionId: 4711 });
    expect([late.isLinked, late.isClosed]).toEqual([false, true]);
    expect(world.refusal(grantFor())).toBeNull();
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: target } }));
    expect(world.refusal(grant)).toBeNull();
  });

  it("stays on TLS: a server that is reached securely cannot send its clients over plain TCP", () => {
    const world = new World();
    const secure = grantFor({ server: endpoint({ port: null, tlsPort: 5901 }) });
    const [client, server] = begin(world, secure);
    const both = { ...target, sport: 5908, certSubject: "O=x,CN=target" };
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: both } }));
    expect(unseal(namedTarget(client)).server).toEqual(
      endpoint({
        host: "10.0.0.7",
        port: null,
        tlsPort: 5908,
        identity: { kind: "subject", subject: "O=x,CN=target" },
      }),
    );
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: target } }));
    expect(world.eventsNamed("target-refused")).toHaveLength(1);
  });

  it("follows no server to a host that the operator does not allow", () => {
    const world = new World({ allowTarget: (host) => host.startsWith("10.1.") });
    const [client, server] = begin(world);
    server.send(main({ name: "MIGRATE_BEGIN", body: { dstInfo: target } }));
    expect(new TextDecoder("latin1").decode(client.data)).not.toMatch(/10\.0\.0\.7|g1\./);
    expect(world.eventsNamed("target-refused")).toHaveLength(1);
    server.send(
      main({ name: "MIGRATE_BEGIN", body: { dstInfo: { ...target, host: "10.1.0.1" } } }),
    );
    expect(unseal(namedTarget(client)).server.host).toBe("10.1.0.1");
  });

  it("ends the channel of a server that hides a target in sub-messages", () => {
    const world = new World();
    const [client, server] = begin(world);
    server.send(miniDataHeaderCodec.encode({ type: 8, size: 4 }));
    expect([client.isClosed, server.isClosed]).toEqual([true, true]);
    expect(world.eventsNamed("ended")[0]).toMatchObject({ by: "gateway" });
  });
});

describe("hostile clients", () => {
  it("reach nothing but the server of their grant, whatever they send", () => {
    const valid = collectLinkBytes();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(valid.length),
        fc.uint8Array({ maxLength: 64 }),
        (changes, cut, tail) => {
          const world = new World();
          const client = world.arrive(grantFor());
          const bytes = valid.slice();
          for (const [at, value] of changes) bytes[at] = value;
          client.send(bytes.subarray(0, cut));
          if (!client.isClosed) client.send(bytes.subarray(cut));
          if (!client.isClosed) client.send(tail);
          for (const { address } of world.servers) {
            expect(address).toEqual({ kind: "tcp", host: "vm-host", port: 5900 });
          }
          expect(world.servers.length).toBeLessThanOrEqual(1);
          world.advance(60_000);
          const isOver = client.isClosed || world.eventsNamed("linked").length === 1;
          expect(isOver).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("cannot make the gateway keep what they send before they are linked", () => {
    const world = new World();
    world.admission = () => ({ kind: "admit", channelCapabilities: [] });
    const client = world.arrive(grantFor());
    world.unreachable = () => null;
    client.send(collectLinkBytes());
    for (let count = 0; count < 100 && !client.isClosed; count++) client.send(new Uint8Array(8192));
    // Linked by its ticket, or closed: nothing waits inside.
    expect(client.isClosed || world.eventsNamed("linked").length > 0).toBe(true);
  });
});

/** What a client sends before the reply. */
function collectLinkBytes(): Uint8Array {
  const parts: number[] = [];
  const world = new World();
  const client = world.arrive(grantFor());
  client.send = (bytes) => {
    parts.push(...bytes);
  };
  client.link();
  return Uint8Array.from(parts);
}

describe("limits", () => {
  it("hold for the gateway, a user, an address and a session", () => {
    const limits = {
      connectionsMax: 6,
      sessionsMax: 3,
      sessionsPerUserMax: 2,
      connectionsPerAddressMax: 4,
      connectionsPerSessionMax: 2,
    };
    const world = new World({ limits });
    const grants = ["a", "b", "c", "d"].map((session) => grantFor({ session }));
    world.client(grants[0]!, {}, "A");
    world.client(grants[0]!, {}, "A");
    expect(world.refusal(grants[0]!, "A")).toBe("session-full");
    const leaving = world.client(grants[1]!, {}, "A");
    expect(world.refusal(grants[2]!, "A")).toBe("user-full");
    const bob = grantFor({ session: "c", user: "bob" });
    world.client(bob, {}, "A");
    expect(world.refusal(bob, "A")).toBe("address-full");
    expect(world.refusal(bob, "B")).toBeNull();
    expect(world.refusal(grantFor({ session: "d", user: "eve" }), "B")).toBe("gateway-full");
    world.input({ type: "closed", connection: leaving.key, failure: null });
    expect(world.refusal(grants[2]!, "A")).toBeNull();
  });

  it("close a connection that the driver accepts all the same", () => {
    const world = new World({ limits: { connectionsMax: 0 } });
    expect(world.arrive(grantFor()).isClosed).toBe(true);
    expect(world.gateway.connectionCount).toBe(0);
  });
});

describe("a gateway that drains", () => {
  it("lets nobody new in, lets sessions open channels, and ends them at last", () => {
    const world = new World();
    const [client] = begin(world);
    world.input({ type: "command", command: { name: "drain", withinMs: 10_000 } });
    expect(world.refusal(grantFor({ session: "new" }))).toBe("draining");
    expect(world.refusal(grantFor())).toBeNull();
    const late = world.client(grantFor(), { channelType: DISPLAY, connectionId: 4711 });
    expect(late.isLinked).toBe(true);
    world.advance(9999);
    expect(client.isClosed).toBe(false);
    world.advance(1);
    expect([client.isClosed, late.isClosed]).toEqual([true, true]);
    expect(world.eventsNamed("drained")).toHaveLength(1);
    expect(world.refusal(grantFor())).toBe("draining");
  });

  it("is done as soon as the last session has ended by itself", () => {
    const world = new World();
    const [client] = begin(world);
    world.input({ type: "command", command: { name: "drain", withinMs: 10_000 } });
    world.input({ type: "closed", connection: client.key, failure: null });
    expect(world.eventsNamed("drained")).toHaveLength(1);
    expect(world.gateway.deadline()).toBeNull();
  });

  it("is done at once when nobody is there", () => {
    const world = new World();
    world.input({ type: "command", command: { name: "drain", withinMs: 10_000 } });
    expect(world.eventsNamed("drained")).toHaveLength(1);
  });
});

it("ends one session at the operator's word and leaves the others", () => {
  const world = new World();
  const [first] = begin(world);
  const [second] = begin(world, grantFor({ session: "s2" }), 2);
  world.input({ type: "command", command: { name: "end-session", session: "s1" } });
  expect([first.isClosed, second.isClosed]).toEqual([true, false]);
});
