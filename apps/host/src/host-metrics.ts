// What a host counts, for Prometheus.

import type { MoveOwner } from "@caraway/migration";
import type { ServerEvent } from "@caraway/server";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { HostedGuest } from "./hosted-guest.ts";
import type { MoveRecord } from "./move-record.ts";

/** Read when somebody asks. */
export interface CountedHost {
  readonly guests: readonly HostedGuest[];
  readonly inDoubt: number;
}

const seconds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60];

export class HostMetrics {
  readonly #registry = new Registry();
  readonly #moves: Counter<"direction" | "result">;
  readonly #channels: Counter<"guest" | "channel" | "outcome">;
  readonly #clients: Counter<"guest">;
  readonly #refused: Counter<"guest">;
  readonly #holds: Histogram<"reason">;
  readonly #gaps: Histogram<"channel" | "outcome">;
  readonly #stopped: Histogram;
  #host: CountedHost = { guests: [], inDoubt: 0 };

  constructor() {
    const registers = [this.#registry];
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Counter<L>({ name: `caraway_host_${name}`, help, labelNames, registers });
    const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Histogram<L>({
        ...{ name: `caraway_host_${name}`, help, labelNames, registers },
        buckets: seconds,
      });
    const gauge = (
      name: string,
      help: string,
      labelNames: readonly string[],
      read: (set: (labels: Record<string, string>, value: number) => void) => void,
    ) =>
      new Gauge({
        ...{ name: `caraway_host_${name}`, help, labelNames, registers },
        collect() {
          this.reset();
          read((labels, value) => this.set(labels, value));
        },
      });
    collectDefaultMetrics({ register: this.#registry });
    gauge("guests", "Guests, by state.", ["state"], (set) => {
      const states = new Map<string, number>();
      for (const { state } of this.#host.guests) states.set(state, (states.get(state) ?? 0) + 1);
      for (const [state, count] of states) set({ state }, count);
    });
    gauge("clients", "Clients that are connected.", ["guest"], (set) => {
      for (const guest of this.#host.guests) set({ guest: guest.name }, guest.sessions.length);
    });
    gauge("bytes", "Bytes since a guest's server began.", ["guest", "direction"], (set) => {
      for (const { name: guest, traffic } of this.#host.guests) {
        set({ guest, direction: "sent" }, traffic.sent);
        set({ guest, direction: "received" }, traffic.received);
      }
    });
    gauge("in_doubt", "Moves that an operator has to decide.", [], (set) => {
      set({}, this.#host.inDoubt);
    });
    this.#moves = counter("migrations_total", "Moves that are over.", ["direction", "result"]);
    this.#channels = counter("moved_channels_total", "Channels that have moved here.", [
      ...(["guest", "channel", "outcome"] as const),
    ]);
    this.#clients = counter("clients_total", "Clients that came.", ["guest"]);
    this.#refused = counter("refused_total", "Links that were refused.", ["guest"]);
    this.#holds = histogram("hold_seconds", "How long guests that came here were held.", [
      "reason",
    ]);
    this.#gaps = histogram("gap_seconds", "From the hold's beginning until a channel went on.", [
      ...(["channel", "outcome"] as const),
    ]);
    this.#stopped = histogram("stopped_seconds", "From the stop to the commit.", []);
  }

  /** What is counted when somebody asks. */
  watch(host: CountedHost): void {
    this.#host = host;
  }

  note(event: ServerEvent, guest: string): void {
    switch (event.name) {
      case "client-joined":
        this.#clients.inc({ guest });
        break;
      case "link-refused":
        this.#refused.inc({ guest });
        break;
      case "hold-ended":
        this.#holds.observe({ reason: event.reason }, event.ms / 1000);
        break;
      case "move-channel": {
        const channel = event.channel.split(" ")[0]!;
        const { outcome } = event;
        this.#channels.inc({ guest, channel, outcome });
        this.#gaps.observe({ channel, outcome }, event.gapMs / 1000);
        break;
      }
      default:
        break;
    }
  }

  /** A move from here is over. */
  moved({ owner, error, stoppedMs }: MoveRecord): void {
    const result = owner === "target" ? "moved" : (error?.code ?? "failed").toLowerCase();
    this.#moves.inc({ direction: "out", result });
    if (stoppedMs !== null) this.#stopped.observe(stoppedMs / 1000);
  }

  /** A move to here is decided. */
  arrived(owner: MoveOwner): void {
    this.#moves.inc({ direction: "in", result: owner === "target" ? "moved" : "dropped" });
  }

  /** The guest is gone: so are its series. */
  forget(guest: string): void {
    this.#clients.remove({ guest });
    this.#refused.remove({ guest });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
