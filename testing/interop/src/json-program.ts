// A program that takes commands line by line and reports events as JSON objects, one a line: the common shape of the C peers.

import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { endProcess, spawnOwned } from "./ownership.ts";

export interface ProgramEvent {
  readonly event: string;
  readonly [member: string]: unknown;
}

export class JsonProgram implements AsyncDisposable {
  /** Every event so far, oldest first. */
  readonly events: ProgramEvent[] = [];
  /** What it printed on its error output. */
  errors = "";
  readonly #process: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor(program: string, programArguments: readonly string[], env?: NodeJS.ProcessEnv) {
    this.#process = spawnOwned(program, programArguments, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#process.stdin!.on("error", () => undefined);
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    createInterface({ input: this.#process.stdout! }).on("line", (line) => {
      this.events.push(JSON.parse(line) as ProgramEvent);
      this.#notify();
    });
    this.#process.once("close", () => this.#notify());
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  send(command: string): void {
    this.#process.stdin!.write(`${command}\n`);
  }

  /**
   * The first event of that kind (and for which `where` holds) at or after position `since` of the log; waits for it. Without `since` any
   * event so far counts.
   */
  async waitFor(
    event: string,
    options: { since?: number; where?: (event: ProgramEvent) => boolean; timeoutMs?: number } = {},
  ): Promise<ProgramEvent> {
    const { since = 0, where = () => true, timeoutMs = 20_000 } = options;
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.#notify();
    }, timeoutMs);
    try {
      for (let index = since; ; index++) {
        while (index >= this.events.length) {
          if (expired || !this.isAlive) {
            const reason = expired ? `within ${timeoutMs} ms` : "before the program ended";
            const last = this.events.slice(-8).map((entry) => JSON.stringify(entry));
            throw new Error(`no ${event} ${reason}; last:\n${last.join("\n")}\n${this.errors}`);
          }
          await new Promise<void>((resolve) => this.#watchers.add(resolve));
        }
        const candidate = this.events[index]!;
        if (candidate.event === event && where(candidate)) return candidate;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a command and waits for the event that answers it; throws when the program refuses the command. */
  async ask(command: string, answer: string): Promise<ProgramEvent> {
    const since = this.events.length;
    this.send(command);
    for (;;) {
      const next = this.events
        .slice(since)
        .find(({ event }) => event === answer || event === "refused");
      if (next?.event === "refused") throw new Error(`${command}: ${next["reason"]}`);
      if (next) return next;
      if (!this.isAlive) throw new Error(`${command}: the program has ended: ${this.errors}`);
      await Promise.race([new Promise<void>((resolve) => this.#watchers.add(resolve)), delay(200)]);
    }
  }

  async close(): Promise<void> {
    await endProcess(this.#process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}
