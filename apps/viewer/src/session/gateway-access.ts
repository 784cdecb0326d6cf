// A desktop behind a gateway: a token is redeemed once for a session, which then opens every
// connection; where the desktop moves to reaches the viewer as another such session.

import type { ClientEvent, Connector, PlainError } from "@caraway/browser";

export interface GatewayAccessOptions {
  /** The folder that the gateway serves, `http:` or `https:`, with a slash at its end. */
  readonly base: URL;
  readonly token: string;
  /** What an earlier page has redeemed the token for; a token may be good only once. */
  readonly session: string | null;
  /** There is another session to keep: after redeeming, and after a move. */
  readonly onSession: (session: string) => void;
}

/** What a gateway puts in place of a host; nothing else is asked for there. */
const sessionPattern = /^[\w-]+\.[\w.-]+$/;

/** Nothing answers, or the gateway has not reached the server. */
const staleCodes: ReadonlySet<string> = new Set(["LINK_UNREACHABLE", "LINK_ERROR", "LINK_CLOSED"]);

export class GatewayAccess {
  readonly #options: GatewayAccessOptions;
  #session: string | null;
  /** The token shall be redeemed again: the session did not open anything. */
  #isStale = false;
  #redeeming: Promise<string> | null = null;
  #refusal: PlainError | null = null;

  constructor(options: GatewayAccessOptions) {
    this.#options = options;
    this.#session = options.session;
  }

  readonly connector: Connector = async (request) => {
    if (request.kind === "target") {
      return sessionPattern.test(request.host) ? this.#url(request.host) : null;
    }
    this.#redeeming ??= this.#current().finally(() => {
      this.#redeeming = null;
    });
    return this.#url(await this.#redeeming);
  };

  /** The session goes on elsewhere. */
  movedTo(session: string): void {
    this.#keep(session);
  }

  /** An event as people may see it: a session is no name of a host, and a secret. */
  shown(event: ClientEvent): ClientEvent {
    return event.name === "migration" && event.phase === "begin" ? { ...event, target: "" } : event;
  }

  /** What the end of a session was about, where the gateway has said it. */
  explain(error: PlainError): PlainError {
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal !== null) return refusal;
    // A gateway that was set up anew may not know what its predecessor gave away, and a desktop may
    // have moved while nobody looked: what the token leads to now is tried next.
    if (!staleCodes.has(error.code)) return error;
    this.#isStale = true;
    return { ...error, code: "LINK_UNREACHABLE" };
  }

  async #current(): Promise<string> {
    const known = this.#session;
    if (known !== null && !this.#isStale) return known;
    try {
      const session = await this.#redeem();
      this.#isStale = false;
      this.#refusal = null;
      this.#keep(session);
      return session;
    } catch (error) {
      // A token that is used up leaves what it was redeemed for.
      if (known === null || this.#refusal?.code !== "TOKEN_REFUSED") throw error;
      this.#refusal = null;
      this.#isStale = false;
      return known;
    }
  }

  async #redeem(): Promise<string> {
    const { base, token } = this.#options;
    const response = await fetch(new URL("session", base), {
      method: "POST",
      body: JSON.stringify({ token }),
    });
    if (response.ok) {
      const answer = (await response.json()) as { readonly session?: unknown };
      if (typeof answer.session === "string") return answer.session;
    }
    const code = refusalCode(response.status);
    const message = `the gateway answered ${response.status} ${response.statusText}`.trim();
    this.#refusal = { code, message, hint: null };
    throw new Error(message);
  }

  #keep(session: string): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#options.onSession(session);
  }

  #url(session: string): string {
    const url = new URL("spice", this.#options.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("session", session);
    return url.href;
  }
}

function refusalCode(status: number): string {
  if (status === 401 || status === 403) return "TOKEN_REFUSED";
  return status === 429 || status >= 500 ? "GATEWAY_BUSY" : "GATEWAY_NONE";
}
