// What must hold in worlds in which a guest moves.

import { Violation } from "./violation.ts";
import type { Check, World } from "./world.ts";

/**
 * At the end there is one guest, and it runs; where nothing broke, at the target. It may be gone
 * only with the process that held its only copy.
 */
export class OwnerCheck implements Check {
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
  }

  #copies = 0;

  stepped(world: World): void {
    const copies = world.seats.filter(({ guest }) => guest !== null).length;
    const isKilled = world.hosts.some(({ isAlive }) => !isAlive);
    if (copies === 0 && this.#copies > 0 && !isKilled) {
      throw new Violation("owner", "the last copy went, and nobody was killed");
    }
    this.#copies = copies;
  }

  rested(world: World): void {
    const copies = world.seats.filter(({ guest }) => guest !== null);
    const told = copies.map(({ address, guest }) => `${address}${guest?.isRunning ? " runs" : ""}`);
    if (copies.length > 1) throw new Violation("owner", `copies are left: ${told.join(", ")}`);
    // Somebody was killed: see above.
    if (copies.length === 0) return;
    if (copies[0]!.guest?.isRunning !== true) {
      throw new Violation("owner", `the guest stands for ever: ${told.join(", ")}`);
    }
    if (world.struck.length === 0 && !copies[0]!.address.startsWith(`${this.#target}:`)) {
      throw new Violation("owner", `nothing broke, and the guest is at ${told.join(", ")}`);
    }
  }
}

/** Each move that began ends, once. */
export class EndCheck implements Check {
  rested(world: World): void {
    for (const { name, isAlive, moving } of world.hosts) {
      if (isAlive && moving.ends.length !== moving.begun) {
        const detail = `${name} began ${moving.begun} moves, and ended ${moving.ends.length}`;
        throw new Violation("end of moves", detail);
      }
    }
  }
}
