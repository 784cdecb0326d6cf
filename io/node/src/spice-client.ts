// A whole client on Node: driven by sockets, with decoders that run at once.

import { type Decoders, plainDecoders, runDecodeJob } from "@caraway/canvas";
import { CodecError } from "@caraway/codecs";
import { ClientDriver, type ClientDriverOptions } from "@caraway/driver";
import { CarawayError } from "@caraway/wire";
import { inflate } from "./inflate.ts";
import { decodeJpeg } from "./jpeg.ts";
import { loadKernels } from "./kernels.ts";
import { nodePlatform } from "./platform.ts";
import { type PlaybackSink, SoundPlayer } from "./sound-player.ts";
import { type RecordSource, SoundRecorder } from "./sound-recorder.ts";
import type { TransportOptions } from "./transport.ts";

export interface SpiceClientOptions extends ClientDriverOptions {
  readonly transport?: TransportOptions;
  /** Where the guest's sound goes; its channel is opened then. */
  readonly playback?: PlaybackSink;
  /** What the guest hears; its channel is opened then. */
  readonly record?: RecordSource;
}

export class SpiceClient extends ClientDriver {
  /** Begins to connect at once. */
  constructor(options: SpiceClientOptions) {
    const decoders = makeDecoders();
    const platform = nodePlatform(options.transport);
    const { playback, record } = options;
    const player = playback === undefined ? null : new SoundPlayer(playback);
    // The session tells nothing before it is made.
    const command = (...args: Parameters<ClientDriver["command"]>) => this.command(...args);
    const recorder = record === undefined ? null : new SoundRecorder(record, command);
    super(platform, (job, done) => runDecodeJob(job, decoders, done), {
      ...options,
      session: {
        ...options.session,
        opus: true,
        opusRecord: true,
        channels: [
          ...options.session.channels,
          ...(player === null ? [] : (["playback"] as const)),
          ...(recorder === null ? [] : (["record"] as const)),
        ],
      },
      onEvent: (event) => {
        player?.handle(event);
        recorder?.handle(event);
        options.onEvent?.(event);
      },
    });
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
