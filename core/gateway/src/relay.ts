// One client's connection and the server behind it. Towards the client the gateway is a server
// that asks for no password, towards the server a client that has one; then bytes go both ways,
// and a side that does not take them stops the other.

import {
  type ConnectionKey,
  type Instant,
  type LinkAdmission,
  LinkClient,
  LinkFailure,
  type LinkRequest,
  LinkServer,
  type LinkTaskResult,
  type TransportFailure,
} from "@caraway/channel";
import {
  channelLabel,
  channelNameOf,
  chooseAddress,
  describeEndpoint,
  portOf,
} from "@caraway/client";
import {
  ChannelType,
  CommonCapability,
  capabilityWords,
  hasCapability,
  LinkError,
} from "@caraway/protocol";
import { CarawayError, joinBytes } from "@caraway/wire";
import type { Arrival, EventSubject, GatewayOptions } from "./gateway-border.ts";
import type { GatewaySession } from "./gateway-session.ts";
import type { Grant } from "./grant.ts";
import { type Destination, MainTap, type MainTapOwner } from "./main-tap.ts";
import { targetGrant } from "./target-grant.ts";
import type { Wiring } from "./wiring.ts";

/** Bytes that wait for one side before the other is not read any more, and before it is again. */
const backlogHigh = 512 << 10;
const backlogLow = 128 << 10;

/** What a relay asks of the machine that it is part of. */
export interface RelayHost {
  readonly options: GatewayOptions;
  readonly wiring: Wiring;
  /** The link stage is over, one way or the other. */
  settled(relay: Relay): void;
  /** Both connections are closed. */
  over(relay: Relay): void;
}

type State =
  /** The client says what it wants. */
  | { readonly kind: "greeting"; readonly server: LinkServer }
  /** `server` waits; `link` is the link stage with the VM's server. */
  | {
      readonly kind: "linking";
      readonly server: LinkServer;
      readonly link: LinkClient;
      readonly tls: boolean;
    }
  /** The VM's server is linked and not read; the client finishes its link stage. */
  | { readonly kind: "answering"; readonly server: LinkServer; readonly rest: Uint8Array }
  | { readonly kind: "relaying"; readonly tap: MainTap | null }
  | { readonly kind: "over" };

export class Relay implements MainTapOwner {
  readonly client: ConnectionKey;
  readonly grant: Grant;
  readonly session: GatewaySession;
  readonly arrival: Arrival;
  readonly #host: RelayHost;
  readonly #wiring: Wiring;
  readonly #acceptedAt: Instant;
  #state: State;
  #request: LinkRequest | null = null;
  #vm: ConnectionKey | null = null;
  #bytesUp = 0;
  #bytesDown = 0;
  #clientPaused = false;
  #vmPaused = false;
  /** Grants for the targets that this very server has named. */
  #named: Grant[] = [];

  constructor(
    host: RelayHost,
    client: ConnectionKey,
    grant: Grant,
    session: GatewaySession,
    arrival: Arrival,
  ) {
    this.#host = host;
    this.#wiring = host.wiring;
    this.client = client;
    this.grant = grant;
    this.session = session;
    this.arrival = arrival;
    this.#acceptedAt = host.wiring.now;
    const server = new LinkServer(client, {
      usesSasl: false,
      admit: (request) => {
        this.#request = request;
        return { kind: "later" };
      },
      // The grant has let the client in; whatever its ticket holds is not looked at.
      judge: () => ({ kind: "accept" }),
    });
    this.#state = { kind: "greeting", server };
  }

  get vm(): ConnectionKey | null {
    return this.#vm;
  }

  /** When the link stage must be over. */
  get linkDeadline(): Instant {
    return this.#acceptedAt + this.#host.options.limits.linkTimeoutMs;
  }

