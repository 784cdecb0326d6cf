// What has been read off one wire, and what the checks make of it, as a number.

import type { Check } from "./check.ts";
import { markOf } from "./fingerprint.ts";
import type { Side } from "./network.ts";
import { learned, newTapPoint, readOn, type TapPoint } from "./tap-memory.ts";
import type { WireView } from "./views.ts";
import { Violation } from "./violation.ts";

export interface Watch {
  readonly id: number;
  readonly purpose: string;
  readonly isLinked: boolean;
  readonly isRestored: boolean;
  readonly tap: TapPoint;
  readonly checks: readonly Check[];
  /** What comes of it, by the number of what is said and on which wire. */
  readonly next: Map<number, Watch | Violation>;
}

type Facts = Omit<Watch, "id" | "next">;

export class Watches {
  readonly #all: Watch[] = [];
  readonly #ids = new Map<string, Watch>();
  readonly #tapIds = new Map<TapPoint, number>();
  readonly #sayings = new Map<string, number>();
  readonly #firstTap = newTapPoint();

  at(id: number): Watch {
    return this.#all[id]!;
  }

  /** Of a wire on which nothing was said yet. */
  first(checks: readonly Check[]): Watch {
    const nothing = { purpose: "", isLinked: false, isRestored: false };
    return this.of({ ...nothing, tap: this.#firstTap, checks });
  }

  /** The number of what is said there; the same for the same bytes. */
  saying(line: number, from: Side, bytes: Uint8Array): number {
    const key = `${line} ${from} ${markOf(bytes)}`;
    const number = this.#sayings.get(key) ?? this.#sayings.size;
    this.#sayings.set(key, number);
    return number;
  }

  /**
   * What is known behind it; `saying` is its number.
   * @throws Violation when a check does not like it.
   */
  said(watch: Watch, saying: number, wire: () => WireView, from: Side, bytes: Uint8Array): Watch {
    let next = watch.next.get(saying);
    if (next === undefined) {
      next = this.#read(watch, wire(), from, bytes);
      watch.next.set(saying, next);
    }
    if (next instanceof Violation) throw next;
    return next;
  }

  #read(watch: Watch, wire: WireView, from: Side, bytes: Uint8Array): Watch | Violation {
    const { to: tap, findings } = readOn(watch.tap, from, bytes);
    const checks = watch.checks.map((check) => check.fork());
    const { purpose, isLinked, isRestored } = watch;
    const facts = { purpose, isLinked, isRestored, tap, checks };
    try {
      for (const finding of findings) {
        Object.assign(facts, learned(finding));
        for (const check of checks) check.found?.({ ...wire, ...facts }, finding);
      }
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
    return this.of(facts);
  }

  of(facts: Facts): Watch {
    const { purpose, isLinked, isRestored, tap, checks } = facts;
    const tapId = this.#tapIds.get(tap) ?? this.#tapIds.size;
    this.#tapIds.set(tap, tapId);
    const keys = checks.map((check) => check.key?.());
    const key = [purpose, isLinked, isRestored, tapId, ...keys].join(";");
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const watch = { ...facts, id: this.#all.length, next: new Map<number, Watch | Violation>() };
    this.#all.push(watch);
    this.#ids.set(key, watch);
    return watch;
  }
}
