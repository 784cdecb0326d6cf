// Decodes images in other threads, as many as the computer has to spare, and in place what is not
// worth the way there.

import { type DecodeJob, type DecodeOutcome, runDecodeJob } from "@caraway/canvas";
import type { DecodeImage } from "@caraway/driver";
import { DecodeAllowance } from "./decode-allowance.ts";
import { type DecodeReply, type DecoderReady, fromReply, ownedJob } from "./decode-message.ts";
import type { ThreadDecoders } from "./decoders.ts";

/** Jobs that one thread may have before it; the rest waits here, for whoever is free first. */
const jobsAheadMax = 2;

const workersMax = 4;

interface Waiting {
  readonly job: DecodeJob;
  readonly done: (outcome: DecodeOutcome) => void;
}

interface DecodeThread {
  readonly worker: Worker;
  /** It has loaded its program. Until then the first picture would wait for it. */
  isReady: boolean;
  readonly running: Map<number, Waiting>;
}

export class DecodePool {
  readonly #decoders: ThreadDecoders;
  readonly #allowance = new DecodeAllowance();
  /** Null once they were started. */
  #startWorker: (() => Worker) | null;
  #threads: DecodeThread[] = [];
  readonly #waiting: Waiting[] = [];
  #nextTask = 0;

  /** `startWorker` throws where no thread is to be had. */
  constructor(decoders: ThreadDecoders, startWorker: () => Worker) {
    this.#decoders = decoders;
    this.#startWorker = startWorker;
  }

  get threadCount(): number {
    return this.#threads.length;
  }

  readonly decode: DecodeImage = (job, done) => {
    // The browser decodes a stream elsewhere already, and has to get its frames in order.
    if (job.codec === "video") {
      runDecodeJob(job, this.#decoders.decoders, done);
      return;
    }
    const now = performance.now();
    const isForHere = this.#isIdle && this.#allowance.takes(sizeOf(job), now, isAsync(job));
    if (!isForHere) this.#startAll();
    if (isForHere || !this.#threads.some(({ isReady }) => isReady)) {
      runDecodeJob(job, this.#decoders.decoders, done);
      this.#allowance.spent(performance.now() - now);
      return;
    }
    this.#waiting.push({ job, done });
    this.#handOut();
  };

  /** What comes now is decoded no sooner by going where others wait. */
  get #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#threads.every(({ running }) => running.size === 0);
  }

  close(): void {
    this.#startWorker = null;
    for (const { worker } of this.#threads) worker.terminate();
    this.#threads = [];
    this.#waiting.length = 0;
  }

  /** With the first image that is worth it, so that nothing holds up the first picture. */
  #startAll(): void {
    const startWorker = this.#startWorker;
    if (startWorker === null) return;
    this.#startWorker = null;
    try {
      for (let count = workerCount(); count > 0; count--) this.#start(startWorker());
    } catch {
      // Fewer threads, or none: everything is decoded in place then.
    }
  }

  #start(worker: Worker): void {
    const thread: DecodeThread = { worker, isReady: false, running: new Map() };
    worker.postMessage({ role: "decoder" });
    worker.onmessage = ({ data }: MessageEvent<DecodeReply | DecoderReady>) => {
      if ("ready" in data) {
        thread.isReady = true;
        return;
      }
      const waiting = thread.running.get(data.task);
      thread.running.delete(data.task);
      this.#handOut();
      waiting?.done(fromReply(data));
    };
    worker.onerror = () => this.#lose(thread);
    this.#threads.push(thread);
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#threads
        .filter(({ isReady }) => isReady)
        .sort((a, b) => a.running.size - b.running.size);
      if (first === undefined || first.running.size >= jobsAheadMax) return;
      const waiting = this.#waiting.shift()!;
      const task = this.#nextTask++;
      const { job, transfer } = ownedJob(waiting.job);
      first.running.set(task, waiting);
      first.worker.postMessage({ task, job }, transfer);
    }
  }

  /** The thread did not start or has died: its jobs are done in place. */
  #lose(thread: DecodeThread): void {
    if (!this.#threads.includes(thread)) return;
    this.#threads = this.#threads.filter((other) => other !== thread);
    thread.worker.terminate();
    const left = [...thread.running.values()];
    if (!this.#threads.some(({ isReady }) => isReady)) left.push(...this.#waiting.splice(0));
    for (const { job, done } of left) runDecodeJob(job, this.#decoders.decoders, done);
  }
}

/** One processor is for the session itself. */
function workerCount(): number {
  return Math.min(workersMax, Math.max(1, (globalThis.navigator?.hardwareConcurrency ?? 2) - 1));
}

/** The browser decodes JPEG at its own time. */
function isAsync({ codec }: DecodeJob): boolean {
  return codec === "jpeg" || codec === "jpeg-alpha";
}

function sizeOf(job: DecodeJob): number {
  return job.codec === "jpeg-alpha" ? job.jpeg.length + job.alpha.length : job.data.length;
}
