// A program that is played from memory: it does in the world what the program itself has done in the
// same state. See memory.ts.

import type { Instant, TransportFailure } from "@caraway/channel";
import type { Memory, Point } from "./memory.ts";
import type { Accept, Ear, Network, Side } from "./network.ts";
import type { Player, Process, Task } from "./process.ts";
import type { Effect, Stimulus } from "./stimulus.ts";

/** What comes over a connection. */
type LineStimulus = Extract<Stimulus<never>, { readonly line: number }>;
type Heard = Parameters<Accept>[0];

/** The world that it is in. */
export interface Stage {
  readonly now: Instant;
  readonly network: Network;
}

class GhostEar implements Ear {
  readonly #pass: (stimulus: LineStimulus) => void;
  readonly #line: number;
  readonly #side: Side;

  constructor(pass: (stimulus: LineStimulus) => void, line: number, side: Side) {
    this.#pass = pass;
    this.#line = line;
    this.#side = side;
  }

  connected(): void {
    this.#pass({ kind: "connected", line: this.#line, side: this.#side });
  }

  received(bytes: Uint8Array): void {
    this.#pass({ kind: "received", line: this.#line, side: this.#side, bytes });
  }

  backlog(): void {
    throw new RangeError("a network that fills is not played from memory");
  }

  closed(failure: TransportFailure | null): void {
    this.#pass({ kind: "closed", line: this.#line, side: this.#side, failure });
  }
}

export class Ghost<P extends Process<V>, V> implements Player<V, P> {
  readonly name: string;
  tasks: readonly Pick<Task, "order" | "label">[] = [];
  readonly #memory: Memory<P, V>;
  readonly #stage: Stage;
  readonly #hear = (stimulus: LineStimulus): void => {
    this.#pass(stimulus);
  };
  #point: Point<V>;

  constructor(name: string, memory: Memory<P, V>, stage: Stage, point = memory.first) {
    this.name = name;
    this.#memory = memory;
    this.#stage = stage;
    this.#point = point;
  }

  /** As it was made: it listens. */
  begin(): void {
    for (const effect of this.#memory.firstEffects) this.#perform(effect);
  }

  /** The same in a world that goes on by itself. */
  fork(stage: Stage): Ghost<P, V> {
    const twin = new Ghost(this.name, this.#memory, stage, this.#point);
    twin.tasks = this.tasks;
    return twin;
  }

  get memory(): Memory<P, V> {
    return this.#memory;
  }

  /** The state that it is in. */
  get point(): Point<V> {
    return this.#point;
  }

  get view(): V {
    return this.#point.view;
  }

  deadline(): Instant | null {
    return this.#point.deadline;
  }

  timeout(): void {
    this.#pass({ kind: "timeout" });
  }

  finish(index: number): void {
    this.#pass({ kind: "task", index });
  }

  kill(): void {
    this.#pass({ kind: "kill" });
  }

  act(label: string, run: (process: P) => void): void {
    this.#pass({ kind: "act", label, run });
  }

  snapshot(): unknown {
    return this.#point.id;
  }

  /** Somebody calls; null when nobody is there to hear. */
  called({ id, caller, host }: Heard): Ear | null {
    return this.#pass({ kind: "call", line: id, caller, host }) ? this.ear(id, "server") : null;
  }

  ear(line: number, side: Side): Ear {
    return new GhostEar(this.#hear, line, side);
  }

  #pass(stimulus: Stimulus<P>): boolean {
    const passage = this.#memory.pass(this.#point, this.#stage.now, stimulus);
    if (passage.violation !== null) throw passage.violation;
    this.#point = passage.to;
    if (passage.kept.length !== this.tasks.length) {
      this.tasks = passage.kept.map((index) => this.tasks[index]!);
    }
    for (const effect of passage.effects) this.#perform(effect);
    return passage.isHeard;
  }

  #perform(effect: Effect): void {
    const { network } = this.#stage;
    switch (effect.kind) {
      case "connect":
        network.connect(this.name, effect.host, this.ear(effect.line, "client"));
        break;
      case "send":
        network.line(effect.line)?.send(effect.side, effect.bytes);
        break;
      case "pause":
        network.line(effect.line)?.setPaused(effect.side, effect.isPaused);
        break;
      case "leave":
        network.line(effect.line)?.leave(effect.side);
        break;
      case "reset":
        network.line(effect.line)?.reset(effect.side, effect.detail);
        break;
      case "listen":
        network.listen(effect.host, (connection) => this.called(connection));
        break;
      case "deafen":
        network.deafen(effect.host);
        break;
      case "task": {
        const order = network.nextOrder();
        if (effect.isLeft) this.tasks = [...this.tasks, { order, label: effect.label }];
        break;
      }
    }
  }
}
