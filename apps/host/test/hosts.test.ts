// Guests that move between two hosts, over real sockets, with our own client connected.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SourceMove, TargetMove } from "@caraway/migration";
import { createTestcard } from "@caraway/testcard";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Certificate, makeCertificate, UTF8 } from "../../../io/node/test/certificate.ts";
import { bySharedKey, type PeerSecurity, peerSecurity } from "../src/peer-security.ts";
import { HostConflict, HostUsageError } from "../src/usage-error.ts";
import { eventsOf, HostPair, move, startHost, until, Viewer } from "./host-pair.ts";

describe("a guest between two hosts", () => {
  it.each(["seamless", "semi-seamless", "switch-host"] as const)(
    "takes its client along: %s",
    async (mode) => {
      await using pair = await HostPair.start();
      const { a, b } = pair;
      using viewer = new Viewer(a.guest("desk").addresses[0]!);
      await viewer.isReady();
      const moved = await move(a, b, { mode });
      expect(moved).toMatchObject({ owner: "target", error: null, phase: "ended", detail: null });
      expect(moved.clients).toMatchObject([{ client: 1, state: "left", mode }]);
      expect(moved.outcome?.clients).toMatchObject([{ mode }]);
      const outcomes = moved.outcome?.clients[0]?.channels.map(({ channel, outcome }) => {
        return [channel.split(" ")[0], outcome];
      });
      const wanted = mode === "seamless" ? "kept" : "rebuilt";
      const [main, display, inputs] = [wanted, wanted, wanted];
      expect(Object.fromEntries(outcomes ?? [])).toMatchObject({ main, display, inputs });
      const [first] = moved.outcome?.clients ?? [];
      expect(first?.peer).toMatch(/^127\.0\.0\.1:/);
      const displayed = first?.channels.find(({ channel }) => channel === "display 0");
      expect(displayed?.sentBytes).toBeGreaterThan(100);
      await until(() => a.guests.length === 0);
      await until(() => b.guest("desk").sessions.length === 1);
      using witness = new Viewer(b.guest("desk").addresses[0]!);
      await witness.isReady();
      await viewer.shows(witness);
      expect(viewer.isEnded).toBe(false);
      viewer.type([30, 48, 46]);
      await viewer.shows(witness);
      expect(b.describe(b.guest("desk"))).toMatchObject({ state: "running", migration: null });
    },
  );

  it("comes back, again and again", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    for (let round = 0; round < 3; round++) {
      // No pause: the second begins while the first is settled.
      expect((await move(a, b)).error).toBeNull();
      expect((await move(b, a)).error).toBeNull();
    }
    using witness = new Viewer(a.guest("desk").addresses[0]!);
    await witness.isReady();
    await viewer.shows(witness);
    expect(viewer.isEnded).toBe(false);
    expect(viewer.moves).toHaveLength(6);
  });

  it("keeps, rebuilds and drops channels as it is told", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    const policies = { display: "rebuild", cursor: "drop" } as const;
    const moved = await move(a, b, { policies });
    const outcomes = moved.outcome?.clients[0]?.channels.map(({ channel, outcome }) => {
      return [channel, outcome] as const;
    });
    expect(Object.fromEntries(outcomes ?? [])).toEqual({
      "main 0": "kept",
      "inputs 0": "kept",
      "display 0": "rebuilt",
      "cursor 0": "lost",
    });
    using witness = new Viewer(b.guest("desk").addresses[0]!);
    await witness.isReady();
    await viewer.shows(witness);
    expect(viewer.isEnded).toBe(false);
  });

  it("stays when its host is told to end before the commit, and is gone with it then", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    const { record } = a.migrate("desk", { to: b.peerAddress! });
    await a.close(10_000);
    expect(record).toMatchObject({ owner: "source", error: { message: "the host ends" } });
    await until(() => b.guests.length === 0);
    expect(a.guests).toEqual([]);
  });

  it("goes through with a move that is committed when its host is told to end", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    const { record } = a.migrate("desk", { to: b.peerAddress! });
    await until(() => record.phase === "switching" || record.endedAt !== null);
    await a.close(10_000);
    expect(record).toMatchObject({ owner: "target", error: null });
    expect(b.guest("desk").state).toBe("running");
    expect(viewer.isEnded).toBe(false);
  });

  it("counts what clients are sent before the move and behind it", async () => {
    await using pair = await HostPair.start({ freezeAtMs: 200 });
    const { a, b } = pair;
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const moved = await move(a, b, { measureMs: 500 });
    // The desktop stands still, so that all there is are words about the move.
    expect(moved.sentBeforeBytes).toBeLessThan(1000);
    expect(moved.outcome?.sentBytes).toBeGreaterThan(500);
    expect(moved.outcome?.sentBytes).toBeLessThan(4000);
  });

  it("moves without anybody who looks", async () => {
    await using pair = await HostPair.start();
    const moved = await move(pair.a, pair.b);
    expect(moved).toMatchObject({ owner: "target", outcome: { clients: [] } });
  });

  it("takes its tickets along, and does not ask those who were in", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    const expiresAt = performance.now() + 60_000;
    a.guest("desk").setTickets([{ password: "secret", expiresAt, viewOnly: false }]);
    using viewer = new Viewer(a.guest("desk").addresses[0]!, "secret");
    await viewer.isReady();
    a.guest("desk").setTickets([{ password: "other", expiresAt: null, viewOnly: false }]);
    expect((await move(a, b)).outcome?.clients).toMatchObject([{ mode: "seamless" }]);
    using late = new Viewer(b.guest("desk").addresses[0]!, "secret");
    await until(() => late.isEnded);
    using allowed = new Viewer(b.guest("desk").addresses[0]!, "other");
    await allowed.isReady();
  });

  it("goes on with its client when the move is called off", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    const { record } = a.migrate("desk", { to: b.peerAddress! });
    a.cancel(record.id);
    await until(() => record.endedAt !== null);
    expect(record).toMatchObject({ owner: "source", error: { code: "MOVE_CANCELLED" } });
    await until(() => b.guests.length === 0);
    expect(a.guest("desk").state).toBe("running");
    expect(() => a.cancel(record.id)).toThrow(HostConflict);
    viewer.type([30]);
    using witness = new Viewer(a.guest("desk").addresses[0]!);
    await witness.isReady();
    await viewer.shows(witness);
    expect((await move(a, b)).error).toBeNull();
    expect(viewer.isEnded).toBe(false);
  });

  it("moves beside others at the same time, each with its own client", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    const names = ["desk", "two", "three"];
    for (const name of names.slice(1)) {
      await a.addGuest(name, "testcard", createTestcard({ width: 320, height: 240 }));
    }
    const viewers = names.map((name) => new Viewer(a.guest(name).addresses[0]!));
    for (const viewer of viewers) await viewer.isReady();
    const moves = names.map((name) => a.migrate(name, { to: b.peerAddress! }));
    for (const { record } of moves) await until(() => record.endedAt !== null);
    expect(moves.map(({ record }) => record.error)).toEqual([null, null, null]);
    expect(b.guests.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const viewer of viewers) {
      expect(viewer.moves).toEqual([["seamless", "done"]]);
      viewer[Symbol.dispose]();
    }
  });

  it("does not move while an operator has stopped it", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    a.setRunning("desk", false);
    expect(() => a.migrate("desk", { to: b.peerAddress! })).toThrow(/run it first/);
    a.setRunning("desk", true);
    const { record } = a.migrate("desk", { to: b.peerAddress! });
    expect(() => a.setRunning("desk", false)).toThrow(HostConflict);
    await until(() => record.endedAt !== null);
  });

  it("stays where it is when its state is damaged on the way", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    const guest = createTestcard({ width: 320, height: 240 });
    guest.save = () => Uint8Array.of(1, 2, 3);
    await a.addGuest("damaged", "testcard", guest);
    const { record } = a.migrate("damaged", { to: b.peerAddress! });
    await until(() => record.endedAt !== null);
    expect(record.error?.message).toMatch(/its state is damaged/);
    expect(a.guest("damaged").state).toBe("running");
    await until(() => b.guests.length === 0);
  });

  it("stays where it is when there is one of its name", async () => {
    await using pair = await HostPair.start();
    await pair.b.addGuest("desk", "testcard", createTestcard({ width: 320, height: 240 }));
    const refused = await move(pair.a, pair.b);
    expect(refused.error?.message).toMatch(/there is a guest desk already/);
    expect(pair.a.guest("desk").state).toBe("running");
  });

  it("does not move twice at a time, nor where nobody is", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    a.migrate("desk", { to: b.peerAddress! });
    expect(() => a.migrate("desk", { to: b.peerAddress! })).toThrow(HostConflict);
    await until(() => b.guests[0]?.state === "running");
    expect(() => b.migrate("desk", { to: "not an address" })).toThrow(HostUsageError);
    await until(() => b.describe(b.guest("desk")).migration === null);
    const nowhere = await move(b, b, { to: "127.0.0.1:1" });
    expect(nowhere.error).toMatchObject({ code: "MOVE_LINK" });
    expect(b.guest("desk").state).toBe("running");
  });

  it("tells what happens without telling secrets", async () => {
    await using pair = await HostPair.start();
    const { a, b } = pair;
    const [atA, atB] = [eventsOf(a), eventsOf(b)];
    a.guest("desk").setTickets([{ password: "top secret", expiresAt: null, viewOnly: false }]);
    using viewer = new Viewer(a.guest("desk").addresses[0]!, "top secret");
    await viewer.isReady();
    await move(a, b);
    const names = (events: typeof atA) => new Set(events.map(({ event }) => event));
    expect([...names(atA)]).toEqual(
      expect.arrayContaining(["migration-began", "move-client", "move-left", "migration-ended"]),
    );
    expect([...names(atB)]).toEqual(
      expect.arrayContaining(["migration-began", "hold-began", "hold-ended", "move-settled"]),
    );
    expect(JSON.stringify([atA, atB])).not.toContain("top secret");
  });
});

