// The frames of one stream of video to one client: each is made of what is there when it is due, by
// the stream's codec. JPEG frames stand alone; all others need an encoder that remembers.

import type { Box } from "@caraway/canvas";
import type { ConnectionKey } from "@caraway/channel";
import { VideoCodecType } from "@caraway/protocol";
import type { ServedSurface } from "./served-surface.ts";
import type { ServerTask, ServerTaskResult } from "./server-border.ts";
import type { VideoRate } from "./video-rate.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

const nobody: TaskOwner = { done: () => {} };

export class FrameEncoder {
  readonly codec: VideoCodecType;
  readonly #wiring: Wiring;
  readonly #connection: ConnectionKey;
  /** Names it among all of the server. */
  readonly #name: string;
  #hasBegun = false;
  #hasEnded = false;

  constructor(wiring: Wiring, connection: ConnectionKey, codec: VideoCodecType, name: string) {
    this.#wiring = wiring;
    this.#connection = connection;
    this.codec = codec;
    this.#name = name;
  }

  /** Hands over a frame, unless the encoder has ended by then; null when it has failed. */
  encode(
    surface: ServedSurface,
    box: Box,
    rate: VideoRate,
    done: (data: Uint8Array | null) => void,
  ): void {
    const { width, height, data } = surface.read(box);
    const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
    const image = { format: "xrgb", width, height, pixels } as const;
    const owner: TaskOwner = {
      done: (result: ServerTaskResult) => {
        if (this.#hasEnded) return;
        const isFrame = result.kind === "jpeg" || result.kind === "video-frame";
        done(isFrame ? result.data : null);
      },
    };
    const { codec } = this;
    const work: ServerTask =
      codec === VideoCodecType.MJPEG
        ? { kind: "jpeg", image, quality: rate.quality }
        : {
            ...{ kind: "video-encode", encoder: this.#name, codec, image },
            budget: rate.budget(width * height),
          };
    this.#hasBegun = true;
    this.#wiring.task(owner, this.#connection, work);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!this.#hasBegun || this.codec === VideoCodecType.MJPEG) return;
    this.#wiring.task(nobody, null, { kind: "video-end", encoder: this.#name });
  }
}
