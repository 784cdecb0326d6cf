// Modifier keys on a tool bar, for those who cannot hold one key and press another: once for the
// next key, twice to stay.

export const stickyCodes = ["ControlLeft", "AltLeft", "ShiftLeft", "MetaLeft", "AltRight"] as const;
export type StickyCode = (typeof stickyCodes)[number];
export type StickyState = "off" | "once" | "locked";

export interface StickyKeys {
  press(code: string): void;
  release(code: string): void;
}

export class StickyModifiers {
  readonly #keys: StickyKeys;
  readonly #onChange: () => void;
  readonly #states = new Map<StickyCode, Exclude<StickyState, "off">>();

  constructor(keys: StickyKeys, onChange: () => void) {
    this.#keys = keys;
    this.#onChange = onChange;
  }

  state(code: StickyCode): StickyState {
    return this.#states.get(code) ?? "off";
  }

  /** From off to once to locked to off. */
  toggle(code: StickyCode): void {
    const state = this.state(code);
    if (state === "off") {
      this.#states.set(code, "once");
      this.#keys.press(code);
    } else if (state === "once") this.#states.set(code, "locked");
    else this.#release(code);
    this.#onChange();
  }

  /** A key was pressed and let go. */
  keyDone(): void {
    const once = [...this.#states].filter(([, state]) => state === "once");
    for (const [code] of once) this.#release(code);
    if (once.length > 0) this.#onChange();
  }

  releaseAll(): void {
    if (this.#states.size === 0) return;
    for (const code of this.#states.keys()) this.#release(code);
    this.#onChange();
  }

  #release(code: StickyCode): void {
    this.#states.delete(code);
    this.#keys.release(code);
  }
}
