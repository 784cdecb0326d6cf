// What a gateway counts, for Prometheus.

import type { Gateway, GatewayEvent } from "@caraway/gateway";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #sessions: Counter;
  readonly #linked: Counter<"channel" | "way">;
  readonly #failed: Counter<"code">;
  readonly #ended: Counter<"by">;
  readonly #bytes: Counter<"direction">;
  readonly #targets: Counter<"message" | "result">;
  readonly #denied: Counter<"reason">;
  readonly #setup: Histogram;

  constructor(gateway: Gateway, backlogOfAll: () => number) {
    const registers = [this.#registry];
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name: `caraway_gateway_${name}`, help, labelNames, registers });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name: `caraway_gateway_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    collectDefaultMetrics({ register: this.#registry });
    gauge("connections", "Connections of clients.", () => gateway.connectionCount);
    gauge("sessions", "Sessions with at least one connection.", () => gateway.sessionCount);
    gauge("serving", "1: new sessions are let in.", () => (gateway.isServing ? 1 : 0));
    gauge("backlog_bytes", "Bytes that wait for slow peers.", backlogOfAll);
    this.#sessions = counter("sessions_total", "Sessions that began.");
    this.#linked = counter("linked_total", "Channels that were linked.", ["channel", "way"]);
    this.#failed = counter("link_failures_total", "Channels that were not linked.", ["code"]);
    this.#ended = counter("ended_total", "Linked channels that are over.", ["by"]);
    this.#bytes = counter("bytes_total", "Bytes of channels that are over.", ["direction"]);
    this.#targets = counter("targets_total", "Targets of migrations that servers named.", [
      "message",
      "result",
    ]);
    this.#denied = counter("denied_total", "Requests that were turned away.", ["reason"]);
    this.#setup = new Histogram({
      name: "caraway_gateway_link_seconds",
      help: "From a client's arrival to a linked channel.",
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers,
    });
  }

  note(event: GatewayEvent): void {
    switch (event.name) {
      case "session-began":
        this.#sessions.inc();
        break;
      case "linked": {
        const channel = event.subject.channel?.split(" ")[0] ?? "none";
        this.#linked.inc({ channel, way: event.way });
        this.#setup.observe(event.setupMs / 1000);
        break;
      }
      case "link-failed":
        this.#failed.inc({ code: event.code });
        break;
      case "ended":
        this.#ended.inc({ by: event.by });
        this.#bytes.inc({ direction: "up" }, event.bytesUp);
        this.#bytes.inc({ direction: "down" }, event.bytesDown);
        break;
      case "target-named":
      case "target-refused":
        this.#targets.inc({ message: event.message, result: event.name.slice("target-".length) });
        break;
      case "session-ended":
      case "drained":
        break;
    }
  }

  denied(reason: string): void {
    this.#denied.inc({ reason });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
