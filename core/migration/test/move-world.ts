// A world for two movers: two hosts with a guest and its servers between them, a network that can
// be cut, swallow or stay away, and a watcher that knows who runs the guest. Everything happens
// step by step, so that a fault can strike before each of them.

import { MoveError } from "../src/errors.ts";
import {
  type LinkInput,
  moveName,
  PeerDoor,
  SourceMove,
  type SourceMoveEvent,
  type SourceMoveInput,
  type SourceMoveOutput,
  TargetMove,
  type TargetMoveEvent,
  type TargetMoveInput,
  type TargetMoveOutput,
  unknownMove,
} from "../src/index.ts";

export const faults = [
  /** Both sides see the connection end; what was under way is lost. */
  "cut",
  /** Only one side sees it; the other hears nothing any more. */
  "cut-seen-by-source",
  "cut-seen-by-target",
  /** Nobody sees it. */
  "swallow",
  /** What one side says is lost, and nobody sees it. */
  "swallow-to-source",
  "swallow-to-target",
  "kill-source",
  "kill-target",
  /** The target's host dies, and one that knows nothing takes its place. */
  "restart-target",
  "cancel-source",
  "cancel-target",
] as const;
export type Fault = (typeof faults)[number];

export interface WorldPlan {
  /** Before which steps what happens. */
  readonly faults?: ReadonlyMap<number, Fault>;
  /** Whether connections can be made behind the first fault. */
  readonly network?: "returns" | "stays-away";
  /** How large the guest's state is. */
  readonly stateSize?: number;
  /** What an operator says where somebody is in doubt. */
  readonly operator?: "source" | "target";
  /** The guest has no room on the target. */
  readonly refuses?: "prepare" | "load";
  /** The guest goes over while it runs. */
  readonly live?: boolean;
}

interface Wire {
  readonly key: number;
  isOpenAtSource: boolean;
  isOpenAtTarget: boolean;
  swallows: { source: boolean; target: boolean };
  door: PeerDoor | null;
}

interface Step {
  readonly at: number;
  readonly what: string;
  readonly run: () => void;
}

const id = Uint8Array.from({ length: 16 }, (_, index) => index);
const latencyMs = 1;

export class MoveWorld {
  now = 0;
  steps = 0;
  readonly sourceEvents: SourceMoveEvent[] = [];
  readonly targetEvents: TargetMoveEvent[] = [];
  readonly toTargetServer: string[] = [];
  readonly toSourceServer: string[] = [];
  readonly violations: string[] = [];
  readonly log: string[] = [];
  sourceGuest: "running" | "stopped" | "destroyed" | "dead" = "running";
  targetGuest: "none" | "stopped" | "running" | "dropped" | "dead" = "none";
  /** COMMIT was read by a target that then owned the guest. */
  isCommitted = false;
  /** An operator has given the guest to somebody. */
  decided: "source" | "target" | null = null;
  clients: "source" | "linked" | "target" = "source";
  isSourceAlive = true;
  isTargetAlive = true;
  destroyed = false;
  readonly source: SourceMove;
  target: TargetMove | null = null;
  readonly #plan: WorldPlan;
  readonly #state: Uint8Array;
  readonly #wires = new Map<number, Wire>();
  #queue: Step[] = [];
  #isBroken = false;
  #knows = true;
  #settleAt = 0;

  constructor(plan: WorldPlan = {}) {
    this.#plan = plan;
    this.#state = Uint8Array.from({ length: plan.stateSize ?? 1000 }, (_, index) => index * 7);
    const description = Uint8Array.of(1, 2, 3);
    const { live = false } = plan;
    const timing = live ? { stateWithinMs: 3000 } : {};
    this.source = new SourceMove({ id, description, live, timing });
    this.#do("start", 0, () => this.toSource({ type: "start" }));
  }

