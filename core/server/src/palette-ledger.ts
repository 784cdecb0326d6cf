// The server's account of the palettes that a client remembers for one display channel.

/** As many as spice-server keeps. */
export const palettesMax = 128;

export type PaletteChoice =
  | { readonly kind: "inline" }
  /** It goes inline, and the client keeps it; `evicted` has to be dropped before. */
  | { readonly kind: "keep"; readonly evicted: bigint | null }
  | { readonly kind: "cached" };

export class PaletteLedger {
  /** Least recently used first. */
  readonly #keys = new Set<bigint>();

  /** How the palette of a picture goes out. A message has fewer palettes than the ledger holds. */
  choose(key: bigint | null): PaletteChoice {
    if (key === null) return { kind: "inline" };
    const isKnown = this.#keys.delete(key);
    this.#keys.add(key);
    if (isKnown) return { kind: "cached" };
    if (this.#keys.size <= palettesMax) return { kind: "keep", evicted: null };
    const [evicted] = this.#keys;
    this.#keys.delete(evicted!);
    return { kind: "keep", evicted: evicted! };
  }

  /** Least recently used first. */
  get keys(): readonly bigint[] {
    return [...this.#keys];
  }

  /** What another server sent; false when no client would have kept it. */
  restore(keys: readonly bigint[]): boolean {
    this.#keys.clear();
    for (const key of keys) this.#keys.add(key);
    return this.#keys.size === keys.length && keys.length <= palettesMax + 1;
  }

  get size(): number {
    return this.#keys.size;
  }
}
