// The types of the API and its published schema say the same.

import { describe, expect, it } from "vitest";
import type { ApiGuest, ApiHost, ApiMigration, ApiMoveOutcome } from "../src/api-types.ts";
import { faultIn, validated } from "../src/api-validate.ts";
import { apiSchemas, openApi } from "../src/openapi.ts";
import { HostUsageError } from "../src/usage-error.ts";

const outcome: ApiMoveOutcome = {
  holdMs: 12.5,
  holdReason: "restored",
  sentBytes: 200,
  clients: [
    {
      client: 1,
      peer: "192.0.2.7:40312",
      mode: "seamless",
      channels: [{ channel: "display 0", outcome: "kept", reason: "", gapMs: 9.5, sentBytes: 100 }],
    },
  ],
};

const migration: ApiMigration = {
  id: "00ff",
  guest: "desk",
  direction: "out",
  peer: "b:7701",
  phase: "settling",
  mode: "seamless",
  startedAt: "2026-11-23T00:00:00.000Z",
  endedAt: null,
  progress: { sent: 1, total: 2 },
  memory: {
    ...{ remaining: 1, iteration: 2, bytesPerS: 3, dirtyBytesPerS: 4 },
    ...{ expectedDowntimeMs: null, requests: 5 },
  },
  postcopy: "active",
  clients: [{ client: 1, peer: "p", state: "ready", mode: "seamless", detail: "" }],
  stoppedMs: 3.5,
  downtimeMs: 2,
  sentBeforeBytes: 300,
  outcome,
  owner: "target",
  error: { code: "MOVE_LINK", message: "lost" },
  detail: null,
};

const guest: ApiGuest = {
  name: "desk",
  kind: "testcard",
  state: "running",
  addresses: ["spice://127.0.0.1:5900"],
  sessions: [
    { client: 1, peer: "p", user: null, viewOnly: false, channels: ["main 0"], since: "now" },
  ],
  migration: null,
  sentBytes: 1,
  receivedBytes: 2,
  facts: { "usb0.answered": 3 },
};

const host: ApiHost = {
  name: "a",
  version: "1",
  peerAddress: null,
  guests: 1,
  startedAt: "2026-11-23T00:00:00.000Z",
};

describe("the published schema", () => {
  it.each([
    ["Migration", migration],
    ["Migration", { ...migration, progress: null, stoppedMs: null, outcome: null, error: null }],
    ["Guest", guest],
    ["Host", host],
  ] as const)("describes a %s field by field", (name, value) => {
    const schema = apiSchemas[name] as { properties: object };
    expect(faultIn(schema as never, value, "")).toBeNull();
    expect(Object.keys(schema.properties).sort()).toEqual(Object.keys(value).sort());
  });

  it("refers only to what it has", () => {
    const names = [...JSON.stringify(openApi).matchAll(/#\/components\/schemas\/(\w+)/g)];
    expect(names.length).toBeGreaterThan(10);
    for (const [, name] of names) expect(apiSchemas).toHaveProperty(name!);
  });

  it.each([
    [{}, /to: missing/],
    [{ to: 1 }, /to: not a string/],
    [{ to: "b", mode: "fast" }, /mode: one of seamless/],
    [{ to: "b", policies: { display: "lose" } }, /policies\.display: one of keep/],
    [{ to: "b", policies: { screen: "keep" } }, /policies\.screen: not known/],
    [{ to: "b", deadlineMs: -1 }, /deadlineMs: not from 0/],
    [{ to: "b", deadlineMs: 1.5 }, /deadlineMs: not a whole number/],
    [{ to: "b", more: true }, /more: not known/],
    [null, /the body: not a object/],
    [[], /the body: not a object/],
  ])("refuses a migration such as %j and names the field", (value, said) => {
    expect(() => validated("NewMigration", value)).toThrow(HostUsageError);
    expect(() => validated("NewMigration", value)).toThrow(said);
  });
});
