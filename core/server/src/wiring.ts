// What the parts of a server share, beyond what both ends have: the way to the guest, and words for
// the other server and the embedder.

import {
  type TaskOwner as GenericTaskOwner,
  Routing,
  type TransportFailure,
} from "@caraway/channel";
import type { ServerEvent } from "./events.ts";
import type { GuestInput } from "./guest.ts";
import { type GateInput, GuestGate } from "./guest-gate.ts";
import type { ServerOutput, ServerTask, ServerTaskResult } from "./server-border.ts";

/** Whoever hears what happens on a connection. */
export interface ConnectionOwner {
  received(bytes: Uint8Array): void;
  /** Bytes that the network has not taken yet. */
  backlog(bytes: number): void;
  /** The peer ended it (null) or it broke. The connection is gone when this is called. */
  closed(failure: TransportFailure | null): void;
}

export type TaskOwner = GenericTaskOwner<ServerTaskResult>;

type Extra = Extract<ServerOutput, { readonly type: "guest" | "peer" | "event" }>;

export class Wiring extends Routing<ConnectionOwner, ServerTask, ServerTaskResult, Extra> {
  /** Inputs that were handled, this one included. */
  inputCount = 0;
  #detour: (input: GateInput) => boolean = () => false;
  /** The way to the guest for what clients do: keys, pointer, wishes. */
  readonly gate = new GuestGate((input) => {
    if (!this.#detour(input)) this.guest(input);
  });

  guest(input: GuestInput): void {
    this.say({ type: "guest", input });
  }

  /** Who leads what passes the gate another way than to the guest's own devices, if it says so. */
  leadBy(detour: (input: GateInput) => boolean): void {
    this.#detour = detour;
  }

  peer(bytes: Uint8Array): void {
    this.say({ type: "peer", bytes });
  }

  event(event: ServerEvent): void {
    this.say({ type: "event", event });
  }
}
