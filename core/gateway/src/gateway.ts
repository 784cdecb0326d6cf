// The gateway as a machine: connections that were let in, the sessions that they belong to, and
// what limits hold. It opens a connection to a server only for a grant, and makes grants only for
// targets that a server of the same session has named.
//
// INVARIANT: an address is reached only if it stands in a grant that this gateway has sealed.

import type { ConnectionKey, Instant, LinkTask, Machine, TaskKey } from "@caraway/channel";
import type { chooseAddress } from "@caraway/client";
import { Counters } from "./counters.ts";
import type {
  Arrival,
  GatewayCommand,
  GatewayEvent,
  GatewayInput,
  GatewayOptions,
  GatewayOutput,
  Refusal,
} from "./gateway-border.ts";
import { GatewaySession } from "./gateway-session.ts";
import type { Grant } from "./grant.ts";
import { Relay, type RelayHost } from "./relay.ts";

type Phase =
  | { readonly kind: "serving" }
  | { readonly kind: "draining"; readonly until: Instant }
  | { readonly kind: "drained" };

export class Gateway implements Machine<GatewayInput, GatewayOutput>, RelayHost {
  readonly options: GatewayOptions;
  now: Instant = 0;
  #phase: Phase = { kind: "serving" };
  readonly #outputs: GatewayOutput[] = [];
  #taken = 0;
  readonly #relays = new Map<ConnectionKey, Relay>();
  /** Those in the link stage, oldest first: all have the same time for it. */
  readonly #linking = new Set<Relay>();
  readonly #tasks = new Map<TaskKey, { relay: Relay; connection: ConnectionKey }>();
  readonly #sessions = new Map<string, GatewaySession>();
  readonly #sessionsOfUser = new Counters();
  readonly #connectionsOfAddress = new Counters();
  #clients = 0;
  #nextServer: ConnectionKey = -1;
  #nextTask: TaskKey = 1;

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
    this.now = now;
    switch (input.type) {
      case "accepted":
        this.#accept(input.connection, input.grant, input.arrival);
        break;
      case "connected":
        this.#relays.get(input.connection)?.connected();
        break;
      case "received":
        this.#relays.get(input.connection)?.received(input.connection, input.bytes);
        break;
      case "backlog":
        this.#relays.get(input.connection)?.backlog(input.connection, input.bytes);
        break;
      case "closed":
        this.#closed(input);
        break;
      case "done":
        this.#done(input);
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
      this.event({ name: "drained" });
    }
  }

  poll(): GatewayOutput | null {
    const output = this.#outputs[this.#taken];
    if (output === undefined) {
      this.#outputs.length = 0;
      this.#taken = 0;
      return null;
    }
    this.#taken += 1;
    return output;
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
      relays: [...new Set(this.#relays.values())].map((relay) => relay.snapshot()),
    };
  }

  #accept(connection: ConnectionKey, grant: Grant, arrival: Arrival): void {
    // Between the driver's question and now nothing can have changed; a wrong driver fails closed.
    if (this.refusal(grant, arrival) !== null) {
      this.disconnect(connection);
      return;
    }
    let session = this.#sessions.get(grant.session);
    if (session === undefined) {
      session = new GatewaySession(grant);
      this.#sessions.set(session.id, session);
      this.#sessionsOfUser.add(session.user);
      const { id, vm, user } = session;
      this.event({ name: "session-began", session: id, vm, user });
    }
    session.connections += 1;
    this.#clients += 1;
    this.#connectionsOfAddress.add(arrival.address);
    const relay = new Relay(this, connection, grant, session, arrival);
    this.#relays.set(connection, relay);
    this.#linking.add(relay);
  }

  #closed({ connection, failure }: Extract<GatewayInput, { type: "closed" }>): void {
    const relay = this.#relays.get(connection);
    if (relay === undefined) return;
    this.#relays.delete(connection);
    this.#dropTasks(connection);
    relay.closed(connection, failure);
  }

  #done({ task, result }: Extract<GatewayInput, { type: "done" }>): void {
    const asked = this.#tasks.get(task);
    this.#tasks.delete(task);
    asked?.relay.done(result);
  }

  #timeout(): void {
    for (const relay of [...this.#linking]) {
      if (relay.linkDeadline > this.now) break;
      relay.timeout();
    }
    if (this.#phase.kind === "draining" && this.#phase.until <= this.now) {
      this.#closeAll(() => true, "the gateway is going away");
    }
  }

  #command(command: GatewayCommand): void {
    switch (command.name) {
      case "drain":
        if (this.#phase.kind === "drained") return;
        this.#phase = { kind: "draining", until: this.now + command.withinMs };
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
    for (const relay of new Set(this.#relays.values())) if (which(relay)) relay.close(detail);
  }

  // What relays ask for.

  connect(relay: Relay, choice: NonNullable<ReturnType<typeof chooseAddress>>): ConnectionKey {
    const connection = this.#nextServer--;
    this.#relays.set(connection, relay);
    this.#outputs.push({ type: "connect", connection, ...choice, grant: relay.grant });
    return connection;
  }

  transmit(connection: ConnectionKey, bytes: Uint8Array): void {
    this.#outputs.push({ type: "transmit", connection, bytes });
  }

  pause(connection: ConnectionKey): void {
    this.#outputs.push({ type: "pause", connection });
  }

  resume(connection: ConnectionKey): void {
    this.#outputs.push({ type: "resume", connection });
  }

  disconnect(connection: ConnectionKey): void {
    this.#relays.delete(connection);
    this.#dropTasks(connection);
    this.#outputs.push({ type: "disconnect", connection });
  }

  task(relay: Relay, work: LinkTask): void {
    const task = this.#nextTask++;
    this.#tasks.set(task, { relay, connection: work.connection });
    this.#outputs.push({ type: "task", task, work });
  }

  event(event: GatewayEvent): void {
    this.#outputs.push({ type: "event", event });
  }

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
    this.event({ name: "session-ended", session: id, vm, user });
  }

  /** The answer to a task is of no use without its connection. */
  #dropTasks(connection: ConnectionKey): void {
    if (this.#tasks.size === 0) return;
    for (const [task, asked] of this.#tasks) {
      if (asked.connection === connection) this.#tasks.delete(task);
    }
  }
}
