// What a thread that decodes and the one that it works for say to each other. Buffers are copied
// out of the message that they are part of, and then handed over.

import type { DecodeJob, DecodeOutcome } from "@caraway/canvas";
import { CodecError } from "@caraway/codecs";

export interface DecodeRequest {
  readonly task: number;
  readonly job: DecodeJob;
}

export interface DecodeReply {
  readonly task: number;
  readonly outcome: PlainOutcome;
}

/** Said once, when a thread can decode. */
export interface DecoderReady {
  readonly ready: true;
}

/** An error loses its class on the way. */
type PlainOutcome =
  | Exclude<DecodeOutcome, { readonly error: unknown }>
  | {
      readonly kind: "error";
      readonly codec: string;
      readonly offset: number;
      readonly detail: string;
    };

/** The job with bytes of its own, and what is to be transferred with it. */
export function ownedJob(job: DecodeJob): { job: DecodeJob; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const own = <T extends Uint8Array | Uint32Array>(array: T): T => {
    const copy = array.slice() as T;
    transfer.push(copy.buffer as ArrayBuffer);
    return copy;
  };
  switch (job.codec) {
    case "jpeg-alpha":
      return { job: { ...job, jpeg: own(job.jpeg), alpha: own(job.alpha) }, transfer };
    case "lz": {
      const palette = job.palette === null ? null : own(job.palette);
      return { job: { ...job, data: own(job.data), palette }, transfer };
    }
    default:
      return { job: { ...job, data: own(job.data) }, transfer };
  }
}

export function toReply(task: number, outcome: DecodeOutcome): [DecodeReply, ArrayBuffer[]] {
  if ("error" in outcome) {
    const { error } = outcome;
    const { codec, offset } = error instanceof CodecError ? error : { codec: "unknown", offset: 0 };
    return [{ task, outcome: { kind: "error", codec, offset, detail: error.message } }, []];
  }
  const array = outcome.kind === "image" ? outcome.image.pixels : outcome.bytes;
  return [{ task, outcome }, [array.buffer as ArrayBuffer]];
}

export function fromReply({ outcome }: DecodeReply): DecodeOutcome {
  if (outcome.kind !== "error") return outcome;
  const { codec, offset, detail } = outcome;
  return { error: new CodecError(codec, offset, detail) };
}
