// The volume that a guest has set for a device of its own, as VOLUME and MUTE tell it: the embedder
// hears of it, and decides what becomes of it.

import type { ChannelEnd } from "./channel-end.ts";
import type { Wiring } from "./wiring.ts";

type VolumeMessage =
  | { readonly name: "VOLUME"; readonly body: { readonly volume: readonly number[] } }
  | { readonly name: "MUTE"; readonly body: { readonly mute: number } };

export class SoundVolume {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #kind: "playback" | "record";
  #volume: readonly number[] = [];
  #muted = false;

  constructor(end: ChannelEnd, wiring: Wiring, kind: "playback" | "record") {
    this.#end = end;
    this.#wiring = wiring;
    this.#kind = kind;
  }

  handle(message: VolumeMessage): void {
    if (message.name === "VOLUME") this.#volume = message.body.volume;
    else this.#muted = message.body.mute !== 0;
    this.#wiring.event({
      name: "volume",
      kind: this.#kind,
      channelId: this.#end.channel.id,
      volume: this.#volume,
      muted: this.#muted,
    });
  }

  snapshot() {
    return { volume: this.#volume, muted: this.#muted };
  }
}
