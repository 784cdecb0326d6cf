import { setImmediate as turn } from "node:timers/promises";
import type { StreamCommand } from "@caraway/client";
import { type ClientStream, ClientStreams } from "@caraway/driver";
import { describe, expect, it } from "vitest";
import { streamDuplex } from "../src/index.ts";

function setUp() {
  const commands: StreamCommand[] = [];
  const found: ClientStream[] = [];
  const streams = new ClientStreams(
    (command) => commands.push(command),
    (stream) => found.push(stream),
  );
  const opened = { name: "stream-opened", stream: 1, channel: "port", id: 0 } as const;
  streams.handle({ ...opened, portName: "a", guestOpen: true });
  const taken = () =>
    commands.reduce((sum, c) => (c.name === "stream-taken" ? sum + c.bytes : sum), 0);
  return { streams, commands, taken, duplex: streamDuplex(found[0]!) };
}

describe("a stream as Node's", () => {
  it("takes what is read, and no more", async () => {
    const { streams, duplex, taken } = setUp();
    const bytes = new Uint8Array(100_000);
    streams.handle({ name: "stream-data", stream: 1, bytes });
    streams.handle({ name: "stream-data", stream: 1, bytes });
    await turn();
    const before = taken();
    expect(before).toBeLessThan(200_000);
    let read = 0;
    duplex.on("data", (chunk: Uint8Array) => {
      read += chunk.length;
    });
    await turn();
    expect([read, taken()]).toEqual([200_000, 200_000]);
  });

  it("holds its writer back, and ends with the stream", async () => {
    const { streams, duplex, commands } = setUp();
    let written = 0;
    const write = () => duplex.write(new Uint8Array(600_000), () => written++);
    write();
    write();
    write();
    await turn();
    expect(commands.filter(({ name }) => name === "stream-send")).toHaveLength(2);
    streams.handle({ name: "stream-sent", stream: 1, bytes: 1_200_000 });
    await turn();
    expect(written).toBe(3);
    const ends: string[] = [];
    duplex.on("end", () => ends.push("end"));
    duplex.on("close", () => ends.push("close"));
    duplex.resume();
    streams.handle({ name: "stream-closed", stream: 1 });
    await turn();
    await turn();
    expect(ends).toEqual(["end", "close"]);
  });
});
