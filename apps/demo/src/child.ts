// A `caraway` command as a child process that ends with this one, and says on standard output or
// standard error where it listens.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";

const program = createRequire(import.meta.url).resolve("caraway-cli/bin/caraway.js");
/** Starting takes a second; a machine that is busy takes longer. */
const startMs = 60_000;
const endMs = 3000;

export class Child {
  readonly #process: ChildProcess;
  /** What it said last, for whoever asks why it ended. */
  #lastWords = "";
  #isWanted = true;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Waits until a line matches; gives the match. `onEnd`: it ended although nobody wanted it to. */
  static async start(
    words: readonly string[],
    environment: Readonly<Record<string, string>>,
    ready: RegExp,
    onEnd: (lastWords: string) => void,
  ): Promise<[Child, RegExpExecArray]> {
    const spawned = spawn(process.execPath, [program, ...words], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = new Child(spawned);
    const match = await child.#untilReady(ready);
    spawned.once("exit", () => {
      if (child.#isWanted) onEnd(child.#lastWords);
    });
    return [child, match];
  }

  /** The end of what it has said. */
  get lastWords(): string {
    return this.#lastWords.trim();
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    if (!this.isAlive) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  async end(): Promise<void> {
    this.#isWanted = false;
    if (!this.isAlive) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), endMs);
    await ended;
    clearTimeout(timer);
  }

  #untilReady(ready: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const ended = (): void => fail(this.#lastWords.trim());
      const timer = setTimeout(() => {
        fail(`it took too long; it said: ${this.#lastWords.trim()}`);
      }, startMs);
      const settle = (): void => {
        clearTimeout(timer);
        this.#process.off("exit", ended);
      };
      const fail = (why: string): void => {
        settle();
        void this.kill();
        reject(new Error(`caraway did not start: ${why}`));
      };
      this.#process.on("error", (error) => fail(error.message)).once("exit", ended);
      let isReady = false;
      for (const stream of [this.#process.stdout, this.#process.stderr]) {
        stream?.setEncoding("utf8").on("data", (text: string) => {
          this.#lastWords = (this.#lastWords + text).slice(-4000);
          const match = isReady ? null : ready.exec(this.#lastWords);
          if (match === null) return;
          isReady = true;
          settle();
          resolve(match);
        });
      }
    });
  }
}
