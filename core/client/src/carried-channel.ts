// A channel that this client keeps open, and carries through migrations, without having a part in
// what it says: its messages become events.

import { playbackCodec, recordCodec } from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { ChannelName } from "./channel-name.ts";
import type { Wiring } from "./wiring.ts";

interface ServerCodec {
  decode(id: number, body: Uint8Array): { readonly name: string; readonly body: unknown } | null;
}

const codecs: Partial<Record<ChannelName, ServerCodec>> = {
  playback: playbackCodec.server,
  record: recordCodec.server,
};

export class CarriedChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;

  constructor(end: ChannelEnd, wiring: Wiring) {
    this.#end = end;
    this.#wiring = wiring;
  }

  snapshot(): unknown {
    return null;
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {}

  moved(): void {}

  message(id: number, body: Uint8Array): boolean {
    const { name, id: channelId } = this.#end.channel;
    const message = this.#decode(name, id, body);
    if (message === null) throw this.#end.unknown(id);
    this.#wiring.event({ name: "channel-message", channel: name, id: channelId, message });
    return true;
  }

  #decode(name: ChannelName, id: number, body: Uint8Array) {
    try {
      return codecs[name]?.decode(id, body) ?? null;
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }
}
