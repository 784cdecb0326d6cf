// What may go wrong next, in a world that is a vector of numbers.

import type { Around, Vector } from "./vector-parts.ts";
import type { Resolver, VectorWorld, Visit } from "./vector-world.ts";

const broke = "the network broke";

/** Each fault that can strike there; `to` is where it is told what comes of it. */
export function strike(world: VectorWorld, vector: Vector, to: Vector, visit: Visit): void {
  const { resets, stalls, kills, cancels, delays } = world.parts.aroundOf(vector).left;
  /** As it was, but that something struck. */
  const begin = (name: string, changes: Partial<Around>): void => {
    const { struck } = world.parts.aroundOf(vector);
    to.set(vector);
    world.parts.change(to, { ...changes, struck: [...struck, name] });
  };
  if (stalls > 0) stall(world, vector, to, begin, visit);
  if (resets > 0) reset(world, vector, to, begin, visit);
  if (delays > 0) delay(world, vector, to, begin, visit);
  if (cancels > 0) cancel(world, vector, to, begin, visit);
  if (kills.length > 0) kill(world, vector, to, begin, visit);
}

type Begin = (name: string, changes: Partial<Around>) => void;
type Fault = (world: VectorWorld, vector: Vector, to: Vector, begin: Begin, visit: Visit) => void;

const stall: Fault = ({ parts, stallMs }, vector, to, begin, visit) => {
  const { now, left, stalls } = parts.aroundOf(vector);
  for (const line of parts.lines) {
    if (!parts.isThere(vector, line.place) || stalls.some(([of]) => of === line.id)) continue;
    const name = `stall ${parts.wire(vector, line).label}`;
    begin(name, {
      left: { ...left, stalls: left.stalls - 1 },
      stalls: [...stalls, [line.id, now + stallMs]],
    });
    visit(to, () => name);
  }
};

const reset: Fault = ({ parts }, vector, to, begin, visit) => {
  const { left } = parts.aroundOf(vector);
  for (const line of parts.lines) {
    const [client, server] = [parts.client(vector, line.place), parts.server(vector, line.place)];
    if (!client.isOpen || !server.isOpen) continue;
    const name = `reset ${parts.wire(vector, line).label}`;
    begin(name, { left: { ...left, resets: left.resets - 1 } });
    const { pipes } = parts;
    parts.setEnds(to, line.place, pipes.reset(client, broke), pipes.reset(server, broke));
    visit(to, () => name);
  }
};

/** Time passes up to the next timer, although something else could happen. */
const delay: Fault = (world, vector, to, begin, visit) => {
  const { now, left } = world.parts.aroundOf(vector);
  const next = world.nextMoment(vector);
  if (!isBusy(world, vector) || next - now > world.horizonMs) return;
  const name = `late: ${(next - now).toFixed(0)} ms pass`;
  begin(name, { now: next, left: { ...left, delays: left.delays - 1 } });
  visit(to, () => name);
};

function isBusy(world: VectorWorld, vector: Vector): boolean {
  const { parts } = world;
  const { now } = parts.aroundOf(vector);
  for (let index = 0; index < parts.roles.length; index++) {
    const { deadline, tasks } = parts.pointOf(vector, index);
    if (tasks.length > 0 || (deadline !== null && deadline <= now)) return true;
  }
  return parts.lines.some(({ id, place }) => {
    if (world.isStalled(vector, id)) return false;
    const ends = [parts.client(vector, place), parts.server(vector, place)];
    return ends.some((pipe) => parts.pipes.head(pipe) !== null);
  });
}

const cancel: Fault = ({ parts, turns }, vector, to, begin, visit) => {
  const { left } = parts.aroundOf(vector);
  const run = (process: unknown): void => (process as Resolver).moving.cancel();
  const event = turns.event({ kind: "act", label: "cancel", run });
  for (const { name: host, isAlive, moving } of parts.hosts(vector)) {
    if (!isAlive || !(moving.isMoving || moving.isExpecting)) continue;
    const name = `cancel at ${host}`;
    begin(name, { left: { ...left, cancels: left.cancels - 1 } });
    turns.befall(vector, to, parts.roleOf.get(host)!, event);
    visit(to, () => name);
  }
};

const kill: Fault = ({ parts, turns }, vector, to, begin, visit) => {
  const { left } = parts.aroundOf(vector);
  for (const victim of left.kills) {
    const index = parts.roleOf.get(victim);
    if (index === undefined || !parts.pointOf(vector, index).view.isAlive) continue;
    const name = `kill ${victim}`;
    begin(name, { left: { ...left, kills: left.kills.filter((one) => one !== victim) } });
    turns.befall(vector, to, index, turns.event({ kind: "kill" }));
    visit(to, () => name);
  }
};
