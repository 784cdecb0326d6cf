// A server without clients, for worlds that are only about movers: it says what a server says to
// its mover and to the other server, and nothing else.

import type { Instant } from "@caraway/channel";
import type { ServerInput, ServerOutput } from "@caraway/server";
import type { AnyServer } from "./seat.ts";

const hello = 1;
const answer = 2;
const state = 3;

const patienceMs = 1000;

type Wait = "for the answer" | "for the state";

export class HollowServer implements AnyServer {
  readonly #outputs: ServerOutput[] = [];
  #waits: Wait | null = null;
  #hasState = false;
  #until: Instant | null = null;

  handle(input: ServerInput, now: Instant): void {
    if (input.type === "peer") this.#peer(input.bytes[0] ?? 0);
    else if (input.type === "command") this.#command(input.command.name, now);
    else if (input.type === "timeout" && this.#until !== null && this.#until <= now) this.#late();
  }

  poll(): ServerOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): Instant | null {
    return this.#until;
  }

  snapshot(): unknown {
    return { waits: this.#waits, hasState: this.#hasState };
  }

  #peer(byte: number): void {
    if (byte === hello) this.#outputs.push({ type: "peer", bytes: Uint8Array.of(answer) });
    else if (byte === answer && this.#waits === "for the answer") this.#late();
    else if (byte === state) {
      this.#hasState = true;
      if (this.#waits === "for the state") this.#late();
    }
  }

  #command(name: string, now: Instant): void {
    switch (name) {
      case "migrate-begin":
        this.#outputs.push({ type: "peer", bytes: Uint8Array.of(hello) });
        this.#wait("for the answer", now);
        break;
      case "migrate-cancel":
        this.#rest();
        this.#outputs.push({ type: "event", event: { name: "move-cancelled" } });
        break;
      case "migrate-switch":
        this.#outputs.push({ type: "peer", bytes: Uint8Array.of(state) });
        this.#outputs.push({ type: "event", event: { name: "move-left", clients: [] } });
        break;
      case "migrate-hold":
        this.#wait("for the state", now);
        if (this.#hasState) this.#late();
        break;
      default:
        break;
    }
  }

  #wait(waits: Wait, now: Instant): void {
    this.#waits = waits;
    this.#until = now + patienceMs;
  }

  #rest(): void {
    this.#waits = null;
    this.#until = null;
  }

  /** What was awaited is there, or never will be. */
  #late(): void {
    const waits = this.#waits;
    this.#rest();
    if (waits === "for the answer") {
      this.#outputs.push({ type: "event", event: { name: "move-ready", clients: [] } });
    } else {
      this.#outputs.push({ type: "guest", input: { type: "run" } });
      this.#outputs.push({ type: "event", event: { name: "move-settled", clients: [] } });
    }
  }
}
