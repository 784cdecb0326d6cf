// Moves in which something fails: each ends with the session at exactly one server, or with a typed
// reason, and never hangs. The guest is none the worse for any of it.

import { setTimeout as delay } from "node:timers/promises";
import {
  announceTarget,
  beginMigration,
  type Cell,
  type CellResult,
  findFreePort,
  type Vm,
  waitForMigration,
} from "@caraway/interop";
import { clock } from "./guest-keys.ts";
import { demand } from "./migration.ts";
import { MovingSession, type MovingSessionOptions, phasesOf } from "./moving-session.ts";
import { BlackHole, Relay } from "./tcp-obstacle.ts";

async function withSession(
  options: MovingSessionOptions,
  work: (session: MovingSession) => Promise<CellResult>,
): Promise<CellResult> {
  const session = await MovingSession.open(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Moves the guest to `target` while clients are sent to `port`. */
async function moveElsewhere(session: MovingSession, target: Vm, port: number, waitFor: number) {
  const address = { host: "127.0.0.1", port, tlsPort: 0 };
  const report = await session.here.migrateTo(target, { address, waitFor });
  session.arriveAt(target);
  return report;
}

async function demandGuestRuns(session: MovingSession): Promise<void> {
  const { running, status } = await session.here.qmp.execute("query-status");
  demand(running, `the guest is ${status}`);
}

interface Ending {
  readonly code: string;
  /** Of the phases, at the end. */
  readonly phases: RegExp;
}

/** The session must end like this, and the guest must run on. */
async function demandEnd(session: MovingSession, wanted: Ending): Promise<CellResult> {
  const began = clock();
  const code = await session.waitForEnd();
  const phases = phasesOf(session.migrationEvents);
  demand(code === wanted.code, `the session ended with ${code} after ${phases}`);
  demand(wanted.phases.test(phases), `the phases were ${phases}`);
  await demandGuestRuns(session);
  const facts = { phases, endedAfterMs: Math.round(clock() - began) };
  return { outcome: "passed", detail: `${wanted.code} after ${phases}`, facts };
}

/** The session must be with the guest, by this way. */
async function demandArrival(session: MovingSession, phases: RegExp): Promise<CellResult> {
  await session.waitForPhase("done");
  const path = phasesOf(session.migrationEvents);
  demand(phases.test(path), `the phases were ${path}`);
  demand(session.endCode === null, `the session ended with ${session.endCode}`);
  const { channels = [] } = await session.here.qmp.execute("query-spice");
  demand(channels.length >= 4, `the target has ${channels.length} channels`);
  const pixels = await session.pictureDifference();
  demand(pixels === 0, `${pixels} pixels differ`);
  await demandGuestRuns(session);
  const detail = `at the target after ${path}, picture exact`;
  return { outcome: "passed", detail, facts: { phases: path } };
}

function targetRefuses(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await moveElsewhere(session, target, await findFreePort(), 500);
    return await demandEnd(session, {
      code: "MIGRATION_TIMEOUT",
      phases: /^begin:seamless switching:switch-host$/,
    });
  });
}

/** Long enough for the client to say that it has no link. */
function targetRefusesForLong(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await moveElsewhere(session, target, await findFreePort(), 9500);
    return await demandEnd(session, {
      code: "MIGRATION_TIMEOUT",
      phases: /^begin:seamless not-ready switching:switch-host$/,
    });
  });
}

function targetUnreachable(): Promise<CellResult> {
  return withSession({}, async (session) => {
    await using hole = await BlackHole.open();
    const target = await session.target();
    await moveElsewhere(session, target, hole.port, 500);
    return await demandEnd(session, {
      code: "MIGRATION_TIMEOUT",
      phases: /^begin:seamless switching:switch-host$/,
    });
  });
}

function ticketExpired(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await target.setPassword("secret", "now");
    const since = session.client.events.length;
    await announceTarget(session.here, target, {});
    await session.waitForPhase("not-ready", since);
    demand(session.endCode === null, "the session ended before the guest moved");
    await session.here.migrateTo(target, { silent: true });
    session.arriveAt(target);
    return await demandEnd(session, {
      code: "LINK_PERMISSION_DENIED",
      phases: /^begin:seamless not-ready switching:switch-host$/,
    });
  });
}

/** A ticket that is set while the client is trying. */
function ticketLate(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await target.setPassword("secret", "now");
    const since = session.client.events.length;
    await announceTarget(session.here, target, {});
    await session.waitForPhase("link-failed", since);
    await target.setPassword("secret");
    await session.waitForPhase("ready", since);
    await session.here.migrateTo(target, { silent: true });
    session.arriveAt(target);
    return await demandArrival(session, /ready:seamless switching:seamless done:seamless$/);
  });
}

function targetDiesBeforeMove(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    const since = session.client.events.length;
    await announceTarget(session.here, target, {});
    await session.waitForPhase("ready", since);
    await target.kill();
    await session.waitForPhase("link-failed", since);
    await delay(1000);
    demand(session.endCode === null, "the session went with a target that had no guest");
    await demandGuestRuns(session);
    const next = await session.target();
    await session.move(next);
    return await demandArrival(session, /cancelled begin:seamless .* done:seamless$/);
  });
}

