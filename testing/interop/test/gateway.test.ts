// The gateway between real programs: our client and spice-gtk on one side, QEMU on the other. The
// clients know no address and no password but the gateway's.

import { setTimeout as delay } from "node:timers/promises";
import type { MigrationMode, SessionEvent } from "@caraway/client";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { balance, readKeys, readReports } from "../cells/guest-keys.ts";
import { MovingSession, modeOf, outcomesOf, phasesOf } from "../cells/moving-session.ts";
import {
  announceTarget,
  CarawayClient,
  CertificateAuthority,
  compareImages,
  comparePictures,
  makeSaslDirectory,
  startGtkClient,
  startMigrationTarget,
  startSavedVm,
  TestGateway,
  type Vm,
} from "../src/index.ts";

const setUpMs = 900_000;
const password = "only the gateway knows";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
}, setUpMs);
afterAll(() => gateway?.close());

type Linked = Extract<SessionEvent, { name: "channel-linked" }>;
const linked =
  (channel: string) =>
  (event: SessionEvent): event is Linked =>
    event.name === "channel-linked" && event.channel === channel;

/** Until every channel has said something: spice-server dies of a client that leaves earlier. */
async function settled(client: CarawayClient): Promise<void> {
  await client.waitFor(linked("inputs"));
  await client.waitFor((event): event is SessionEvent => event.name === "cursor");
  await client.settle();
}

async function openThrough(door: TestGateway, vm: Vm, token: string): Promise<CarawayClient> {
  door.addToken(token, vm);
  const session = await door.session(token);
  return new CarawayClient(door.endpoint(session), { session: { mapTarget: door.mapTarget } });
}

function moving(token: string, migration: MigrationMode): Promise<MovingSession> {
  return MovingSession.open({
    password: "",
    spice: { password },
    session: { mapTarget: (target) => gateway.mapTarget(target), migration },
    endpoint: async (vm) => {
      gateway.addToken(token, vm);
      return gateway.endpoint(await gateway.session(token));
    },
  });
}

