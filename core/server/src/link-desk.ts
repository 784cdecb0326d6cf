// Connections that have not shown yet who they are: their link stage, its bounds in number and
// time, and the decision who comes in.

import {
  type ConnectionKey,
  type LinkAdmission,
  type LinkProof,
  LinkRefused,
  type LinkRequest,
  LinkServer,
  type LinkServerHost,
  type LinkServerTaskResult,
  type LinkVerdict,
  type TransportFailure,
} from "@caraway/channel";
import {
  capabilityWords,
  DisplayCapability,
  InputsCapability,
  LinkError,
  MainCapability,
  PlaybackCapability,
  RecordCapability,
  SpicevmcCapability,
} from "@caraway/protocol";
import type { Access, Admittance, KnownClient } from "./access.ts";
import { type ChannelId, channelLabel, channelNameOf } from "./channel-name.ts";
import type { ChannelTypeName, ServerOptions } from "./options.ts";
import type { NewLink } from "./served-client.ts";
import type { Arrival, ServerTaskResult } from "./server-border.ts";
import type { ConnectionOwner, TaskOwner, Wiring } from "./wiring.ts";

/** What the desk asks of the server. */
export interface LinkDeskOwner {
  /** Whether the guest has the channel now. */
  hasChannel(channel: ChannelId): boolean;
  /** Null when a link to main may begin a session, else why it may not. */
  refusesClient(): string | null;
  /** Whether the session is there, and may have the channel. */
  channelError(sessionId: number, channel: ChannelId): LinkError | null;
  /** A client comes in. */
  clientLinked(link: NewLink, who: Admittance & { readonly kind: "in" }, random: number): void;
  channelLinked(sessionId: number, channel: ChannelId, link: NewLink): void;
  /** A session that comes over from another server, or has come; null: it is neither. */
  movedSession(
    sessionId: number,
    channel: ChannelTypeName,
  ): { readonly known: KnownClient | null } | null;
  /** Whether the session's channels may link before the guest has them. */
  isComing(sessionId: number): boolean;
  /** A client comes over. */
  movedClientLinked(
    sessionId: number,
    link: NewLink,
    who: Admittance & { readonly kind: "in" },
  ): void;
}

interface PendingLink {
  readonly until: number;
  readonly give: (detail: string) => void;
  readonly snapshot: () => unknown;
}

export class LinkDesk {
  readonly #wiring: Wiring;
  readonly #options: ServerOptions;
  readonly #access: Access;
  readonly #owner: LinkDeskOwner;
  readonly #pending = new Map<ConnectionKey, PendingLink>();

