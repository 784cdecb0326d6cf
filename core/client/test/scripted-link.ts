// The server's end of the link stage: reads the link message, replies, reads mechanism and ticket,
// and hands the connection over.

import { ByteQueue } from "@caraway/channel";
import {
  CommonCapability,
  capabilityWords,
  LinkError,
  linkHeaderCodec,
  linkMagic,
  linkMessCodec,
  linkReplyCodec,
  protocolMajor,
  protocolMinor,
  ticketSize,
} from "@caraway/protocol";
import { type ChannelName, channelNameOf } from "../src/index.ts";
import type { Connection, ServerEnd } from "./world.ts";

export interface LinkRequest {
  readonly name: ChannelName;
  readonly id: number;
  readonly connectionId: number;
  /** Of the channel. */
  readonly capabilities: readonly number[];
  /** Null when the reply is decided, before the ticket. */
  readonly password: string | null;
}

export type LinkDecision = keyof typeof LinkError | "close" | "silence";

export interface LinkServer {
  /** Asked twice: for the reply, and with the password for the result. */
  decide(request: LinkRequest): LinkDecision;
  capabilities(name: ChannelName): readonly number[];
  linked(request: LinkRequest, miniHeader: boolean): ServerEnd;
}

const headerSize = 16;

export class ScriptedLink implements ServerEnd {
  readonly #connection: Connection;
  readonly #server: LinkServer;
  readonly #miniHeader: boolean;
  readonly #bytes = new ByteQueue();
  #request: LinkRequest | null = null;
  #next: ServerEnd | null = null;

  constructor(connection: Connection, miniHeader: boolean, server: LinkServer) {
    this.#connection = connection;
    this.#miniHeader = miniHeader;
    this.#server = server;
  }

  received(bytes: Uint8Array): void {
    if (this.#next !== null) {
      this.#next.received(bytes);
      return;
    }
    this.#bytes.push(bytes);
    while (this.#step());
  }

  closed(): void {
    this.#next?.closed();
  }

  #step(): boolean {
    if (this.#next !== null) return false;
    return this.#request === null ? this.#readMessage() : this.#readTicket(this.#request);
  }

  #readMessage(): boolean {
    const header = this.#bytes.peek(headerSize);
    if (header === null) return false;
    const { magic, size } = linkHeaderCodec.decode(header);
    if (magic !== linkMagic) throw new Error("the client does not speak SPICE");
    const bytes = this.#bytes.take(headerSize + size);
    if (bytes === null) return false;
    const message = linkMessCodec.decode(bytes.subarray(headerSize));
    const { channelId: id, connectionId } = message;
    const name = channelNameOf(message.channelType)!;
    const capabilities = message.caps.slice(message.numCommonCaps);
    this.#request = { name, id, connectionId, capabilities, password: null };
    const decision = this.#server.decide(this.#request);
    if (decision === "close") this.#connection.close();
    else if (decision !== "silence") this.#reply(name, decision);
    return decision === "OK";
  }

  #reply(name: ChannelName, decision: keyof typeof LinkError): void {
    const common = capabilityWords([
      CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
      CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
      ...(this.#miniHeader ? [CommonCapability.SPICE_COMMON_CAP_MINI_HEADER] : []),
    ]);
    const channel = this.#server.capabilities(name);
    const body = linkReplyCodec.encode({
      error: LinkError[decision],
      pubKey: new Uint8Array(162),
      numCommonCaps: common.length,
      numChannelCaps: channel.length,
      caps: [...common, ...channel],
    });
    const [major, minor] = [protocolMajor, protocolMinor];
    this.#connection.send(
      linkHeaderCodec.encode({ magic: linkMagic, major, minor, size: body.length }),
    );
    this.#connection.send(body);
    if (decision !== "OK") this.#connection.close();
  }

  #readTicket(request: LinkRequest): boolean {
    const bytes = this.#bytes.take(4 + ticketSize);
    if (bytes === null) return false;
    const password = new TextDecoder().decode(bytes.subarray(4)).replace(/\0.*$/s, "");
    const asked = { ...request, password };
    const decision = this.#server.decide(asked);
    if (decision === "silence") return false;
    if (decision === "close") {
      this.#connection.close();
      return false;
    }
    this.#connection.send(Uint8Array.of(LinkError[decision], 0, 0, 0));
    if (decision !== "OK") {
      this.#connection.close();
      return false;
    }
    this.#next = this.#server.linked(asked, this.#miniHeader);
    this.#next.received(this.#bytes.takeAll());
    return false;
  }
}
