// What the user wants of the guest's desktop beside its size: how much it draws, and that its volume
// follows the viewer's. Told to the agent in every session.

import type { DisplayConfig } from "@caraway/agent";
import type { ClientEvent } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";

/** What plays the guest's sound here. */
export interface GuestSound {
  /** The guest makes its sound as loud as the user wants it. */
  isGuestAsLoud: boolean;
}

/** As loud as a channel may be. */
const loudest = 0xffff;
/** A guest that has other channels takes the first one for all. */
const channels = 2;

export class GuestWishes {
  readonly #command: (command: SessionCommand) => void;
  readonly #sound: GuestSound;
  #displayConfig: DisplayConfig | null = null;
  #syncsVolume = false;
  #agentTakesVolume = false;
  #volume = 1;
  #isMuted = false;

  constructor(command: (command: SessionCommand) => void, sound: GuestSound) {
    this.#command = command;
    this.#sound = sound;
  }

  /** What the desktop may leave out, which saves traffic; null leaves it to the guest. */
  get displayConfig(): DisplayConfig | null {
    return this.#displayConfig;
  }

  set displayConfig(config: DisplayConfig | null) {
    this.#displayConfig = config;
    this.#sayDisplayConfig();
  }

  /**
   * The guest's own volume is set to the viewer's, and what it plays is heard as it comes; not so at
   * first. It takes an agent that can do it.
   */
  get syncsVolume(): boolean {
    return this.#syncsVolume;
  }

  set syncsVolume(syncs: boolean) {
    if (syncs === this.#syncsVolume) return;
    this.#syncsVolume = syncs;
    this.#sayVolume();
    this.#shareWork();
  }

  /** For the viewer alone. */
  volumeIs(volume: number, isMuted: boolean): void {
    if (volume === this.#volume && isMuted === this.#isMuted) return;
    this.#volume = volume;
    this.#isMuted = isMuted;
    this.#sayVolume();
  }

  /** For the viewer alone. */
  event(event: ClientEvent): void {
    if (event.name === "session") {
      this.#sayDisplayConfig();
      this.#sayVolume();
    }
    if (event.name !== "agent") return;
    this.#agentTakesVolume = event.capabilities.includes("AUDIO_VOLUME_SYNC");
    this.#shareWork();
  }

  #shareWork(): void {
    this.#sound.isGuestAsLoud = this.#syncsVolume && this.#agentTakesVolume;
  }

  #sayDisplayConfig(): void {
    const config = this.#displayConfig;
    if (config !== null) this.#command({ name: "display-config", config });
  }

  #sayVolume(): void {
    if (!this.#syncsVolume) return;
    const volume = new Array<number>(channels).fill(Math.round(this.#volume * loudest));
    this.#command({ name: "volume", kind: "playback", mute: this.#isMuted, volume });
  }
}
