// Frames of video on their way to a surface: decoded as soon as they are handed in, and drawn when
// somebody says that it is time, or as soon after as they are decoded.

import type { ColorImage } from "@caraway/codecs";
import { VideoCodecType } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import type { Box } from "./box.ts";
import { CanvasError } from "./canvas-error.ts";
import type { DecodeJob } from "./decode-job.ts";
import type { FrameSlot, Slot } from "./image-slot.ts";
import type { Stream } from "./stream.ts";

/** What becomes of a frame; each has one of these ends. */
export interface FrameOwner {
  shown(frame: Frame, image: ColorImage): void;
  lost(frame: Frame, error: CarawayError): void;
}

export interface Frame {
  /** The caller's name of it. */
  readonly key: number;
  readonly stream: Stream;
  /** Where it is shown, if not where its stream is. */
  readonly dest: Box | null;
  readonly slot: FrameSlot;
  isDue: boolean;
}

export class FrameStore {
  readonly #owner: FrameOwner;
  /** In the order in which they came. */
  #frames: Frame[] = [];
  #released: Slot[] = [];

  constructor(owner: FrameOwner) {
    this.#owner = owner;
  }

  take(key: number, stream: Stream, data: Uint8Array, dest: Box | null, isDue: boolean): void {
    const pixels = stream.width * stream.height;
    const slot: FrameSlot = {
      role: "frame",
      pixels,
      state: { kind: "job", job: job(stream, data) },
    };
    this.#frames.push({ key, stream, dest, slot, isDue });
  }

  /** It is time to show this one. */
  show(key: number): void {
    const frame = this.#frames.find((one) => one.key === key);
    if (frame !== undefined) frame.isDue = true;
  }

  /** The stream is over: what waits of it is not shown any more. */
  end(stream: Stream): void {
    this.#lose((frame) => frame.stream === stream, "its stream is over");
  }

  clear(): void {
    this.#lose(() => true, "its display begins anew");
  }

  get slots(): readonly Slot[] {
    return this.#frames.map(({ slot }) => slot);
  }

  get length(): number {
    return this.#frames.length;
  }

  /** Shows what is due and decoded; returns the slots that are not needed any more. */
  advance(): readonly Slot[] {
    for (let at = 0; at < this.#frames.length; ) {
      const frame = this.#frames[at]!;
      const { state } = frame.slot;
      if (state.kind === "failed") {
        this.#frames.splice(at, 1);
        this.#released.push(frame.slot);
        this.#owner.lost(frame, state.error);
      } else if (frame.isDue && state.kind === "decoded" && state.image.format !== "a8") {
        this.#frames.splice(at, 1);
        this.#released.push(frame.slot);
        this.#owner.shown(frame, state.image);
        // Earlier ones would be shown behind it.
        const earlier = new Set(this.#frames.slice(0, at).filter((one) => isBefore(one, frame)));
        this.#lose((one) => earlier.has(one), "a later one was shown");
        at -= earlier.size;
      } else at += 1;
    }
    return this.#released.splice(0);
  }

  #lose(isLost: (frame: Frame) => boolean, reason: string): void {
    const lost = this.#frames.filter(isLost);
    this.#frames = this.#frames.filter((frame) => !isLost(frame));
    for (const frame of lost) {
      this.#released.push(frame.slot);
      this.#owner.lost(frame, new CanvasError("SKIPPED", `a frame is not shown: ${reason}`));
    }
  }
}

function isBefore(one: Frame, other: Frame): boolean {
  return one.isDue && one.stream === other.stream;
}

function job(stream: Stream, data: Uint8Array): DecodeJob {
  if (stream.codec === VideoCodecType.MJPEG) return { codec: "jpeg", data };
  const { instance, codec: videoCodec, width, height } = stream;
  return { codec: "video", stream: instance, videoCodec, width, height, data };
}
