// The server's end of the link stage: from a fresh connection to the first data message, with
// ticket or SASL. Errors go out as spice-server sends them. What needs secrets or random numbers is
// a task of the driver; who may come in is the host's to say. One instance serves one connection.

import {
  AuthMechanism,
  CommonCapability,
  capabilityWords,
  capabilityWordsMax,
  hasCapability,
  LinkError,
  linkHeaderCodec,
  linkMagic,
  linkMessCodec,
  linkReplyCodec,
  linkSizeMax,
  linkSizeMin,
  protocolMajor,
  protocolMinor,
  saslDataCodec,
  ticketSize,
} from "@caraway/protocol";
import { CarawayError, WireError } from "@caraway/wire";
import { ByteQueue } from "./byte-queue.ts";
import type { LinkServerTask, LinkServerTaskResult } from "./link-server-task.ts";
import type { ConnectionKey } from "./machine.ts";

const linkHeaderSize = 16;
const publicKeySize = 162;
const mechanismSizeMax = 100;
/** Far above what PLAIN and SCRAM need; spice-server takes a megabyte from whoever connects. */
const saslDataSizeMax = 1 << 16;
/** Bytes that may wait for a task: what a client sends at once behind its ticket is little. */
const waitingSizeMax = 1 << 17;

/** What a client asks for. */
export interface LinkRequest {
  /** 0 asks for a new session. */
  readonly connectionId: number;
  readonly channelType: number;
  readonly channelId: number;
  /** Capability words of the client. */
  readonly commonCapabilities: readonly number[];
  readonly channelCapabilities: readonly number[];
}

/** How the client showed who it is. */
export type LinkProof =
  /** Without the NUL. */
  | { readonly kind: "password"; readonly password: Uint8Array }
  | { readonly kind: "user"; readonly user: string };

export type LinkAdmission =
  | { readonly kind: "admit"; readonly channelCapabilities: readonly number[] }
  | { readonly kind: "refuse"; readonly error: LinkError; readonly detail: string }
  /** Without a reply, as spice-server does for a channel that it does not have. */
  | { readonly kind: "close"; readonly detail: string };

/** `later`: somebody else is asked first, and `LinkServer.admitted` tells the answer. */
export type LinkAdmissionOrLater = LinkAdmission | { readonly kind: "later" };

export type LinkVerdict =
  | { readonly kind: "accept" }
  | { readonly kind: "refuse"; readonly error: LinkError; readonly detail: string };

export interface LinkServerHost {
  /** SASL instead of tickets. */
  readonly usesSasl: boolean;
  /** Headers of 6 bytes for whoever knows them; true when absent. */
  readonly offersMiniHeader?: boolean;
  /** Before authentication: is there such a channel, may it be reached in this way? */
  admit(request: LinkRequest): LinkAdmissionOrLater;
  /** After it: is the proof good, and is there still such a session and channel? */
  judge(request: LinkRequest, proof: LinkProof): LinkVerdict;
}

export interface LinkServed {
  readonly request: LinkRequest;
  readonly proof: LinkProof;
  readonly miniHeader: boolean;
  /** Bytes behind the link stage. */
  readonly rest: Uint8Array;
}

export type LinkServerOutput =
  | { readonly type: "transmit"; readonly bytes: Uint8Array }
  | { readonly type: "task"; readonly work: LinkServerTask }
  | { readonly type: "linked"; readonly link: LinkServed }
  /** What was transmitted is the last word: close the connection. */
  | { readonly type: "failed"; readonly failure: LinkRefused };

/** A link that came to nothing. `error` is null where the client was told nothing. */
export class LinkRefused extends CarawayError {
  readonly code = "LINK_REFUSED";
  readonly error: LinkError | null;

  constructor(error: LinkError | null, detail: string) {
    super(detail);
    this.error = error;
  }
}

function askedFor({ connectionId, channelType, channelId }: LinkRequest): readonly number[] {
  return [connectionId, channelType, channelId];
}

interface Admitted {
  readonly request: LinkRequest;
  readonly channelCapabilities: readonly number[];
}

type LinkState =
  | { readonly kind: "magic" }
  | { readonly kind: "header" }
  | { readonly kind: "message"; readonly size: number }
  /** The host said `later`. */
  | { readonly kind: "admitting"; readonly request: LinkRequest }
  /** The driver makes a key. */
  | { readonly kind: "key"; readonly admitted: Admitted }
  | { readonly kind: "mechanism"; readonly request: LinkRequest }
  | { readonly kind: "ticket"; readonly request: LinkRequest }
  | { readonly kind: "decrypting"; readonly request: LinkRequest }
  | { readonly kind: "sasl-listing"; readonly request: LinkRequest }
  | { readonly kind: "sasl-choice"; readonly request: LinkRequest; readonly offered: string }
  /** `mechanism` null: a step, not the start. */
  | { readonly kind: "sasl-data"; readonly request: LinkRequest; readonly mechanism: string | null }
  | { readonly kind: "sasl-task"; readonly request: LinkRequest }
  | { readonly kind: "ended" };

