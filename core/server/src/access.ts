// Who may come in: tickets and their time, SASL users, and how each channel may be reached.

import type { LinkProof } from "@caraway/channel";
import { LinkError } from "@caraway/protocol";
import { encodeUtf8 } from "@caraway/wire";
import type { ChannelTypeName, ServerOptions } from "./options.ts";
import type { Arrival, Ticket } from "./server-border.ts";

export type Admittance =
  | { readonly kind: "in"; readonly user: string | null; readonly viewOnly: boolean }
  | { readonly kind: "out"; readonly detail: string };

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

/** Takes a time that says nothing of where the first difference is. */
function isSame(password: string, given: Uint8Array): boolean {
  if (password === "") return false;
  const wanted = encodeUtf8(password);
  let difference = wanted.length ^ given.length;
  for (let at = 0; at < given.length; at++) difference |= given[at]! ^ wanted[at % wanted.length]!;
  return difference === 0;
}
