// What a viewer is doing, as its user sees it: a union that follows a session's events. Pure: what
// is done about it is decided elsewhere.

import type { ClientEvent, PlainError, SharedTime, Statistics } from "@caraway/browser";
import type { MigrationMode } from "@caraway/client";

export type CredentialName = "username" | "password";

/** A move of the desktop to another host; input goes on all the while. */
export interface Move {
  readonly phase: "announced" | "switching" | "reconnecting" | "done" | "cancelled";
  readonly mode: MigrationMode;
  readonly target: string;
}

export type ViewerState =
  | { readonly kind: "idle" }
  /** `attempt`: 1 for the first, more when it is tried again. */
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "connected"; readonly slow: boolean; readonly move: Move | null }
  /** The session was lost, and is tried again by itself. */
  | {
      readonly kind: "waiting";
      readonly attempt: number;
      readonly retryAt: SharedTime;
      readonly error: PlainError;
    }
  /** The server wants to know who is there. */
  | {
      readonly kind: "credentials";
      readonly needs: readonly CredentialName[];
      /** Whether what was given was wrong. */
      readonly refused: boolean;
    }
  /** `error` null: somebody wanted it. `wasConnected`: there is a last picture. */
  | {
      readonly kind: "ended";
      readonly error: PlainError | null;
      readonly wasConnected: boolean;
    };

/** The state after an event of the session; the end is not decided here. */
export function afterEvent(state: ViewerState, event: ClientEvent): ViewerState {
  if (event.name === "session" && state.kind !== "connected") {
    return { kind: "connected", slow: false, move: null };
  }
  if (event.name !== "migration" || state.kind !== "connected") return state;
  const { move } = state;
  switch (event.phase) {
    case "begin": {
      const { mode, target } = event;
      return { ...state, move: { phase: "announced", mode, target } };
    }
    case "ready":
      return move === null ? state : { ...state, move: { ...move, mode: event.mode } };
    // Whether the guest moves all the same is not known; if so, the switch says it.
    case "not-ready":
      return { ...state, move: null };
    case "switching": {
      const target = move?.target ?? "";
      return { ...state, move: { phase: "switching", mode: event.mode, target } };
    }
    case "failed": {
      if (!event.reconnecting) return state;
      const target = move?.target ?? "";
      return { ...state, move: { phase: "reconnecting", mode: "switch-host", target } };
    }
    case "done": {
      const target = move?.target ?? "";
      return { ...state, move: { phase: "done", mode: event.mode, target } };
    }
    case "cancelled":
      return move === null ? state : { ...state, move: { ...move, phase: "cancelled" } };
    default:
      return state;
  }
}

/** A move that is over need not be shown for ever. */
export function withoutPastMove(state: ViewerState): ViewerState {
  if (state.kind !== "connected" || state.move === null) return state;
  const isOver = state.move.phase === "done" || state.move.phase === "cancelled";
  return isOver ? { ...state, move: null } : state;
}

/** Above it, working feels slow; below the second it is good again. */
const slowLatencyMs = 400;
const goodLatencyMs = 250;
/** Bytes that the network does not take from us for more than a moment. */
const slowBacklog = 64 << 10;

/** Whether the network is slow, from two moments of a session, newest last. */
export function isSlow(before: Statistics | null, now: Statistics, wasSlow: boolean): boolean {
  if (before === null) return false;
  if (before.backlog > slowBacklog && now.backlog > slowBacklog) return true;
  // A latency that has not changed was not measured again.
  if (now.latencyMs === null || now.latencyMs === before.latencyMs) return wasSlow;
  return now.latencyMs > (wasSlow ? goodLatencyMs : slowLatencyMs);
}

/** What a failed link asks for, or null if it is about something else. */
export function credentialsFor(error: PlainError, hasUsername: boolean): CredentialName[] | null {
  if (error.code === "LINK_NO_CREDENTIALS") return ["username", "password"];
  if (error.code !== "LINK_PERMISSION_DENIED") return null;
  return hasUsername ? ["username", "password"] : ["password"];
}

const passing: ReadonlySet<string> = new Set([
  "CHANNEL_CLOSED",
  "LINK_UNREACHABLE",
  "LINK_TIMEOUT",
  "LINK_CLOSED",
  "GATEWAY_BUSY",
  "MIGRATION_TIMEOUT",
  "MIGRATION_TARGET_LOST",
  "MIGRATION_SOURCE_LOST",
]);

/** Whether another try may do better. */
export function mayPass(error: PlainError): boolean {
  return passing.has(error.code);
}

const retryDelaysMs = [1000, 2000, 4000, 8000, 15_000];

/** How long to wait before a try, counted from 1. */
export function retryDelayMs(attempt: number): number {
  return retryDelaysMs[Math.min(attempt, retryDelaysMs.length) - 1]!;
}

export const attemptsMax = 30;
