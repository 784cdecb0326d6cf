// One session of a gateway: the connections that showed the same grant, or grants for targets that
// their server named. It knows which SPICE sessions they may join and where they may go.

import type { LinkRequest } from "@caraway/channel";
import type { Endpoint } from "@caraway/client";
import { ChannelType } from "@caraway/protocol";
import { type Grant, serverKey } from "./grant.ts";

/** SPICE sessions follow each other when a viewer reconnects; old ids are of no more use. */
const spiceSessionsMax = 16;

export class GatewaySession {
  readonly id: string;
  readonly vm: string;
  readonly user: string;
  connections = 0;
  readonly #spiceSessions: number[] = [];
  readonly #revoked = new Set<string>();

  constructor(grant: Grant) {
    this.id = grant.session;
    this.vm = grant.vm;
    this.user = grant.user;
  }

  /** MAIN INIT said so. */
  spiceSessionBegan(id: number): void {
    const at = this.#spiceSessions.indexOf(id);
    if (at >= 0) this.#spiceSessions.splice(at, 1);
    this.#spiceSessions.push(id);
    if (this.#spiceSessions.length > spiceSessionsMax) this.#spiceSessions.shift();
  }

  /**
   * Whether a channel may be linked under the id that the client gives: a main channel may begin a
   * SPICE session, and everything else belongs to one that this session has seen begin. Ids of
   * others could be guessed, and servers do not ask whose they are.
   */
  mayLink({ channelType, connectionId }: LinkRequest): boolean {
    if (connectionId === 0) return channelType === ChannelType.MAIN;
    return this.#spiceSessions.includes(connectionId);
  }

  targetNamed(target: Endpoint): void {
    this.#revoked.delete(serverKey(target));
  }

  /** The migration is called off: nobody goes there any more, until it is named again. */
  targetRevoked(target: Endpoint): void {
    this.#revoked.add(serverKey(target));
  }

  isRevoked(server: Endpoint): boolean {
    return this.#revoked.has(serverKey(server));
  }
}
