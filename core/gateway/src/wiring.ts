// What the relays of a gateway share, beyond what other machines of connections have: connections
// to the servers of grants, and words for the embedder.

import { type ConnectionKey, type LinkTask, type LinkTaskResult, Routing } from "@caraway/channel";
import type { chooseAddress } from "@caraway/client";
import type { GatewayEvent, GatewayOutput } from "./gateway-border.ts";
import type { Relay } from "./relay.ts";

type Extra = Extract<GatewayOutput, { readonly type: "connect" | "disconnect" | "event" }>;

export class Wiring extends Routing<Relay, LinkTask, LinkTaskResult, Extra> {
  /** Clients' connections are numbered upwards by the driver. */
  #nextServer: ConnectionKey = -1;

  connect(relay: Relay, choice: NonNullable<ReturnType<typeof chooseAddress>>): ConnectionKey {
    const connection = this.#nextServer--;
    this.handOver(connection, relay);
    this.say({ type: "connect", connection, ...choice, grant: relay.grant });
    return connection;
  }

  event(event: GatewayEvent): void {
    this.say({ type: "event", event });
  }
}
