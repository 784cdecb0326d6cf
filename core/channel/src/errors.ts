// What can go wrong between two ends of a channel. Every error has a stable code and says, where
// somebody can do something about it, what to do.

import { LinkError } from "@caraway/protocol";
import { CarawayError, type WireError } from "@caraway/wire";
import type { LinkTaskFailure, TransportFailure } from "./machine.ts";

type LinkErrorName = Exclude<keyof typeof LinkError, "OK">;

export type LinkFailureCode =
  | `LINK_${LinkErrorName}`
  /** The peer does not speak SPICE, or speaks another major version. */
  | "LINK_NOT_SPICE"
  | "LINK_MAJOR_MISMATCH"
  /** The peer's bytes do not decode. */
  | "LINK_BAD_REPLY"
  /** The peer closed in the middle of the link stage. */
  | "LINK_CLOSED"
  /** The peer offers no way to authenticate that we have. */
  | "LINK_NO_MECHANISM"
  | `LINK_${LinkTaskFailure}`
  /** No connection came to be. */
  | "LINK_UNREACHABLE"
  | "LINK_TIMEOUT";

const hints: Partial<Record<LinkFailureCode, string>> = {
  LINK_ERROR: "the server gave no reason: look into its log",
  LINK_NEED_SECURED: "this channel needs TLS: give the server's TLS port",
  LINK_NEED_UNSECURED: "this channel must not use TLS: give the server's plain port",
  LINK_PERMISSION_DENIED: "the password is wrong or has expired: get a new one and try again",
  LINK_BAD_CONNECTION_ID: "the session is not known to this server any more: connect anew",
  LINK_CHANNEL_NOT_AVAILABLE: "this server has no such channel",
  LINK_NOT_SPICE: "this port does not speak SPICE: check host and port",
  LINK_MAJOR_MISMATCH: "the server speaks another version of SPICE",
  LINK_CLOSED: "the server closed the connection: it has no such channel, or expects TLS here",
  LINK_NO_MECHANISM: "the server wants an authentication that this client does not have",
  LINK_NO_CREDENTIALS: "give a password",
  LINK_SERVER_PROOF: "the server could not prove that it knows the password: do not trust it",
  LINK_UNREACHABLE: "check host, port and network",
  LINK_TIMEOUT: "the server does not answer: check host, port and network",
};

const passing: readonly LinkFailureCode[] = ["LINK_CLOSED", "LINK_TIMEOUT", "LINK_ERROR"];

/** A channel could not be linked. */
export class LinkFailure extends CarawayError {
  readonly code: LinkFailureCode;
  /** What somebody may do about it. */
  readonly hint: string | null;
  /** What the transport said, if it was the transport. */
  readonly transport: TransportFailure | null;

  constructor(
    code: LinkFailureCode,
    detail: string,
    transport: TransportFailure | null = null,
    options?: ErrorOptions,
  ) {
    const hint = hints[code] ?? null;
    super(hint === null ? detail : `${detail} (${hint})`, options);
    this.code = code;
    this.hint = hint;
    this.transport = transport;
  }

  /** Whether another try may do better without anybody's help. */
  get mayPass(): boolean {
    return this.transport !== null || passing.includes(this.code);
  }
}

/** The failure that a link_err of the peer stands for. */
export function linkFailureFrom(error: number, where: "link reply" | "link result"): LinkFailure {
  const found = Object.entries(LinkError).find(([, value]) => value === error)?.[0];
  if (found === undefined || found === "OK") {
    return new LinkFailure("LINK_ERROR", `unknown error ${error} in the ${where}`);
  }
  return new LinkFailure(`LINK_${found as LinkErrorName}`, `${where} says ${found}`);
}

export type ProtocolFault =
  /** Bytes of a message do not decode. */
  | "BAD_MESSAGE"
  /** A message or frame is larger than its channel allows. */
  | "MESSAGE_TOO_LARGE"
  /** A message came in a state that does not allow it. */
  | "UNEXPECTED_MESSAGE"
  /** A message that is not declared, and that cannot be passed over safely. */
  | "UNKNOWN_MESSAGE";

/** The peer broke a rule of the protocol on one channel; that channel ends. */
export class ProtocolError extends CarawayError {
  readonly code: ProtocolFault;
  /** `display 0`. */
  readonly channel: string;
  /** Name of the message, or its id where it has none. */
  readonly messageName: string;

  constructor(
    code: ProtocolFault,
    channel: string,
    message: string,
    detail: string,
    cause?: WireError,
  ) {
    super(`${channel}: ${message}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.channel = channel;
    this.messageName = message;
  }
}
