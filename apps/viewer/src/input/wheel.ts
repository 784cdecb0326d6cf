// The wheel: browsers tell of distances, guests of steps.

/** What is read of a WheelEvent. */
export interface WheelDistance {
  readonly deltaY: number;
  /** 0: pixels, 1: lines, 2: pages. */
  readonly deltaMode: number;
}

/** CSS pixels that are one step of a common wheel's. */
const stepPixels = 50;
const pixelsByMode: readonly number[] = [1, 19, 400];

/** Steps of one event: a trackpad that is flung must not scroll for ever. */
const stepsMax = 10;

export class Wheel {
  #left = 0;

  /** Whole steps, positive downwards; what remains counts for the next. */
  turn({ deltaY, deltaMode }: WheelDistance): number {
    const distance = deltaY * (pixelsByMode[deltaMode] ?? 1);
    if (Math.sign(distance) !== Math.sign(this.#left)) this.#left = 0;
    this.#left += distance;
    const steps = Math.trunc(this.#left / stepPixels);
    this.#left -= steps * stepPixels;
    // Without the sign that a zero has when it was rounded up.
    return Math.max(-stepsMax, Math.min(stepsMax, steps)) || 0;
  }
}
