// The mouse mode, which is one for all clients: in mode `client` the guest's pointer follows the
// client's, in mode `server` it is moved by relative motion.

import { MouseMode as WireMode } from "@caraway/protocol";

export type MouseModeName = "server" | "client";

export class MouseMode {
  readonly #changed: () => void;
  #current: MouseModeName = "server";
  #isClientAllowed = false;

  /** `changed` is called when the mode or the choice of modes is another. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get current(): MouseModeName {
    return this.#current;
  }

  /** As the wire has it: a bit for each mode that may be asked for. */
  get supportedBits(): number {
    return this.#isClientAllowed ? WireMode.SERVER | WireMode.CLIENT : WireMode.SERVER;
  }

  get currentBit(): number {
    return this.#current === "client" ? WireMode.CLIENT : WireMode.SERVER;
  }

  /** Whether absolute positions reach the guest. */
  allowClient(allowed: boolean): void {
    if (allowed === this.#isClientAllowed) return;
    this.#isClientAllowed = allowed;
    if (!allowed) this.#current = "server";
    this.#changed();
  }

  /** A client asks for a mode. */
  request(bits: number): void {
    const wanted = (bits & WireMode.CLIENT) !== 0 ? "client" : "server";
    if (wanted === this.#current || (wanted === "client" && !this.#isClientAllowed)) return;
    this.#current = wanted;
    this.#changed();
  }
}
