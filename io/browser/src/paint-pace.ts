// When to paint: soon, but parts of one picture together, since every painting costs the browser a
// whole frame. Servers cut pictures into several drawings, and guests draw in several steps.

/** Drawings that follow each other as closely are one change, on a screen that rested before. */
const stepMs = 5;
/** The same on a screen that was painted just now: what comes is part of something that goes on. */
const busyStepMs = 12;
/** So long behind a painting a screen is still busy. */
const busyMs = 60;
/** The longest that a change waits for its other parts, or for images that are being decoded. */
const patienceMs = 15;
const busyPatienceMs = 30;
/** Nobody sees more. */
const frameMs = 16;

/** Times are milliseconds of one clock. */
export class PaintPace {
  #firstAt: number | null = null;
  #lastAt = 0;
  #paintedAt = Number.NEGATIVE_INFINITY;
  #isComplete = true;

  /** `isComplete`: no drawing waits for its images. */
  changed(now: number, isComplete: boolean): void {
    this.#firstAt ??= now;
    this.#lastAt = now;
    this.#isComplete = isComplete;
  }

  painted(now: number): void {
    this.#firstAt = null;
    this.#paintedAt = now;
  }

  /** When to paint what has changed; null: nothing has. May move later while more changes. */
  get dueAt(): number | null {
    if (this.#firstAt === null) return null;
    const isBusy = this.#firstAt - this.#paintedAt < busyMs;
    const latest = this.#firstAt + (isBusy || !this.#isComplete ? busyPatienceMs : patienceMs);
    if (!this.#isComplete) return latest;
    const quietAt = this.#lastAt + (isBusy ? busyStepMs : stepMs);
    return Math.min(latest, Math.max(quietAt, this.#paintedAt + frameMs));
  }
}
