import type { ClientEvent, PlainError, Statistics } from "@caraway/browser";
import { describe, expect, it } from "vitest";
import {
  afterEvent,
  credentialsFor,
  isSlow,
  mayPass,
  retryDelayMs,
  type ViewerState,
  withoutPastMove,
} from "../src/session/viewer-state.ts";

const session: ClientEvent = { name: "session", sessionId: 1, ramHint: 0 };
const moves = (phase: string, more: object = {}) =>
  ({ name: "migration", phase, ...more }) as ClientEvent;
const error = (code: string): PlainError => ({ code, message: "", hint: null });

function after(...events: ClientEvent[]): ViewerState {
  return events.reduce(afterEvent, { kind: "connecting", attempt: 1 } as ViewerState);
}

const begin = moves("begin", { mode: "seamless", target: "host-b" });

describe("what a viewer is doing", () => {
  it("is connected with the main channel's INIT", () => {
    expect(after(session)).toEqual({ kind: "connected", slow: false, move: null });
  });

  it("says nothing of a move that it could make no links for, until it happens all the same", () => {
    const refused = after(session, begin, moves("not-ready"));
    expect(refused).toEqual({ kind: "connected", slow: false, move: null });
    const switching = afterEvent(refused, moves("switching", { mode: "switch-host" }));
    expect(switching).toMatchObject({ move: { phase: "switching", mode: "switch-host" } });
  });

  it("stays connected through a move, and says how far it is", () => {
    const steps = [
      begin,
      moves("ready", { mode: "seamless", missing: [] }),
      moves("switching", { mode: "seamless" }),
      moves("channel", { channel: "display", id: 0, outcome: "kept", dataSize: 0 }),
      moves("done", { mode: "seamless", switchMs: 12 }),
    ];
    let state = after(session);
    const phases = steps.map((step) => {
      state = afterEvent(state, step);
      return state.kind === "connected" ? state.move?.phase : state.kind;
    });
    expect(phases).toEqual(["announced", "announced", "switching", "switching", "done"]);
    expect(state).toMatchObject({ move: { target: "host-b", mode: "seamless" } });
    expect(withoutPastMove(state)).toEqual({ kind: "connected", slow: false, move: null });
  });

  it("does not forget a move that is under way", () => {
    const state = after(session, begin);
    expect(withoutPastMove(state)).toBe(state);
  });

  it("says that a move goes badly, and that it is called off", () => {
    const failed = moves("failed", { reconnecting: true, error: error("MIGRATION_TIMEOUT") });
    expect(after(session, begin, failed)).toMatchObject({ move: { phase: "reconnecting" } });
    const cancelled = moves("cancelled", { by: "source" });
    expect(after(session, begin, cancelled)).toMatchObject({ move: { phase: "cancelled" } });
  });

  it("has a move without an announcement, when the server only names another host", () => {
    const state = after(session, moves("switching", { mode: "switch-host" }));
    expect(state).toMatchObject({ move: { phase: "switching", mode: "switch-host" } });
  });
});

describe("the end of a session", () => {
  it("asks for what the server wants to know", () => {
    expect(credentialsFor(error("LINK_PERMISSION_DENIED"), false)).toEqual(["password"]);
    expect(credentialsFor(error("LINK_PERMISSION_DENIED"), true)).toEqual(["username", "password"]);
    expect(credentialsFor(error("LINK_NO_CREDENTIALS"), false)).toEqual(["username", "password"]);
    expect(credentialsFor(error("LINK_NOT_SPICE"), false)).toBeNull();
  });

  it("is tried again only where that may help, less and less often", () => {
    expect(mayPass(error("CHANNEL_CLOSED"))).toBe(true);
    expect(mayPass(error("LINK_UNREACHABLE"))).toBe(true);
    expect(mayPass(error("LINK_NOT_SPICE"))).toBe(false);
    expect(mayPass(error("FAULT"))).toBe(false);
    expect([1, 2, 3, 4, 5, 6, 99].map(retryDelayMs)).toEqual([
      1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
    ]);
  });
});

describe("a slow network", () => {
  const statistics = (latencyMs: number | null, backlog = 0) =>
    ({ latencyMs, backlog }) as Statistics;

  it("is one that answers late, and stays so until it answers well", () => {
    expect(isSlow(statistics(100), statistics(450), false)).toBe(true);
    expect(isSlow(statistics(450), statistics(300), true)).toBe(true);
    expect(isSlow(statistics(300), statistics(200), true)).toBe(false);
    expect(isSlow(statistics(100), statistics(300), false)).toBe(false);
  });

  it("is not concluded from what was not measured again", () => {
    expect(isSlow(null, statistics(900), false)).toBe(false);
    expect(isSlow(statistics(900), statistics(900), false)).toBe(false);
    expect(isSlow(statistics(null), statistics(null), false)).toBe(false);
  });

  it("is one that does not take what is sent, for longer than a moment", () => {
    expect(isSlow(statistics(null, 1 << 20), statistics(null, 1 << 20), false)).toBe(true);
    expect(isSlow(statistics(null), statistics(null, 1 << 20), false)).toBe(false);
  });
});
