// A desktop that moves from QEMU to QEMU while somebody types, in every mode: the session goes on,
// the picture is exact, and no key is lost but what QEMU drops while its guest is stopped.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { MigrationMode, SessionEvent } from "@caraway/client";
import {
  announceTarget,
  beginMigration,
  type Cell,
  type CellResult,
  CertificateAuthority,
  type DisplayDevice,
  type SpiceOptions,
  type Vm,
  waitForMigration,
} from "@caraway/interop";
import {
  balance,
  readKeys,
  readReports,
  scancodeOf,
  type TypedKey,
  waitForReport,
} from "./guest-keys.ts";
import {
  type Move,
  MovingSession,
  type MovingSessionOptions,
  modeOf,
  outcomesOf,
  phasesOf,
} from "./moving-session.ts";

/** How far QEMU's main loop may be behind with reading when its guest stops. */
const readingLagMs = 150;

/** A source that was left lets management know within moments, not after its own 10 s. */
const completedWithinMs = 3000;

export function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

interface KeyFacts {
  readonly typed: number;
  readonly lost: number;
}

/** Every key that is missing was typed between a guest's stop and the client's hearing of it. */
export async function demandKeys(
  session: MovingSession,
  moves: readonly Move[],
): Promise<KeyFacts> {
  const { typed } = session.typist;
  const { downs, held } = readKeys(await readReports(session.here));
  const isInWindow = ({ at }: TypedKey) => {
    return moves.some(({ report: { stoppedAt }, stopToSwitchMs }) => {
      return at >= stoppedAt - readingLagMs && at <= stoppedAt + stopToSwitchMs + 5;
    });
  };
  const { lost, extra } = balance(typed, downs, isInWindow);
  demand(extra.length === 0, `the guest got keys that nobody typed: ${extra.join("")}`);
  demand(held.length === 0, `keys are stuck: ${held.join(" ")}`);
  const elsewhere = lost.filter((key) => !isInWindow(key));
  const places = elsewhere.map(({ at }) => {
    const distances = moves.map(({ report }) => at - report.stoppedAt);
    const nearest = distances.sort((one, other) => Math.abs(one) - Math.abs(other))[0]!;
    return Math.round(nearest);
  });
  demand(
    elsewhere.length === 0,
    `${elsewhere.length} keys are lost, typed ${places.join(", ")} ms after STOP`,
  );
  return { typed: typed.length, lost: lost.length };
}

/** Whole milliseconds, for results. */
const ms = (value: number): number => Math.round(value);

export function factsOf({ report, events, stopToSwitchMs, stopToCompletedMs }: Move) {
  const window = events.find((event) => event.phase === "input-window");
  const done = events.find((event) => event.phase === "done");
  const { resumedAt, stoppedAt, downtimeMs } = report;
  return {
    downtimeMs,
    stopToMigrateMs: ms(stopToSwitchMs),
    stopToResumeMs: resumedAt === null ? "never" : ms(resumedAt - stoppedAt),
    stopToCompletedMs: stopToCompletedMs === null ? "never" : ms(stopToCompletedMs),
    ...(done?.phase === "done" && { switchMs: ms(done.switchMs) }),
    ...(window?.phase === "input-window" && { resentReleases: window.resentReleases }),
  };
}

function demandCompleted({ stopToCompletedMs }: Move): void {
  demand(stopToCompletedMs !== null, "SPICE_MIGRATE_COMPLETED did not come");
  demand(
    stopToCompletedMs! < completedWithinMs,
    `SPICE_MIGRATE_COMPLETED came ${ms(stopToCompletedMs!)} ms after STOP`,
  );
}

