// The display channel without its pixels: it decodes, keeps order and passes drawing on to the
// renderer, which answers for each message when it is on the surface.

import type { Instant } from "@caraway/channel";
import {
  type ClientMessage,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  type ImageCompression,
  type ServerMessage,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { SessionOptions } from "./options.ts";
import { VideoStreams, type VideoStreamsOptions } from "./video-streams.ts";
import type { Wiring } from "./wiring.ts";

type DisplayServerMessage = ServerMessage<typeof Display>;

/** Id of INVAL_ALL_PIXMAPS, the one display message that waits for other channels. */
const invalAllPixmapsId = 106;

/** All channels of a session share image cache and dictionary number 1, as spice-gtk has it. */
const sharedCacheId = 1;

export class DisplayChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #videos: VideoStreams;
  #preferredCompression: ImageCompression | null;

  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    options: SessionOptions,
    { clock, audioDelay }: Pick<VideoStreamsOptions, "clock" | "audioDelay">,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#options = options;
    this.#preferredCompression = options.preferredCompression;
    this.#videos = new VideoStreams(wiring, {
      display: end.channel.id,
      codecs: options.videoCodecs,
      displayLatencyMs: options.displayLatencyMs,
      clock,
      audioDelay,
      report: (body) => this.#send({ name: "STREAM_REPORT", body }),
    });
  }

  /** When a frame of video is due. */
  deadline(): Instant | null {
    return this.#videos.deadline();
  }

  timeout(): void {
    this.#videos.timeout();
  }

  snapshot(): unknown {
    return { preferredCompression: this.#preferredCompression, videos: this.#videos.snapshot() };
  }

  opened(): void {
    this.#videos.clear();
    this.#wiring.render({ type: "reset", display: this.#end.channel.id });
    this.#end.dropHeld();
    const { pixmapCachePixels, glzWindowPixels } = this.#options;
    this.#send({
      name: "INIT",
      body: {
        pixmapCacheId: sharedCacheId,
        pixmapCacheSize: BigInt(pixmapCachePixels),
        glzDictionaryId: sharedCacheId,
        glzDictionaryWindowSize: glzWindowPixels,
      },
    });
    this.#sendPreferences();
  }

  /** The state that a source hands over does not hold the client's preferences. */
  moved(): void {
    this.#sendPreferences();
  }

  preferCompression(compression: ImageCompression): void {
    this.#preferredCompression = compression;
    this.#sendPreferences();
  }

  waits(id: number, body: Uint8Array): readonly ChannelSerial[] {
    if (id !== invalAllPixmapsId) return [];
    const message = this.#decode(id, body);
    return message?.name === "INVAL_ALL_PIXMAPS" ? message.body.waitList : [];
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    // Passing over a drawing message would paint a wrong picture in silence.
    if (message === null) throw this.#end.unknown(id);
    if (message.name === "GL_SCANOUT_UNIX" || message.name === "GL_DRAW") {
      throw this.#end.unexpected(message.name, "it was not offered");
    }
    if (this.#videos.handle(message) === "taken") return true;
    const display = this.#end.channel.id;
    this.#wiring.render({ type: "apply", display, message });
    return false;
  }

  #decode(id: number, body: Uint8Array): DisplayServerMessage | null {
    try {
      return displayCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #sendPreferences(): void {
    const { SPICE_DISPLAY_CAP_PREF_COMPRESSION, SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE } =
      DisplayCapability;
    const { capabilities } = this.#end;
    const imageCompression = this.#preferredCompression;
    if (
      imageCompression !== null &&
      hasCapability(capabilities, SPICE_DISPLAY_CAP_PREF_COMPRESSION)
    ) {
      this.#send({ name: "PREFERRED_COMPRESSION", body: { imageCompression } });
    }
    const codecs = this.#options.preferredVideoCodecs;
    if (codecs.length > 0 && hasCapability(capabilities, SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE)) {
      this.#send({ name: "PREFERRED_VIDEO_CODEC_TYPE", body: { codecs } });
    }
  }

  #send(message: ClientMessage<typeof Display>): void {
    this.#end.send(displayCodec.client.encode(message));
  }
}