describe("hosts that do not know each other", () => {
  let folder: string;
  let authority: Certificate;
  const name = (text: string) => [["2.5.4.3", UTF8, text] as const];

  function certificates(issuer: Certificate, address = "127.0.0.1"): PeerSecurity {
    const own = makeCertificate({
      subject: name("host"),
      issuer,
      addresses: [address.split(".").map(Number)],
    });
    const files = { cert: own.pem, key: own.keyPem, ca: authority.pem };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    const peerTls = ["cert", "key", "ca"].map((file) => join(folder, file)).join(",");
    return peerSecurity({ peerTls })!;
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "caraway-peers-"));
    authority = makeCertificate({ subject: name("authority"), authority: true });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("move nothing with different keys", async () => {
    await using pair = await HostPair.start();
    await using stranger = await disposable(
      startHost("c", { security: bySharedKey("another key of 32 characters or more") }),
    );
    const refused = await move(pair.a, stranger.host);
    expect(refused.error?.code).toBe("MOVE_LINK");
    expect(stranger.host.moves).toEqual([]);
  });

  it("move guests with certificates of a common authority", async () => {
    await using pair = await HostPair.start({}, { security: certificates(authority) });
    expect((await move(pair.a, pair.b)).error).toBeNull();
  });

  it("move nothing with a certificate of another authority, on either side", async () => {
    const other = makeCertificate({ subject: name("other"), authority: true });
    await using pair = await HostPair.start({}, { security: certificates(authority) });
    await using stranger = await disposable(startHost("c", { security: certificates(other) }));
    expect((await move(pair.a, stranger.host)).error?.code).toBe("MOVE_LINK");
    await stranger.host.addGuest("desk", "testcard", createTestcard({ width: 320, height: 240 }));
    expect((await move(stranger.host, pair.b)).error?.code).toBe("MOVE_LINK");
    expect(pair.b.moves).toEqual([]);
  });

  it("move nothing to a host whose certificate is for another name", async () => {
    await using pair = await HostPair.start({}, { security: certificates(authority) });
    await using wrong = await disposable(
      startHost("c", { security: certificates(authority, "192.0.2.1") }),
    );
    expect((await move(pair.a, wrong.host)).error?.message).toMatch(/cannot be reached/);
  });

  it("drop whoever speaks no TLS", async () => {
    await using pair = await HostPair.start();
    const port = Number(pair.a.peerAddress!.split(":")[1]);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("hello there, hello there, hello there\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(pair.a.moves).toEqual([]);
  });
});