/** A session, its target and one move with somebody typing: what every mode must hold. */
async function checkMove(
  session: MovingSession,
  target: Vm,
  mode: MigrationMode,
  options: { certSubject?: string } = {},
): Promise<CellResult> {
  session.typist.start();
  await delay(500);
  const move = await session.move(target, {
    ...options,
    // Without announced links management has nothing to wait for.
    ...(mode === "switch-host" && { waitFor: 200 }),
  });
  await delay(700);
  await session.typist.stop();
  demand(modeOf(move.events) === mode, `the phases were ${phasesOf(move.events)}`);
  const outcome = mode === "seamless" ? "kept" : "rebuilt";
  const outcomes = outcomesOf(move.events);
  demand(outcomes.length >= 4, `only ${outcomes.join(", ")} came over`);
  demand(
    outcomes.every((text) => text.endsWith(outcome)),
    `channels: ${outcomes.join(", ")}`,
  );
  demandCompleted(move);
  const keys = await demandKeys(session, [move]);
  const pixels = await session.pictureDifference();
  demand(pixels === 0, `${pixels} pixels differ after the move`);
  return {
    outcome: "passed",
    detail: `${outcomes.length} channels ${outcome}, picture exact, ${keys.lost} of ${keys.typed} keys lost to QEMU's stop`,
    facts: { ...factsOf(move), ...keys },
  };
}

const allChannels = [
  "main",
  "display",
  "inputs",
  "cursor",
  "playback",
  "record",
  "usbredir",
  "webdav",
] as const;

function modeOptions(mode: MigrationMode): MovingSessionOptions {
  return {
    spice: mode === "semi-seamless" ? { seamlessMigration: false } : {},
    session: { migration: mode, channels: allChannels },
  };
}