  snapshot(): unknown {
    const state = this.#state;
    const tap = state.kind === "relaying" ? (state.tap?.snapshot() ?? null) : null;
    const { session } = this.grant;
    return { session, state: state.kind, tap, paused: [this.#clientPaused, this.#vmPaused] };
  }

  // What the driver brings.

  connected(): void {
    if (this.#state.kind !== "linking") return;
    this.#state.link.connected();
    this.#drainLink();
  }

  received(from: ConnectionKey, bytes: Uint8Array): void {
    if (from === this.client) this.#fromClient(bytes);
    else this.#fromServer(bytes);
  }

  backlog(connection: ConnectionKey, bytes: number): void {
    const isClient = connection === this.client;
    const other = isClient ? this.#vm : this.client;
    if (other === null || this.#state.kind !== "relaying") return;
    const paused = isClient ? this.#vmPaused : this.#clientPaused;
    if (!paused && bytes > backlogHigh) this.#wiring.pause(other);
    else if (paused && bytes < backlogLow) this.#wiring.resume(other);
    else return;
    if (isClient) this.#vmPaused = !paused;
    else this.#clientPaused = !paused;
  }

  closed(connection: ConnectionKey, failure: TransportFailure | null): void {
    const detail = failure?.detail ?? null;
    if (connection === this.client) {
      this.#end("client", detail);
      return;
    }
    this.#vm = null;
    if (this.#state.kind !== "linking") this.#end("server", detail);
    else if (failure === null) {
      this.#state.link.closed();
      this.#drainLink();
    } else {
      const code = failure.kind === "timeout" ? "LINK_TIMEOUT" : "LINK_UNREACHABLE";
      this.#linkFailed(new LinkFailure(code, failure.detail, failure));
    }
  }

  done(result: LinkTaskResult): void {
    if (this.#state.kind !== "linking") return;
    this.#state.link.done(result);
    this.#drainLink();
  }

  timeout(): void {
    const { linkTimeoutMs } = this.#host.options.limits;
    this.#linkFailed(new LinkFailure("LINK_TIMEOUT", `no link after ${linkTimeoutMs} ms`));
  }

  /** Closes both connections. */
  close(detail: string): void {
    this.#end("gateway", detail);
  }

  // The link stage.

  #fromClient(bytes: Uint8Array): void {
    this.#bytesUp += bytes.length;
    const state = this.#state;
    if (state.kind === "relaying") this.#wiring.transmit(this.#vm!, bytes);
    else if (state.kind !== "over") {
      state.server.received(bytes);
      this.#drainServer(state.server);
    }
  }

  /** What the client's half of the link stage has to say. */
  #drainServer(server: LinkServer): void {
    for (let output = server.poll(); output !== null; output = server.poll()) {
      switch (output.type) {
        case "transmit":
          this.#toClient(output.bytes);
          break;
        case "task":
          // One key for all: nothing that is encrypted with it is a secret.
          if (output.work.kind === "key") {
            server.done({ kind: "key", publicKey: this.#host.options.publicKey });
          } else server.done({ kind: "decrypt", plain: new Uint8Array(0) });
          break;
        case "linked":
          this.#begin(output.link.rest);
          return;
        case "failed":
          this.#fail(output.failure.code, output.failure.message);
          return;
      }
    }
    if (this.#state.kind === "greeting" && this.#request !== null) this.#requested(this.#request);
  }

  #requested(request: LinkRequest): void {
    if (!this.session.mayLink(request)) {
      const detail = "no SPICE session of this client has that id";
      const error = LinkError.BAD_CONNECTION_ID;
      this.#turnAway("LINK_BAD_CONNECTION_ID", { kind: "refuse", error, detail });
      return;
    }
    this.#link(request, false);
  }

  #link(request: LinkRequest, secured: boolean): void {
    if (this.#state.kind !== "greeting" && this.#state.kind !== "linking") return;
    const { server } = this.#state;
    const choice = chooseAddress(this.grant.server, secured);
    if (choice === null) {
      this.#linkFailed(new LinkFailure("LINK_NEED_SECURED", "the server has no known TLS port"));
      return;
    }
    this.#vm = this.#wiring.connect(this, choice);
    const link = new LinkClient({
      connection: this.#vm,
      connectionId: request.connectionId,
      channelType: request.channelType,
      channelId: request.channelId,
      commonCapabilities: commonCapabilities(request),
      channelCapabilities: request.channelCapabilities,
    });
    this.#state = { kind: "linking", server, link, tls: choice.tls !== null };
  }

  #fromServer(bytes: Uint8Array): void {
    const state = this.#state;
    if (state.kind === "relaying") this.#pass(state.tap, bytes);
    else if (state.kind === "linking") {
      state.link.received(bytes);
      this.#drainLink();
    } else if (state.kind === "answering") {
      // A transport may hand over what it has read already, although it is paused.
      this.#state = { ...state, rest: joinBytes([state.rest, bytes]) };
    }
  }

  /** What the server's half of the link stage has to say. */
  #drainLink(): void {
    while (this.#state.kind === "linking") {
      const { link, server, tls } = this.#state;
      const output = link.poll();
      if (output === null) return;
      switch (output.type) {
        case "transmit":
          this.#wiring.transmit(this.#vm!, output.bytes);
          break;
        case "task":
          this.#wiring.task(this, output.work.connection, output.work);
          break;
        case "linked": {
          const { agreement, rest } = output;
          const wantsMini = hasMiniHeader(this.#request!.commonCapabilities);
          if (agreement.miniHeader !== wantsMini) {
            const detail = "the server has no mini headers, and the client counts on them";
            this.#linkFailed(new LinkFailure("LINK_BAD_REPLY", detail));
            return;
          }
          this.#wiring.pause(this.#vm!);
          this.#state = { kind: "answering", server, rest };
          server.admitted({ kind: "admit", channelCapabilities: agreement.channelCapabilities });
          this.#drainServer(server);
          return;
        }
        case "failed":
          this.#serverRefused(output.failure, tls);
          return;
      }
    }
  }

  #serverRefused(failure: LinkFailure, tls: boolean): void {
    const secured = chooseAddress(this.grant.server, true);
    if (failure.code === "LINK_NEED_SECURED" && !tls && secured?.tls != null) {
      this.#dropServer();
      this.#link(this.#request!, true);
      return;
    }
    this.#linkFailed(failure);
  }

  /** The VM's server cannot be had: the client hears of it as far as it understands. */
  #linkFailed({ code, message }: LinkFailure): void {
    this.#dropServer();
    const detail = `${describeEndpoint(this.grant.server)}: ${message}`;
    const answer: LinkAdmission =
      code === "LINK_CLOSED"
        ? { kind: "close", detail }
        : { kind: "refuse", error: errorFor(code), detail };
    this.#turnAway(code, answer);
  }

  #turnAway(code: string, answer: Exclude<LinkAdmission, { readonly kind: "admit" }>): void {
    const state = this.#state;
    if (state.kind === "greeting" || state.kind === "linking") {
      state.server.admitted(answer);
      for (let output = state.server.poll(); output !== null; output = state.server.poll()) {
        if (output.type === "transmit") this.#toClient(output.bytes);
      }
    }
    this.#fail(code, answer.detail);
  }

  #fail(code: string, detail: string): void {
    this.#wiring.event({ name: "link-failed", subject: this.subject, code, detail });
    this.#end("gateway", detail);
  }

  // The relay.

  #begin(restOfClient: Uint8Array): void {
    if (this.#state.kind !== "answering") return;
    const { rest } = this.#state;
    const isMain = this.#request!.channelType === ChannelType.MAIN;
    const miniHeader = hasMiniHeader(this.#request!.commonCapabilities);
    const tap = isMain ? new MainTap(miniHeader, this) : null;
    this.#state = { kind: "relaying", tap };
    this.#host.settled(this);
    const setupMs = this.#wiring.now - this.#acceptedAt;
    const { way } = this.arrival;
    this.#wiring.event({ name: "linked", subject: this.subject, way, setupMs });
    if (restOfClient.length > 0) this.#wiring.transmit(this.#vm!, restOfClient);
    this.#pass(tap, rest);
    if (this.#vm !== null) this.#wiring.resume(this.#vm);
  }

  #pass(tap: MainTap | null, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (tap === null) {
      this.#toClient(bytes);
      return;
    }
    try {
      for (const piece of tap.push(bytes)) this.#toClient(piece);
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#end("gateway", error.message);
    }
  }

  sessionBegan(sessionId: number): void {
    this.session.spiceSessionBegan(sessionId);
  }

  targetNamed(destination: Destination, message: string): Destination {
    const { options } = this.#host;
    const named = targetGrant(this.grant, destination, options);
    const event = { subject: this.subject, message, target: named.target };
    if (named.grant === null) {
      this.#wiring.event({ name: "target-refused", ...event });
      // A name that no client can do anything with: it degrades as it does for a lost target.
      return { port: 0, sport: 0, host: "refused", certSubject: "" };
    }
    this.#named.push(named.grant);
    this.session.targetNamed(named.grant.server);
    this.#wiring.event({ name: "target-named", ...event });
    return {
      // Any port will do where the host's name says it all.
      port: portOf(destination.port) ?? destination.sport,
      sport: 0,
      host: options.seal(named.grant),
      certSubject: "",
    };
  }

  targetsRevoked(): void {
    for (const { server } of this.#named) this.session.targetRevoked(server);
    this.#named = [];
  }

  #toClient(bytes: Uint8Array): void {
    if (this.#state.kind === "over") return;
    this.#bytesDown += bytes.length;
    this.#wiring.transmit(this.client, bytes);
  }

  get subject(): EventSubject {
    const { session, vm, user } = this.grant;
    const { address } = this.arrival;
    return { session, vm, user, address, connection: this.client, channel: this.#channel };
  }

  get #channel(): string | null {
    if (this.#request === null) return null;
    const { channelType, channelId } = this.#request;
    const name = channelNameOf(channelType);
    return name === null
      ? `type ${channelType} ${channelId}`
      : channelLabel({ name, id: channelId });
  }

  #dropServer(): void {
    if (this.#vm !== null) this.#wiring.disconnect(this.#vm);
    this.#vm = null;
  }

  #end(by: "client" | "server" | "gateway", detail: string | null): void {
    const { kind } = this.#state;
    if (kind === "over") return;
    this.#state = { kind: "over" };
    this.#dropServer();
    if (by !== "client") this.#wiring.disconnect(this.client);
    if (kind === "relaying") {
      const { subject } = this;
      const [bytesUp, bytesDown] = [this.#bytesUp, this.#bytesDown];
      this.#wiring.event({ name: "ended", subject, by, bytesUp, bytesDown, detail });
    } else this.#host.settled(this);
    this.#host.over(this);
  }
}

function hasMiniHeader(words: readonly number[]): boolean {
  return hasCapability(words, CommonCapability.SPICE_COMMON_CAP_MINI_HEADER);
}

/** How to authenticate is between gateway and server; headers pass unchanged. */
function commonCapabilities(request: LinkRequest): number[] {
  const bits: number[] = [
    CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
    CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
    CommonCapability.SPICE_COMMON_CAP_AUTH_SASL,
  ];
  if (hasMiniHeader(request.commonCapabilities)) {
    bits.push(CommonCapability.SPICE_COMMON_CAP_MINI_HEADER);
  }
  return capabilityWords(bits);
}

/** What the client is told: what it can do nothing about has no name there. */
function errorFor(code: LinkFailure["code"]): LinkError {
  switch (code) {
    case "LINK_CHANNEL_NOT_AVAILABLE":
      return LinkError.CHANNEL_NOT_AVAILABLE;
    case "LINK_BAD_CONNECTION_ID":
      return LinkError.BAD_CONNECTION_ID;
    case "LINK_PERMISSION_DENIED":
      return LinkError.PERMISSION_DENIED;
    default:
      return LinkError.ERROR;
  }
}
