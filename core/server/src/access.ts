// Who may come in: tickets and their time, SASL users, and how each channel may be reached.

import type { LinkProof } from "@caraway/channel";
import { LinkError } from "@caraway/protocol";
import { encodeUtf8 } from "@caraway/wire";
import type { ChannelTypeName, ServerOptions } from "./options.ts";
import type { Arrival, Ticket } from "./server-border.ts";

export type Admittance =
  | { readonly kind: "in"; readonly user: string | null; readonly viewOnly: boolean }
  | { readonly kind: "out"; readonly detail: string };

/** By what a client showed who it is, and can show again. */
export type KnownBy =
  | { readonly kind: "nothing" }
  | { readonly kind: "password"; readonly password: Uint8Array }
  | { readonly kind: "user"; readonly user: string };

/** A client that a server knows by its session, whatever became of its ticket. */
export interface KnownClient {
  readonly knownBy: KnownBy;
  readonly viewOnly: boolean;
  /** Headers that its channels have. */
  readonly miniHeader: boolean;
}

export class Access {
  readonly #options: ServerOptions;
  #tickets: readonly Ticket[] | null;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#tickets = options.tickets;
  }

  setTickets(tickets: readonly Ticket[]): void {
    this.#tickets = tickets;
  }

  /** What a client that reaches a channel in the wrong way is told; null when it may. */
  securityError(channel: ChannelTypeName, { tls }: Arrival): LinkError | null {
    const wanted = this.#options.security[channel] ?? "any";
    if (wanted === "tls" && !tls) return LinkError.NEED_SECURED;
    if (wanted === "plain" && tls) return LinkError.NEED_UNSECURED;
    return null;
  }

  /** What a client of a session that is known may do; it has to show the same as before. */
  checkKnown({ knownBy, viewOnly }: KnownClient, proof: LinkProof, now: number): Admittance {
    const isSameUser =
      knownBy.kind === "user" && proof.kind === "user" && knownBy.user === proof.user;
    if (isSameUser) return { kind: "in", user: proof.user, viewOnly };
    const isSamePassword =
      knownBy.kind === "password" &&
      proof.kind === "password" &&
      isSameBytes(knownBy.password, proof.password);
    if (isSamePassword) return { kind: "in", user: null, viewOnly };
    const who = this.check(proof, now);
    return who.kind === "in" ? { ...who, viewOnly: viewOnly || who.viewOnly } : who;
  }

  check(proof: LinkProof, now: number): Admittance {
    if (proof.kind === "user") {
      const { user } = proof;
      return { kind: "in", user, viewOnly: this.#options.viewOnlyUsers.includes(user) };
    }
    if (this.#tickets === null) return { kind: "in", user: null, viewOnly: false };
    const ticket = this.#tickets.find(({ password }) => isSame(password, proof.password));
    if (ticket === undefined) return { kind: "out", detail: "the password is wrong" };
    if (ticket.expiresAt !== null && ticket.expiresAt < now) {
      return { kind: "out", detail: "the password has expired" };
    }
    return { kind: "in", user: null, viewOnly: ticket.viewOnly };
  }
}

/** By what a proof lets somebody be known; a server without tickets takes any password. */
export function knownBy(proof: LinkProof): KnownBy {
  if (proof.kind === "user") return proof;
  const { password } = proof;
  return password.length === 0 ? { kind: "nothing" } : { kind: "password", password };
}

/** Takes a time that says nothing of where the first difference is. */
function isSame(password: string, given: Uint8Array): boolean {
  if (password === "") return false;
  return isSameBytes(encodeUtf8(password), given);
}

function isSameBytes(wanted: Uint8Array, given: Uint8Array): boolean {
  if (wanted.length === 0) return false;
  let difference = wanted.length ^ given.length;
  for (let at = 0; at < given.length; at++) difference |= given[at]! ^ wanted[at % wanted.length]!;
  return difference === 0;
}