export class LinkServer {
  readonly #connection: ConnectionKey;
  readonly #host: LinkServerHost;
  readonly #bytes = new ByteQueue();
  readonly #outputs: LinkServerOutput[] = [];
  #state: LinkState = { kind: "magic" };

  constructor(connection: ConnectionKey, host: LinkServerHost) {
    this.#connection = connection;
    this.#host = host;
  }

  poll(): LinkServerOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    const state = this.#state;
    const request = "request" in state ? state.request : null;
    const asked = state.kind === "key" ? state.admitted.request : request;
    return { state: state.kind, asked: asked && askedFor(asked), pending: this.#bytes.size };
  }

  received(bytes: Uint8Array): void {
    if (this.#state.kind === "ended") return;
    this.#bytes.push(bytes);
    this.#advance();
    if (this.#isWaiting() && this.#bytes.size > waitingSizeMax) {
      this.#fail(new LinkRefused(null, `${this.#bytes.size} bytes in the link stage`));
    }
  }

  /** The driver finished the task that was asked for last. */
  done(result: LinkServerTaskResult): void {
    const state = this.#state;
    if (state.kind === "ended") return;
    try {
      this.#done(state, result);
    } catch (error) {
      this.#failWith(error);
    }
    this.#advance();
  }

  /** The answer to the request to which the host said `later`. */
  admitted(admission: LinkAdmission): void {
    const state = this.#state;
    if (state.kind !== "admitting") return;
    try {
      this.#admit(state.request, admission);
    } catch (error) {
      this.#failWith(error);
    }
    this.#advance();
  }

  /** The client, or the owner of this link, ended it. */
  closed(): void {
    if (this.#state.kind === "ended") return;
    this.#fail(new LinkRefused(null, `the connection ended in the link stage`));
  }

  #isWaiting(): boolean {
    return this.#state.kind !== "ended";
  }

  #done(state: LinkState, result: LinkServerTaskResult): void {
    if (result.kind === "failed") throw new LinkRefused(null, result.detail);
    if (state.kind === "key" && result.kind === "key") {
      this.#reply(state.admitted, result.publicKey);
    } else if (state.kind === "decrypting") {
      if (result.kind !== "decrypt") this.#deny("the ticket cannot be decrypted");
      else this.#judge(state.request, { kind: "password", password: untilNul(result.plain) });
    } else if (state.kind === "sasl-listing" && result.kind === "sasl-mechanisms") {
      const offered = `,${result.mechanisms},`;
      this.#transmit(saslDataCodec.encode({ data: latin1(offered) }));
      this.#state = { kind: "sasl-choice", request: state.request, offered };
    } else if (state.kind === "sasl-task") {
      this.#saslDone(state.request, result);
    }
  }

