// Moves between two host processes that go wrong, at each phase: a host or a client that is killed,
// an operator who calls it off, a link between the hosts that swallows everything, a client that
// never answers. The guest runs on one host at most, and where it can, on one.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  type HostProcess,
  JsonProgram,
  SlowNetwork,
} from "@caraway/interop";
import type { ApiMigration } from "caraway-host";
import {
  connectCarawayTo,
  connectGtkTo,
  demand,
  demandExact,
  HostSetting,
  isEnded,
} from "./host-setting.ts";

const early = ["connecting", "preparing", "linking", "stopping", "sending"] as const;
const late = ["committing", "switching", "settling"] as const;
const phases = [...early, ...late];
type Phase = (typeof phases)[number];

function isEarly(phase: Phase): boolean {
  return (early as readonly string[]).includes(phase);
}

/** Two hosts with a link between them on which each phase takes its time. */
class FaultSetting implements AsyncDisposable {
  readonly hosts: HostSetting;
  readonly between: SlowNetwork;

  private constructor(hosts: HostSetting, between: SlowNetwork) {
    this.hosts = hosts;
    this.between = between;
  }

  static async start(): Promise<FaultSetting> {
    const hosts = await HostSetting.start({ freezeAtMs: 500, size: "320x240" });
    const port = Number(hosts.b.peers.split(":")[1]);
    const slow = { delayMs: 60 };
    const between = await SlowNetwork.open({ target: { port }, toTarget: slow, toClient: slow });
    return new FaultSetting(hosts, between);
  }

  /** Begins to move the guest, and resolves when the move is in that phase. */
  async begin(phase: Phase): Promise<string> {
    const { a } = this.hosts;
    const to = `127.0.0.1:${this.between.port}`;
    const { id } = await a.migrate("desk", { to, deadlineMs: 2000, holdMaxMs: 4000 });
    await a.phase(id, phase);
    return id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.between[Symbol.asyncDispose]();
    await this.hosts[Symbol.asyncDispose]();
  }
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
  await using client = await connectCarawayTo(a);
  const id = await setting.begin(phase);
  await b.kill();
  const ended = await a.endOf(id);
  if (isEarly(phase)) {
    demand(ended.owner === "source", `${ended.phase}, ${ended.error?.message}`);
    await a.guestIn("desk", "running");
    demand(!isEnded(client), "the session has ended");
    await demandExact(a, [client]);
    return "goes on at the source";
  }
  if (ended.owner === "target") return "was over already";
  demand(ended.phase === "in-doubt", `it is ${ended.phase}`);
  await a.guestIn("desk", "in-doubt");
  await a.resolve(id, "source");
  await a.guestIn("desk", "running");
  await using another = await connectCarawayTo(a);
  await demandExact(a, [another]);
  return "in doubt, and an operator runs it at the source";
}

async function killSource(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  await using client = await connectCarawayTo(a);
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
  if (guest === undefined) {
    await eventually(async () => isEnded(client), "the session does not end");
    return "gone with the source";
  }
  await eventually(async () => isEnded(client) || (await sees(b)) > 0, "the session hangs");
  return guest.state === "running" ? "runs at the target" : "an operator runs it at the target";
}

async function sees(host: HostProcess): Promise<number> {
  return (await host.guests())[0]?.sessions.length ?? 0;
}

async function killClient(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const { port } = await a.addressOf("desk");
  const command = new URL("../../../apps/cli/bin/caraway.js", import.meta.url).pathname;
  await using client = new JsonProgram(process.execPath, [
    ...[command, "connect", `spice://127.0.0.1:${port}`, "--json"],
  ]);
  await client.waitFor("channel-linked", { where: (event) => event["channel"] === "inputs" });
  const id = await setting.begin(phase);
  await client.close();
  const ended = await a.endOf(id);
  demand(ended.owner === "target", `the move failed: ${ended.error?.message}`);
  await b.guestIn("desk", "running");
  const held = ended.outcome?.holdMs ?? 0;
  demand(held <= 4500, `the guest was held for ${held} ms`);
  return `held for ${held.toFixed(0)} ms`;
}

