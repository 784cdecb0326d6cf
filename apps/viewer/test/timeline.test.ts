import type { ClientEvent } from "@caraway/browser";
import { describe, expect, it } from "vitest";
import { pictureGapMs, Timeline } from "../src/session/timeline.ts";

type MigrationEvent = Extract<ClientEvent, { name: "migration" }>;
const event = (phase: string, more: object = {}) =>
  ({ name: "migration", phase, ...more }) as MigrationEvent;

function seamless(timeline: Timeline): void {
  timeline.note(event("begin", { mode: "seamless", target: "host-b" }), 1000);
  const error = { code: "LINK_UNREACHABLE", message: "nothing answers", hint: null };
  timeline.note(event("link-failed", { channel: "cursor", id: 0, attempt: 1, error }), 1100);
  timeline.note(event("ready", { mode: "seamless", missing: [] }), 1400);
  timeline.painted(1950);
  timeline.note(event("switching", { mode: "seamless" }), 2000);
  const kept = { channel: "display", id: 0, outcome: "kept", dataSize: 88 };
  timeline.note(event("channel", kept), 2040);
  const window = { sentInWindow: 3, windowMs: 3000, resentReleases: 2, held: 1 };
  timeline.note(event("input-window", window), 2050);
  timeline.note(event("done", { mode: "seamless", switchMs: 60 }), 2060);
}

describe("the course of a move", () => {
  it("keeps when what happened, channel by channel", () => {
    const timeline = new Timeline();
    seamless(timeline);
    timeline.painted(2100);
    timeline.painted(2200);
    expect(timeline.records).toEqual([
      {
        target: "host-b",
        mode: "seamless",
        beganAt: 1000,
        readyAt: 1400,
        switchingAt: 2000,
        endedAt: 2060,
        outcome: "done",
        channels: [{ label: "display 0", outcome: "kept", at: 2040, dataSize: 88 }],
        linkTroubles: [{ label: "cursor 0", at: 1100, attempt: 1, detail: "nothing answers" }],
        heldInputs: 1,
        resentReleases: 2,
        lastPaintedAt: 1950,
        firstPaintedAt: 2100,
      },
    ]);
    expect(pictureGapMs(timeline.records[0]!)).toBe(150);
  });

  it("does not count the time of a guest that had nothing to show", () => {
    const timeline = new Timeline();
    timeline.painted(100);
    timeline.note(event("switching", { mode: "switch-host" }), 9000);
    expect(pictureGapMs(timeline.records[0]!)).toBeNull();
    timeline.painted(9300);
    expect(pictureGapMs(timeline.records[0]!)).toBe(300);
  });

  it("begins with the switch where nothing was announced", () => {
    const timeline = new Timeline();
    timeline.note(event("switching", { mode: "switch-host" }), 500);
    timeline.note(event("done", { mode: "switch-host", switchMs: 100 }), 600);
    expect(timeline.records).toMatchObject([
      { mode: "switch-host", beganAt: 500, switchingAt: 500, endedAt: 600, outcome: "done" },
    ]);
  });

  it("ends with a call-off, with the session, or with the next move", () => {
    const timeline = new Timeline();
    const begin = event("begin", { mode: "seamless", target: "host-b" });
    timeline.note(begin, 1);
    timeline.note(event("cancelled", { by: "source" }), 2);
    timeline.note(begin, 3);
    timeline.note(begin, 4);
    timeline.sessionEnded(5);
    expect(timeline.records.map(({ outcome }) => outcome)).toEqual([
      "cancelled",
      "cancelled",
      "failed",
    ]);
  });

  it("goes on after a switch that failed, as long as the target is tried", () => {
    const timeline = new Timeline();
    timeline.note(event("begin", { mode: "seamless", target: "host-b" }), 1);
    timeline.note(event("switching", { mode: "seamless" }), 2);
    timeline.note(event("failed", { reconnecting: true, error: {} }), 3);
    expect(timeline.records).toMatchObject([{ outcome: "running", mode: "switch-host" }]);
    timeline.note(event("done", { mode: "switch-host", switchMs: 9 }), 4);
    expect(timeline.records).toMatchObject([{ outcome: "done", switchingAt: 2, endedAt: 4 }]);
  });

  it("is forgotten after many more", () => {
    const timeline = new Timeline();
    for (let at = 0; at < 50; at++) {
      timeline.note(event("begin", { mode: "seamless", target: String(at) }), at);
    }
    expect(timeline.records).toHaveLength(20);
    expect(timeline.records.at(-1)?.target).toBe("49");
  });
});
