// What QEMU plays, as it tells a listener (`org.qemu.Display1.AudioOutListener`): samples of 16 bits
// become the sound of a guest. Several sources of sound of one VM are not mixed: the one that was
// turned on last is heard.

import type { GuestOutput, SoundFormat } from "@caraway/server";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusValue } from "./dbus-value.ts";
import { voiceFormat } from "./voice-format.ts";

type Say = (output: GuestOutput) => void;

interface Voice {
  /** null: it is nothing that can be sent. */
  readonly format: SoundFormat | null;
  isEnabled: boolean;
}

/** Voices that are remembered. */
const voicesMax = 16;

export class AudioListener {
  readonly #device: number;
  readonly #say: Say;
  readonly #voices = new Map<bigint, Voice>();
  #heard: bigint | null = null;

  constructor(device: number, say: Say) {
    this.#device = device;
    this.#say = say;
  }

  /** What plays now, for a server that comes later. */
  describe(): GuestOutput[] {
    const format = this.#heard === null ? null : (this.#voices.get(this.#heard)?.format ?? null);
    return format === null ? [] : [{ type: "playback-start", device: this.#device, format }];
  }

  called({ member, body }: DbusMessage): { readonly signature: string; readonly body: [] } {
    const [id, ...rest] = body;
    if (typeof id === "bigint") this.#handle(member, id, rest);
    return { signature: "", body: [] };
  }

  #handle(member: string | null, id: bigint, body: readonly DbusValue[]): void {
    switch (member) {
      case "Init":
        if (this.#voices.size < voicesMax) {
          this.#voices.set(id, { format: voiceFormat(body), isEnabled: false });
        }
        break;
      case "Fini":
        this.#enable(id, false);
        this.#voices.delete(id);
        break;
      case "SetEnabled":
        this.#enable(id, body[0] === true);
        break;
      case "SetVolume": {
        const [mute, volume] = body;
        if (!(volume instanceof Uint8Array)) break;
        // QEMU has 8 bits for each channel, SPICE 16.
        const levels = [...volume.subarray(0, 8)].map((level) => level * 257);
        const kind = "playback" as const;
        const device = this.#device;
        this.#say({ type: "volume", kind, device, volume: levels, mute: mute === true });
        break;
      }
      case "Write": {
        const [data] = body;
        if (id !== this.#heard || !(data instanceof Uint8Array)) break;
        this.#say({ type: "playback-samples", device: this.#device, samples: data.slice() });
        break;
      }
      default:
        break;
    }
  }

  #enable(id: bigint, isEnabled: boolean): void {
    const voice = this.#voices.get(id);
    if (voice === undefined || voice.isEnabled === isEnabled) return;
    voice.isEnabled = isEnabled;
    const next = isEnabled ? id : this.#heard === id ? this.#another() : this.#heard;
    if (next === this.#heard) return;
    const device = this.#device;
    if (this.#heard !== null) this.#say({ type: "playback-stop", device });
    this.#heard = next;
    const format = next === null ? null : (this.#voices.get(next)?.format ?? null);
    if (format !== null) this.#say({ type: "playback-start", device, format });
    else this.#heard = null;
  }

  #another(): bigint | null {
    for (const [id, { isEnabled, format }] of this.#voices) {
      if (isEnabled && format !== null) return id;
    }
    return null;
  }
}