  /** Runs until nothing more can happen, or so much time has passed. */
  run(untilMs = 3 * 3600_000): this {
    for (;;) {
      const step = this.#next();
      if (step === null || step.at > untilMs) break;
      const fault = this.#plan.faults?.get(this.steps);
      this.steps += 1;
      if (fault !== undefined) {
        this.log.push(`${this.now} FAULT ${fault}`);
        this.#strike(fault);
        this.#check();
        continue;
      }
      this.#queue = this.#queue.filter((other) => other !== step);
      this.now = Math.max(this.now, step.at);
      if (!step.what.startsWith("time")) this.log.push(`${this.now} ${step.what}`);
      step.run();
      this.#check();
      if (this.steps > 60_000) throw new Error("the world does not come to rest");
    }
    return this;
  }

  toSource(input: SourceMoveInput): void {
    if (!this.isSourceAlive) return;
    this.source.handle(input, this.now);
    for (let out = this.source.poll(); out !== null; out = this.source.poll()) this.#ofSource(out);
  }

  toTarget(input: TargetMoveInput): void {
    if (!this.isTargetAlive || this.target === null) return;
    this.target.handle(input, this.now);
    this.#drainTarget();
  }

  get ended(): Extract<SourceMoveEvent, { name: "ended" }> | undefined {
    return this.sourceEvents.find((event) => event.name === "ended");
  }

