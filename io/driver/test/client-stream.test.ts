import type { StreamCommand } from "@caraway/client";
import { describe, expect, it } from "vitest";
import { type ClientStream, ClientStreams } from "../src/index.ts";

const opened = {
  name: "stream-opened",
  stream: 5,
  channel: "usbredir",
  id: 1,
  portName: null,
  guestOpen: true,
} as const;

function setUp() {
  const commands: StreamCommand[] = [];
  const found: ClientStream[] = [];
  const streams = new ClientStreams(
    (command) => commands.push(command),
    (stream) => found.push(stream),
  );
  streams.handle(opened);
  return { streams, stream: found[0]!, commands, found };
}

describe("a stream of a session", () => {
  it("is told of once, and hears what is meant for it", () => {
    const { streams, stream, found } = setUp();
    const heard: unknown[] = [];
    stream.use({
      data: (bytes) => heard.push([...bytes]),
      signal: (signal) => heard.push(signal),
      closed: () => heard.push("over"),
    });
    streams.handle({ name: "stream-data", stream: 5, bytes: Uint8Array.of(1, 2) });
    streams.handle({ name: "stream-data", stream: 4, bytes: Uint8Array.of(9) });
    streams.handle({ name: "stream-signal", stream: 5, signal: "closed" });
    streams.handle({ name: "ended" });
    expect(stream.isGuestOpen).toBe(false);
    streams.handle({ name: "stream-closed", stream: 5 });
    streams.handle({ name: "stream-data", stream: 5, bytes: Uint8Array.of(3) });
    expect(heard).toEqual([[1, 2], "closed", "over"]);
    expect(found).toHaveLength(1);
    expect(stream).toMatchObject({ channel: "usbredir", id: 1, portName: null, isClosed: true });
  });

  it("keeps what comes before somebody uses it", () => {
    const { streams, stream } = setUp();
    streams.handle({ name: "stream-data", stream: 5, bytes: Uint8Array.of(1) });
    streams.handle({ name: "stream-closed", stream: 5 });
    const heard: unknown[] = [];
    stream.use({ data: (bytes) => heard.push([...bytes]), closed: () => heard.push("over") });
    expect(heard).toEqual([[1], "over"]);
  });

  it("says when enough waits, and when there is room again", () => {
    const { streams, stream, commands } = setUp();
    let drained = 0;
    stream.use({ drained: () => drained++ });
    expect(stream.write(new Uint8Array(1 << 19))).toBe(true);
    expect(stream.write(new Uint8Array(1 << 19))).toBe(false);
    streams.handle({ name: "stream-sent", stream: 5, bytes: 1 << 19 });
    expect(drained).toBe(1);
    streams.handle({ name: "stream-sent", stream: 5, bytes: 1 << 19 });
    expect(drained).toBe(1);
    expect(commands.map(({ name }) => name)).toEqual(["stream-send", "stream-send"]);
    streams.handle({ name: "stream-closed", stream: 5 });
    expect(stream.write(Uint8Array.of(1))).toBe(true);
    stream.taken(4);
    expect(commands).toHaveLength(2);
  });
});