describe("a desktop that moves while it is shown through the gateway", () => {
  it("keeps the session, the picture and every key", async () => {
    await using session = await moving("seamless", "seamless");
    const target = await session.target();
    session.typist.start();
    const move = await session.move(target);
    await session.typist.stop();

    expect(phasesOf(move.events)).toBe(
      "begin:seamless ready:seamless switching:seamless done:seamless",
    );
    expect(outcomesOf(move.events)).toEqual([
      "cursor 0: kept",
      "display 0: kept",
      "inputs 0: kept",
      "main 0: kept",
    ]);
    expect(session.client.client.ended).toBe(false);
    expect(move.report.spiceCompletedAt).not.toBeNull();
    const { downs, held } = readKeys(await readReports(session.here));
    const { isOneHole, lost, extra } = balance(session.typist.typed, downs);
    // QEMU itself drops what reaches it while its guest is stopped, and nothing else is lost.
    expect({ isOneHole, extra, held }).toEqual({ isOneHole: true, extra: [], held: [] });
    expect(downs.length).toBeGreaterThan(lost.length);
    expect(await session.pictureDifference()).toBe(0);

    // And on to a third machine, which only the second one has named.
    const again = await session.move(await session.target());
    expect(modeOf(again.events)).toBe("seamless");
    expect(await session.pictureDifference()).toBe(0);
  });

  it.each(["semi-seamless", "switch-host"] as const)("goes along in mode %s", async (mode) => {
    await using session = await moving(mode, mode);
    const move = await session.move(await session.target());
    expect(modeOf(move.events)).toBe(mode);
    expect(session.client.client.ended).toBe(false);
    expect(await session.pictureDifference()).toBe(0);
  });

  it("stays with the source when the migration is called off, and the target is out of reach", async () => {
    await using session = await moving("called-off", "seamless");
    const target = await session.target();
    await announceTarget(session.here, target, {});
    await session.waitForPhase("ready");
    await session.here.qmp.execute("migrate", { uri: "unix:/nonexistent" }).catch(() => {});
    await session.waitForPhase("cancelled");
    expect(session.client.client.ended).toBe(false);
    expect(await session.pictureDifference()).toBe(0);
    expect(gateway.log.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("is found again by its credential after the gateway was restarted, where it is now", async () => {
    await using session = await moving("restart", "seamless");
    await session.move(await session.target());
    const { endpoint } = session.client.client;
    await gateway.restart();
    expect(await session.waitForEnd()).not.toBeNull();
    await using back = new CarawayClient(endpoint, { session: { mapTarget: gateway.mapTarget } });
    await settled(back);
    const { pixels } = await comparePictures(session.here, back);
    expect(pixels).toBe(0);
  });
});

describe("the gateway's own leg", () => {
  let vm: Vm | null = null;
  let authority: CertificateAuthority;
  beforeAll(async () => {
    authority = await CertificateAuthority.create();
  });
  afterAll(() => authority?.close());
  afterEach(async () => {
    await vm?.close();
    vm = null;
  });

  it("reaches a machine on a unix socket", async () => {
    vm = await startSavedVm("qxl-vga", { spice: { listen: "unix" }, paused: true });
    await using client = await openThrough(gateway, vm, "unix");
    await settled(client);
    expect(compareImages(client.picture(), await vm.screendump()).pixels).toBe(0);
  });

  it("goes over to TLS for the channel that wants it", async () => {
    const { x509Directory } = await authority.makeServer();
    const spice = { listen: "both", x509Directory, password, tlsChannels: ["inputs"] } as const;
    vm = await startSavedVm("qxl-vga", { spice, paused: true });
    await using secured = await TestGateway.start({ targetCaFile: authority.caFile });
    await using client = await openThrough(secured, vm, "both");
    await settled(client);
    // A gateway that does not trust the machine's certificate opens the others alone.
    await using lax = await openThrough(gateway, vm, "untrusted");
    await lax.waitFor(
      (event): event is SessionEvent => event.name === "channel-lost" && event.channel === "inputs",
    );
    await lax.settle();
  });

  it("authenticates by SASL over TLS", async () => {
    const { x509Directory } = await authority.makeServer();
    const saslDirectory = await makeSaslDirectory(["scram-sha-256"], { caraway: password });
    const spice = { listen: "tls", x509Directory, saslDirectory } as const;
    vm = await startSavedVm("qxl-vga", { spice, paused: true });
    await using secured = await TestGateway.start({ targetCaFile: authority.caFile });
    secured.addToken("sasl", vm, `username=caraway password="${password}"`);
    await using client = new CarawayClient(secured.endpoint(await secured.session("sasl")), {});
    await settled(client);
    expect(compareImages(client.picture(), await vm.screendump()).pixels).toBe(0);
  });

  it("tells the client when the machine's password is not the right one", async () => {
    vm = await startSavedVm("qxl-vga", { spice: { password }, paused: true });
    gateway.addToken("stale", vm, 'password="an old one"');
    await using client = new CarawayClient(gateway.endpoint(await gateway.session("stale")), {});
    const end = await client.waitFor(
      (event): event is Extract<SessionEvent, { name: "ended" }> => event.name === "ended",
    );
    expect(end.error).toMatchObject({ code: "LINK_PERMISSION_DENIED" });
  });
});

describe("spice-gtk through CONNECT", () => {
  it("shows the desktop, types, and goes along when it moves", async () => {
    await using vm = await startSavedVm("qxl-vga", { spice: { password } });
    gateway.addToken("native", vm);
    const address = { host: await gateway.session("native"), port: 5900, tlsPort: 0 };
    const env = { SPICE_PROXY: `http://127.0.0.1:${gateway.port}` };
    await using client = await startGtkClient(address, { env });
    await client.waitFor("mark");
    await vm.withStillPicture(async (picture) => {
      const shown = await client.dumpWhenEqual(picture);
      expect(compareImages(shown, picture).pixels).toBe(0);
    });
    await using target = await startMigrationTarget(vm);
    const since = client.events.length;
    const report = await vm.migrateTo(target);
    expect(report.spiceCompletedAt).not.toBeNull();
    await delay(1000);
    expect(client.isAlive).toBe(true);
    const named = client.events.slice(since).map(({ event }) => event);
    expect(named).not.toContain("disconnected");
    await target.shell.run("setsid xevents >/dev/null 2>&1 &");
    await target.events.waitFor(/^0 READY 1024x768$/);
    client.tapKey(30);
    await target.events.waitFor(/ KEY up 38 a$/);
    await target.withStillPicture(async (picture) => {
      const shown = await client.dumpWhenEqual(picture);
      expect(compareImages(shown, picture).pixels).toBe(0);
    });
    const ways = gateway.log.filter(({ event, vm: of }) => event === "linked" && of === "native");
    expect(new Set(ways.map(({ way }) => way))).toEqual(new Set(["connect"]));
  });
});
