// Encodes a server's video: a process for each stream, which is given a frame and answers with it. An
// encoder keeps the rate that it was started with: for another one, the next process is started
// beside it, and takes over when it has had the time to get ready.

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { VideoTask } from "@caraway/server";
import { AviFrames } from "./avi-frames.ts";
import { type EncodedStream, startFfmpeg, type VideoEncoders } from "./ffmpeg.ts";

type EncodeTask = Extract<VideoTask, { readonly kind: "video-encode" }>;

/** Processes at a time; a stream beyond them has to do without. */
const encodersMax = 8;
/** What a process takes to load. */
const readyMs = 400;
const frameTimeoutMs = 5000;
/** An AVI file must not grow beyond what its sizes can say. */
const fileMax = 1 << 30;
const errorTextMax = 400;

export class VideoTasks {
  readonly #found: VideoEncoders | null;
  readonly #streams = new Map<string, StreamEncoder>();

  constructor(found: VideoEncoders | null) {
    this.#found = found;
  }

  /** Rejects when it cannot be encoded; the encoder is gone then. */
  async encode({ encoder: name, codec, image, budget }: EncodeTask): Promise<Uint8Array> {
    const found = this.#found;
    if (found === null) throw new Error("there are no encoders");
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      if (this.#streams.size >= encodersMax) throw new Error(`${encodersMax} encoders run already`);
      stream = new StreamEncoder(found.program);
      this.#streams.set(name, stream);
    }
    const { width, height, pixels } = image;
    try {
      return await stream.encode({ codec, width, height, budget }, pixels);
    } catch (error) {
      this.end(name);
      throw error;
    }
  }

  end(name: string): void {
    this.#streams.get(name)?.close();
    this.#streams.delete(name);
  }

  close(): void {
    for (const name of [...this.#streams.keys()]) this.end(name);
  }
}

class StreamEncoder {
  readonly #program: string;
  #current: EncoderProcess | null = null;
  #next: { readonly process: EncoderProcess; readonly readyAt: number } | null = null;

  constructor(program: string) {
    this.#program = program;
  }

  encode(stream: EncodedStream, pixels: Uint32Array): Promise<Uint8Array> {
    this.#current ??= new EncoderProcess(this.#program, stream);
    if (this.#next !== null && performance.now() >= this.#next.readyAt) {
      this.#current.close();
      this.#current = this.#next.process;
      this.#next = null;
    }
    if (this.#next === null && !this.#current.suits(stream)) {
      const process = new EncoderProcess(this.#program, stream);
      this.#next = { process, readyAt: performance.now() + readyMs };
    }
    return this.#current.encode(pixels);
  }

  close(): void {
    this.#current?.close();
    this.#next?.process.close();
  }
}

class EncoderProcess {
  readonly #stream: EncodedStream;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #file = new AviFrames();
  readonly #frames: Buffer[] = [];
  #written = 0;
  #errorText = "";
  #failure: Error | null = null;
  #wake: () => void = () => {};

  constructor(program: string, stream: EncodedStream) {
    this.#stream = stream;
    this.#child = startFfmpeg(program, stream);
    this.#child.on("error", (error) => this.#fail(error.message));
    this.#child.on("close", () => this.#fail(this.#errorText || "the encoder has ended"));
    // What goes wrong with the pipes shows in the process's end.
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (data: Buffer) => {
      this.#errorText = `${this.#errorText}${data}`.slice(0, errorTextMax);
    });
    this.#child.stdout.on("data", (data: Buffer) => this.#read(data));
  }

  suits({ budget }: EncodedStream): boolean {
    return (
      budget.bitsPerSecond === this.#stream.budget.bitsPerSecond &&
      budget.framesPerSecond === this.#stream.budget.framesPerSecond &&
      this.#written < fileMax
    );
  }

  async encode(pixels: Uint32Array): Promise<Uint8Array> {
    this.#child.stdin.write(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
    const limit = setTimeout(() => this.#fail("a frame took too long"), frameTimeoutMs);
    try {
      for (;;) {
        const frame = this.#frames.shift();
        if (frame !== undefined) return frame;
        if (this.#failure !== null) throw this.#failure;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(limit);
    }
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  #read(data: Buffer): void {
    this.#written += data.length;
    try {
      this.#frames.push(...this.#file.push(data));
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : `${error}`);
    }
    this.#wake();
  }

  #fail(detail: string): void {
    this.#failure ??= new Error(`ffmpeg: ${detail.trim()}`);
    this.close();
    this.#wake();
  }
}
