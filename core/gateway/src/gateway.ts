// The gateway as a machine: connections that were let in, the sessions that they belong to, and
// what limits hold. It opens a connection to a server only for a grant, and makes grants only for
// targets that a server of the same session has named.
//
// INVARIANT: an address is reached only if it stands in a grant that this gateway has sealed.

import type { ConnectionKey, Instant, Machine } from "@caraway/channel";
import { Counters } from "./counters.ts";
import type {
  Arrival,
  GatewayCommand,
  GatewayInput,
  GatewayOptions,
  GatewayOutput,
  Refusal,
} from "./gateway-border.ts";
import { GatewaySession } from "./gateway-session.ts";
import type { Grant } from "./grant.ts";
import { Relay, type RelayHost } from "./relay.ts";
import { Wiring } from "./wiring.ts";

type Phase =
  | { readonly kind: "serving" }
  | { readonly kind: "draining"; readonly until: Instant }
  | { readonly kind: "drained" };

export class Gateway implements Machine<GatewayInput, GatewayOutput>, RelayHost {
  readonly options: GatewayOptions;
  readonly wiring = new Wiring();
  #phase: Phase = { kind: "serving" };
  /** Those in the link stage, oldest first: all have the same time for it. */
  readonly #linking = new Set<Relay>();
  readonly #sessions = new Map<string, GatewaySession>();
  readonly #sessionsOfUser = new Counters();
  readonly #connectionsOfAddress = new Counters();
  #clients = 0;

  constructor(options: GatewayOptions) {
    this.options = options;
  }

  /** Connections of clients. */
  get connectionCount(): number {
    return this.#clients;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get isServing(): boolean {
    return this.#phase.kind === "serving";
  }

  /** Why a client with this grant cannot come in now; null when it can. Changes nothing. */
  refusal(grant: Grant, arrival: Arrival): Refusal | null {
    const { limits } = this.options;
    const session = this.#sessions.get(grant.session);
    if (this.#phase.kind === "drained") return "draining";
    if (this.#clients >= limits.connectionsMax) return "gateway-full";
    if (this.#connectionsOfAddress.of(arrival.address) >= limits.connectionsPerAddressMax) {
      return "address-full";
    }
    if (session === undefined) return this.#refusalOfNew(grant);
    if (session.connections >= limits.connectionsPerSessionMax) return "session-full";
    return session.isRevoked(grant.server) ? "target-revoked" : null;
  }

  #refusalOfNew({ user }: Grant): Refusal | null {
    const { limits } = this.options;
    if (this.#phase.kind !== "serving") return "draining";
    if (this.#sessions.size >= limits.sessionsMax) return "gateway-full";
    const isFull = user !== "" && this.#sessionsOfUser.of(user) >= limits.sessionsPerUserMax;
    return isFull ? "user-full" : null;
  }

  handle(input: GatewayInput, now: Instant): void {
    this.wiring.now = now;
    switch (input.type) {
      case "accepted":
        this.#accept(input.connection, input.grant, input.arrival);
        break;
      case "connected":
        this.wiring.owner(input.connection)?.connected();
        break;
      case "received":
        this.wiring.owner(input.connection)?.received(input.connection, input.bytes);
        break;
      case "backlog":
        this.wiring.owner(input.connection)?.backlog(input.connection, input.bytes);
        break;
      case "closed":
        this.wiring.forget(input.connection)?.closed(input.connection, input.failure);
        break;
      case "done":
        this.wiring.takeTask(input.task)?.done(input.result);
        break;
      case "timeout":
        this.#timeout();
        break;
      case "command":
        this.#command(input.command);
        break;
    }
    if (this.#phase.kind === "draining" && this.#clients === 0) {
      this.#phase = { kind: "drained" };
      this.wiring.event({ name: "drained" });
    }
  }

  poll(): GatewayOutput | null {
    return this.wiring.poll();
  }

  deadline(): Instant | null {
    const [oldest] = this.#linking;
    const link = oldest?.linkDeadline ?? null;
    const drain = this.#phase.kind === "draining" ? this.#phase.until : null;
    if (link === null || drain === null) return link ?? drain;
    return Math.min(link, drain);
  }

  snapshot(now: Instant): unknown {
    const phase = this.#phase;
    return {
      phase: phase.kind === "draining" ? { kind: phase.kind, leftMs: phase.until - now } : phase,
      sessions: [...this.#sessions.keys()],
      relays: [...new Set(this.wiring.owners)].map((relay) => relay.snapshot()),
    };
  }

  #accept(connection: ConnectionKey, grant: Grant, arrival: Arrival): void {
    // Between the driver's question and now nothing can have changed; a wrong driver fails closed.
    if (this.refusal(grant, arrival) !== null) {
      this.wiring.say({ type: "disconnect", connection });
      return;
    }
    let session = this.#sessions.get(grant.session);
    if (session === undefined) {
      session = new GatewaySession(grant);
      this.#sessions.set(session.id, session);
      this.#sessionsOfUser.add(session.user);
      const { id, vm, user } = session;
      this.wiring.event({ name: "session-began", session: id, vm, user });
    }
    session.connections += 1;
    this.#clients += 1;
    this.#connectionsOfAddress.add(arrival.address);
    const relay = new Relay(this, connection, grant, session, arrival);
    this.wiring.handOver(connection, relay);
    this.#linking.add(relay);
  }

  #timeout(): void {
    for (const relay of [...this.#linking]) {
      if (relay.linkDeadline > this.wiring.now) break;
      relay.timeout();
    }
    if (this.#phase.kind === "draining" && this.#phase.until <= this.wiring.now) {
      this.#closeAll(() => true, "the gateway is going away");
    }
  }

  #command(command: GatewayCommand): void {
    switch (command.name) {
      case "drain":
        if (this.#phase.kind === "drained") return;
        this.#phase = { kind: "draining", until: this.wiring.now + command.withinMs };
        if (command.withinMs <= 0) this.#closeAll(() => true, "the gateway is going away");
        break;
      case "end-session":
        this.#closeAll(
          ({ session }) => session.id === command.session,
          "the session was ended by the operator",
        );
        break;
    }
  }

  #closeAll(which: (relay: Relay) => boolean, detail: string): void {
    for (const relay of new Set(this.wiring.owners)) if (which(relay)) relay.close(detail);
  }

  // What relays ask for.

  settled(relay: Relay): void {
    this.#linking.delete(relay);
  }

  over(relay: Relay): void {
    const { session, arrival } = relay;
    this.#clients -= 1;
    this.#connectionsOfAddress.remove(arrival.address);
    session.connections -= 1;
    if (session.connections > 0) return;
    this.#sessions.delete(session.id);
    this.#sessionsOfUser.remove(session.user);
    const { id, vm, user } = session;
    this.wiring.event({ name: "session-ended", session: id, vm, user });
  }
}
