// An attempt to link one channel to one endpoint: connect, link stage, and once more over TLS
// where the server asks for it. Each start ends in exactly one call to its owner.

import {
  type ConnectionKey,
  type Instant,
  type LinkAgreement,
  LinkClient,
  LinkFailure,
  type LinkFailureCode,
  type LinkTaskResult,
  type TransportFailure,
} from "@caraway/channel";
import { channelCapabilities, commonCapabilities } from "./capabilities.ts";
import { type ChannelId, channelLabel, channelType } from "./channel-name.ts";
import {
  chooseAddress,
  describeEndpoint,
  type Endpoint,
  isSecured,
  type SessionOptions,
} from "./options.ts";
import type { ConnectionOwner, TaskOwner, Wiring } from "./wiring.ts";

/** A linked channel that nobody reads yet. Its connection is paused. */
export interface LinkedConnection {
  readonly connection: ConnectionKey;
  readonly agreement: LinkAgreement;
  /** Bytes that came behind the link stage. */
  readonly rest: Uint8Array;
  readonly tls: boolean;
}

export interface LinkOwner {
  linked(channel: ChannelId, linked: LinkedConnection): void;
  linkFailed(channel: ChannelId, failure: LinkFailure): void;
}

export interface LinkRequest {
  readonly channel: ChannelId;
  readonly endpoint: Endpoint;
  /** 0 opens a session. */
  readonly connectionId: number;
}

interface Current {
  readonly connection: ConnectionKey;
  readonly tls: boolean;
  readonly link: LinkClient;
  task: boolean;
}

export class LinkAttempt implements ConnectionOwner, TaskOwner {
  readonly #wiring: Wiring;
  readonly #options: SessionOptions;
  readonly #request: LinkRequest;
  readonly #owner: LinkOwner;
  #deadline: Instant = 0;
  /** Null when the attempt is over. `task`: the driver works, or asks a person, for it. */
  #current: Current | null = null;

  constructor(wiring: Wiring, options: SessionOptions, request: LinkRequest, owner: LinkOwner) {
    this.#wiring = wiring;
    this.#options = options;
    this.#request = request;
    this.#owner = owner;
  }

  /** Begins; again when it has failed. */
  start(): void {
    this.#deadline = this.#wiring.now + this.#options.linkTimeoutMs;
    this.#connect(isSecured(this.#options, this.#request.channel));
  }

  get active(): boolean {
    return this.#current !== null;
  }

  /** None while a task is under way: a person may be looking for the password. */
  deadline(): Instant | null {
    return this.#current === null || this.#current.task ? null : this.#deadline;
  }

  snapshot(): unknown {
    if (this.#current === null) return null;
    const { connection, link } = this.#current;
    return { connection, link: link.snapshot() };
  }

  /** Time passed: gives up when the deadline is reached. */
  timeout(): void {
    const deadline = this.deadline();
    if (deadline === null || this.#wiring.now < deadline) return;
    const { linkTimeoutMs } = this.#options;
    this.#fail(new LinkFailure("LINK_TIMEOUT", this.#say(`no link after ${linkTimeoutMs} ms`)));
  }

  /** Gives up without a word to the owner. */
  abandon(): void {
    if (this.#current === null) return;
    this.#wiring.disconnect(this.#current.connection);
    this.#current = null;
  }

  connected(): void {
    this.#current?.link.connected();
    this.#drain();
  }

  received(bytes: Uint8Array): void {
    this.#current?.link.received(bytes);
    this.#drain();
  }

  done(result: LinkTaskResult): void {
    if (this.#current === null) return;
    this.#current.task = false;
    this.#deadline = this.#wiring.now + this.#options.linkTimeoutMs;
    this.#current.link.done(result);
    this.#drain();
  }

  closed(failure: TransportFailure | null): void {
    if (this.#current === null) return;
    if (failure === null) {
      this.#current.link.closed();
      this.#drain();
      return;
    }
    this.#fail(new LinkFailure(codeOf(failure), this.#say(failure.detail), failure));
  }

  #connect(secured: boolean): void {
    const { channel, endpoint, connectionId } = this.#request;
    const choice = chooseAddress(endpoint, secured);
    if (choice === null) {
      const want = secured ? "a TLS port" : "a port";
      const detail = this.#say(`${want} is needed and none is known`);
      this.#owner.linkFailed(channel, new LinkFailure("LINK_UNREACHABLE", detail));
      return;
    }
    const connection = this.#wiring.connect(this, choice);
    const link = new LinkClient({
      connection,
      connectionId,
      channelType: channelType(channel.name),
      channelId: channel.id,
      commonCapabilities,
      channelCapabilities: channelCapabilities(channel.name, this.#options),
    });
    this.#current = { connection, tls: choice.tls !== null, link, task: false };
  }

  #drain(): void {
    for (;;) {
      const current = this.#current;
      const output = current?.link.poll() ?? null;
      if (current === null || output === null) return;
      switch (output.type) {
        case "transmit":
          this.#wiring.transmit(current.connection, output.bytes);
          break;
        case "task":
          current.task = true;
          this.#wiring.task(this, output.work.connection, output.work);
          break;
        case "linked": {
          this.#current = null;
          const { connection, tls } = current;
          this.#wiring.pause(connection);
          const { agreement, rest } = output;
          this.#owner.linked(this.#request.channel, { connection, agreement, rest, tls });
          return;
        }
        case "failed":
          this.#linkFailed(current.tls, output.failure);
          return;
      }
    }
  }

  #linkFailed(tls: boolean, failure: LinkFailure): void {
    const secured = chooseAddress(this.#request.endpoint, true);
    if (failure.code === "LINK_NEED_SECURED" && !tls && secured?.tls != null) {
      this.abandon();
      this.#connect(true);
      return;
    }
    this.#fail(failure);
  }

  #fail(failure: LinkFailure): void {
    this.abandon();
    this.#owner.linkFailed(this.#request.channel, failure);
  }

  #say(detail: string): string {
    const { channel, endpoint } = this.#request;
    return `${channelLabel(channel)} at ${describeEndpoint(endpoint)}: ${detail}`;
  }
}

function codeOf({ kind }: TransportFailure): LinkFailureCode {
  if (kind === "timeout") return "LINK_TIMEOUT";
  // Somebody was there to reset it.
  return kind === "reset" ? "LINK_CLOSED" : "LINK_UNREACHABLE";
}
