// The microphone of a viewer: off in every new session until the user turns it on, which is when
// the browser asks.

import type { BrowserClient, MicrophoneChoice, MicrophoneState } from "@caraway/browser";

export class ViewerMicrophone {
  readonly #changed: () => void;
  #client: BrowserClient | null = null;
  #state: MicrophoneState = "off";

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get state(): MicrophoneState {
    return this.#state;
  }

  /** Whether there is something to turn on: the guest listens, or the user has it on already. */
  get isOffered(): boolean {
    const microphone = this.#client?.microphone ?? null;
    return microphone !== null && (microphone.isWanted || this.#state !== "off");
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
    this.stateIs(client.microphone?.state ?? "off");
  }

  stateIs(state: MicrophoneState): void {
    this.#state = state;
    this.#changed();
  }

  /** Events may change whether the guest listens. */
  event({ name }: { readonly name: string }): void {
    if (name === "record-start" || name === "record-stop") this.#changed();
  }
}
