// Runs a machine on Node: one input, then drain, then the deadline. What a machine, or what is done
// for it, throws ends this loop and nothing else.

import type { Instant, Machine } from "@caraway/channel";

export class MachineLoop<Input, Output> {
  readonly #machine: Machine<Input | { readonly type: "timeout" }, Output>;
  readonly #perform: (output: Output) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #work: (() => void)[] = [];
  #isWorking = false;
  #isOver = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    machine: Machine<Input | { readonly type: "timeout" }, Output>,
    perform: (output: Output) => void,
    onFault: (error: unknown) => void,
  ) {
    this.#machine = machine;
    this.#perform = perform;
    this.#onFault = onFault;
  }

  input(input: Input | { readonly type: "timeout" }): void {
    this.do((now) => this.#machine.handle(input, now));
  }

  /** Something that counts as an input. What an output brings about waits its turn. */
  do(turn: (now: Instant) => void): void {
    this.#work.push(() => turn(performance.now()));
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      for (let next = this.#work.shift(); next !== undefined; next = this.#work.shift()) {
        if (this.#isOver) continue;
        next();
        const machine = this.#machine;
        for (let output = machine.poll(); output !== null; output = machine.poll()) {
          this.#perform(output);
        }
      }
      this.#setTimer();
    } catch (error) {
      this.stop();
      this.#onFault(error);
    } finally {
      this.#isWorking = false;
    }
  }

  /** Nothing goes in or comes out any more. */
  stop(): void {
    this.#isOver = true;
    this.#setTimer();
  }

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const deadline = this.#isOver ? null : this.#machine.deadline();
    if (deadline === null) return;
    const delay = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#timer = setTimeout(() => this.input({ type: "timeout" }), Math.min(delay, 2 ** 31 - 1));
  }
}
