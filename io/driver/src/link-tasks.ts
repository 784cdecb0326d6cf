// Answers the tasks of the link stage: tickets and SASL, with credentials that the embedder
// gives when they are needed. Passwords never leave this file except encrypted or over SASL.

import type { Address, ConnectionKey, LinkTask, LinkTaskResult } from "@caraway/channel";
import type { LinkCrypto } from "./platform.ts";
import { SaslClient } from "./sasl.ts";
import { encryptTicket } from "./ticket.ts";

export interface Credentials {
  readonly username?: string;
  readonly password: string;
}

export interface CredentialsRequest {
  /** A ticket needs a password; SASL a user name as well. */
  readonly kind: "ticket" | "sasl";
  /** Where the password goes, before any address mapping. */
  readonly address: Address;
}

/** Fixed credentials, or a question that is asked for each link; null means there are none. */
export type CredentialsSource =
  | Credentials
  | ((request: CredentialsRequest) => Promise<Credentials | null> | Credentials | null);

/** What the tasks need to know of a connection. */
export interface LinkedConnection {
  readonly address: Address;
  /** TLS or a unix socket: nobody listens on the way. */
  readonly isPrivate: boolean;
}

export class LinkTasks {
  readonly #source: CredentialsSource;
  readonly #crypto: LinkCrypto;
  readonly #exchanges = new Map<ConnectionKey, SaslClient>();

  constructor(source: CredentialsSource, crypto: LinkCrypto) {
    this.#source = source;
    this.#crypto = crypto;
  }

  /** Never rejects for a reason of the peer's; a fault of the embedder's callback is a failure too. */
  async run(task: LinkTask, connection: LinkedConnection): Promise<LinkTaskResult> {
    try {
      return await this.#answer(task, connection);
    } catch (error) {
      const what = error instanceof Error ? error.message : "no reason given";
      return {
        kind: "failed",
        code: "CRYPTO",
        detail: `authentication could not be done: ${what}`,
      };
    }
  }

  /** Forgets the exchange of a connection that is over. */
  forget(connection: ConnectionKey): void {
    this.#exchanges.delete(connection);
  }

  async #answer(task: LinkTask, connection: LinkedConnection): Promise<LinkTaskResult> {
    switch (task.kind) {
      case "ticket": {
        const credentials = await this.#ask("ticket", connection);
        if (credentials === null) return noCredentials("no password was given");
        return await encryptTicket(credentials.password, task.publicKey, this.#crypto);
      }
      case "sasl-start": {
        const credentials = await this.#ask("sasl", connection);
        const username = credentials?.username ?? "";
        if (credentials === null || username === "") {
          return noCredentials("the server uses SASL: a user name and a password are needed");
        }
        const { password } = credentials;
        const started = SaslClient.start(
          task.mechanisms,
          { username, password },
          connection.isPrivate,
          this.#crypto,
        );
        if (started.client !== null) this.#exchanges.set(task.connection, started.client);
        return started.result;
      }
      case "sasl-step": {
        const exchange = this.#exchanges.get(task.connection);
        if (exchange === undefined) throw new Error("a SASL step without a start");
        return await exchange.step(task.data, task.complete);
      }
    }
  }

  async #ask(
    kind: CredentialsRequest["kind"],
    { address }: LinkedConnection,
  ): Promise<Credentials | null> {
    if (typeof this.#source !== "function") return this.#source;
    return await this.#source({ kind, address });
  }
}

function noCredentials(detail: string): LinkTaskResult {
  return { kind: "failed", code: "NO_CREDENTIALS", detail };
}
