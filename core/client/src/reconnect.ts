// A session that begins anew at the target of a migration: over links that are there
// (semi-seamless), or from nothing (switch-host, or when a switch failed). A target that cannot
// be reached is tried again for a while.

import { type Instant, LinkFailure } from "@caraway/channel";
import type { CarawayError } from "@caraway/wire";
import { ChannelClosed } from "./channel-end.ts";
import type { ClientMigration } from "./migration.ts";
import { MigrationFailure } from "./migration-failure.ts";
import type { MigrationMode } from "./options.ts";

export const reconnectWithinMs = 15_000;
const retryDelayMs = 500;

export interface ReconnectOwner {
  /** Link main to the target. */
  connectMain(): void;
  /** Every channel of the new session is linked, or lost. */
  reconnected(mode: MigrationMode, switchMs: number): void;
  reconnectFailed(error: CarawayError): void;
}

type State =
  /** Main is being linked or waits for INIT and CHANNELS_LIST. */
  | { readonly kind: "beginning" }
  | { readonly kind: "retrying"; readonly at: Instant }
  /** The target has said which channels it has; they are being linked. */
  | { readonly kind: "listed" };

export class Reconnect {
  readonly #owner: ReconnectOwner;
  readonly #since: Instant;
  readonly #until: Instant;
  #mode: MigrationMode;
  #state: State = { kind: "beginning" };
  #newest: CarawayError | null = null;
  /** Holds the links of the other channels until INIT (semi-seamless). */
  #parked: ClientMigration | null;

  constructor(
    mode: MigrationMode,
    parked: ClientMigration | null,
    now: Instant,
    owner: ReconnectOwner,
  ) {
    this.#mode = mode;
    this.#parked = parked;
    this.#owner = owner;
    this.#since = now;
    this.#until = now + reconnectWithinMs;
  }

  snapshot(now: Instant): unknown {
    const state = this.#state;
    return {
      state: state.kind,
      at: state.kind === "retrying" ? state.at - now : null,
      until: this.#until - now,
      mode: this.#mode,
      parked: this.#parked?.snapshot(now) ?? null,
    };
  }

  deadline(): Instant {
    return this.#state.kind === "retrying" ? Math.min(this.#state.at, this.#until) : this.#until;
  }

  timeout(now: Instant): void {
    if (now >= this.#until) {
      // With main there, channels that are still being linked cannot end the session.
      if (this.#state.kind === "listed") this.#done(now);
      else this.#fail();
    } else if (this.#state.kind === "retrying" && now >= this.#state.at) {
      this.#state = { kind: "beginning" };
      this.#owner.connectMain();
    }
  }

  /** INIT came: the links that may be opened now; the caller drops them. */
  takeParked(): ClientMigration | null {
    const parked = this.#parked;
    this.#parked = null;
    return parked;
  }

  /** CHANNELS_LIST came. */
  listed(): void {
    this.#state = { kind: "listed" };
  }

  /** Nothing is being linked any more. */
  settled(now: Instant): void {
    if (this.#state.kind === "listed") this.#done(now);
  }

  /** Main could not be linked, or was lost again. */
  mainFailed(error: CarawayError, now: Instant): void {
    this.drop();
    this.#newest = error;
    if (!mayPass(error)) {
      this.#owner.reconnectFailed(error);
      return;
    }
    this.#mode = "switch-host";
    this.#state = { kind: "retrying", at: now + retryDelayMs };
  }

  /** Leaves the links that were not opened. */
  drop(): void {
    this.#parked?.drop();
    this.#parked = null;
  }

  #done(now: Instant): void {
    this.#owner.reconnected(this.#mode, now - this.#since);
  }

  #fail(): void {
    this.drop();
    const newest = this.#newest;
    const detail = `no session with the target after ${reconnectWithinMs} ms`;
    this.#owner.reconnectFailed(
      new MigrationFailure(
        "MIGRATION_TIMEOUT",
        newest === null ? detail : `${detail}: ${newest.message}`,
        newest === null ? undefined : { cause: newest },
      ),
    );
  }
}

/** Whether another try may do better. */
function mayPass(error: CarawayError): boolean {
  return error instanceof ChannelClosed || (error instanceof LinkFailure && error.mayPass);
}
