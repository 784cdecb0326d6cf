// The network of a program that is being remembered: it takes notes of what the program does, and of
// all that was said and heard at each of its ends.

import { Digest } from "./fingerprint.ts";
import type { Accept, Ear, Line, Lines, Side } from "./network.ts";
import type { Task } from "./process.ts";
import type { Effect } from "./stimulus.ts";
import { Violation } from "./violation.ts";

/** What a program has said and heard at its end of a connection. */
interface NotedEnd {
  readonly ear: Ear;
  isConnected: boolean;
  readonly heard: Digest;
  readonly said: Digest;
}

function newEnd(ear: Ear): NotedEnd {
  return { ear, isConnected: false, heard: new Digest(), said: new Digest() };
}

export class NotedLines implements Lines {
  readonly #name: string;
  readonly #idBase: number;
  readonly #ends = new Map<string, NotedEnd>();
  readonly #accepts = new Map<string, Accept>();
  #effects: (Effect | Task)[] = [];
  #calls = 0;

  constructor(name: string, idBase: number) {
    this.#name = name;
    this.#idBase = idBase;
  }

  /** `left`: tasks that are not over. */
  takeEffects(left: ReadonlySet<Task> = new Set()): readonly Effect[] {
    const effects = this.#effects.map((effect): Effect => {
      if (!("finish" in effect)) return effect;
      return { kind: "task", label: effect.label, isLeft: left.has(effect) };
    });
    this.#effects = [];
    return effects;
  }

  get listens(): readonly string[] {
    return [...this.#accepts.keys()];
  }

  /** The ends that there are. */
  snapshot(): unknown {
    const ends = [...this.#ends].map(([name, { isConnected }]) => [name, isConnected]);
    return [this.#calls, ends.sort(), this.listens];
  }

  /** Tells apart all that was ever said and heard there. */
  history(): readonly unknown[] {
    return [...this.#ends].map(([name, { heard, said }]) => [name, heard.value, said.value]).sort();
  }

  began(task: Task): void {
    this.#effects.push(task);
  }

  /** Somebody has called here. */
  call(id: number, caller: string, host: string): void {
    const line = new NotedLine(this, id, caller, host);
    const ear = this.#accepts.get(host)?.(line) ?? null;
    if (ear !== null) this.#ends.set(`${id} server`, newEnd(ear));
  }

  end(line: number, side: Side): NotedEnd | null {
    return this.#ends.get(`${line} ${side}`) ?? null;
  }

  forget(line: number, side: Side): void {
    this.#ends.delete(`${line} ${side}`);
  }

  connect(caller: string, host: string, ear: Ear): Line {
    const id = this.#idBase + ++this.#calls;
    this.#ends.set(`${id} client`, newEnd(ear));
    this.#effects.push({ kind: "connect", line: id, host });
    return new NotedLine(this, id, caller, host);
  }

  listen(host: string, accept: Accept): void {
    this.#accepts.set(host, accept);
    this.#effects.push({ kind: "listen", host });
  }

  deafen(host: string): void {
    this.#accepts.delete(host);
    this.#effects.push({ kind: "deafen", host });
  }

  note(effect: Exclude<Effect, { kind: "task" }> & { line: number; side: Side }): void {
    const end = this.end(effect.line, effect.side);
    if (effect.kind === "send" && end === null) {
      throw new Violation("fault", `${this.#name}: sent behind the end of #${effect.line}`);
    }
    if (end === null) return;
    if (effect.kind === "send") end.said.push(effect.bytes);
    if (effect.kind === "leave" || effect.kind === "reset") this.forget(effect.line, effect.side);
    this.#effects.push(effect);
  }
}

class NotedLine implements Line {
  readonly id: number;
  readonly caller: string;
  readonly host: string;
  readonly #lines: NotedLines;

  constructor(lines: NotedLines, id: number, caller: string, host: string) {
    this.#lines = lines;
    this.id = id;
    this.caller = caller;
    this.host = host;
  }

  send(side: Side, bytes: Uint8Array): void {
    // A part of something larger would keep all of it.
    const isPart = bytes.length < bytes.buffer.byteLength;
    const own = isPart ? bytes.slice() : bytes;
    this.#lines.note({ kind: "send", line: this.id, side, bytes: own });
  }

  setPaused(side: Side, isPaused: boolean): void {
    this.#lines.note({ kind: "pause", line: this.id, side, isPaused });
  }

  leave(side: Side): void {
    this.#lines.note({ kind: "leave", line: this.id, side });
  }

  reset(side: Side, detail: string): void {
    this.#lines.note({ kind: "reset", line: this.id, side, detail });
  }
}