  #drainTarget(): void {
    const target = this.target!;
    for (let out = target.poll(); out !== null; out = target.poll()) this.#ofTarget(out);
  }

  #do(what: string, afterMs: number, run: () => void): void {
    this.#queue.push({ at: this.now + afterMs, what, run });
  }

  #next(): Step | null {
    const times: Step[] = [...this.#queue];
    const source = this.isSourceAlive ? this.source.deadline() : null;
    if (source !== null) {
      const run = () => this.toSource({ type: "timeout" });
      times.push({ at: source, what: "time at source", run });
    }
    const target = this.isTargetAlive ? (this.target?.deadline() ?? null) : null;
    if (target !== null) {
      const run = () => this.toTarget({ type: "timeout" });
      times.push({ at: target, what: "time at target", run });
    }
    return times.reduce<Step | null>((first, step) => {
      return first === null || step.at < first.at ? step : first;
    }, null);
  }

  // What the movers ask for.

  #ofSource(out: SourceMoveOutput): void {
    switch (out.type) {
      case "connect":
        this.#do(`connect ${out.connection}`, latencyMs, () => this.#connect(out.connection));
        break;
      case "transmit":
        this.#carry(out.connection, "target", out.bytes);
        break;
      case "disconnect":
        this.#hangUp(out.connection, "source");
        break;
      case "begin-clients":
        this.#do("clients link", 5, () => {
          this.toSource({ type: "peer", bytes: text("announce") });
          this.clients = "linked";
          this.toSource({ type: "clients-ready" });
        });
        break;
      case "switch-clients":
        if (!this.isCommitted && this.decided !== "target") this.#bad("clients switch too early");
        this.toSource({ type: "peer", bytes: text("channel state") });
        this.#do("clients leave", 5, () => {
          this.clients = "target";
          this.toSource({ type: "clients-left" });
        });
        break;
      case "cancel-clients":
        this.#do("clients stay", 5, () => {
          this.clients = "source";
          this.toSource({ type: "clients-cancelled" });
        });
        break;
      case "stop-guest":
        if (this.#plan.live === true) this.#goOver();
        else this.#save();
        break;
      case "run-guest":
        if (this.isCommitted && this.decided !== "source") this.#bad("run behind the commit");
        if (this.destroyed) this.#bad("run behind its destruction");
        this.sourceGuest = "running";
        break;
      case "destroy-guest":
        if (!this.isCommitted && this.decided !== "target")
          this.#bad("destroyed before the commit");
        this.sourceGuest = "destroyed";
        this.destroyed = true;
        break;
      case "peer":
        this.toSourceServer.push(new TextDecoder().decode(out.bytes));
        break;
      case "event":
        this.#sourceEvent(out.event);
        break;
    }
  }

  #goOver(): void {
    for (const [sent, afterMs] of [
      [0, 5],
      [50, 2000],
      [100, 4500],
    ] as const) {
      this.#do(`${sent} of 100 over`, afterMs, () => {
        this.toSource({ type: "guest-progress", sent, total: 100 });
      });
    }
    this.#do("guest over", 5000, () => {
      if (this.source.phase === "moving") this.#save();
    });
  }

  #save(): void {
    this.sourceGuest = "stopped";
    this.#do("guest saved", 5, () => {
      this.toSource({ type: "guest-saved", state: this.#state });
    });
  }

  #sourceEvent(event: SourceMoveEvent): void {
    this.sourceEvents.push(event);
    if (event.name !== "progress") this.log.push(`${this.now}   source ${told(event)}`);
    const { operator } = this.#plan;
    if (event.name !== "in-doubt" || operator === undefined) return;
    this.#do(`operator at source: ${operator}`, 60_000, () => {
      if (this.source.phase !== "in-doubt") return;
      this.decided = operator;
      this.toSource({ type: "resolve", owner: operator });
    });
  }

  #ofTarget(out: TargetMoveOutput): void {
    const { refuses } = this.#plan;
    switch (out.type) {
      case "transmit":
        this.#carry(out.connection, "source", out.bytes);
        break;
      case "disconnect":
        this.#hangUp(out.connection, "target");
        break;
      case "prepare":
        this.#do("server made", 5, () => {
          if (refuses === "prepare") this.toTarget({ type: "refused", reason: "no room" });
          else this.toTarget({ type: "prepared", address: text("host:5900") });
        });
        break;
      case "load":
        if (Buffer.compare(out.state, this.#state) !== 0) this.#bad("another state arrived");
        this.#do("guest loaded", 5, () => {
          if (refuses === "load") {
            this.toTarget({ type: "refused", reason: "not a guest" });
            return;
          }
          if (this.targetGuest !== "none") return;
          this.targetGuest = "stopped";
          this.toTarget({ type: "loaded" });
        });
        break;
      case "own":
        if (this.decided !== "target") this.isCommitted = true;
        this.#do("hold ends", 20, () => {
          this.targetGuest = "running";
        });
        this.#settleAt = this.now + 60_000;
        this.#settle();
        break;
      case "drop":
        if (this.isCommitted) this.#bad("the target drops what it owns");
        this.targetGuest = "dropped";
        break;
      case "peer": {
        const said = new TextDecoder().decode(out.bytes);
        this.toTargetServer.push(said);
        this.toTarget({ type: "peer", bytes: text(`seen: ${said}`) });
        break;
      }
      case "event":
        this.targetEvents.push(out.event);
        if (out.event.name !== "progress") this.log.push(`${this.now}   target ${told(out.event)}`);
        break;
    }
  }

  /** When the channels' state is there, or it has not come for too long. */
  #settle(): void {
    this.#do("settled", 30, () => {
      const isThere = this.toTargetServer.length === 2;
      if (!isThere && this.now < this.#settleAt) this.#settle();
      else this.toTarget({ type: "settled", report: text("all kept") });
    });
  }

  // The network.

  #connect(key: number): void {
    const mayConnect = !this.#isBroken || this.#plan.network !== "stays-away";
    if (!this.isTargetAlive || !mayConnect) {
      this.toSource({ type: "closed", connection: key, detail: "refused" });
      return;
    }
    this.#wires.set(key, {
      key,
      isOpenAtSource: true,
      isOpenAtTarget: true,
      swallows: { source: false, target: false },
      door: new PeerDoor(),
    });
    this.toSource({ type: "connected", connection: key });
  }

  #carry(key: number, to: "source" | "target", bytes: Uint8Array): void {
    this.#do(`bytes to ${to}`, latencyMs, () => {
      const wire = this.#wires.get(key);
      if (wire === undefined || wire.swallows[to]) return;
      if (to === "source" && wire.isOpenAtSource) {
        this.toSource({ type: "received", connection: key, bytes });
      }
      if (to === "target" && wire.isOpenAtTarget) this.#arrive(wire, bytes);
    });
  }

  #arrive(wire: Wire, bytes: Uint8Array): void {
    if (!this.isTargetAlive) return;
    if (wire.door === null) {
      this.#heard({ type: "received", connection: wire.key, bytes });
      return;
    }
    const found = wire.door.push(bytes);
    if (found === null) return;
    wire.door = null;
    if (found.move !== moveName(id)) this.#bad("another move");
    if (found.kind === "stream") this.#bad("a stream of hypervisors");
    else if (found.kind === "prepare") {
      const { description } = found;
      const options = { description, connection: wire.key, stateSizeMax: 1 << 20 };
      this.target = new TargetMove(options, this.now);
    } else if (this.target === null || !this.#knows) {
      this.#carry(wire.key, "source", unknownMove());
      this.#hangUp(wire.key, "target");
      return;
    } else {
      this.target.resume(wire.key, found.question, this.now);
    }
    this.#drainTarget();
    this.#heard({ type: "received", connection: wire.key, bytes: found.rest });
  }

  #heard(input: LinkInput): void {
    if (this.#knows) this.toTarget(input);
  }

  /** The other side reads what is under way, and then the end. */
  #hangUp(key: number, by: "source" | "target"): void {
    const wire = this.#wires.get(key);
    if (wire === undefined) return;
    const to = by === "source" ? "target" : "source";
    this.#do(`end to ${to}`, latencyMs, () => {
      if (by === "source") wire.isOpenAtSource = false;
      else wire.isOpenAtTarget = false;
      this.#close(wire, to);
    });
  }

  #close(wire: Wire, at: "source" | "target"): void {
    if (wire.swallows[at]) return;
    const input = { type: "closed", connection: wire.key, detail: null } as const;
    if (at === "source" && wire.isOpenAtSource) {
      wire.isOpenAtSource = false;
      this.toSource(input);
    } else if (at === "target" && wire.isOpenAtTarget) {
      wire.isOpenAtTarget = false;
      if (wire.door === null) this.#heard(input);
    }
  }

  // Faults.

  #strike(fault: Fault): void {
    this.#isBroken = true;
    switch (fault) {
      case "cut":
      case "cut-seen-by-source":
      case "cut-seen-by-target":
      case "swallow":
      case "swallow-to-source":
      case "swallow-to-target":
        for (const wire of this.#wires.values()) this.#hurt(wire, fault);
        break;
      case "kill-source":
        this.isSourceAlive = false;
        this.sourceGuest = "dead";
        for (const wire of this.#wires.values()) this.#close(wire, "target");
        break;
      case "kill-target":
      case "restart-target":
        if (this.targetGuest !== "none" && this.targetGuest !== "dropped")
          this.targetGuest = "dead";
        if (fault === "restart-target") this.#knows = false;
        else this.isTargetAlive = false;
        this.target = null;
        for (const wire of this.#wires.values()) {
          wire.isOpenAtTarget = false;
          this.#close(wire, "source");
        }
        break;
      case "cancel-source":
        this.toSource({ type: "cancel", reason: "somebody cancels" });
        break;
      case "cancel-target":
        this.toTarget({ type: "cancel", reason: "somebody cancels" });
        break;
    }
  }

  #hurt(wire: Wire, fault: Fault): void {
    if (fault === "cut") {
      this.#close(wire, "source");
      this.#close(wire, "target");
    } else if (fault === "cut-seen-by-source") this.#close(wire, "source");
    else if (fault === "cut-seen-by-target") this.#close(wire, "target");
    if (fault !== "swallow-to-target") wire.swallows.source = true;
    if (fault !== "swallow-to-source") wire.swallows.target = true;
  }

  // The watcher.

  #bad(what: string): void {
    this.violations.push(what);
  }

  #check(): void {
    if (this.sourceGuest === "running" && this.targetGuest === "running") {
      this.#bad("the guest runs on both");
    }
    const isOwn = this.isCommitted || this.decided === "target";
    if (this.targetGuest === "running" && !isOwn) this.#bad("the target runs what is not its own");
  }
}

export function text(of: string): Uint8Array {
  return new TextEncoder().encode(of);
}

function told(event: SourceMoveEvent | TargetMoveEvent): string {
  return JSON.stringify(event, (_key, value: unknown) => {
    return value instanceof MoveError ? value.code : value;
  });
}
