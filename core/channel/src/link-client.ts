// The client's end of the link stage: from a fresh connection to the first data message, with
// ticket or SASL. What needs secrets or random numbers is a task of the driver. One instance
// serves one connection.

import {
  AuthMechanism,
  CommonCapability,
  hasCapability,
  LinkError,
  linkHeaderCodec,
  linkMagic,
  linkMessCodec,
  linkReplyCodec,
  linkSizeMax,
  protocolMajor,
  protocolMinor,
  saslDataCodec,
  ticketSize,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { ByteQueue } from "./byte-queue.ts";
import { LinkFailure, linkFailureFrom } from "./errors.ts";
import type { ConnectionKey, LinkTask, LinkTaskResult } from "./machine.ts";

const linkHeaderSize = 16;
/** Longest mechanism list and longest SASL step, as spice-gtk holds them. */
const mechanismListSizeMax = 300;
const saslDataSizeMax = 1 << 20;
/** Bytes that may wait for a task: a whole SASL step, or what comes at once behind the last one. */
const waitingSizeMax = 2 << 20;

export interface LinkParameters {
  readonly connection: ConnectionKey;
  /** 0 for a new session. */
  readonly connectionId: number;
  readonly channelType: number;
  readonly channelId: number;
  readonly commonCapabilities: readonly number[];
  readonly channelCapabilities: readonly number[];
}

/** What both ends agreed on. */
export interface LinkAgreement {
  readonly miniHeader: boolean;
  /** Capability words of the server. */
  readonly commonCapabilities: readonly number[];
  readonly channelCapabilities: readonly number[];
}

export type LinkOutput =
  | { readonly type: "transmit"; readonly bytes: Uint8Array }
  | { readonly type: "task"; readonly work: LinkTask }
  /** `rest`: bytes behind the link stage. */
  | { readonly type: "linked"; readonly agreement: LinkAgreement; readonly rest: Uint8Array }
  | { readonly type: "failed"; readonly failure: LinkFailure };

type LinkState =
  | { readonly kind: "new" }
  | { readonly kind: "reply-header" }
  | { readonly kind: "reply"; readonly size: number }
  | { readonly kind: "ticket"; readonly agreement: LinkAgreement }
  | { readonly kind: "sasl-mechanisms"; readonly agreement: LinkAgreement }
  /** A task of the driver is under way. */
  | { readonly kind: "sasl-task"; readonly agreement: LinkAgreement; readonly complete: boolean }
  | { readonly kind: "sasl-data"; readonly agreement: LinkAgreement }
  /** SASL has a result of its own, before the link's. */
  | { readonly kind: "sasl-result"; readonly agreement: LinkAgreement }
  | { readonly kind: "result"; readonly agreement: LinkAgreement }
  | { readonly kind: "ended" };

export class LinkClient {
  readonly #parameters: LinkParameters;
  readonly #bytes = new ByteQueue();
  readonly #outputs: LinkOutput[] = [];
  #state: LinkState = { kind: "new" };

  constructor(parameters: LinkParameters) {
    this.#parameters = parameters;
  }

  poll(): LinkOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    const { connectionId, channelType, channelId } = this.#parameters;
    const asked = [connectionId, channelType, channelId];
    return { state: this.#state.kind, asked, pending: this.#bytes.size };
  }

  /** The transport is open: greet. */
  connected(): void {
    const { connectionId, channelType, channelId } = this.#parameters;
    const { commonCapabilities, channelCapabilities } = this.#parameters;
    const body = linkMessCodec.encode({
      connectionId,
      channelType,
      channelId,
      numCommonCaps: commonCapabilities.length,
      numChannelCaps: channelCapabilities.length,
      caps: [...commonCapabilities, ...channelCapabilities],
    });
    this.#transmit(
      linkHeaderCodec.encode({
        magic: linkMagic,
        major: protocolMajor,
        minor: protocolMinor,
        size: body.length,
      }),
    );
    this.#transmit(body);
    this.#state = { kind: "reply-header" };
  }

  received(bytes: Uint8Array): void {
    if (this.#state.kind === "ended") return;
    this.#bytes.push(bytes);
    this.#advance();
    if (this.#bytes.size > waitingSizeMax) {
      this.#fail(new LinkFailure("LINK_BAD_REPLY", `${this.#bytes.size} bytes in the link stage`));
    }
  }

  /** The driver finished a task of this link. */
  done(result: LinkTaskResult): void {
    const state = this.#state;
    if (result.kind === "failed") {
      if (state.kind !== "ended") this.#fail(new LinkFailure(`LINK_${result.code}`, result.detail));
      return;
    }
    if (state.kind === "ticket" && result.kind === "ticket") {
      if (result.ticket.length !== ticketSize) {
        this.#fail(new LinkFailure("LINK_CRYPTO", `a ticket of ${result.ticket.length} bytes`));
        return;
      }
      this.#transmit(result.ticket);
      this.#state = { kind: "result", agreement: state.agreement };
    } else if (state.kind === "sasl-task" && result.kind === "sasl-start") {
      this.#transmit(saslDataCodec.encode({ data: latin1(result.mechanism) }));
      this.#transmitSaslData(result.data);
      this.#state = { kind: "sasl-data", agreement: state.agreement };
    } else if (state.kind === "sasl-task" && result.kind === "sasl-step") {
      if (state.complete) {
        this.#state = { kind: "sasl-result", agreement: state.agreement };
      } else {
        this.#transmitSaslData(result.data);
        this.#state = { kind: "sasl-data", agreement: state.agreement };
      }
    }
    this.#advance();
  }

  /** The transport ended before the link was done. */
  closed(): void {
    const { kind } = this.#state;
    if (kind === "ended") return;
    if (kind === "sasl-data" || kind === "sasl-task" || kind === "sasl-result") {
      // spice-server has no word for a user or password that it does not accept.
      this.#fail(new LinkFailure("LINK_PERMISSION_DENIED", "the server ended the SASL exchange"));
      return;
    }
    this.#fail(new LinkFailure("LINK_CLOSED", "the connection ended during the link stage"));
  }

  #advance(): void {
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#fail(
        error instanceof LinkFailure
          ? error
          : new LinkFailure("LINK_BAD_REPLY", error.message, null, { cause: error }),
      );
    }
  }

  /** Takes one whole item; false when more bytes, or a task, must come first. */
  #step(): boolean {
    const state = this.#state;
    switch (state.kind) {
      case "reply-header":
        return this.#readReplyHeader();
      case "reply":
        return this.#readReply(state.size);
      case "sasl-mechanisms":
        return this.#readMechanisms(state.agreement);
      case "sasl-data":
        return this.#readSaslData(state.agreement);
      case "sasl-result":
        return this.#readSaslResult(state.agreement);
      case "result":
        return this.#readResult(state.agreement);
      default:
        return false;
    }
  }

  #readReplyHeader(): boolean {
    const bytes = this.#bytes.take(linkHeaderSize);
    if (bytes === null) return false;
    const header = linkHeaderCodec.decode(bytes);
    if (header.magic !== linkMagic) {
      throw new LinkFailure("LINK_NOT_SPICE", "the peer's first bytes are not REDQ");
    }
    if (header.major !== protocolMajor) {
      throw new LinkFailure("LINK_MAJOR_MISMATCH", `the peer speaks version ${header.major}`);
    }
    if (header.size > linkSizeMax) {
      throw new LinkFailure("LINK_BAD_REPLY", `a link reply of ${header.size} bytes`);
    }
    this.#state = { kind: "reply", size: header.size };
    return true;
  }

  #readReply(size: number): boolean {
    const bytes = this.#bytes.take(size);
    if (bytes === null) return false;
    const reply = linkReplyCodec.decode(bytes);
    if (reply.error !== LinkError.OK) throw linkFailureFrom(reply.error, "link reply");
    const common = reply.caps.slice(0, reply.numCommonCaps);
    const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: selection } = CommonCapability;
    const { SPICE_COMMON_CAP_MINI_HEADER: mini } = CommonCapability;
    const ours = this.#parameters.commonCapabilities;
    const agreement: LinkAgreement = {
      miniHeader: hasCapability(common, mini) && hasCapability(ours, mini),
      commonCapabilities: common,
      channelCapabilities: reply.caps.slice(reply.numCommonCaps),
    };
    const selects = hasCapability(common, selection) && hasCapability(ours, selection);
    this.#authenticate(agreement, selects, reply.pubKey);
    return true;
  }

  #authenticate(agreement: LinkAgreement, selects: boolean, publicKey: Uint8Array): void {
    const { SPICE_COMMON_CAP_AUTH_SASL, SPICE_COMMON_CAP_AUTH_SPICE } = CommonCapability;
    const offered = agreement.commonCapabilities;
    const ours = this.#parameters.commonCapabilities;
    const both = (bit: number) => hasCapability(offered, bit) && hasCapability(ours, bit);
    if (selects && both(SPICE_COMMON_CAP_AUTH_SASL)) {
      this.#transmit(u32(AuthMechanism.SASL));
      this.#state = { kind: "sasl-mechanisms", agreement };
      return;
    }
    if (selects && !both(SPICE_COMMON_CAP_AUTH_SPICE)) {
      throw new LinkFailure("LINK_NO_MECHANISM", "the server offers no ticket and no known SASL");
    }
    if (selects) this.#transmit(u32(AuthMechanism.SPICE));
    this.#state = { kind: "ticket", agreement };
    this.#task({ kind: "ticket", connection: this.#parameters.connection, publicKey });
  }

  #readMechanisms(agreement: LinkAgreement): boolean {
    const bytes = this.#takeCounted(mechanismListSizeMax, 0);
    if (bytes === null) return false;
    this.#state = { kind: "sasl-task", agreement, complete: false };
    const mechanisms = String.fromCharCode(...bytes.data);
    this.#task({ kind: "sasl-start", connection: this.#parameters.connection, mechanisms });
    return true;
  }

  /** Server data (its length counts a NUL), then whether the exchange is complete. */
  #readSaslData(agreement: LinkAgreement): boolean {
    const bytes = this.#takeCounted(saslDataSizeMax, 1);
    if (bytes === null) return false;
    const complete = bytes.tail[0] !== 0;
    const last = bytes.data.length - 1;
    const data = bytes.data[last] === 0 ? bytes.data.subarray(0, last) : bytes.data;
    this.#state = { kind: "sasl-task", agreement, complete };
    this.#task({ kind: "sasl-step", connection: this.#parameters.connection, data, complete });
    return true;
  }

  #readSaslResult(agreement: LinkAgreement): boolean {
    const bytes = this.#bytes.take(4);
    if (bytes === null) return false;
    if (readU32(bytes) !== LinkError.OK) {
      throw new LinkFailure("LINK_PERMISSION_DENIED", "SASL authentication failed");
    }
    this.#state = { kind: "result", agreement };
    return true;
  }

  #readResult(agreement: LinkAgreement): boolean {
    const bytes = this.#bytes.take(4);
    if (bytes === null) return false;
    const result = readU32(bytes);
    if (result !== LinkError.OK) throw linkFailureFrom(result, "link result");
    this.#state = { kind: "ended" };
    const rest = this.#bytes.takeAll();
    this.#outputs.push({ type: "linked", agreement, rest });
    return false;
  }

  /** `u32 size`, `size` bytes, and `tailSize` bytes behind; null until all are there. */
  #takeCounted(sizeMax: number, tailSize: number): { data: Uint8Array; tail: Uint8Array } | null {
    const head = this.#bytes.peek(4);
    if (head === null) return null;
    const size = readU32(head);
    if (size > sizeMax) throw new LinkFailure("LINK_BAD_REPLY", `SASL data of ${size} bytes`);
    const bytes = this.#bytes.take(4 + size + tailSize);
    if (bytes === null) return null;
    return { data: bytes.subarray(4, 4 + size), tail: bytes.subarray(4 + size) };
  }

  #transmitSaslData(data: Uint8Array | null): void {
    if (data === null) {
      this.#transmit(u32(0));
      return;
    }
    // The length counts a NUL behind the data.
    const terminated = new Uint8Array(data.length + 1);
    terminated.set(data);
    this.#transmit(saslDataCodec.encode({ data: terminated }));
  }

  #transmit(bytes: Uint8Array): void {
    this.#outputs.push({ type: "transmit", bytes });
  }

  #task(work: LinkTask): void {
    this.#outputs.push({ type: "task", work });
  }

  #fail(failure: LinkFailure): void {
    this.#state = { kind: "ended" };
    this.#outputs.push({ type: "failed", failure });
  }
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function readU32(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
