// The guest's sound devices.

import type { ChannelId } from "./channel-name.ts";
import type { SoundOutput } from "./guest.ts";
import type { GuestDevice } from "./guest-device.ts";
import type { MediaTime } from "./media-time.ts";
import { ServedPlayback, SoundFault } from "./served-playback.ts";
import { ServedRecord } from "./served-record.ts";
import type { Wiring } from "./wiring.ts";

type SoundDevice = Extract<GuestDevice, { readonly kind: "playback" | "record" }>;

export class ServedSound {
  readonly time: MediaTime;
  readonly #wiring: Wiring;
  readonly #playbacks = new Map<number, ServedPlayback>();
  readonly #records = new Map<number, ServedRecord>();

  constructor(wiring: Wiring, time: MediaTime) {
    this.#wiring = wiring;
    this.time = time;
  }

  playback(id: number): ServedPlayback | null {
    return this.#playbacks.get(id) ?? null;
  }

  record(id: number): ServedRecord | null {
    return this.#records.get(id) ?? null;
  }

  channels(): ChannelId[] {
    const channels: ChannelId[] = [];
    for (const id of this.#playbacks.keys()) channels.push({ name: "playback", id });
    for (const id of this.#records.keys()) channels.push({ name: "record", id });
    return channels;
  }

  /** @throws SoundFault when it is there. */
  attach({ kind, id }: SoundDevice): void {
    const devices = kind === "playback" ? this.#playbacks : this.#records;
    if (devices.has(id)) throw new SoundFault(`${kind} ${id} is there`);
    if (id > 255) throw new SoundFault(`${kind} ${id} has no channel`);
    if (kind === "playback") {
      this.#playbacks.set(id, new ServedPlayback(id, this.#wiring, this.time));
    } else this.#records.set(id, new ServedRecord(id, this.#wiring, this.time));
  }

  detach({ kind, id }: SoundDevice): void {
    const devices = kind === "playback" ? this.#playbacks : this.#records;
    devices.get(id)?.clear();
    devices.delete(id);
  }

  /** @throws SoundFault when it makes no sense. */
  handle(output: SoundOutput): void {
    switch (output.type) {
      case "playback-start":
      case "playback-samples":
      case "playback-stop":
        this.#need(this.#playbacks, "playback", output.device).handle(output);
        break;
      case "record-start":
      case "record-stop":
        this.#need(this.#records, "record", output.device).handle(output);
        break;
      case "volume": {
        const { kind, device, volume, mute } = output;
        const devices = kind === "playback" ? this.#playbacks : this.#records;
        this.#need<ServedPlayback | ServedRecord>(devices, kind, device).setVolume(volume, mute);
        break;
      }
    }
  }

  snapshot(): unknown {
    return {
      time: this.time.snapshot(),
      playbacks: [...this.#playbacks.values()].map((device) => device.snapshot()),
      records: [...this.#records.values()].map((device) => device.snapshot()),
    };
  }

  #need<T>(devices: ReadonlyMap<number, T>, kind: string, id: number): T {
    const device = devices.get(id);
    if (device === undefined) throw new SoundFault(`there is no ${kind} ${id}`);
    return device;
  }
}