async function withSession<T>(
  options: MovingSessionOptions,
  work: (session: MovingSession) => Promise<T>,
): Promise<T> {
  const session = await MovingSession.open(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

function overTicket(mode: MigrationMode): Promise<CellResult> {
  return withSession(modeOptions(mode), async (session) => {
    return await checkMove(session, await session.target(), mode);
  });
}

/** The target's certificate is good for no address: only its subject says who it is. */
async function overTls(mode: MigrationMode): Promise<CellResult> {
  const authority = await CertificateAuthority.create();
  try {
    const source = await authority.makeServer({ name: "source" });
    const target = await authority.makeServer({ name: "target", hosts: ["elsewhere.example"] });
    const options = modeOptions(mode);
    const spice: SpiceOptions = {
      ...options.spice,
      listen: "tls",
      x509Directory: source.x509Directory,
    };
    const transport = { tls: { ca: readFileSync(authority.caFile, "utf8") } };
    return await withSession({ ...options, spice, transport }, async (session) => {
      const vm = await session.target({ x509Directory: target.x509Directory });
      return await checkMove(session, vm, mode, { certSubject: target.subject });
    });
  } finally {
    await authority.close();
  }
}

function onDevice(machine: DisplayDevice): Promise<CellResult> {
  const options = modeOptions("seamless");
  return withSession({ ...options, machine }, async (session) => {
    return await checkMove(session, await session.target(), "seamless");
  });
}

function tenInARow(): Promise<CellResult> {
  return withSession(modeOptions("seamless"), async (session) => {
    const moves: Move[] = [];
    session.typist.start();
    for (let count = 0; count < 10; count++) {
      const before = session.here;
      const move = await session.move(await session.target());
      demand(modeOf(move.events) === "seamless", `move ${count + 1}: ${phasesOf(move.events)}`);
      demandCompleted(move);
      moves.push(move);
      await before.kill();
    }
    await session.typist.stop();
    const keys = await demandKeys(session, moves);
    const pixels = await session.pictureDifference();
    demand(pixels === 0, `${pixels} pixels differ after ten moves`);
    const windows = moves.map(({ stopToSwitchMs }) => stopToSwitchMs);
    const completed = moves.map(({ stopToCompletedMs }) => stopToCompletedMs ?? Number.NaN);
    return {
      outcome: "passed",
      detail: `ten seamless moves, picture exact, ${keys.lost} of ${keys.typed} keys lost to QEMU's stops`,
      facts: {
        ...keys,
        stopToMigrateMsMax: ms(Math.max(...windows)),
        stopToCompletedMsMax: ms(Math.max(...completed)),
      },
    };
  });
}

function cancelAndMoveAgain(mode: MigrationMode): Promise<CellResult> {
  return withSession(modeOptions(mode), async (session) => {
    const { here } = session;
    const first = await session.target();
    const since = session.client.events.length;
    await announceTarget(here, first, {});
    await session.waitForPhase("ready", since);
    await here.qmp.executeAny("migrate-set-parameters", { "max-bandwidth": 1 << 20 });
    const uri = `unix:${first.directory}/incoming`;
    await first.qmp.executeAny("migrate-incoming", { uri });
    await here.qmp.execute("migrate", { uri });
    await delay(300);
    await here.qmp.execute("migrate_cancel");
    await session.waitForPhase("cancelled", since);
    demand((await here.qmp.execute("query-status")).running, "the guest does not run any more");
    demand(session.endCode === null, "the session has ended");
    const { channels = [] } = await here.qmp.execute("query-spice");
    demand(channels.length >= 4, `the source has ${channels.length} channels`);
    const second = await session.target();
    return await checkMove(session, second, mode);
  });
}

/** Management names another target before the guest has moved to the first. */
function announcedTwice(): Promise<CellResult> {
  return withSession(modeOptions("seamless"), async (session) => {
    const first = await session.target();
    const since = session.client.events.length;
    await announceTarget(session.here, first, {});
    await session.waitForPhase("ready", since);
    return await checkMove(session, await session.target(), "seamless");
  });
}

/** The target keeps its devices and has no channels for them. */
function targetLacksChannels(): Promise<CellResult> {
  return withSession(modeOptions("seamless"), async (session) => {
    const target = await session.target({ withoutChannels: ["usbredir", "webdav", "audio"] });
    session.typist.start();
    const since = session.client.events.length;
    const move = await session.move(target, { waitFor: 2000 });
    const lost = () => {
      const events = session.client.events.slice(since);
      return events.flatMap((event) => (event.name === "channel-lost" ? [event.channel] : []));
    };
    for (let count = 0; count < 100 && lost().length < 4; count++) await delay(100);
    await session.typist.stop();
    demand(modeOf(move.events) === "seamless", `the phases were ${phasesOf(move.events)}`);
    demand(
      lost().sort().join() === "playback,record,usbredir,webdav",
      `lost channels: ${lost().join()}`,
    );
    demandCompleted(move);
    const keys = await demandKeys(session, [move]);
    const pixels = await session.pictureDifference();
    demand(pixels === 0, `${pixels} pixels differ after the move`);
    return {
      outcome: "passed",
      detail: "the channels that the target has moved seamlessly, the others are lost and told",
      facts: { ...factsOf(move), ...keys },
    };
  });
}

/** Channels that appear at the target behind a move are announced to a client that asks. */
function hotPlugBehindMove(mode: MigrationMode): Promise<CellResult> {
  return withSession(modeOptions(mode), async (session) => {
    await session.move(await session.target());
    const { here, client } = session;
    // The target answers the question for its channels once all of them are over.
    await delay(1000);
    const since = client.events.length;
    await here.qmp.executeAny("chardev-add", {
      id: "plugged",
      backend: { type: "spicevmc", data: { type: "usbredir" } },
    });
    await here.qmp.executeAny("device_add", {
      driver: "usb-redir",
      chardev: "plugged",
      id: "plugged-device",
    });
    const isLinked = (event: SessionEvent): event is SessionEvent => {
      return event.name === "channel-linked" && event.channel === "usbredir" && event.id === 1;
    };
    await client.waitFor(isLinked, { since, timeoutMs: 5000 });
    await delay(300);
    const lost = client.events.slice(since).filter(({ name }) => name === "channel-lost");
    demand(lost.length === 0, "the new channel was lost again");
    // Nothing that was plugged may keep the session from moving on.
    return { outcome: "passed", detail: "a USB slot plugged behind the move is linked" };
  });
}

/** A key that is held, and one that goes up in QEMU's blind moment. */
function keysAcrossMove(): Promise<CellResult> {
  return withSession(modeOptions("seamless"), async (session) => {
    const { here, client } = session;
    const target = await session.target();
    const key = (kind: "key-down" | "key-up", scancode: number) => {
      client.client.command({ name: "input", input: { kind, scancode } });
    };
    const shift = 0x2a;
    key("key-down", shift);
    key("key-down", scancodeOf("a"));
    await delay(200);
    const stopped = here.qmp.waitForEvent("STOP").then(() => key("key-up", scancodeOf("a")));
    const move = await session.move(target);
    await stopped;
    await delay(1000);
    const between = readKeys(await readReports(session.here));
    demand(!between.held.includes("a"), "the key that went up at QEMU's stop is stuck");
    demand(between.held.includes("Shift_L"), "the key that is held is not held any more");
    key("key-up", shift);
    await delay(500);
    const reports = await readReports(session.here);
    const { held, downs } = readKeys(reports);
    demand(held.length === 0, `keys are stuck: ${held.join(" ")}`);
    demand(downs.join("") === "a", `the guest got ${downs.join("")}`);
    const ups = reports.filter((line) => line.startsWith("KEY up ")).length;
    demand(ups === 2, `${ups} keys went up in the guest instead of 2`);
    return {
      outcome: "passed",
      detail: "a held key stays down, one that was released at the stop comes up",
      facts: factsOf(move),
    };
  });
}

/** A click that is made while the session has no server lands where it was made. */
function clickInTheMiddle(mode: MigrationMode): Promise<CellResult> {
  return withSession(modeOptions(mode), async (session) => {
    const { client } = session.client;
    const target = await session.target();
    const place = (x: number, y: number) => {
      client.command({ name: "input", input: { kind: "position", x, y, display: 0 } });
    };
    place(100, 100);
    // A tablet has its own scale: the guest is a pixel off now and then.
    await waitForReport(session.here, /POINTER (99|100) (99|100)$/);
    const clicked = session.waitForPhase("switching", session.client.events.length).then(() => {
      place(300, 250);
      client.command({ name: "input", input: { kind: "button-down", button: 1 } });
      client.command({ name: "input", input: { kind: "button-up", button: 1 } });
    });
    const waitFor = mode === "switch-host" ? { waitFor: 200 } : {};
    const move = await session.move(target, waitFor);
    await clicked;
    await waitForReport(target, /BUTTON up 1$/);
    place(410, 333);
    await waitForReport(target, /POINTER (409|410) (332|333)$/);
    const story = (await readReports(target)).filter((line) => {
      return /^(BUTTON|POINTER (299|300|409|410) )/.test(line);
    });
    const wanted = /^POINTER (299|300) (249|250); BUTTON down 1; BUTTON up 1; POINTER (409|410) /;
    demand(wanted.test(story.join("; ")), `the guest saw: ${story.join("; ")}`);
    return { outcome: "passed", detail: story.join("; "), facts: factsOf(move) };
  });
}

/** What the user wants of the guest's monitor is said to an agent that begins anew, too. */
function monitorsBehindMove(mode: MigrationMode): Promise<CellResult> {
  return withSession(modeOptions(mode), async (session) => {
    const monitors = [{ width: 1152, height: 864, x: 0, y: 0 }];
    const size = () =>
      session.here.shell.run("xrandr | sed -n 's/.*current \\([0-9 x]*\\),.*/\\1/p'");
    session.client.client.command({ name: "monitors", monitors });
    for (let count = 0; count < 50 && (await size()) !== "1152 x 864"; count++) await delay(100);
    demand((await size()) === "1152 x 864", `the guest's screen is ${await size()}`);
    await session.move(await session.target());
    await delay(2000);
    demand((await size()) === "1152 x 864", `behind the move the screen is ${await size()}`);
    const pixels = await session.pictureDifference();
    demand(pixels === 0, `${pixels} pixels differ after the move`);
    const { width, height } = session.client.picture();
    demand(width === 1152 && height === 864, `the client shows ${width}x${height}`);
    return { outcome: "passed", detail: "the wanted size holds behind the move, picture exact" };
  });
}

/** RAM follows the guest: QEMU switches before the last of it is there. */
function postcopy(): Promise<CellResult> {
  return withSession(modeOptions("seamless"), async (session) => {
    const { here } = session;
    const target = await session.target();
    for (const vm of [here, target]) {
      await vm.qmp.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "postcopy-ram", state: true }],
      });
    }
    session.typist.start();
    const since = session.timed.length;
    const events = here.qmp.events.length;
    await announceTarget(here, target, {});
    await session.waitForPhase("ready", since);
    await beginMigration(here, target);
    await here.qmp.executeAny("migrate-start-postcopy");
    await waitForMigration(here);
    session.arriveAt(target);
    const resume = await target.qmp.waitForEvent("RESUME", { since: 0 });
    const stop = await here.qmp.waitForEvent("STOP", { since: events });
    const completed = await here.qmp.waitForEvent("SPICE_MIGRATE_COMPLETED", { since: events });
    await session.waitForPhase("done", since);
    await session.typist.stop();
    const report = {
      clientsToldAt: null,
      linkedAt: null,
      stoppedAt: stop.at,
      completedAt: completed.at,
      resumedAt: resume.at,
      spiceCompletedAt: completed.at,
      downtimeMs: 0,
    };
    const move = session.describe(report, since);
    demand(modeOf(move.events) === "seamless", `the phases were ${phasesOf(move.events)}`);
    const keys = await demandKeys(session, [move]);
    const pixels = await session.pictureDifference();
    demand(pixels === 0, `${pixels} pixels differ after the move`);
    return {
      outcome: "passed",
      detail: `seamless, picture exact, ${keys.lost} of ${keys.typed} keys lost`,
      facts: { ...factsOf(move), ...keys },
    };
  });
}

