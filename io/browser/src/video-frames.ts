// Decodes the frames of video streams by the browser's own decoders, one for each stream. The browser
// does it in threads of its own; here only the pixels are read.

import type { DecodeJob, VideoDecoder as FrameDecoder } from "@caraway/canvas";
import { CodecError, type ColorImage, maxImagePixels } from "@caraway/codecs";
import { readColors } from "./color-readback.ts";
import { isKeyFrame } from "./key-frame.ts";
import { decoderConfig } from "./video-codecs.ts";

type VideoJob = DecodeJob & { readonly codec: "video" };
type Done = (result: ColorImage | CodecError) => void;

/** A server may begin more streams than a browser has decoders. */
const decodersMax = 16;

export class VideoFrames implements FrameDecoder {
  readonly #streams = new Map<number, StreamDecoder>();

  decode(job: VideoJob, done: Done): void {
    let stream = this.#streams.get(job.stream);
    if (stream === undefined) {
      if (this.#streams.size >= decodersMax) {
        done(new CodecError("video", 0, `${decodersMax} streams are decoded already`));
        return;
      }
      stream = new StreamDecoder(job.videoCodec, job.height);
      this.#streams.set(job.stream, stream);
    }
    stream.decode(job.data, done);
  }

  end(stream: number): void {
    this.#streams.get(stream)?.close();
    this.#streams.delete(stream);
  }

  close(): void {
    for (const stream of [...this.#streams.keys()]) this.end(stream);
  }
}

class StreamDecoder {
  readonly #codec: number;
  readonly #height: number;
  /** Null before a key frame, and behind an error until the next one. */
  #decoder: VideoDecoder | null = null;
  /** By the number that a frame has, in place of a time. */
  readonly #waiting = new Map<number, Done>();
  #next = 0;

  constructor(codec: number, height: number) {
    this.#codec = codec;
    this.#height = height;
  }

  decode(data: Uint8Array, done: Done): void {
    const isKey = isKeyFrame(this.#codec, data);
    if (this.#decoder === null && !isKey) {
      done(new CodecError("video", 0, "a key frame has to come first"));
      return;
    }
    const timestamp = this.#next++;
    this.#waiting.set(timestamp, done);
    try {
      this.#decoder ??= this.#open();
      const type = isKey ? "key" : "delta";
      this.#decoder.decode(new EncodedVideoChunk({ type, timestamp, data }));
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#fail(new CodecError("video", 0, "its stream is over"));
  }

  #open(): VideoDecoder {
    const decoder: VideoDecoder = new VideoDecoder({
      output: (frame) => void this.#took(frame),
      error: (error) => {
        if (decoder === this.#decoder) this.#fail(error);
      },
    });
    decoder.configure(decoderConfig(this.#codec, this.#height));
    return decoder;
  }

  async #took(frame: VideoFrame): Promise<void> {
    const done = this.#waiting.get(frame.timestamp);
    this.#waiting.delete(frame.timestamp);
    // Those before it do not come any more.
    for (const [timestamp, skipped] of this.#waiting) {
      if (timestamp > frame.timestamp) continue;
      this.#waiting.delete(timestamp);
      skipped(new CodecError("video", 0, "the decoder has passed it over"));
    }
    try {
      if (done !== undefined) done(await readFrame(frame));
    } catch (error) {
      done?.(errorOf(error));
    } finally {
      frame.close();
    }
  }

  #fail(error: unknown): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder !== null && decoder.state !== "closed") decoder.close();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(errorOf(error));
  }
}

function errorOf(error: unknown): CodecError {
  if (error instanceof CodecError) return error;
  return new CodecError("video", 0, error instanceof Error ? error.message : "failed");
}

/** Browsers that do not convert colours when they copy throw. */
let converts = true;

async function readFrame(frame: VideoFrame): Promise<ColorImage> {
  const { width, height } = frame.visibleRect ?? { width: 0, height: 0 };
  if (width < 1 || height < 1 || width * height > maxImagePixels) {
    throw new CodecError("video", 0, `a frame of ${width} by ${height} pixels`);
  }
  if (converts) {
    try {
      return await copyColors(frame, width, height);
    } catch {
      converts = false;
    }
  }
  return readColors(frame, width, height);
}

async function copyColors(frame: VideoFrame, width: number, height: number): Promise<ColorImage> {
  const pixels = new Uint32Array(width * height);
  // Blue comes first in memory, which makes numbers with red on top.
  await frame.copyTo(pixels, { format: "BGRX", colorSpace: "srgb" });
  for (let at = 0; at < pixels.length; at++) pixels[at]! &= 0xffffff;
  return { format: "xrgb", width, height, pixels };
}
