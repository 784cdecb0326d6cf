// Moves between two host processes that go wrong, at each phase: a host or a client that is killed,
// an operator who calls it off, a link between the hosts that swallows everything, a client that
// never answers. The guest runs on one host at most, and where it can, on one.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  type GtkClient,
  type HostProcess,
  JsonProgram,
  SlowNetwork,
} from "@caraway/interop";
import type { ApiMigration } from "caraway-host";
import {
  carawayAt,
  connectCarawayTo,
  connectGtkTo,
  demand,
  demandExact,
  gtkAt,
  HostSetting,
} from "./host-setting.ts";

const early = ["connecting", "preparing", "linking", "stopping", "sending"] as const;
const late = ["committing", "switching", "settling"] as const;
const phases = [...early, ...late];
type Phase = (typeof phases)[number];

/** In MiB: several times what a host with a guest has that nobody looks at. */
const memoryMax = 512;
/** As the moves here are asked for. */
const holdMaxMs = 4000;

function isEarly(phase: Phase): boolean {
  return (early as readonly string[]).includes(phase);
}

/** Two hosts with a link between them on which each phase takes its time, and clients at the guest. */
class FaultSetting implements AsyncDisposable {
  readonly hosts: HostSetting;
  readonly between: SlowNetwork;
  readonly clients: AnyClient[] = [];

  private constructor(hosts: HostSetting, between: SlowNetwork) {
    this.hosts = hosts;
    this.between = between;
  }

  /** With our client and spice-gtk, or with `none`. */
  static async start(
    clients: "both" | "none" = "both",
    desktop = { freezeAtMs: 500, size: "320x240" },
  ): Promise<FaultSetting> {
    const hosts = await HostSetting.start(desktop);
    const port = Number(hosts.b.peers.split(":")[1]);
    const slow = { delayMs: 60 };
    const between = await SlowNetwork.open({ target: { port }, toTarget: slow, toClient: slow });
    const setting = new FaultSetting(hosts, between);
    if (clients === "both") {
      setting.clients.push(await connectCarawayTo(hosts.a), await connectGtkTo(hosts.a));
    }
    return setting;
  }

  /** Begins to move the guest, and resolves when the move is in that phase. */
  async begin(phase: Phase): Promise<string> {
    const { a } = this.hosts;
    const to = `127.0.0.1:${this.between.port}`;
    const { id } = await a.migrate("desk", { to, deadlineMs: 2000, holdMaxMs });
    await a.phase(id, phase);
    return id;
  }

  /** Nobody's session has ended, and everybody shows the guest, which is there. */
  async demandAllAt(host: HostProcess): Promise<void> {
    for (const client of this.clients) {
      demand(endOf(client) === null, `${nameOf(client)} has ended: ${endOf(client)}`);
    }
    await demandExact(host, this.clients);
    await demandSessions(host, this.clients.length);
  }

  /**
   * Each session goes on at the one host that has the guest, exact, or has ended with a reason.
   * `null`: nobody has the guest.
   */
  async demandDecided(host: HostProcess | null): Promise<string> {
    const seen: string[] = [];
    for (const client of this.clients) {
      const name = nameOf(client);
      await eventually(
        async () => endOf(client) !== null || (host !== null && (await sees(host)) > 0),
        `the session of ${name} hangs`,
      );
    }
    // One that falls back to another mode is closed for a moment.
    await delay(1500);
    const alive = this.clients.filter((client) => endOf(client) === null);
    if (host !== null) {
      await demandExact(host, alive);
      await demandSessions(host, alive.length);
    } else demand(alive.length === 0, `${alive.map(nameOf).join()} is attached to nothing`);
    for (const client of this.clients) {
      const end = endOf(client);
      demand(end !== "", `${nameOf(client)} has ended without a reason`);
      seen.push(`${nameOf(client)} ${end === null ? "goes on" : `ended (${end})`}`);
    }
    return seen.join(", ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client[Symbol.asyncDispose]();
    await this.between[Symbol.asyncDispose]();
    await this.hosts[Symbol.asyncDispose]();
  }
}

type AnyClient = CarawayClient | GtkClient;

function nameOf(client: AnyClient): string {
  return client instanceof CarawayClient ? "our client" : "spice-gtk";
}

/** What a client said when its session ended; null while it goes on. */
function endOf(client: AnyClient): string | null {
  if (client instanceof CarawayClient) {
    const ended = client.events.find((event) => event.name === "ended");
    return ended === undefined ? null : (ended.error?.code ?? "");
  }
  // A main channel that is closed and not opened anew: what an application takes for the end.
  const ofMain = client.events.filter((event) => event["channel"] === "main");
  const state = ofMain.at(-1)?.["state"];
  return typeof state === "string" && /^(closed|error)/.test(state) ? state : null;
}

/** Where the guest runs now. */
async function runners(...hosts: readonly HostProcess[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const host of hosts) {
    if (!host.isAlive) continue;
    const guests = await host.guests();
    if (guests.some(({ state }) => state === "running")) found.push(host.name);
  }
  return found;
}

async function sees(host: HostProcess): Promise<number> {
  return (await host.guests())[0]?.sessions.length ?? 0;
}

/** So many sessions are there, and no others: those that went away are gone soon. */
async function demandSessions(host: HostProcess, count: number): Promise<void> {
  const hasSo = async () => (await sees(host)) === count;
  await eventually(hasSo, `not ${count} sessions are at host ${host.name}`);
}

/** How long the guest was held there, by what the host told. */
function demandHoldBound(host: HostProcess): void {
  const held = host.events.filter(({ event }) => event === "hold-ended");
  for (const { ms } of held) {
    demand(Number(ms) <= holdMaxMs + 500, `the guest was held for ${ms} ms`);
  }
}

async function eventually(isSo: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(otherwise);
    await delay(50);
  }
}

