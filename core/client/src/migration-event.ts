// The course of a migration, seen from the client.

import type { CarawayError } from "@caraway/wire";
import type { ChannelName } from "./channel-name.ts";
import type { MigrationMode } from "./options.ts";

/** How a channel came over. */
export type ChannelOutcome =
  /** Its state went over. */
  | "kept"
  /** It began anew on the target. */
  | "rebuilt"
  | "lost";

export type MigrationEvent =
  /**
   * The source named a target; links are being made while the guest runs on. The source is answered
   * within `withinMs`.
   */
  | {
      readonly phase: "begin";
      readonly mode: MigrationMode;
      readonly target: string;
      readonly withinMs: number;
    }
  /** One link to the target failed; it is tried again until the switch. */
  | {
      readonly phase: "link-failed";
      readonly channel: ChannelName;
      readonly id: number;
      readonly attempt: number;
      readonly error: CarawayError;
    }
  /** Links are there and the source knows. `missing` channels will begin anew. */
  | { readonly phase: "ready"; readonly mode: MigrationMode; readonly missing: readonly string[] }
  /** The source was told that there is no link: it will say SWITCH_HOST if the guest moves. */
  | { readonly phase: "not-ready"; readonly error: CarawayError }
  /** The guest has moved; channels go over, which is done or has failed within `withinMs`. */
  | {
      readonly phase: "switching";
      readonly mode: MigrationMode;
      readonly withinMs: number;
    }
  | {
      readonly phase: "channel";
      readonly channel: ChannelName;
      readonly id: number;
      readonly outcome: ChannelOutcome;
      /** Bytes of MIGRATE_DATA. */
      readonly dataSize: number;
    }
  /**
   * What the inputs channel did. A hypervisor drops what reaches it while its guest stands, so of
   * the keys and buttons that were sent within `windowMs` before the switch (`sentInWindow`) the
   * newest may be lost. `resentReleases`: releases that are said again to the target; `held`:
   * commands that were kept for it.
   */
  | {
      readonly phase: "input-window";
      readonly sentInWindow: number;
      readonly windowMs: number;
      readonly resentReleases: number;
      readonly held: number;
    }
  /** The session is on the target. `switchMs`: from the first sign of the switch. */
  | { readonly phase: "done"; readonly mode: MigrationMode; readonly switchMs: number }
  /** The migration was called off, or replaced by another; the session stays on the source. */
  | { readonly phase: "cancelled"; readonly by: "source" | "another-migration" }
  /** The switch failed; a new session is opened at the target, or the session ends. */
  | { readonly phase: "failed"; readonly error: CarawayError; readonly reconnecting: boolean };
