// What the parts of a session share, beyond what both ends have: connections that it opens, and
// words for the driver, the renderer and the embedder.

import type { FileRead } from "@caraway/agent";
import {
  type ConnectionKey,
  type TaskOwner as GenericTaskOwner,
  type LinkTask,
  type LinkTaskResult,
  Routing,
  type TransportFailure,
} from "@caraway/channel";
import type { SessionEvent } from "./events.ts";
import type { ConnectChoice } from "./options.ts";
import type { RenderCommand, SessionOutput } from "./session-output.ts";

/** Whoever hears what happens on a connection. */
export interface ConnectionOwner {
  connected(): void;
  received(bytes: Uint8Array): void;
  /** Bytes that the network has not taken yet. */
  backlog?(bytes: number): void;
  /** The peer ended it (null) or it broke. The connection is gone when this is called. */
  closed(failure: TransportFailure | null): void;
}

export type TaskOwner = GenericTaskOwner<LinkTaskResult>;

type Extra = Extract<SessionOutput, { readonly type: "connect" | "read" | "render" | "event" }>;

export class Wiring extends Routing<ConnectionOwner, LinkTask, LinkTaskResult, Extra> {
  #nextConnection: ConnectionKey = 1;

  connect(owner: ConnectionOwner, choice: ConnectChoice): ConnectionKey {
    const connection = this.#nextConnection++;
    this.handOver(connection, owner);
    this.say({ type: "connect", connection, ...choice });
    return connection;
  }

  readFile({ read, transfer, offset, size }: FileRead): void {
    this.say({ type: "read", read, transfer, offset, size });
  }

  render(command: RenderCommand): void {
    this.say({ type: "render", command });
  }

  event(event: SessionEvent): void {
    this.say({ type: "event", event });
  }
}
