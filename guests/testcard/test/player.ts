// A testcard under virtual time: hands in inputs, drains after each, and follows its deadlines.

import { createHash } from "node:crypto";
import type { GuestInput, GuestOutput } from "@caraway/server";
import type { Testcard } from "@caraway/testcard";

export class Player {
  card: Testcard;
  now: number;
  readonly #listeners: ((output: GuestOutput) => void)[] = [];

  constructor(card: Testcard, now = 0) {
    this.card = card;
    this.now = now;
  }

  /** Calls `listener` with every output from now on. */
  listen(listener: (output: GuestOutput) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes what is there to take. */
  drain(): GuestOutput[] {
    const outputs: GuestOutput[] = [];
    for (let out = this.card.poll(); out !== null; out = this.card.poll()) {
      outputs.push(out);
      for (const listener of this.#listeners) listener(out);
    }
    return outputs;
  }

  send(...inputs: readonly GuestInput[]): GuestOutput[] {
    return inputs.flatMap((input) => {
      this.card.handle(input, this.now);
      return this.drain();
    });
  }

  /** Lets time pass, with a timeout at every deadline. */
  wait(ms: number): GuestOutput[] {
    const outputs: GuestOutput[] = [];
    const end = this.now + ms;
    for (let due = this.card.deadline(); due !== null && due <= end; due = this.card.deadline()) {
      this.now = Math.max(this.now, due);
      outputs.push(...this.send({ type: "timeout" }));
    }
    this.now = end;
    return outputs;
  }

  /** Describes, runs, and waits until all is painted. */
  boot(): GuestOutput[] {
    return [...this.drain(), ...this.send({ type: "run" }), ...this.settle()];
  }

  /** Waits until the painter has nothing left to do, if it keeps up with the clock. */
  settle(): GuestOutput[] {
    const outputs: GuestOutput[] = [];
    for (let step = 0; ; step++) {
      if ((this.card.snapshot(this.now) as { painting: unknown }).painting === null) break;
      if (step === 1000) throw new Error("the painter does not keep up");
      this.now = Math.max(this.now, this.card.deadline()!);
      outputs.push(...this.send({ type: "timeout" }));
    }
    return outputs;
  }

  move(x: number, y: number, buttons = 0, display = 0): GuestOutput[] {
    return this.send({ type: "tablet-position", display, x, y, buttons });
  }

  click(x: number, y: number): GuestOutput[] {
    return [...this.move(x, y), ...this.move(x, y, 1), ...this.move(x, y, 0)];
  }

  drag(from: readonly [number, number], to: readonly [number, number]): GuestOutput[] {
    return [
      ...this.move(...from),
      ...this.move(...from, 1),
      ...this.move(...to, 1),
      ...this.move(...to, 0),
    ];
  }

  press(...codes: readonly number[]): GuestOutput[] {
    return codes.flatMap((code) =>
      this.send({ type: "key", code, down: true }, { type: "key", code, down: false }),
    );
  }
}

/** Equal for equal outputs, byte for byte. */
export function digest(value: unknown): string {
  const hash = createHash("sha256");
  const text = JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === "bigint") return `${part}n`;
    if (part instanceof Uint8Array) return createHash("sha256").update(part).digest("hex");
    return part;
  });
  return hash.update(text).digest("hex");
}

/** Numbers that look random and are the same for the same seed. */
export function randomSource(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/**
 * What somebody busy does: types, drags windows and brushes over a screen of that size, turns the
 * wheel. Half of all drags begin near the top, where titles are.
 */
export function busyHands(
  random: (below: number) => number,
  width: number,
  height: number,
  displays = 1,
): () => GuestInput {
  let drag: { display: number; steps: number } | null = null;
  const moveTo = (display: number, y: number, buttons: number): GuestInput => {
    return { type: "tablet-position", display, x: random(width), y, buttons };
  };
  return () => {
    const buttons = drag === null ? 0 : 1;
    if (drag !== null && random(3) > 0) {
      if (drag.steps-- > 0) return moveTo(drag.display, random(height), 1);
      drag = null;
      return { type: "buttons", buttons: 0 };
    }
    switch (random(6)) {
      case 0:
      case 1: {
        const code = [0x1e, 0x1f, 0x2a, 0x3a, 0x1c, 0x0e, 0xe04b, 0xe048, 0x45, 0x52][random(10)]!;
        return { type: "key", code, down: random(3) > 0 };
      }
      case 2:
      case 3:
        drag = { display: random(displays), steps: 1 + random(4) };
        return moveTo(drag.display, random(2) === 0 ? random(22) : random(height), 1);
      case 4:
        return { type: "mouse-motion", dx: random(81) - 40, dy: random(81) - 40, buttons };
      default:
        return { type: "wheel", steps: random(2) === 0 ? -1 : 1, buttons };
    }
  };
}
