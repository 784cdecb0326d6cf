// Fingers on a screen as what they mean: taps, drags, scrolling, zooming. A machine without a clock
// of its own: fingers and time in, gestures out.

export interface Finger {
  readonly id: number;
  /** CSS pixels of the window. */
  readonly x: number;
  readonly y: number;
}

export type Gesture =
  /** So many fingers came and went: one is the left button, two the right, three the middle. */
  | { readonly kind: "tap"; readonly fingers: number; readonly x: number; readonly y: number }
  /** One finger moves, or has rested long enough (`hold`) to mean the other button. */
  | {
      readonly kind: "drag-start";
      readonly hold: boolean;
      readonly x: number;
      readonly y: number;
    }
  | {
      readonly kind: "drag";
      readonly x: number;
      readonly y: number;
      readonly dx: number;
      readonly dy: number;
    }
  | { readonly kind: "drag-end"; readonly x: number; readonly y: number }
  /** Two fingers move together. */
  | {
      readonly kind: "scroll";
      readonly x: number;
      readonly y: number;
      readonly dx: number;
      readonly dy: number;
    }
  /** Two fingers move apart or towards each other; `factor` since the last. */
  | { readonly kind: "zoom"; readonly x: number; readonly y: number; readonly factor: number };

/** How far a finger may stray and still rest. */
const strayMax = 10;
/** How long a finger rests until it means the other button. */
const holdMs = 600;
/** How long fingers of a tap may stay. */
const tapMs = 400;
/** How much the distance of two fingers must change until they zoom. */
const zoomStray = 24;

interface Touch {
  readonly startX: number;
  readonly startY: number;
  x: number;
  y: number;
}

type State =
  | { readonly kind: "idle" }
  /** Fingers rest; what they mean is open. `fingers`: the most there were. */
  | { readonly kind: "resting"; readonly since: number; readonly fingers: number }
  | { readonly kind: "dragging"; readonly id: number }
  /** `distance`: where the zoom is; null while the fingers scroll. */
  | { readonly kind: "pair"; readonly distance: number | null }
  /** It was something, or nothing: until the last finger is gone. */
  | { readonly kind: "over" };

export class TouchGestures {
  readonly #touches = new Map<number, Touch>();
  #state: State = { kind: "idle" };

  /** When `timeout` is due; null for never. */
  deadline(): number | null {
    const state = this.#state;
    if (state.kind !== "resting" || state.fingers !== 1) return null;
    return state.since + holdMs;
  }

  timeout(now: number): Gesture[] {
    const state = this.#state;
    if (state.kind !== "resting" || state.fingers !== 1 || now < state.since + holdMs) return [];
    const [first] = this.#touches;
    if (first === undefined) return [];
    const [id, { x, y }] = first;
    this.#state = { kind: "dragging", id };
    return [{ kind: "drag-start", hold: true, x, y }];
  }

  down({ id, x, y }: Finger, now: number): Gesture[] {
    this.#touches.set(id, { startX: x, startY: y, x, y });
    const state = this.#state;
    if (state.kind === "idle") this.#state = { kind: "resting", since: now, fingers: 1 };
    else if (state.kind === "resting") {
      const fingers = Math.max(state.fingers, this.#touches.size);
      this.#state = { kind: "resting", since: state.since, fingers };
    }
    return [];
  }

  move({ id, x, y }: Finger): Gesture[] {
    const touch = this.#touches.get(id);
    if (touch === undefined) return [];
    const before = this.#centre();
    const [dx, dy] = [x - touch.x, y - touch.y];
    touch.x = x;
    touch.y = y;
    const state = this.#state;
    if (state.kind === "resting") return this.#moveResting(touch, id, state.fingers);
    if (state.kind === "dragging") return state.id === id ? [{ kind: "drag", x, y, dx, dy }] : [];
    return state.kind === "pair" ? this.#movePair(before, state.distance) : [];
  }

  up({ id, x, y }: Finger, now: number): Gesture[] {
    if (!this.#touches.has(id)) return [];
    const gestures = this.move({ id, x, y });
    const centre = this.#centre();
    this.#touches.delete(id);
    const state = this.#state;
    if (state.kind === "dragging" && state.id === id) {
      gestures.push({ kind: "drag-end", x, y });
      this.#state = { kind: "over" };
    } else if (state.kind === "pair") this.#state = { kind: "over" };
    else if (state.kind === "resting" && this.#touches.size === 0 && now - state.since <= tapMs) {
      gestures.push({ kind: "tap", fingers: state.fingers, ...centre });
    }
    if (this.#touches.size === 0) this.#state = { kind: "idle" };
    return gestures;
  }

  /** The system took the fingers. */
  cancel(): Gesture[] {
    const state = this.#state;
    const touch = state.kind === "dragging" ? this.#touches.get(state.id) : undefined;
    this.#touches.clear();
    this.#state = { kind: "idle" };
    return touch === undefined ? [] : [{ kind: "drag-end", x: touch.x, y: touch.y }];
  }

  #moveResting(touch: Touch, id: number, fingers: number): Gesture[] {
    const [dx, dy] = [touch.x - touch.startX, touch.y - touch.startY];
    if (Math.hypot(dx, dy) <= strayMax) return [];
    const { startX: x, startY: y } = touch;
    if (fingers === 1) {
      this.#state = { kind: "dragging", id };
      return [
        { kind: "drag-start", hold: false, x, y },
        { kind: "drag", x: touch.x, y: touch.y, dx, dy },
      ];
    }
    this.#state = fingers === 2 ? { kind: "pair", distance: null } : { kind: "over" };
    return [];
  }

  #movePair(before: { x: number; y: number }, zoomedAt: number | null): Gesture[] {
    const [first, second] = [...this.#touches.values()];
    if (first === undefined || second === undefined) return [];
    const centre = this.#centre();
    const distance = Math.hypot(first.x - second.x, first.y - second.y);
    const start = Math.hypot(first.startX - second.startX, first.startY - second.startY);
    const gestures: Gesture[] = [];
    const [dx, dy] = [centre.x - before.x, centre.y - before.y];
    if (dx !== 0 || dy !== 0) gestures.push({ kind: "scroll", ...centre, dx, dy });
    if (zoomedAt === null && Math.abs(distance - start) <= zoomStray) return gestures;
    this.#state = { kind: "pair", distance };
    if (zoomedAt !== null && zoomedAt > 0 && distance > 0) {
      gestures.push({ kind: "zoom", ...centre, factor: distance / zoomedAt });
    }
    return gestures;
  }

  #centre(): { x: number; y: number } {
    const touches = [...this.#touches.values()];
    const sum = touches.reduce((all, { x, y }) => ({ x: all.x + x, y: all.y + y }), { x: 0, y: 0 });
    return { x: sum.x / touches.length, y: sum.y / touches.length };
  }
}
