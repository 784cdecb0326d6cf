// Runs a machine on Node, in turns. What a machine, or what is done for it, throws ends this loop
// and nothing else.

import type { Instant, Machine } from "@caraway/channel";
import { Turns } from "@caraway/driver";
import { nodeClock } from "@caraway/node";

export class MachineLoop<Input, Output> {
  readonly #machine: Machine<Input | { readonly type: "timeout" }, Output>;
  readonly #perform: (output: Output) => void;
  readonly #turns: Turns;

  constructor(
    machine: Machine<Input | { readonly type: "timeout" }, Output>,
    perform: (output: Output) => void,
    onFault: (error: unknown) => void,
  ) {
    this.#machine = machine;
    this.#perform = perform;
    this.#turns = new Turns({
      clock: nodeClock,
      deadline: () => machine.deadline(),
      wake: () => this.#turn((now) => machine.handle({ type: "timeout" }, now)),
      fault: onFault,
    });
  }

  input(input: Input | { readonly type: "timeout" }): void {
    this.do((now) => this.#machine.handle(input, now));
  }

  /** Something that counts as an input. What an output brings about waits its turn. */
  do(turn: (now: Instant) => void): void {
    this.#turns.take(() => this.#turn(turn));
  }

  /** Nothing goes in any more. */
  stop(): void {
    this.#turns.stop();
  }

  #turn(turn: (now: Instant) => void): void {
    turn(nodeClock.now());
    const machine = this.#machine;
    for (let output = machine.poll(); output !== null; output = machine.poll()) {
      this.#perform(output);
    }
  }
}