  constructor(wiring: Wiring, options: ServerOptions, access: Access, owner: LinkDeskOwner) {
    this.#wiring = wiring;
    this.#options = options;
    this.#access = access;
    this.#owner = owner;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Somebody connected. The oldest stranger has to go when there are too many. */
  accepted(connection: ConnectionKey, arrival: Arrival, random: number): void {
    if (this.#pending.size >= this.#options.pendingLinksMax) {
      const [oldest] = this.#pending.values();
      oldest?.give("too many connections have not shown who they are");
    }
    const link = new Link(connection, arrival, random, {
      wiring: this.#wiring,
      access: this.#access,
      owner: this.#owner,
      options: this.#options,
      over: () => this.#pending.delete(connection),
    });
    this.#pending.set(connection, {
      until: this.#wiring.now + this.#options.linkTimeoutMs,
      give: (detail) => link.giveUp(detail),
      snapshot: () => link.snapshot(),
    });
    this.#wiring.handOver(connection, link);
  }

  deadline(): number | null {
    // They came in this order.
    const [first] = this.#pending.values();
    return first?.until ?? null;
  }

  timeout(): void {
    for (const { until, give } of [...this.#pending.values()]) {
      if (until <= this.#wiring.now) give("the link stage takes too long");
    }
  }

  closeAll(): void {
    for (const { give } of [...this.#pending.values()]) give("the server ends");
  }

  snapshot(): unknown {
    return [...this.#pending.values()].map((link) => link.snapshot());
  }
}

interface LinkSurroundings {
  readonly wiring: Wiring;
  readonly access: Access;
  readonly owner: LinkDeskOwner;
  readonly options: ServerOptions;
  /** The link stage is over, either way. */
  readonly over: () => void;
}

class Link implements ConnectionOwner, TaskOwner, LinkServerHost {
  readonly #connection: ConnectionKey;
  readonly #arrival: Arrival;
  readonly #random: number;
  readonly #around: LinkSurroundings;
  readonly #machine: LinkServer;
  #who: (Admittance & { readonly kind: "in" }) | null = null;
  #isOver = false;
  #miniHeader = true;

  constructor(
    connection: ConnectionKey,
    arrival: Arrival,
    random: number,
    around: LinkSurroundings,
  ) {
    this.#connection = connection;
    this.#arrival = arrival;
    this.#random = random;
    this.#around = around;
    this.#machine = new LinkServer(connection, this);
  }

  get usesSasl(): boolean {
    return this.#around.options.sasl;
  }

  get offersMiniHeader(): boolean {
    return this.#miniHeader;
  }

  admit(request: LinkRequest): LinkAdmission {
    const name = channelNameOf(request.channelType);
    if (name === null) {
      return { kind: "close", detail: `channel type ${request.channelType} is not known` };
    }
    const error = this.#around.access.securityError(name, this.#arrival);
    const channel = { name, id: request.channelId };
    const { owner } = this.#around;
    const isComing = owner.isComing(request.connectionId);
    if (error !== null) {
      return { kind: "refuse", error, detail: `${name} must be reached in the other way` };
    }
    // spice-gtk measures the state that it brings by the header of the target: it has to be the one
    // that the source had.
    const { connectionId } = request;
    const moved = connectionId === 0 ? null : owner.movedSession(connectionId, name);
    this.#miniHeader = moved?.known?.miniHeader ?? this.#around.options.miniHeader;
    if (name !== "main" && !isComing && !owner.hasChannel(channel)) {
      return { kind: "close", detail: `there is no channel ${channelLabel(channel)}` };
    }
    return {
      kind: "admit",
      channelCapabilities: capabilitiesOf(name, this.#around.options.encoders.opus),
    };
  }

  judge(request: LinkRequest, proof: LinkProof): LinkVerdict {
    const { access, owner, wiring } = this.#around;
    const name = channelNameOf(request.channelType)!;
    const { connectionId } = request;
    const moved = connectionId === 0 ? null : owner.movedSession(connectionId, name);
    const known = moved?.known ?? null;
    const who =
      known === null
        ? access.check(proof, wiring.now)
        : access.checkKnown(known, proof, wiring.now);
    if (who.kind === "out") return refuse(LinkError.PERMISSION_DENIED, who.detail);
    this.#who = who;
    const channel = { name, id: request.channelId };
    if (channel.name !== "main") {
      const error = owner.channelError(request.connectionId, channel);
      if (error === null) return { kind: "accept" };
      return refuse(error, `no ${channelLabel(channel)} for session ${request.connectionId}`);
    }
    if (request.connectionId !== 0) {
      // Only a session that is expected may come over from another server.
      if (moved !== null) return { kind: "accept" };
      return refuse(LinkError.BAD_CONNECTION_ID, `session ${request.connectionId} is not known`);
    }
    const reason = owner.refusesClient();
    return reason === null ? { kind: "accept" } : refuse(LinkError.ERROR, reason);
  }

  received(bytes: Uint8Array): void {
    this.#machine.received(bytes);
    this.#drain();
  }

  /** What is sent in the link stage is bounded by what is received. */
  backlog(): void {}

  closed(failure: TransportFailure | null): void {
    if (this.#isOver) return;
    this.#end(new LinkRefused(null, failure?.detail ?? "the connection ended in the link stage"));
  }

  done(result: ServerTaskResult): void {
    if (result.kind === "jpeg") return;
    this.#machine.done(result as LinkServerTaskResult);
    this.#drain();
  }

  giveUp(detail: string): void {
    if (this.#isOver) return;
    this.#end(new LinkRefused(null, detail));
    this.#around.wiring.disconnect(this.#connection);
  }

  snapshot(): unknown {
    return { connection: this.#connection, link: this.#machine.snapshot() };
  }

  #drain(): void {
    const { wiring, owner } = this.#around;
    for (let output = this.#machine.poll(); output !== null; output = this.#machine.poll()) {
      if (this.#isOver) return;
      switch (output.type) {
        case "transmit":
          wiring.transmit(this.#connection, output.bytes);
          break;
        case "task":
          wiring.task(this, this.#connection, output.work);
          break;
        case "failed":
          this.#end(output.failure);
          wiring.disconnect(this.#connection);
          return;
        case "linked": {
          this.#isOver = true;
          this.#around.over();
          const { request } = output.link;
          const link = {
            connection: this.#connection,
            arrival: this.#arrival,
            link: output.link,
          };
          const name = channelNameOf(request.channelType)!;
          const { connectionId } = request;
          if (name === "main" && connectionId === 0) {
            owner.clientLinked(link, this.#who!, this.#random);
          } else if (name === "main") owner.movedClientLinked(connectionId, link, this.#who!);
          else owner.channelLinked(request.connectionId, { name, id: request.channelId }, link);
          return;
        }
      }
    }
  }

  #end(error: LinkRefused): void {
    this.#isOver = true;
    this.#around.over();
    this.#around.wiring.event({ name: "link-refused", peer: this.#arrival.peer, error });
  }
}

function refuse(error: LinkError, detail: string): LinkVerdict {
  return { kind: "refuse", error, detail };
}

/** What this server does, by channel. */
function capabilitiesOf(name: ChannelTypeName, opus: boolean): number[] {
  switch (name) {
    case "main":
      return capabilityWords([
        MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
        MainCapability.SPICE_MAIN_CAP_NAME_AND_UUID,
        MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
        MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
      ]);
    case "display":
      return capabilityWords([
        DisplayCapability.SPICE_DISPLAY_CAP_MONITORS_CONFIG,
        DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT,
        DisplayCapability.SPICE_DISPLAY_CAP_PREF_COMPRESSION,
        DisplayCapability.SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE,
      ]);
    case "inputs":
      return capabilityWords([InputsCapability.SPICE_INPUTS_CAP_KEY_SCANCODE]);
    case "usbredir":
    case "port":
    case "webdav":
      return capabilityWords([SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4]);
    case "playback":
      return capabilityWords([
        PlaybackCapability.SPICE_PLAYBACK_CAP_VOLUME,
        PlaybackCapability.SPICE_PLAYBACK_CAP_LATENCY,
        ...(opus ? [PlaybackCapability.SPICE_PLAYBACK_CAP_OPUS] : []),
      ]);
    case "record":
      return capabilityWords([
        RecordCapability.SPICE_RECORD_CAP_VOLUME,
        ...(opus ? [RecordCapability.SPICE_RECORD_CAP_OPUS] : []),
      ]);
    default:
      return [];
  }
}
