// How well and how often the frames of a video go out to one client: a step down when the client or
// the way to it cannot follow, a step up when it could for a while.

import type { Instant } from "@caraway/channel";
import type { VideoBudget } from "./video-task.ts";

interface RateStep {
  /** Of JPEG files, 1 to 100. */
  readonly quality: number;
  /** Of codecs that send what has changed. */
  readonly bitsPerPixel: number;
  readonly framesPerSecond: number;
}

/** From the best to the last resort. */
const steps: readonly RateStep[] = [
  { quality: 90, bitsPerPixel: 0.3, framesPerSecond: 30 },
  { quality: 80, bitsPerPixel: 0.2, framesPerSecond: 30 },
  { quality: 70, bitsPerPixel: 0.15, framesPerSecond: 30 },
  { quality: 60, bitsPerPixel: 0.12, framesPerSecond: 25 },
  { quality: 50, bitsPerPixel: 0.1, framesPerSecond: 20 },
  { quality: 40, bitsPerPixel: 0.08, framesPerSecond: 15 },
  { quality: 30, bitsPerPixel: 0.07, framesPerSecond: 10 },
  { quality: 25, bitsPerPixel: 0.07, framesPerSecond: 5 },
  { quality: 20, bitsPerPixel: 0.07, framesPerSecond: 2 },
];

export const rateStepMax = steps.length - 1;
export const firstRateStep = 1;
export const slowRateStep = 4;

/** What was done about a congestion is not seen sooner. */
const settleMs = 400;
/** How long all has to go well before it is tried to go better. */
const patienceMs = 3000;
const patienceMaxMs = 60_000;
/** A frame that comes so long behind its time shows that more is sent than the way takes. */
const lateMs = 100;
/** Less than that shows nothing, however small the picture. */
const bitsPerSecondMin = 64_000;
/** Encoding takes no more than that share of the time. */
const encodingShare = 0.6;

/** What a client says of the frames of some time (STREAM_REPORT). */
export interface VideoReport {
  readonly frames: number;
  readonly drops: number;
  /** How long before its time the last frame came, in ms. */
  readonly marginMs: number;
}

export class VideoRate {
  #step: number;
  #patienceMs = patienceMs;
  #changedAt: Instant;
  #isRaised = false;
  #encodeMs = 0;

  constructor(step: number, now: Instant) {
    this.#step = Math.min(Math.max(step, 0), rateStepMax);
    this.#changedAt = now;
  }

  get step(): number {
    return this.#step;
  }

  get quality(): number {
    return steps[this.#step]!.quality;
  }

  /** For frames of so many pixels. */
  budget(pixels: number): VideoBudget {
    const { bitsPerPixel, framesPerSecond } = steps[this.#step]!;
    const bitsPerSecond = Math.round(pixels * bitsPerPixel * framesPerSecond);
    return { bitsPerSecond: Math.max(bitsPerSecond, bitsPerSecondMin), framesPerSecond };
  }

  /** From one frame to the next. */
  get intervalMs(): number {
    return Math.max(1000 / steps[this.#step]!.framesPerSecond, this.#encodeMs / encodingShare);
  }

  /** A frame took so long to encode. */
  encoded(ms: number): void {
    this.#encodeMs += (ms - this.#encodeMs) / 4;
  }

  /** A frame was due, and the client has not taken what was sent before. */
  skipped(now: Instant): void {
    this.#worse(now);
  }

  /** A frame went out when it was due. */
  sent(now: Instant): void {
    if (this.#step === 0 || now - this.#changedAt < this.#patienceMs) return;
    this.#step -= 1;
    this.#isRaised = true;
    this.#changedAt = now;
  }

  reported({ frames, drops, marginMs }: VideoReport, now: Instant): void {
    if (frames > 0 && (drops > 0 || marginMs < -lateMs)) this.#worse(now);
  }

  #worse(now: Instant): void {
    if (now - this.#changedAt < settleMs) return;
    // What was tried and went wrong is not tried again soon.
    const failed = this.#isRaised && now - this.#changedAt < this.#patienceMs;
    if (failed) this.#patienceMs = Math.min(this.#patienceMs * 2, patienceMaxMs);
    this.#isRaised = false;
    this.#changedAt = now;
    this.#step = Math.min(this.#step + 1, rateStepMax);
  }
}