  #saslDone(request: LinkRequest, result: LinkServerTaskResult): void {
    switch (result.kind) {
      case "sasl-continue":
        this.#transmitSasl(result.data, false);
        this.#state = { kind: "sasl-data", request, mechanism: null };
        break;
      case "sasl-accepted":
        this.#transmitSasl(result.data, true);
        this.#transmit(u32(LinkError.OK));
        this.#judge(request, { kind: "user", user: result.user });
        break;
      default: {
        // spice-server has no word for a user or password that it does not accept.
        const detail = "detail" in result ? result.detail : "the SASL exchange failed";
        throw new LinkRefused(null, detail);
      }
    }
  }

  #advance(): void {
    try {
      while (this.#step());
    } catch (error) {
      this.#failWith(error);
    }
  }

  #failWith(error: unknown): void {
    if (error instanceof LinkRefused) this.#fail(error);
    else if (error instanceof WireError) {
      this.#fail(this.#replyError(LinkError.INVALID_DATA, error.message));
    } else throw error;
  }

  /** Takes one whole item; false when more bytes, or a task, must come first. */
  #step(): boolean {
    const state = this.#state;
    switch (state.kind) {
      case "magic":
        return this.#readMagic();
      case "header":
        return this.#readHeader();
      case "message":
        return this.#readMessage(state.size);
      case "mechanism":
        return this.#readMechanism(state.request);
      case "ticket":
        return this.#readTicket(state.request);
      case "sasl-choice":
        return this.#readChoice(state.request, state.offered);
      case "sasl-data":
        return this.#readSaslData(state.request, state.mechanism);
      default:
        return false;
    }
  }

  /** Judged before the rest of the header is there: whoever speaks no SPICE may send less. */
  #readMagic(): boolean {
    const bytes = this.#bytes.peek(4);
    if (bytes === null) return false;
    if (readU32(bytes) !== linkMagic) {
      throw this.#replyError(LinkError.INVALID_MAGIC, "the first bytes are not REDQ");
    }
    this.#state = { kind: "header" };
    return true;
  }

  #readHeader(): boolean {
    const bytes = this.#bytes.take(linkHeaderSize);
    if (bytes === null) return false;
    const { major, size } = linkHeaderCodec.decode(bytes);
    if (major === 0) throw new LinkRefused(null, "the client speaks version 0");
    if (major !== protocolMajor) {
      throw this.#replyError(LinkError.VERSION_MISMATCH, `the client speaks version ${major}`);
    }
    if (size < linkSizeMin || size > linkSizeMax) {
      throw this.#replyError(LinkError.INVALID_DATA, `a link message of ${size} bytes`);
    }
    this.#state = { kind: "message", size };
    return true;
  }

  #readMessage(size: number): boolean {
    const bytes = this.#bytes.take(size);
    if (bytes === null) return false;
    const request = readRequest(bytes);
    const admission = this.#host.admit(request);
    if (admission.kind === "later") this.#state = { kind: "admitting", request };
    else this.#admit(request, admission);
    return true;
  }

  #admit(request: LinkRequest, admission: LinkAdmission): void {
    if (admission.kind === "close") throw new LinkRefused(null, admission.detail);
    if (admission.kind === "refuse") throw this.#replyError(admission.error, admission.detail);
    const admitted = { request, channelCapabilities: admission.channelCapabilities };
    const { SPICE_COMMON_CAP_AUTH_SASL: sasl } = CommonCapability;
    if (this.#host.usesSasl && hasCapability(request.commonCapabilities, sasl)) {
      this.#reply(admitted, new Uint8Array(publicKeySize));
    } else {
      this.#state = { kind: "key", admitted };
      this.#task({ kind: "key", connection: this.#connection });
    }
  }

  #reply({ request, channelCapabilities }: Admitted, publicKey: Uint8Array): void {
    if (publicKey.length !== publicKeySize) {
      throw new LinkRefused(null, `a public key of ${publicKey.length} bytes`);
    }
    const common = this.#commonCapabilities();
    this.#transmitReply(LinkError.OK, publicKey, common, channelCapabilities);
    const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: selection } = CommonCapability;
    if (hasCapability(request.commonCapabilities, selection)) {
      this.#state = { kind: "mechanism", request };
    } else if (this.#host.usesSasl) {
      throw this.#replyError(LinkError.VERSION_MISMATCH, "the client cannot choose SASL");
    } else {
      this.#state = { kind: "ticket", request };
    }
  }

  #commonCapabilities(): number[] {
    const bits: number[] = [
      CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
      this.#host.usesSasl
        ? CommonCapability.SPICE_COMMON_CAP_AUTH_SASL
        : CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
    ];
    if (this.#host.offersMiniHeader !== false)
      bits.push(CommonCapability.SPICE_COMMON_CAP_MINI_HEADER);
    return capabilityWords(bits);
  }

  #readMechanism(request: LinkRequest): boolean {
    const bytes = this.#bytes.take(4);
    if (bytes === null) return false;
    const mechanism = readU32(bytes);
    if (mechanism === AuthMechanism.SPICE && !this.#host.usesSasl) {
      this.#state = { kind: "ticket", request };
    } else if (mechanism === AuthMechanism.SASL && this.#host.usesSasl) {
      this.#state = { kind: "sasl-listing", request };
      this.#task({ kind: "sasl-mechanisms", connection: this.#connection });
    } else {
      const detail = `authentication ${mechanism} is not offered`;
      throw this.#replyError(LinkError.INVALID_DATA, detail);
    }
    return true;
  }

  #readTicket(request: LinkRequest): boolean {
    const ticket = this.#bytes.take(ticketSize);
    if (ticket === null) return false;
    this.#state = { kind: "decrypting", request };
    this.#task({ kind: "decrypt", connection: this.#connection, ticket });
    return true;
  }

  #readChoice(request: LinkRequest, offered: string): boolean {
    const data = this.#takeCounted(mechanismSizeMax);
    if (data === null) return false;
    const mechanism = String.fromCharCode(...data);
    if (data.length === 0) throw new LinkRefused(null, "a SASL mechanism without a name");
    if (mechanism.includes(",") || !offered.includes(`,${mechanism},`)) {
      throw this.#replyError(LinkError.INVALID_DATA, "a SASL mechanism that was not offered");
    }
    this.#state = { kind: "sasl-data", request, mechanism };
    return true;
  }

  #readSaslData(request: LinkRequest, mechanism: string | null): boolean {
    const bytes = this.#takeCounted(saslDataSizeMax);
    if (bytes === null) return false;
    // The length counts a NUL; nothing at all is not the same as empty data.
    const data = bytes.length === 0 ? null : bytes.subarray(0, bytes.length - 1);
    this.#state = { kind: "sasl-task", request };
    const connection = this.#connection;
    if (mechanism === null) this.#task({ kind: "sasl-step", connection, data });
    else this.#task({ kind: "sasl-start", connection, mechanism, data });
    return true;
  }

  #judge(request: LinkRequest, proof: LinkProof): void {
    const verdict = this.#host.judge(request, proof);
    if (verdict.kind === "refuse") {
      this.#transmit(u32(verdict.error));
      throw new LinkRefused(verdict.error, verdict.detail);
    }
    this.#transmit(u32(LinkError.OK));
    this.#state = { kind: "ended" };
    const { SPICE_COMMON_CAP_MINI_HEADER: mini } = CommonCapability;
    const miniHeader =
      this.#host.offersMiniHeader !== false && hasCapability(request.commonCapabilities, mini);
    const rest = this.#bytes.takeAll();
    this.#outputs.push({ type: "linked", link: { request, proof, miniHeader, rest } });
  }

  #deny(detail: string): never {
    this.#transmit(u32(LinkError.PERMISSION_DENIED));
    throw new LinkRefused(LinkError.PERMISSION_DENIED, detail);
  }

  /** `u32 size` and `size` bytes; null until all are there. */
  #takeCounted(sizeMax: number): Uint8Array | null {
    const head = this.#bytes.peek(4);
    if (head === null) return null;
    const size = readU32(head);
    if (size > sizeMax) throw new LinkRefused(null, `SASL data of ${size} bytes`);
    return this.#bytes.take(4 + size)?.subarray(4) ?? null;
  }

  #transmitSasl(data: Uint8Array | null, complete: boolean): void {
    if (data === null || data.length === 0) {
      this.#transmit(u32(0));
    } else {
      const terminated = new Uint8Array(data.length + 1);
      terminated.set(data);
      this.#transmit(saslDataCodec.encode({ data: terminated }));
    }
    this.#transmit(Uint8Array.of(complete ? 1 : 0));
  }

  /** Tells an error in place of a reply, or, as spice-server does, behind one. */
  #replyError(error: LinkError, detail: string): LinkRefused {
    this.#transmitReply(error, new Uint8Array(publicKeySize), [], []);
    return new LinkRefused(error, detail);
  }

  #transmitReply(
    error: LinkError,
    pubKey: Uint8Array,
    common: readonly number[],
    channel: readonly number[],
  ): void {
    const body = linkReplyCodec.encode({
      error,
      pubKey,
      numCommonCaps: common.length,
      numChannelCaps: channel.length,
      caps: [...common, ...channel],
    });
    const { length: size } = body;
    const header = { magic: linkMagic, major: protocolMajor, minor: protocolMinor, size };
    this.#transmit(linkHeaderCodec.encode(header));
    this.#transmit(body);
  }

  #transmit(bytes: Uint8Array): void {
    this.#outputs.push({ type: "transmit", bytes });
  }

  #task(work: LinkServerTask): void {
    this.#outputs.push({ type: "task", work });
  }

  #fail(failure: LinkRefused): void {
    this.#state = { kind: "ended" };
    this.#outputs.push({ type: "failed", failure });
  }
}

/** @throws WireError when the message is none. */
function readRequest(bytes: Uint8Array): LinkRequest {
  const { connectionId, channelType, channelId, numCommonCaps, numChannelCaps, caps } =
    linkMessCodec.decode(bytes);
  if (numCommonCaps > capabilityWordsMax || numChannelCaps > capabilityWordsMax) {
    throw new WireError("TOO_LARGE", "LinkMess", 6, "too many capability words");
  }
  return {
    connectionId,
    channelType,
    channelId,
    commonCapabilities: caps.slice(0, numCommonCaps),
    channelCapabilities: caps.slice(numCommonCaps),
  };
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
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
