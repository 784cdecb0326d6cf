// The course of migrations as a viewer saw them: what happened when, channel by channel, and how
// long the picture stood.

import type { ClientEvent, SharedTime } from "@caraway/browser";
import type { ChannelOutcome, MigrationMode } from "@caraway/client";

export interface ChannelMove {
  /** `display 0`. */
  readonly label: string;
  readonly outcome: ChannelOutcome;
  readonly at: SharedTime;
  /** Bytes of MIGRATE_DATA. */
  readonly dataSize: number;
}

export interface LinkTrouble {
  readonly label: string;
  readonly at: SharedTime;
  readonly attempt: number;
  readonly detail: string;
}

export interface MigrationRecord {
  readonly target: string;
  /** As announced, and later as it was. */
  readonly mode: MigrationMode;
  readonly beganAt: SharedTime;
  /** All links to the target were there; null if that never was. */
  readonly readyAt: SharedTime | null;
  readonly switchingAt: SharedTime | null;
  readonly endedAt: SharedTime | null;
  readonly outcome: "running" | "done" | "cancelled" | "failed";
  readonly channels: readonly ChannelMove[];
  readonly linkTroubles: readonly LinkTrouble[];
  /** Keys and buttons that waited for the target, and releases that were said again. */
  readonly heldInputs: number;
  readonly resentReleases: number;
  /** The last painting before the switch and the first after it: between them the picture stood. */
  readonly lastPaintedAt: SharedTime | null;
  readonly firstPaintedAt: SharedTime | null;
}

/**
 * What hosts know of a move and no viewer does: how its guest stood still. An embedder that hears of
 * hosts hands it to the chart. Null until it has happened.
 */
export interface GuestCourse {
  readonly stoppedAt: SharedTime;
  /** It is on its new host, and is held for its sessions. */
  readonly heldFrom: SharedTime | null;
  readonly ranAt: SharedTime | null;
}

/** Records that are kept. */
const recordsMax = 20;

type MigrationEvent = Extract<ClientEvent, { name: "migration" }>;
type Draft = { -readonly [K in keyof MigrationRecord]: MigrationRecord[K] };

export class Timeline {
  #records: Draft[] = [];
  #lastPaintedAt: SharedTime | null = null;

  /** Oldest first. */
  get records(): readonly MigrationRecord[] {
    return this.#records;
  }

  note(event: MigrationEvent, at: SharedTime): void {
    if (event.phase === "begin") {
      this.#begin(event.mode, event.target, at);
      return;
    }
    // A switch-host migration has no beginning.
    const current = this.#current() ?? this.#begin("switch-host", "", at);
    switch (event.phase) {
      case "link-failed": {
        const { channel, id, attempt, error } = event;
        const trouble = { label: `${channel} ${id}`, at, attempt, detail: error.message };
        current.linkTroubles = [...current.linkTroubles, trouble];
        break;
      }
      case "ready":
        current.readyAt = at;
        current.mode = event.mode;
        break;
      case "switching":
        current.switchingAt ??= at;
        current.mode = event.mode;
        current.lastPaintedAt = this.#lastPaintedAt;
        break;
      case "channel": {
        const { channel, id, outcome, dataSize } = event;
        const move = { label: `${channel} ${id}`, outcome, at, dataSize };
        current.channels = [...current.channels, move];
        break;
      }
      case "input-window":
        current.heldInputs = event.held;
        current.resentReleases = event.resentReleases;
        break;
      case "done":
        current.mode = event.mode;
        this.#end(current, "done", at);
        break;
      case "cancelled":
        this.#end(current, "cancelled", at);
        break;
      case "failed":
        // A new session is tried at the target: the record goes on until that is decided.
        current.mode = "switch-host";
        current.switchingAt ??= at;
        if (!event.reconnecting) this.#end(current, "failed", at);
        break;
      case "not-ready":
        // If the guest moves all the same, it is by another way: a record of its own.
        this.#end(current, "failed", at);
        break;
    }
  }

  painted(at: SharedTime): void {
    this.#lastPaintedAt = at;
    const last = this.#records.at(-1);
    if (last === undefined || last.switchingAt === null || last.firstPaintedAt !== null) return;
    if (last.outcome === "cancelled" || at <= last.switchingAt) return;
    last.firstPaintedAt = at;
  }

  /** The session ended: what was under way did, too. */
  sessionEnded(at: SharedTime): void {
    const current = this.#current();
    if (current !== null) this.#end(current, "failed", at);
  }

  #current(): Draft | null {
    const last = this.#records.at(-1);
    return last?.outcome === "running" ? last : null;
  }

  #begin(mode: MigrationMode, target: string, beganAt: SharedTime): Draft {
    const running = this.#current();
    if (running !== null) this.#end(running, "cancelled", beganAt);
    const record: Draft = {
      target,
      mode,
      beganAt,
      readyAt: null,
      switchingAt: null,
      endedAt: null,
      outcome: "running",
      channels: [],
      linkTroubles: [],
      heldInputs: 0,
      resentReleases: 0,
      lastPaintedAt: null,
      firstPaintedAt: null,
    };
    this.#records = [...this.#records, record].slice(-recordsMax);
    return record;
  }

  #end(record: Draft, outcome: "done" | "cancelled" | "failed", at: SharedTime): void {
    record.outcome = outcome;
    record.endedAt = at;
  }
}

/** A picture that last changed longer ago than this was not standing, but had nothing to show. */
const idleMs = 1000;

/** When the picture began to stand; null without a switch. */
export function pictureStoodFrom(record: MigrationRecord): SharedTime | null {
  const { switchingAt, lastPaintedAt } = record;
  if (switchingAt === null || lastPaintedAt === null) return switchingAt;
  const isIdle = switchingAt - lastPaintedAt > idleMs;
  return isIdle ? switchingAt : Math.min(lastPaintedAt, switchingAt);
}

/** For how long the picture stood during the switch; null while that is not known. */
export function pictureGapMs(record: MigrationRecord): number | null {
  const from = pictureStoodFrom(record);
  return from === null || record.firstPaintedAt === null ? null : record.firstPaintedAt - from;
}