async function disposable(starting: ReturnType<typeof startHost>) {
  const host = await starting;
  return { host, [Symbol.asyncDispose]: () => host.close(0) };
}

describe("a defect of a host, in a move", () => {
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const defect = new Error("planted");

  afterEach(() => {
    vi.restoreAllMocks();
    faults.length = 0;
  });

  /** From the first input of this type on, the mover throws. */
  function plant(mover: typeof SourceMove | typeof TargetMove, type: string): void {
    const handle = mover.prototype.handle as (input: { type: string }, now: number) => void;
    vi.spyOn(mover.prototype, "handle").mockImplementation(function (
      this: unknown,
      input: { type: string },
      now: number,
    ) {
      if (input.type === type) throw defect;
      handle.call(this, input, now);
    } as never);
  }

  it("ends the move before the commit, and the guest and its clients go on", async () => {
    await using pair = await HostPair.start({}, { onFault });
    const { a, b } = pair;
    await a.addGuest("other", "testcard", createTestcard({ width: 320, height: 240 }));
    using viewer = new Viewer(a.guest("desk").addresses[0]!);
    await viewer.isReady();
    plant(SourceMove, "guest-saved");
    const moved = await move(a, b);
    expect(moved).toMatchObject({ owner: "source", error: { code: "MOVE_DEFECT" } });
    expect(faults).toEqual([defect]);
    expect(a.guests.map(({ state }) => state)).toEqual(["running", "running"]);
    await until(() => b.guests.length === 0, "the end of the copy");
    vi.restoreAllMocks();
    expect(await move(a, b)).toMatchObject({ owner: "target", error: null });
    expect(viewer.isEnded).toBe(false);
  });

  it("leaves the guest to an operator behind the commit", async () => {
    for (const owner of ["source", "target"] as const) {
      await using pair = await HostPair.start({}, { onFault });
      const { a, b } = pair;
      using viewer = new Viewer(a.guest("desk").addresses[0]!);
      await viewer.isReady();
      plant(SourceMove, "clients-left");
      const { record } = a.migrate("desk", { to: b.peerAddress! });
      await until(() => record.phase === "in-doubt", "the doubt");
      expect(a.guest("desk").state).toBe("in-doubt");
      expect(record.detail).toContain("planted");
      expect(b.guest("desk").state).not.toBe("stopped");
      if (owner === "source") await b.removeGuest("desk").catch(() => b.close(0));
      a.resolve(record.id, owner);
      expect(record).toMatchObject({ owner, phase: "ended" });
      if (owner === "source") expect(a.guest("desk").state).toBe("running");
      else await until(() => a.guests.length === 0, "the end of the old copy");
      vi.restoreAllMocks();
    }
    expect(faults).toEqual([defect, defect]);
  });

  it("ends the move at the target, which keeps only what is its own", async () => {
    await using pair = await HostPair.start({}, { onFault });
    const { a, b } = pair;
    plant(TargetMove, "loaded");
    const early = await move(a, b);
    expect(early).toMatchObject({ owner: "source", error: { code: "MOVE_LINK" } });
    expect(a.guest("desk").state).toBe("running");
    await until(() => b.guests.length === 0, "the end of the copy");
    vi.restoreAllMocks();

    plant(TargetMove, "settled");
    const { record } = a.migrate("desk", { to: b.peerAddress! });
    await until(() => record.phase === "in-doubt", "the doubt");
    await until(() => b.guest("desk").state === "running", "the guest at the target");
    a.resolve(record.id, "target");
    await until(() => a.guests.length === 0, "the end of the old copy");
    expect(b.describe(b.guest("desk"))).toMatchObject({ state: "running", migration: null });
  });
});
