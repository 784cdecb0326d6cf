// The decoders of one thread: kernels where they are to be had, the browser's for JPEG.

import { type Decoders, plainDecoders } from "@caraway/canvas";
import { CodecError } from "@caraway/codecs";
import { CarawayError } from "@caraway/wire";
import { inflate } from "./inflate.ts";
import { decodeJpeg } from "./jpeg.ts";
import { type Kernels, loadKernels } from "./kernels.ts";

export interface ThreadDecoders {
  readonly decoders: Decoders;
  readonly kernels: Kernels;
}

export async function loadDecoders(): Promise<ThreadDecoders> {
  const kernels = await loadKernels();
  const { quic } = kernels;
  const decoders: Decoders = {
    ...plainDecoders,
    ...(quic !== null && { quic: (data: Uint8Array) => quic.decode(data) }),
    inflate,
    jpeg: (data, done) => {
      decodeJpeg(data).then(done, (error: unknown) => {
        if (error instanceof CarawayError) done(error);
        else done(new CodecError("JPEG", 0, error instanceof Error ? error.message : "failed"));
      });
    },
  };
  return { decoders, kernels };
}
