// One direction of a connection as a number: what is on its way to one end, and whether anybody is
// there to hear it. The same as the ends of network.ts, for worlds that are vectors of numbers.

import type { TransportFailure } from "@caraway/channel";
import { markOf } from "./fingerprint.ts";

type What =
  | { readonly kind: "connected" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "closed"; readonly failure: TransportFailure | null };

/** Something on its way; the same thing has the same number. */
export type Item = What & { readonly id: number };

export interface Pipe {
  readonly id: number;
  /** Whether somebody hears. */
  readonly isOpen: boolean;
  readonly isPaused: boolean;
  /** Bytes that follow each other are one item: they arrive together. */
  readonly items: readonly Item[];
  /** Pipes that come of this one, by what is put into it. */
  readonly next: Map<Item, Pipe>;
  /** Without the first item; null until somebody asks. */
  rest: Pipe | null;
}

export class Pipes {
  readonly #all: Pipe[] = [];
  readonly #ids = new Map<string, Pipe>();
  readonly #items = new Map<string, Item>();
  /** Nobody there, or no such connection: number 0. */
  readonly shut = this.#pipe(false, false, []);

  at(id: number): Pipe {
    return this.#all[id]!;
  }

  item(what: What): Item {
    const key = itemKey(what);
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const item = { ...what, id: this.#items.size };
    this.#items.set(key, item);
    return item;
  }

  open(isPaused: boolean, items: readonly What[]): Pipe {
    const empty = this.#pipe(true, isPaused, []);
    return items.reduce((pipe, item) => this.push(pipe, this.item(item)), empty);
  }

  push(pipe: Pipe, item: Item): Pipe {
    if (!pipe.isOpen) return pipe;
    let next = pipe.next.get(item);
    if (next === undefined) {
      next = this.#pipe(true, pipe.isPaused, this.#behind(pipe.items, item));
      pipe.next.set(item, next);
    }
    return next;
  }

  /** The first item has arrived. */
  shift(pipe: Pipe): Pipe {
    if (pipe.items[0]?.kind === "closed") return this.shut;
    pipe.rest ??= this.#pipe(pipe.isOpen, pipe.isPaused, pipe.items.slice(1));
    return pipe.rest;
  }

  /** What was on its way is lost, and whoever hears is told. */
  reset(pipe: Pipe, detail: string): Pipe {
    if (!pipe.isOpen) return pipe;
    const item = this.item({ kind: "closed", failure: { kind: "reset", detail } });
    return this.#pipe(true, pipe.isPaused, [item]);
  }

  pause(pipe: Pipe, isPaused: boolean): Pipe {
    return pipe.isOpen ? this.#pipe(true, isPaused, pipe.items) : pipe;
  }

  /** What can arrive next; null when nothing can. */
  head({ isOpen, isPaused, items }: Pipe): Item | null {
    const first = items[0];
    if (first === undefined || !isOpen || (isPaused && first.kind === "bytes")) return null;
    return first;
  }

  #behind(items: readonly Item[], item: Item): readonly Item[] {
    const last = items.at(-1);
    if (item.kind !== "bytes" || last?.kind !== "bytes") return [...items, item];
    const bytes = new Uint8Array(last.bytes.length + item.bytes.length);
    bytes.set(last.bytes);
    bytes.set(item.bytes, last.bytes.length);
    return [...items.slice(0, -1), this.item({ kind: "bytes", bytes })];
  }

  #pipe(isOpen: boolean, isPaused: boolean, items: readonly Item[]): Pipe {
    const key = `${isOpen} ${isPaused} ${items.map(({ id }) => id).join()}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const pipe = {
      ...{ id: this.#all.length, isOpen, isPaused, items },
      ...{ next: new Map<Item, Pipe>(), rest: null },
    };
    this.#all.push(pipe);
    this.#ids.set(key, pipe);
    return pipe;
  }
}

function itemKey(what: What): string {
  if (what.kind === "bytes") return `b${markOf(what.bytes)}`;
  return what.kind === "closed" ? `closed ${what.failure?.detail ?? ""}` : what.kind;
}
