// The sound of a viewer: heard from the user's first touch on, as browsers want it, as loud as the
// user likes, in every session.

import type { BrowserClient, SoundState } from "@caraway/browser";

export class ViewerSound {
  readonly #changed: () => void;
  #client: BrowserClient | null = null;
  #state: SoundState = "silent";
  #volume = 1;
  #muted = false;

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
    this.#client?.sound?.setVolume(this.#volume, this.#muted);
  }
}
