// The way to the guest for keys, pointer and wishes. While a guest stands still because it moves,
// what clients say waits here, in order; it reaches the guest once, here or at the target.
//
// INVARIANT: what waits is bounded. A pointer that only moves is one entry; beyond the bound motion
// goes first, and what is left out then is what came last.

import type { GuestInput, KeyboardInput, PointerInput } from "./guest.ts";

export type GateInput =
  | KeyboardInput
  | PointerInput
  | Extract<GuestInput, { readonly type: "monitors-wish" }>;

type GateState =
  | { readonly kind: "open" }
  | { readonly kind: "closed"; readonly waiting: GateInput[] }
  /** The guest has gone to another server: so does what is for it. */
  | { readonly kind: "elsewhere"; readonly forward: (input: GateInput) => void };

/** Far more than anybody types while a guest stands still. */
const waitingMax = 4096;

export class GuestGate {
  readonly #deliver: (input: GateInput) => void;
  #state: GateState = { kind: "open" };

  constructor(deliver: (input: GateInput) => void) {
    this.#deliver = deliver;
  }

  pass(input: GateInput): void {
    const state = this.#state;
    if (state.kind === "open") this.#deliver(input);
    else if (state.kind === "elsewhere") state.forward(input);
    else hold(state.waiting, input);
  }

  /** The guest stands still. */
  close(): void {
    if (this.#state.kind === "open") this.#state = { kind: "closed", waiting: [] };
  }

  /** The guest takes inputs: first those that wait. */
  open(): void {
    const waiting = this.#leave({ kind: "open" });
    for (const input of waiting) this.#deliver(input);
  }

  /** The guest is another server's. */
  redirect(forward: (input: GateInput) => void): void {
    const waiting = this.#leave({ kind: "elsewhere", forward });
    for (const input of waiting) forward(input);
  }

  snapshot(): unknown {
    const { kind } = this.#state;
    return { kind, waiting: this.#state.kind === "closed" ? this.#state.waiting : [] };
  }

  #leave(next: GateState): readonly GateInput[] {
    const waiting = this.#state.kind === "closed" ? this.#state.waiting : [];
    this.#state = next;
    return waiting;
  }
}

function hold(waiting: GateInput[], input: GateInput): void {
  const joined = join(waiting.at(-1), input);
  if (joined !== null) {
    waiting[waiting.length - 1] = joined;
    return;
  }
  if (waiting.length >= waitingMax) {
    const motion = waiting.findIndex(isMotion);
    if (motion < 0 || isMotion(input)) return;
    waiting.splice(motion, 1);
  }
  waiting.push(input);
}

function isMotion({ type }: GateInput): boolean {
  return type === "mouse-motion" || type === "tablet-position";
}

/** Two inputs as one that means the same; null where there is none. */
function join(last: GateInput | undefined, next: GateInput): GateInput | null {
  if (last === undefined || last.type !== next.type) return null;
  switch (next.type) {
    case "mouse-motion": {
      const before = last as typeof next;
      if (before.buttons !== next.buttons) return null;
      return { ...next, dx: before.dx + next.dx, dy: before.dy + next.dy };
    }
    case "tablet-position": {
      const before = last as typeof next;
      const isSame = before.buttons === next.buttons && before.display === next.display;
      return isSame ? next : null;
    }
    case "monitors-wish":
      return next;
    default:
      return null;
  }
}
