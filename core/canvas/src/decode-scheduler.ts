// Gets images decoded, ahead of the messages that need them as far as memory allows: hands out the
// stateless jobs, and feeds GLZ streams to the session's window in whatever order it can take them.

import { GlzWindow, readGlzHeader } from "@caraway/codecs";
import { CarawayError } from "@caraway/wire";
import { CanvasError } from "./canvas-error.ts";
import type { DecodeJob, DecodeOutcome } from "./decode-job.ts";
import type { Slot } from "./image-slot.ts";

export class DecodeScheduler {
  readonly #window: GlzWindow;
  readonly #maxAheadPixels: number;
  readonly #emit: (task: number, job: DecodeJob) => void;
  #nextTask = 0;
  #running = new Map<number, { readonly slot: Slot; readonly codec: DecodeJob["codec"] }>();
  /** GLZ slots by the id of the image that has to come first. */
  #blocked = new Map<number, Slot[]>();
  /** Slots that were started and not released. */
  #held = new Set<Slot>();
  #heldPixels = 0;

  constructor(
    maxGlzPixels: number,
    maxAheadPixels: number,
    emit: (task: number, job: DecodeJob) => void,
  ) {
    this.#window = new GlzWindow(maxGlzPixels);
    this.#maxAheadPixels = maxAheadPixels;
    this.#emit = emit;
  }

  /**
   * Starts decoding a slot, unless the pixels held would be too many. With `urgent` it is started
   * at any rate. Returns whether it needs no further call.
   */
  start(slot: Slot, urgent: boolean): boolean {
    const { kind } = slot.state;
    if ((kind !== "job" && kind !== "glz") || this.#held.has(slot)) return true;
    if (!urgent && this.#heldPixels + slot.pixels > this.#maxAheadPixels) return false;
    this.#held.add(slot);
    this.#heldPixels += slot.pixels;
    if (slot.state.kind === "job") {
      const task = this.#nextTask++;
      const { job } = slot.state;
      this.#running.set(task, { slot, codec: job.codec });
      slot.state = { kind: "running", task };
      this.#emit(task, job);
    } else {
      this.#decodeGlz(slot);
    }
    return true;
  }

  /** Takes the outcome of a job; one that nobody waits for any more is dropped. */
  finish(task: number, outcome: DecodeOutcome): void {
    const slot = this.#running.get(task)?.slot;
    if (slot === undefined) return;
    this.#running.delete(task);
    if ("error" in outcome) {
      slot.state = { kind: "failed", error: outcome.error };
    } else if (outcome.kind === "image") {
      slot.state = { kind: "decoded", image: outcome.image };
    } else {
      slot.state = { kind: "glz", data: outcome.bytes };
      this.#decodeGlz(slot);
    }
  }

  /** The message was applied: its image is no longer held here. */
  release(slot: Slot): void {
    if (this.#held.delete(slot)) this.#heldPixels -= slot.pixels;
  }

  /**
   * The message will not be applied. A GLZ image is decoded nevertheless, as images on other
   * display channels may refer to it.
   */
  abandon(slot: Slot): void {
    const { state } = slot;
    if (state.kind === "glz" || (state.kind === "job" && state.job.codec === "inflate")) {
      this.start(slot, true);
    } else if (state.kind === "running" && this.#running.get(state.task)?.codec !== "inflate") {
      this.#running.delete(state.task);
    }
    this.release(slot);
  }

  /** Forgets the GLZ window and what waits for it. */
  reset(): void {
    this.#window.reset();
    for (const slots of this.#blocked.values()) {
      for (const slot of slots) slot.state = { kind: "failed", error: gone() };
    }
    this.#blocked.clear();
  }

  snapshot() {
    return {
      running: this.#running.size,
      blocked: [...this.#blocked.keys()].sort((a, b) => a - b),
      heldPixels: this.#heldPixels,
      glzImages: this.#window.imageCount,
      glzPixels: this.#window.pixelCount,
    };
  }

  #decodeGlz(first: Slot): void {
    const ready = [first];
    for (let slot = ready.pop(); slot !== undefined; slot = ready.pop()) {
      if (slot.state.kind !== "glz") continue;
      const id = this.#tryGlz(slot, slot.state.data);
      if (id === null) continue;
      ready.push(...(this.#blocked.get(id) ?? []));
      this.#blocked.delete(id);
    }
  }

  /** Returns the id of the image that came into the window, if one did. */
  #tryGlz(slot: Slot, data: Uint8Array): number | null {
    try {
      const { id } = readGlzHeader(data);
      const outcome = this.#window.decode(data);
      if (outcome.kind === "decoded") {
        slot.state = { kind: "decoded", image: outcome.image };
        return id;
      }
      const waiting = this.#blocked.get(outcome.id);
      if (waiting === undefined) this.#blocked.set(outcome.id, [slot]);
      else waiting.push(slot);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      slot.state = { kind: "failed", error };
    }
    return null;
  }
}

function gone(): CanvasError {
  return new CanvasError("BAD_IMAGE", "the GLZ window began anew before the image was complete");
}
