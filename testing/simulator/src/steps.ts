// What can happen next in a world, and what may go wrong in it.

import { type Choices, plainChoices } from "./choices.ts";
import type { ClientProcess } from "./client-process.ts";
import type { HostProcess } from "./host-process.ts";
import type { Connection } from "./network.ts";
import type { Player } from "./process.ts";
import type { ClientView, HostView } from "./views.ts";
import type { Left } from "./world-options.ts";

/** One thing that can happen next. */
export interface Step {
  readonly label: () => string;
  readonly weight: number;
  readonly take: (choices: Choices) => void;
}

/** Their labels, and which of several with the same one. */
export function namesOf(steps: readonly Step[]): readonly string[] {
  const counts = new Map<string, number>();
  return steps.map(({ label }) => {
    const count = (counts.get(label()) ?? 0) + 1;
    counts.set(label(), count);
    return count === 1 ? label() : `${label()} (${count})`;
  });
}

export type Client = Player<ClientView, ClientProcess>;
export type Host = Player<HostView, HostProcess>;

/** What of a world may be struck, and how it is told. */
export interface Vulnerable {
  readonly connections: readonly { readonly connection: Connection; readonly isStalled: boolean }[];
  readonly hosts: readonly Host[];
  readonly players: readonly (Host | Client)[];
  /** Faults that may strike still. */
  readonly left: Left;
  /** Time that passes although something else could happen; null where it cannot. */
  readonly delay: Step | null;
  /** Something strikes; `left` may strike behind it. */
  struck(label: string, left: Left): void;
  /** A connection is slow from now on. */
  stall(connection: number): void;
}

const faultWeight = 0.05;

/** All that may go wrong next. */
export function faultSteps(world: Vulnerable): Step[] {
  const { left, delay } = world;
  const steps: Step[] = [];
  const strike = (label: string, after: Partial<Left>, take: () => void): void => {
    steps.push({
      label: () => label,
      weight: faultWeight,
      take: () => {
        world.struck(label, { ...left, ...after });
        take();
      },
    });
  };
  for (const { connection, isStalled } of world.connections) {
    if (left.stalls > 0 && !isStalled) {
      const stall = (): void => world.stall(connection.id);
      strike(`stall ${connection.label}`, { stalls: left.stalls - 1 }, stall);
    }
    if (left.resets > 0 && connection.isWhole) {
      const reset = (): void => connection.reset(null, "the network broke");
      strike(`reset ${connection.label}`, { resets: left.resets - 1 }, reset);
    }
  }
  if (left.delays > 0 && delay !== null) {
    const pass = (): void => delay.take(plainChoices);
    strike(`late: ${delay.label()}`, { delays: left.delays - 1 }, pass);
  }
  for (const host of left.cancels > 0 ? world.hosts : []) {
    const { isAlive, moving } = host.view;
    if (!isAlive || !(moving.isMoving || moving.isExpecting)) continue;
    const cancel = (): void => host.act("cancel", (process) => process.moving.cancel());
    strike(`cancel at ${host.name}`, { cancels: left.cancels - 1 }, cancel);
  }
  for (const name of left.kills) {
    const player = world.players.find((other) => other.name === name && other.view.isAlive);
    if (player === undefined) continue;
    const kills = left.kills.filter((other) => other !== name);
    strike(`kill ${name}`, { kills }, () => player.kill());
  }
  return steps;
}