async function callOff(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  await using client = await connectCarawayTo(a);
  await using gtk = await connectGtkTo(a);
  const id = await setting.begin(phase);
  const refused = await a.cancel(id).then(
    () => false,
    () => true,
  );
  const ended = await a.endOf(id);
  demand(!isEnded(client) && gtk.isAlive, "a session has ended");
  if (ended.owner === "source") {
    demand(!refused, "it was refused, and done");
    await a.guestIn("desk", "running");
    await eventually(async () => (await b.guests()).length === 0, "the target keeps its copy");
    await demandExact(a, [client, gtk]);
    return "called off";
  }
  demand(refused && !isEarly(phase), "it was accepted, and not done");
  await demandExact(b, [client, gtk]);
  return "too late, said so";
}

/** The link between the hosts swallows everything for a while. */
async function blackHole(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  await using client = await connectCarawayTo(a);
  const id = await setting.begin(phase);
  setting.between.hold();
  await delay(13_000);
  demand((await runners(a, b)).length <= 1, "the guest runs on both");
  const during = await a.migration(id);
  setting.between.release();
  await eventually(async () => (await runners(a, b)).length === 1, "the guest runs nowhere");
  await eventually(async () => (await a.migration(id)).endedAt !== null, "the move does not end");
  const ended = await a.migration(id);
  const host = ended.owner === "target" ? b : a;
  demand(!isEnded(client), "the session has ended");
  await demandExact(host, [client]);
  return `${during.phase}, then at the ${ended.owner}`;
}

/** The link between the hosts breaks once; it can be made again at once. */
async function cutLink(phase: Phase): Promise<string> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  await using client = await connectCarawayTo(a);
  const id = await setting.begin(phase);
  setting.between.cut();
  await eventually(async () => (await a.migration(id)).endedAt !== null, "the move does not end");
  const ended = await a.migration(id);
  const mayFail = isEarly(phase) || phase === "committing";
  demand(ended.owner === "target" || mayFail, `the move failed: ${ended.error?.message}`);
  await eventually(async () => (await runners(a, b)).length === 1, "the guest runs nowhere");
  demand(!isEnded(client), "the session has ended");
  await demandExact(ended.owner === "target" ? b : a, [client]);
  return ended.owner === "target" ? "moves on" : "stays at the source";
}

/** It is there, and takes nothing and says nothing. */
async function silentClient(): Promise<CellResult> {
  await using setting = await FaultSetting.start();
  const { a, b } = setting.hosts;
  const address = await a.addressOf("desk");
  await using way = await SlowNetwork.open({ target: { port: address.port } });
  await using silent = new CarawayClient(endpointOf({ ...address, port: way.port }), {});
  await using other = await connectCarawayTo(a);
  while (!silent.client.screens.isShown(0)) await delay(10);
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
  demand(!isEnded(other), "the other session has ended");
  await demandExact(b, [other]);
  return {
    outcome: "passed",
    detail: `runs at the target after ${took.toFixed(0)} ms, held for ${held.toFixed(0)} ms`,
  };
}

const minutes = 60_000;

function cell(name: string, run: (phase: Phase) => Promise<string>, among: readonly Phase[]): Cell {
  const timeoutMs = 10 * minutes;
  return { name: `${name}, at each phase`, timeoutMs, run: () => eachPhase(among, run) };
}

export const cells: readonly Cell[] = [
  cell("the target is killed", killTarget, phases),
  cell("the source is killed", killSource, phases),
  cell("the client is killed", killClient, phases.slice(2)),
  cell("an operator calls it off", callOff, phases),
  cell("the link between the hosts swallows everything", blackHole, phases.slice(1)),
  cell("the link between the hosts breaks once", cutLink, phases.slice(1)),
  { name: "a client that never answers", run: silentClient },
];
