// The decoding that needs nothing but the image's own bytes: a driver may run it anywhere, in any
// order. Bitmaps are decoded by the renderer itself, and GLZ needs the session's window.

import {
  CodecError,
  type ColorImage,
  decodeLz,
  decodeLz4Image,
  decodeQuic,
  type Inflate,
  inflateGlz,
  joinJpegAlpha,
  type PixelImage,
  readJpegSize,
} from "@caraway/codecs";
import { CarawayError } from "@caraway/wire";

/** Plain data that can be sent to another thread. The byte arrays are views: copy, then transfer. */
export type DecodeJob =
  | { readonly codec: "quic"; readonly data: Uint8Array }
  | { readonly codec: "lz"; readonly data: Uint8Array; readonly palette: Uint32Array | null }
  | {
      readonly codec: "lz4";
      readonly data: Uint8Array;
      readonly width: number;
      readonly height: number;
    }
  | { readonly codec: "jpeg"; readonly data: Uint8Array }
  /** A frame of video whose decoding goes on where that of the stream's last frame ended. */
  | {
      readonly codec: "video";
      readonly stream: number;
      /** A `VideoCodecType`. */
      readonly videoCodec: number;
      readonly width: number;
      readonly height: number;
      readonly data: Uint8Array;
    }
  | {
      readonly codec: "jpeg-alpha";
      readonly jpeg: Uint8Array;
      /** An LZ stream of type XXXA. */
      readonly alpha: Uint8Array;
      readonly topDown: boolean;
    }
  /** The zlib stream around a GLZ image of `size` bytes. */
  | { readonly codec: "inflate"; readonly data: Uint8Array; readonly size: number };

export type DecodeResult =
  /** The renderer owns the pixels from then on. */
  | { readonly kind: "image"; readonly image: PixelImage }
  /** The answer to `inflate`. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

export type DecodeOutcome = DecodeResult | { readonly error: CarawayError };

/** Decodes a JPEG file whose size has been checked; colours `xrgb` with a high byte of 0. */
export type JpegDecoder = (
  data: Uint8Array,
  done: (result: ColorImage | CarawayError) => void,
) => void;

/** Takes the frames of each stream in order; answers each, in any order. */
export interface VideoDecoder {
  decode(
    job: DecodeJob & { readonly codec: "video" },
    done: (result: ColorImage | CarawayError) => void,
  ): void;
  /** No more frames of the stream come. */
  end(stream: number): void;
}

/** What a driver has to bring: the platform's, or faster ones than the plain ones here. */
export interface Decoders {
  readonly quic: (data: Uint8Array) => PixelImage;
  readonly lz: (data: Uint8Array, palette: Uint32Array | null) => PixelImage;
  readonly lz4: (data: Uint8Array, width: number, height: number) => PixelImage;
  readonly inflate: Inflate;
  readonly jpeg: JpegDecoder;
  /** For what is not MJPEG; null where only that is shown. */
  readonly video: VideoDecoder | null;
}

/** The decoders in plain TypeScript. */
export const plainDecoders = {
  quic: decodeQuic,
  lz: decodeLz,
  lz4: decodeLz4Image,
  video: null,
} as const;

/**
 * Runs a job and hands its outcome to `done`: before it returns, unless the job needs JPEG and
 * that decoder takes its time.
 */
export function runDecodeJob(
  job: DecodeJob,
  decoders: Decoders,
  done: (outcome: DecodeOutcome) => void,
): void {
  if (job.codec === "jpeg" || job.codec === "jpeg-alpha") {
    runJpegJob(job, decoders, done);
    return;
  }
  if (job.codec === "video") {
    if (decoders.video === null) done({ error: new CodecError("video", 0, "no decoder for it") });
    else decoders.video.decode(job, (result) => done(imageOrError(result)));
    return;
  }
  done(
    attempt(() => {
      switch (job.codec) {
        case "quic":
          return { kind: "image", image: decoders.quic(job.data) };
        case "lz":
          return { kind: "image", image: decoders.lz(job.data, job.palette) };
        case "lz4":
          return { kind: "image", image: decoders.lz4(job.data, job.width, job.height) };
        case "inflate":
          return { kind: "bytes", bytes: inflateGlz(job.data, job.size, decoders.inflate) };
      }
    }),
  );
}

function imageOrError(result: ColorImage | CarawayError): DecodeOutcome {
  return result instanceof CarawayError ? { error: result } : { kind: "image", image: result };
}

function runJpegJob(
  job: DecodeJob & { codec: "jpeg" | "jpeg-alpha" },
  decoders: Decoders,
  done: (outcome: DecodeOutcome) => void,
): void {
  const data = job.codec === "jpeg" ? job.data : job.jpeg;
  const size = attempt(() => ({ kind: "size", ...readJpegSize(data) }) as const);
  if ("error" in size) {
    done(size);
    return;
  }
  decoders.jpeg(data, (result) => {
    if (result instanceof CarawayError) {
      done({ error: result });
      return;
    }
    done(
      attempt(() => {
        if (result.width !== size.width || result.height !== size.height) {
          throw new CodecError("JPEG", 0, "the decoder gave another size than the header");
        }
        if (job.codec === "jpeg") return { kind: "image", image: result };
        return { kind: "image", image: joinJpegAlpha(result, job.alpha, job.topDown) };
      }),
    );
  });
}

/** What the function returns, or the typed error that it throws; other errors are faults of ours. */
function attempt<T>(run: () => T): T | { readonly error: CarawayError } {
  try {
    return run();
  } catch (error) {
    if (error instanceof CarawayError) return { error };
    throw error;
  }
}
