import type { ApiMigration } from "caraway-host";
import { describe, expect, it } from "vitest";
import {
  clientLine,
  endText,
  measureText,
  outcomeTable,
  postcopyText,
  progressText,
} from "../src/migration-text.ts";

const channel = { outcome: "kept", reason: "", gapMs: 9.4, sentBytes: 232 } as const;

const moved: ApiMigration = {
  id: "00",
  guest: "desk",
  direction: "out",
  peer: "b:7701",
  phase: "ended",
  mode: "seamless",
  startedAt: "",
  endedAt: "",
  progress: null,
  memory: null,
  postcopy: null,
  clients: [],
  stoppedMs: 114.6,
  downtimeMs: null,
  sentBeforeBytes: null,
  outcome: {
    holdMs: 16.2,
    holdReason: "restored",
    sentBytes: 1000,
    clients: [
      {
        client: 1,
        peer: "192.0.2.7:1",
        mode: "seamless",
        channels: [
          { channel: "display 0", ...channel },
          { ...channel, channel: "cursor 0", outcome: "lost", reason: "its state did not come" },
        ],
      },
    ],
  },
  owner: "target",
  error: null,
  detail: null,
};

describe("a move, as a person reads it", () => {
  it("is a table of clients and channels", () => {
    expect(outcomeTable(moved).split("\n")).toEqual([
      "CLIENT           CHANNEL    MODE      OUTCOME                       BYTES SENT  GAP MS",
      "1 (192.0.2.7:1)  display 0  seamless  kept                                 232       9",
      "1 (192.0.2.7:1)  cursor 0   seamless  lost: its state did not come         232       9",
    ]);
    expect(outcomeTable({ ...moved, outcome: null })).toBe("");
  });

  it("ends where the guest is", () => {
    expect(endText(moved)).toBe(
      "guest desk is at b:7701, stopped for 115 ms, held for 16 ms (restored)",
    );
    const error = { code: "MOVE_LINK", message: "the other host was lost" };
    expect(endText({ ...moved, owner: "source", outcome: null, error })).toBe(
      "guest desk stays where it is: the other host was lost",
    );
  });

  it("tells what was sent only where it was measured", () => {
    expect(measureText(moved)).toBe("");
    expect(measureText({ ...moved, sentBeforeBytes: 900 })).toBe(
      "sent to all clients: 1000 bytes behind the move, 900 in as long before it",
    );
  });

  it("shows each client's readiness, and progress as virsh does", () => {
    const client = { client: 2, peer: "p:1", state: "failed", mode: "switch-host" } as const;
    expect(clientLine({ ...client, detail: "no route" })).toBe(
      "client 2 (p:1): failed, switch-host: no route",
    );
    expect([progressText(0, 3), progressText(1, 3), progressText(0, 0)]).toEqual([
      "Migration: [  0 %]",
      "Migration: [ 33 %]",
      "Migration: [100 %]",
    ]);
  });

  it("says how a VM's memory gets on, and what is to be done where it does not", () => {
    const memory = {
      ...{ remaining: 3 << 20, iteration: 2, bytesPerS: 50 << 20, dirtyBytesPerS: 1 << 19 },
      ...{ expectedDowntimeMs: 300, requests: 7 },
    };
    expect(progressText(1, 2, memory)).toBe(
      "Migration: [ 50 %]  3.0 MiB left, pass 2, 50.0 MiB/s sent, 0.5 MiB/s changed, 7 pages asked for",
    );
    expect(postcopyText({ ...moved, postcopy: "paused", detail: "the link is lost" })).toBe(
      "post-copy is paused: the link is lost; guest desk stands still where it needs memory that has not come: caraway migrate desk --recover",
    );
    expect(postcopyText({ ...moved, postcopy: "failed" })).toBe(
      "post-copy has failed; memory of guest desk is missing at the other host",
    );
  });
});