function targetDiesAfterSwitch(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await session.move(target);
    await target.kill();
    const code = await session.waitForEnd();
    demand(code === "CHANNEL_CLOSED", `the session ended with ${code}`);
    return { outcome: "passed", detail: "CHANNEL_CLOSED" };
  });
}

/** The source is killed when it has said MIGRATE and not yet handed anything over. */
function sourceDiesBeforeData(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const source = session.here;
    const target = await session.target();
    const since = session.client.events.length;
    let killed = false;
    session.onEvent = (event) => {
      if (killed || event.name !== "migration" || event.phase !== "switching") return;
      killed = true;
      process.kill(source.pid, "SIGKILL");
    };
    await announceTarget(source, target, {});
    await session.waitForPhase("ready", since);
    await beginMigration(source, target);
    await session.waitForPhase("failed", since);
    session.arriveAt(target);
    return await demandArrival(session, /switching:seamless failed done:switch-host$/);
  });
}

/** The guest is there before the first link is: the client is sent after it. */
function movedBeforeLinked(): Promise<CellResult> {
  let port = 0;
  const mapTarget: MovingSessionOptions["session"] = {
    mapTarget: (target) => ({ ...target, port }),
  };
  return withSession({ session: mapTarget }, async (session) => {
    const target = await session.target();
    await using relay = await Relay.open(target.spice.port);
    port = relay.port;
    const since = session.client.events.length;
    await announceTarget(session.here, target, {});
    await beginMigration(session.here, target);
    await session.waitForPhase("switching", since);
    session.arriveAt(target);
    await delay(500);
    relay.release();
    const began = clock();
    const result = await demandArrival(
      session,
      /^begin:seamless switching:switch-host done:switch-host$/,
    );
    // A client that goes on with its half-made links is cut off by the source after 10 s.
    demand(clock() - began < 8000, "the session came back too late");
    return result;
  });
}

/** The client has told the source that it has no links; then the target can be reached. */
function linkedTooLate(): Promise<CellResult> {
  let port = 0;
  const session = { mapTarget: (target: { host: string }) => ({ ...absent, ...target, port }) };
  return withSession({ session }, async (moving) => {
    const target = await moving.target();
    await using relay = await Relay.open(target.spice.port);
    port = relay.port;
    const since = moving.client.events.length;
    await announceTarget(moving.here, target, {});
    await moving.waitForPhase("not-ready", since);
    relay.release();
    await delay(1500);
    demand(moving.endCode === null, "the session ended");
    await beginMigration(moving.here, target);
    await waitForMigration(moving.here);
    moving.arriveAt(target);
    return await demandArrival(moving, /not-ready switching:switch-host done:switch-host$/);
  });
}

const absent = { port: null, tlsPort: null, unixPath: null, url: null, identity: null };

/** The guest moves and nobody told the client where: nothing can be done, and nothing hangs. */
function neverTold(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const target = await session.target();
    await session.here.migrateTo(target, { silent: true, completionTimeoutMs: 2000 });
    demand(session.endCode === null, "the session has ended");
    const source = session.here;
    session.arriveAt(target);
    await source.kill();
    return await demandEnd(session, { code: "CHANNEL_CLOSED", phases: /^$/ });
  });
}

/** The target fails while RAM is on its way: the source keeps the guest and the client. */
function migrationFails(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const { here } = session;
    const target = await session.target();
    const since = session.client.events.length;
    await announceTarget(here, target, {});
    await session.waitForPhase("ready", since);
    await here.qmp.executeAny("migrate-set-parameters", { "max-bandwidth": 1 << 20 });
    const uri = `unix:${target.directory}/incoming`;
    await target.qmp.executeAny("migrate-incoming", { uri });
    await here.qmp.execute("migrate", { uri });
    await delay(500);
    await target.kill();
    await session.waitForPhase("cancelled", since);
    const pixels = await session.pictureDifference();
    demand(pixels === 0, `${pixels} pixels differ`);
    await demandGuestRuns(session);
    const next = await session.target();
    await session.move(next);
    return await demandArrival(
      session,
      /ready:seamless cancelled begin:seamless .* done:seamless$/,
    );
  });
}

export const cells: readonly Cell[] = [
  { name: "the target refuses connections", run: targetRefuses },
  { name: "the target refuses connections for long", run: targetRefusesForLong },
  { name: "the target cannot be reached", run: targetUnreachable },
  { name: "the ticket has expired on the target", run: ticketExpired },
  { name: "the ticket is set late on the target", run: ticketLate },
  { name: "the target dies before the move", run: targetDiesBeforeMove },
  { name: "the target dies right after the switch", run: targetDiesAfterSwitch },
  { name: "the source dies before its state is handed over", run: sourceDiesBeforeData },
  { name: "the guest moves before the client is linked", run: movedBeforeLinked },
  { name: "the target answers when it is too late", run: linkedTooLate },
  { name: "nobody tells the client where the guest goes", run: neverTold },
  { name: "the migration fails on its way", run: migrationFails },
];