const modes = ["seamless", "semi-seamless", "switch-host"] as const;

export const cells: readonly Cell[] = [
  ...modes.map((mode) => ({ name: `${mode} with a ticket`, run: () => overTicket(mode) })),
  ...modes.map((mode) => ({
    name: `${mode} over TLS with a certificate's subject`,
    run: () => overTls(mode),
  })),
  ...(["VGA", "virtio-vga"] as const).map((device) => ({
    name: `seamless on ${device}`,
    run: () => onDevice(device),
  })),
  { name: "seamless, RAM following by postcopy", run: postcopy },
  { name: "ten seamless moves in a row", run: tenInARow },
  ...modes.slice(0, 2).map((mode) => ({
    name: `${mode}, cancelled after the links and moved again`,
    run: () => cancelAndMoveAgain(mode),
  })),
  { name: "another target is named before the guest has moved", run: announcedTwice },
  { name: "the target lacks channels", run: targetLacksChannels },
  ...modes.map((mode) => ({
    name: `a USB slot is plugged behind a ${mode} move`,
    run: () => hotPlugBehindMove(mode),
  })),
  { name: "held and released keys across a move", run: keysAcrossMove },
  ...modes.map((mode) => ({
    name: `a click in the middle of a ${mode} move`,
    run: () => clickInTheMiddle(mode),
  })),
  ...modes.slice(0, 2).map((mode) => ({
    name: `the monitor's wanted size behind a ${mode} move`,
    run: () => monitorsBehindMove(mode),
  })),
];