async function eachPhase(
  among: readonly Phase[],
  run: (phase: Phase) => Promise<string>,
): Promise<CellResult> {
  const seen: string[] = [];
  for (const phase of among) {
    try {
      seen.push(`${phase}: ${await run(phase)}`);
    } catch (error) {
      throw new Error(`${phase}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { outcome: "passed", detail: seen.join("; ") };
}

async function killTarget(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const id = await setting.begin(phase);
  await b.kill();
  const ended = await a.endOf(id);
  if (isEarly(phase)) {
    demand(ended.owner === "source", `${ended.phase}, ${ended.error?.message}`);
    await a.guestIn("desk", "running");
    await setting.demandAllAt(a);
    return "goes on at the source";
  }
  if (ended.owner === "target") {
    return `was over already: ${await setting.demandDecided(null)}`;
  }
  demand(ended.phase === "in-doubt", `it is ${ended.phase}`);
  await a.guestIn("desk", "in-doubt");
  await a.resolve(id, "source");
  await a.guestIn("desk", "running");
  const seen = await setting.demandDecided(a);
  await using another = await connectCarawayTo(a);
  await demandExact(a, [another]);
  return `in doubt, and an operator runs it at the source: ${seen}`;
}

async function killSource(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const id = await setting.begin(phase);
  await a.kill();
  const wasTaken = () => b.told(id).some((told) => told["phase"] === "owner");
  // What is under way still comes.
  await delay(1000);
  await eventually(async () => {
    const [guest] = await b.guests();
    return guest === undefined || guest.state === "running" || guest.state === "in-doubt";
  }, "the target does not decide");
  const [guest] = await b.guests();
  demand((guest?.state === "running") === wasTaken(), "the target runs what is not its own");
  demand(!isEarly(phase) || !wasTaken(), "the target owns it too early");
  if (guest?.state === "in-doubt") {
    await b.resolve(id, "target");
    await b.guestIn("desk", "running");
  }
  if (guest === undefined) return `gone with the source: ${await setting.demandDecided(null)}`;
  const seen = await setting.demandDecided(b);
  demandHoldBound(b);
  const where =
    guest.state === "running" ? "runs at the target" : "an operator runs it at the target";
  return `${where}: ${seen}`;
}

/** One kind of client is killed as a program of its own; the other goes on. */
async function killClient(victim: "our client" | "spice-gtk", phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start("none");
  const { a, b } = setting.hosts;
  await using doomed = victim === "spice-gtk" ? await connectGtkTo(a) : await runCaraway(a);
  setting.clients.push(victim === "spice-gtk" ? await connectCarawayTo(a) : await connectGtkTo(a));
  const id = await setting.begin(phase);
  await doomed.close();
  const ended = await a.endOf(id);
  demand(ended.owner === "target", `the move failed: ${ended.error?.message}`);
  await b.guestIn("desk", "running");
  const held = ended.outcome?.holdMs ?? 0;
  demandHoldBound(b);
  await setting.demandAllAt(b);
  return `held for ${held.toFixed(0)} ms`;
}

/** Our client as a process of its own. */
async function runCaraway(host: HostProcess): Promise<JsonProgram> {
  const { port } = await host.addressOf("desk");
  const command = new URL("../../../apps/cli/bin/caraway.js", import.meta.url).pathname;
  const client = new JsonProgram(process.execPath, [
    ...[command, "connect", `spice://127.0.0.1:${port}`, "--json"],
  ]);
  await client.waitFor("channel-linked", { where: (event) => event["channel"] === "inputs" });
  return client;
}

async function callOff(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const id = await setting.begin(phase);
  const refused = await a.cancel(id).then(
    () => false,
    () => true,
  );
  const ended = await a.endOf(id);
  if (ended.owner === "source") {
    demand(!refused, "it was refused, and done");
    await a.guestIn("desk", "running");
    await eventually(async () => (await b.guests()).length === 0, "the target keeps its copy");
    await setting.demandAllAt(a);
    return "called off";
  }
  demand(refused && !isEarly(phase), "it was accepted, and not done");
  await setting.demandAllAt(b);
  return "too late, said so";
}

/** The link between the hosts swallows everything for a while. */
async function blackHole(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const id = await setting.begin(phase);
  setting.between.hold();
  await delay(13_000);
  demand((await runners(a, b)).length <= 1, "the guest runs on both");
  const during = await a.migration(id);
  setting.between.release();
  await eventually(async () => (await runners(a, b)).length === 1, "the guest runs nowhere");
  await eventually(async () => (await a.migration(id)).endedAt !== null, "the move does not end");
  const ended = await a.migration(id);
  await setting.demandAllAt(ended.owner === "target" ? b : a);
  demandHoldBound(b);
  return `${during.phase}, then at the ${ended.owner}`;
}

/** The link between the hosts breaks once; it can be made again at once. */
async function cutLink(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const id = await setting.begin(phase);
  setting.between.cut();
  await eventually(async () => (await a.migration(id)).endedAt !== null, "the move does not end");
  const ended = await a.migration(id);
  const mayFail = isEarly(phase) || phase === "committing";
  demand(ended.owner === "target" || mayFail, `the move failed: ${ended.error?.message}`);
  await eventually(async () => (await runners(a, b)).length === 1, "the guest runs nowhere");
  await setting.demandAllAt(ended.owner === "target" ? b : a);
  demandHoldBound(b);
  return ended.owner === "target" ? "moves on" : "stays at the source";
}

/**
 * One is there, and takes nothing and says nothing, while the desktop is busy; the other goes on,
 * and nobody's memory grows.
 */
async function silentClient(kind: "our client" | "spice-gtk"): Promise<CellResult> {
  const freezeAtMs = 12_000;
  await using setting = await FaultSetting.start("none", { freezeAtMs, size: "1024x768" });
  const ready = performance.now();
  const { a, b } = setting.hosts;
  const address = await a.addressOf("desk");
  await using way = await SlowNetwork.open({ target: { port: address.port } });
  const through = { ...address, port: way.port };
  await using _silent = await (kind === "spice-gtk" ? gtkAt(through) : carawayAt(through));
  setting.clients.push(kind === "spice-gtk" ? await connectCarawayTo(a) : await connectGtkTo(a));
  way.hold();
  const asked = { waitClientsMs: 1500, deadlineMs: 1000, holdMaxMs: 2000 };
  const began = performance.now();
  const { id } = await a.migrate("desk", { to: b.peers, ...asked });
  await b.guestIn("desk", "arriving");
  await b.guestIn("desk", "running");
  const took = performance.now() - began;
  const ended: ApiMigration = await a.endOf(id);
  demand(ended.owner === "target", `the move failed: ${ended.error?.message}`);
  const held = ended.outcome?.holdMs ?? 0;
  demand(held <= 2500, `the guest was held for ${held} ms`);
  const ran = performance.now() - ready - (ended.stoppedMs ?? 0) - held;
  await delay(Math.max(0, freezeAtMs + 1000 - ran));
  await setting.demandAllAt(b);
  const memory = { source: a.peakMemory, target: b.peakMemory };
  demand(Math.max(...Object.values(memory)) < memoryMax, `${JSON.stringify(memory)} MiB`);
  return {
    outcome: "passed",
    detail: `runs at the target after ${took.toFixed(0)} ms, held for ${held.toFixed(0)} ms`,
    facts: { "source MiB": memory.source, "target MiB": memory.target },
  };
}

const minutes = 60_000;
const kinds = ["our client", "spice-gtk"] as const;

function cell(name: string, run: (phase: Phase) => Promise<string>, among: readonly Phase[]): Cell {
  const timeoutMs = 10 * minutes;
  return { name: `${name}, at each phase`, timeoutMs, run: () => eachPhase(among, run) };
}

export const cells: readonly Cell[] = [
  cell("the target is killed", killTarget, phases),
  cell("the source is killed", killSource, phases),
  ...kinds.map((kind) => cell(`${kind} is killed`, (phase) => killClient(kind, phase), phases)),
  cell("an operator calls it off", callOff, phases),
  cell("the link between the hosts swallows everything", blackHole, phases.slice(1)),
  cell("the link between the hosts breaks once", cutLink, phases.slice(1)),
  ...kinds.map((kind) => ({
    name: `a client that never answers, ${kind}`,
    run: () => silentClient(kind),
  })),
];
