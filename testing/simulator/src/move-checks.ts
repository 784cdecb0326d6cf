// What must hold in worlds in which a guest moves.

import type { Finding } from "@caraway/channel";
import type { Check } from "./check.ts";
import type { Scene, WireView } from "./views.ts";
import { Violation } from "./violation.ts";

// Messages that all channels have.
const serverMigrate = 1;
const serverMigrateData = 2;
const clientFlushMark = 4;
const clientMigrateData = 5;

/**
 * At the end there is one guest, and it runs; where nothing broke, at the target. It may be gone
 * only with the process that held its only copy.
 */
export class OwnerCheck implements Check {
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
  }

  stepped(world: Scene): void {
    const isKilled = world.hosts.some(({ isAlive }) => !isAlive);
    if (!isKilled && world.seats.every(({ guest }) => guest === null)) {
      throw new Violation("owner", "the last copy went, and nobody was killed");
    }
  }

  rested(world: Scene): void {
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

  fork(): OwnerCheck {
    return this;
  }
}

/** Each move that began ends, once. */
export class EndCheck implements Check {
  rested(world: Scene): void {
    for (const { name, isAlive, moving } of world.hosts) {
      if (isAlive && moving.ends.length !== moving.begun) {
        const detail = `${name} began ${moving.begun} moves, and ended ${moving.ends.length}`;
        throw new Violation("end of moves", detail);
      }
    }
  }

  fork(): EndCheck {
    return this;
  }
}

/** Whoever has said that a channel goes over says nothing more on the old connection. */
export class HandOverCheck implements Check {
  readonly #serverIsOver: Map<number, "MIGRATE" | "MIGRATE_DATA">;
  readonly #clientIsOver: Set<number>;
  readonly #heard: Set<number>;

  constructor(before?: HandOverCheck) {
    this.#serverIsOver = new Map(before === undefined ? [] : before.#serverIsOver);
    this.#clientIsOver = new Set(before === undefined ? [] : before.#clientIsOver);
    this.#heard = new Set(before === undefined ? [] : before.#heard);
  }

  found(connection: WireView, finding: Finding): void {
    if (finding.type !== "message") return;
    if (finding.from === "server") this.#server(connection, finding.frame.id);
    else this.#client(connection, finding.frame.id);
  }

  #server(connection: WireView, message: number): void {
    const { id, label } = connection;
    const said = this.#serverIsOver.get(id);
    const isData = message === serverMigrateData && said === "MIGRATE";
    if (said !== undefined && !isData) {
      throw new Violation("hand-over", `${label}: the server says ${message} behind ${said}`);
    }
    if (message === serverMigrate) this.#serverIsOver.set(id, "MIGRATE");
    if (isData) this.#serverIsOver.set(id, "MIGRATE_DATA");
  }

  #client(connection: WireView, message: number): void {
    const { id, label } = connection;
    if (this.#clientIsOver.has(id)) {
      throw new Violation(
        "hand-over",
        `${label}: the client says ${message} behind its flush mark`,
      );
    }
    if (message === clientFlushMark) this.#clientIsOver.add(id);
    // On main the handshake over the mode of the move comes before it.
    const isFirst = !this.#heard.has(id) || connection.purpose.startsWith("main");
    this.#heard.add(id);
    if (message === clientMigrateData && !isFirst) {
      throw new Violation("hand-over", `${label}: MIGRATE_DATA is not the first message`);
    }
  }

  fork(): HandOverCheck {
    return new HandOverCheck(this);
  }

  key(): string {
    return JSON.stringify([[...this.#serverIsOver], [...this.#clientIsOver], [...this.#heard]]);
  }
}

/**
 * The guest at the target stands until the channels that come over have their state back, or the
 * deadline has passed; and never longer than the hold may last.
 */
export class HoldCheck implements Check {
  readonly #deadlineMs: number;
  readonly #holdMaxMs: number;
  /** Addresses at which the guest has begun to run. */
  readonly #running: Set<string>;

  constructor(deadlineMs: number, holdMaxMs: number, running: Iterable<string> = []) {
    this.#deadlineMs = deadlineMs;
    this.#holdMaxMs = holdMaxMs;
    this.#running = new Set(running);
  }

  stepped(world: Scene): void {
    for (const seat of world.seats) {
      const { guest, heldSince, address } = seat;
      if (heldSince === null || guest === null) continue;
      const heldMs = world.now - heldSince;
      if (guest.isRunning && !this.#running.has(address)) {
        this.#running.add(address);
        if (heldMs < this.#deadlineMs) this.#mustBeRestored(world, address);
      } else if (
        !guest.isRunning &&
        !this.#running.has(address) &&
        heldMs > this.#holdMaxMs + world.options.slackMs
      ) {
        throw new Violation("hold", `${address}: the guest stands for ${heldMs} ms`);
      }
    }
  }

  #mustBeRestored(world: Scene, address: string): void {
    for (const wire of world.network.connections) {
      const { host, caller, purpose, label, isWhole, isLinked, isRestored } = wire;
      const isCarried = /^(main|display|usbredir|port) /.test(purpose);
      if (host !== address || !isLinked || !isWhole || !isCarried || isRestored) continue;
      // What broke at the source brings nothing.
      const isBroken = (fault: string) => fault.includes(caller) && fault.endsWith(purpose);
      if (world.struck.some(isBroken)) continue;
      const client = world.clients.find(({ name }) => name === caller);
      if (client?.isThere !== true || client.address === address) continue;
      throw new Violation("hold", `the guest runs, and ${label} has no state yet`);
    }
  }

  fork(): HoldCheck {
    return new HoldCheck(this.#deadlineMs, this.#holdMaxMs, this.#running);
  }

  behind({ seats }: Scene): HoldCheck {
    const running = seats.filter(({ guest }) => guest?.isRunning).map(({ address }) => address);
    return new HoldCheck(this.#deadlineMs, this.#holdMaxMs, running);
  }
}

/** Where all is over, clients are where the guest is, and nothing is left open. */
export class PlaceCheck implements Check {
  rested(world: Scene): void {
    const seat = world.seats.find(({ guest }) => guest?.isRunning);
    for (const client of world.clients) {
      if (!client.isThere || seat === undefined) continue;
      if (client.address !== seat.address) {
        const detail = `${client.name} is at ${client.address}, the guest at ${seat.address}`;
        throw new Violation("place", detail);
      }
    }
    for (const connection of world.network.connections) {
      if (!connection.isWhole) {
        throw new Violation("place", `${connection.label} is open at one end only`);
      }
      if (connection.host.endsWith(":peer") || connection.host === seat?.address) continue;
      throw new Violation("place", `${connection.label} is left open`);
    }
  }

  fork(): PlaceCheck {
    return this;
  }
}
