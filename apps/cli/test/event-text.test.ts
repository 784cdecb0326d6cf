import { LinkFailure } from "@caraway/channel";
import { describe, expect, it } from "vitest";
import { eventData, eventText } from "../src/event-text.ts";
import { jsonLine } from "../src/json-lines.ts";

describe("what a session tells", () => {
  it("is one JSON object a line, its name first, with errors as code and message", () => {
    const error = new LinkFailure("LINK_PERMISSION_DENIED", "cursor 0");
    const data = eventData({ name: "channel-lost", channel: "cursor", id: 0, error });
    const line = jsonLine(data!);
    expect(line.startsWith('{"event":"channel-lost",')).toBe(true);
    expect(JSON.parse(line).error.code).toBe("LINK_PERMISSION_DENIED");
    expect(JSON.parse(line).error.message).toContain("get a new one");
  });

  it("names a migration's course in words", () => {
    const begin = {
      name: "migration",
      phase: "begin",
      mode: "seamless",
      target: "b",
      withinMs: 9,
    } as const;
    const done = { name: "migration", phase: "done", mode: "seamless", switchMs: 7.4 } as const;
    expect(eventText(begin)).toContain("about to move to b");
    expect(eventText(done)).toBe("moved (seamless) in 7 ms");
  });

  it("shows a cursor's size instead of its pixels", () => {
    const shape = { unique: 1n, type: 0, width: 1, height: 1, hotSpotX: 0, hotSpotY: 0 };
    const data = new Uint8Array(4);
    const line = jsonLine(eventData({ name: "cursor", channelId: 0, shape: { ...shape, data } })!);
    expect(JSON.parse(line).shape).toMatchObject({ unique: "1", dataSize: 4 });
  });
});
