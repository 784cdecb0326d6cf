// Our renderer as a peer of the others: messages in, the primary surface out as a picture.

import { inflateSync } from "node:zlib";
import {
  type DecodeOutcome,
  plainDecoders,
  Renderer,
  type RenderInput,
  readColors,
  runDecodeJob,
} from "@caraway/canvas";
import { CodecError } from "@caraway/codecs";
import type { RgbImage } from "../rgb-image.ts";
import type { DisplayMessage } from "./scene-state.ts";

export class CanvasRenderer {
  readonly #renderer = new Renderer();

  /** Draws messages; throws when the renderer cannot, or waits for an image. */
  apply(messages: readonly DisplayMessage[]): void {
    for (const message of messages) this.#handle({ type: "apply", display: 0, message });
    if (this.#renderer.pending(0) > 0) {
      throw new Error(`messages wait: ${JSON.stringify(this.#renderer.snapshot())}`);
    }
  }

  picture(): RgbImage {
    const primary = this.#renderer.primary(0);
    if (primary === null) throw new Error("there is no primary surface");
    const { width, height } = primary;
    const colors = readColors(primary, { left: 0, top: 0, right: width, bottom: height });
    const data = new Uint8Array(width * height * 3);
    for (let at = 0; at < colors.length; at++) {
      data[3 * at] = colors[at]! >>> 16;
      data[3 * at + 1] = colors[at]! >>> 8;
      data[3 * at + 2] = colors[at]!;
    }
    return { width, height, data };
  }

  #handle(first: RenderInput): void {
    const inputs = [first];
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      this.#renderer.handle(input);
      for (let out = this.#renderer.poll(); out !== null; out = this.#renderer.poll()) {
        if (out.type === "failed") throw out.error;
        if (out.type !== "decode") continue;
        const { task, job } = out;
        const done = (outcome: DecodeOutcome) => inputs.push({ type: "decoded", task, outcome });
        runDecodeJob(job, decoders, done);
      }
    }
  }
}

const decoders: Parameters<typeof runDecodeJob>[1] = {
  ...plainDecoders,
  inflate: (data) => new Uint8Array(inflateSync(data)),
  jpeg: (_data, done) => done(new CodecError("JPEG", 0, "the scenes have no JPEG images")),
};
