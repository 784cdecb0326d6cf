// One direction of a connection as a number: what is on its way to one end, and whether anybody is
// there to hear it. The same as the ends of network.ts, for worlds that are vectors of numbers.

import type { TransportFailure } from "@caraway/channel";
import { markOf } from "./fingerprint.ts";

type Item =
  | { readonly kind: "connected" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "closed"; readonly failure: TransportFailure | null };

export interface Pipe {
  readonly id: number;
  /** Whether somebody hears. */
  readonly isOpen: boolean;
  readonly isPaused: boolean;
  /** Bytes that follow each other are one item: they arrive together. */
  readonly items: readonly Item[];
  /** Pipes that come of this one, by what happens to it. */
  readonly next: Map<string, Pipe>;
}

export class Pipes {
  readonly #all: Pipe[] = [];
  readonly #ids = new Map<string, Pipe>();
  /** Nobody there, or no such connection. */
  readonly shut = this.#pipe(false, false, []);

  at(id: number): Pipe {
    return this.#all[id]!;
  }

  open(isPaused: boolean, items: readonly Item[]): Pipe {
    return items.reduce((pipe, item) => this.push(pipe, item), this.#pipe(true, isPaused, []));
  }

  push(pipe: Pipe, item: Item): Pipe {
    if (!pipe.isOpen) return pipe;
    return this.#known(pipe, itemKey(item), () => {
      const last = pipe.items.at(-1);
      if (item.kind !== "bytes" || last?.kind !== "bytes") return [...pipe.items, item];
      const bytes = new Uint8Array(last.bytes.length + item.bytes.length);
      bytes.set(last.bytes);
      bytes.set(item.bytes, last.bytes.length);
      return [...pipe.items.slice(0, -1), { kind: "bytes", bytes }];
    });
  }

  /** The first item has arrived. */
  shift(pipe: Pipe): Pipe {
    if (pipe.items[0]?.kind === "closed") return this.shut;
    return this.#known(pipe, "shift", () => pipe.items.slice(1));
  }

  /** What was on its way is lost, and whoever hears is told. */
  reset(pipe: Pipe, detail: string): Pipe {
    if (!pipe.isOpen) return pipe;
    const item: Item = { kind: "closed", failure: { kind: "reset", detail } };
    return this.#known(pipe, `reset ${itemKey(item)}`, () => [item]);
  }

  pause(pipe: Pipe, isPaused: boolean): Pipe {
    return pipe.isOpen ? this.#pipe(true, isPaused, pipe.items) : pipe;
  }

  /** What can arrive next; null when nothing can. */
  head({ isOpen, isPaused, items }: Pipe): Item | null {
    const [first] = items;
    if (first === undefined || !isOpen || (isPaused && first.kind === "bytes")) return null;
    return first;
  }

  #known(pipe: Pipe, event: string, items: () => readonly Item[]): Pipe {
    let next = pipe.next.get(event);
    if (next === undefined) {
      next = this.#pipe(pipe.isOpen, pipe.isPaused, items());
      pipe.next.set(event, next);
    }
    return next;
  }

  #pipe(isOpen: boolean, isPaused: boolean, items: readonly Item[]): Pipe {
    const key = `${isOpen} ${isPaused} ${items.map(itemKey).join()}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const pipe = { id: this.#all.length, isOpen, isPaused, items, next: new Map<string, Pipe>() };
    this.#all.push(pipe);
    this.#ids.set(key, pipe);
    return pipe;
  }
}

function itemKey(item: Item): string {
  if (item.kind === "bytes") return `b${markOf(item.bytes)}`;
  return item.kind === "closed" ? `closed ${item.failure?.detail ?? ""}` : item.kind;
}
