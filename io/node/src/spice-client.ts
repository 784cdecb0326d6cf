// A whole client on Node: driven by sockets, with decoders that run at once.

import { type Decoders, plainDecoders, runDecodeJob } from "@caraway/canvas";
import { CodecError } from "@caraway/codecs";
import { ClientDriver, type ClientDriverOptions } from "@caraway/driver";
import { CarawayError } from "@caraway/wire";
import { inflate } from "./inflate.ts";
import { decodeJpeg } from "./jpeg.ts";
import { loadKernels } from "./kernels.ts";
import { nodePlatform } from "./platform.ts";
import type { TransportOptions } from "./transport.ts";

export interface SpiceClientOptions extends ClientDriverOptions {
  readonly transport?: TransportOptions;
}

export class SpiceClient extends ClientDriver {
  /** Begins to connect at once. */
  constructor(options: SpiceClientOptions) {
    const decoders = makeDecoders();
    const platform = nodePlatform(options.transport);
    super(platform, (job, done) => runDecodeJob(job, decoders, done), options);
  }
}

function makeDecoders(): Decoders {
  const { quic } = loadKernels();
  return {
    ...plainDecoders,
    quic: (data) => quic.decode(data),
    inflate,
    jpeg: (data, done) => {
      decodeJpeg(data).then(done, (error: unknown) => {
        if (error instanceof CarawayError) done(error);
        else done(new CodecError("JPEG", 0, error instanceof Error ? error.message : "failed"));
      });
    },
  };
}
