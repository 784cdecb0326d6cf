// How loud a guest's device is to be, as the guest has set it.

/** As many channels as a device can have. */
const channelsMax = 8;

export class DeviceVolume {
  #channels: readonly number[] = [];
  #isMuted = false;

  /** One for each channel, 0 to 65,535; empty until the guest has set it. */
  get channels(): readonly number[] {
    return this.#channels;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  set(channels: readonly number[], isMuted: boolean): void {
    this.#channels = channels.slice(0, channelsMax);
    this.#isMuted = isMuted;
  }

  /** What a client is told of it: nothing before the guest has set it. */
  messages() {
    if (this.#channels.length === 0) return [];
    return [
      { name: "VOLUME", body: { volume: this.#channels } },
      { name: "MUTE", body: { mute: this.#isMuted ? 1 : 0 } },
    ] as const;
  }
}
