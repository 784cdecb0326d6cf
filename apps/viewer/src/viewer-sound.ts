// The sound of a viewer: heard from the user's first touch on, as browsers want it, as loud as the
// user likes, in every session; and its microphone.

import type {
  BrowserClient,
  MicrophoneChoice,
  MicrophoneState,
  SoundState,
} from "@caraway/browser";

export class ViewerSound {
  readonly #changed: () => void;
  #client: BrowserClient | null = null;
  #state: SoundState = "silent";
  #volume = 1;
  #muted = false;
  #isGuestAsLoud = false;

  /** Any touch of `element` counts. */
  constructor(element: HTMLElement, changed: () => void) {
    this.#changed = changed;
    for (const type of ["pointerdown", "keydown", "touchend"] as const) {
      element.addEventListener(type, () => this.#client?.sound?.unlock(), { capture: true });
    }
  }

  get state(): SoundState {
    return this.#state;
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    this.#muted = muted;
    this.#apply();
  }

  /** 0 to 1. */
  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#apply();
  }

  get isGuestAsLoud(): boolean {
    return this.#isGuestAsLoud;
  }

  /** Whether the guest plays as loud as the user wants it, so that nothing is left to do here. */
  set isGuestAsLoud(isSo: boolean) {
    this.#isGuestAsLoud = isSo;
    this.#apply();
  }

  begin(client: BrowserClient): void {
    this.#client = client;
    this.stateIs(client.sound?.state ?? "silent");
    this.#apply();
  }

  stateIs(state: SoundState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed();
  }

  #apply(): void {
    this.#client?.sound?.setVolume(this.#isGuestAsLoud ? 1 : this.#volume, this.#muted);
  }
}

/** Off in every new session until the user turns it on, which is when the browser asks. */
export class ViewerMicrophone {
  readonly #changed: () => void;
  #client: BrowserClient | null = null;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get state(): MicrophoneState {
    return this.#client?.microphone?.state ?? "off";
  }

  /** Whether there is something to turn on: the guest listens, or the user has it on already. */
  get isOffered(): boolean {
    const microphone = this.#client?.microphone ?? null;
    return microphone !== null && (microphone.isWanted || microphone.state !== "off");
  }

  /** How loud it is, 0 to 1. */
  get level(): number {
    return this.#client?.microphone?.level ?? 0;
  }

  async choices(): Promise<readonly MicrophoneChoice[]> {
    return (await this.#client?.microphone?.choices()) ?? [];
  }

  /** With one of the `choices`, or the browser's own. */
  async turnOn(id: string | null = null): Promise<void> {
    await this.#client?.microphone?.turnOn(id);
  }

  turnOff(): void {
    this.#client?.microphone?.turnOff();
  }

  begin(client: BrowserClient): void {
    this.#client = client;
    client.microphone?.watch(this.#changed);
    this.#changed();
  }
}
