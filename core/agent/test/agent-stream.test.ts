import { agentDataSizeMax } from "@caraway/protocol";
import { WireError } from "@caraway/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AgentMessage, AgentProtocolError, AgentReader, agentPieces } from "../src/index.ts";

const none: ReadonlySet<string> = new Set();

function clipboard(data: Uint8Array): AgentMessage {
  const body = { selection: null, type: 1, data } as never;
  return { name: "CLIPBOARD", body } as AgentMessage;
}

function announce(caps: readonly number[]): AgentMessage {
  return { name: "ANNOUNCE_CAPABILITIES", body: { request: 0, caps } };
}

function bytesOf(...messages: AgentMessage[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((m) => agentPieces(m, none)).flatMap((p) => [...p]));
}

function header(protocol: number, type: number, size: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, protocol, true);
  view.setUint32(4, type, true);
  view.setUint32(16, size, true);
  return bytes;
}

describe("the agent's stream", () => {
  it("puts messages together however they are cut", () => {
    const messages = fc.array(fc.array(fc.nat(0xffffffff), { maxLength: 600 }), { maxLength: 5 });
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 3000 }), (list, cut) => {
        const sent = list.map((caps) => announce(caps));
        const bytes = bytesOf(...sent);
        const reader = new AgentReader(1 << 20);
        const read: AgentMessage[] = [];
        for (let at = 0; at < bytes.length; at += cut) {
          read.push(...reader.push(bytes.subarray(at, at + cut), none));
        }
        expect(read).toEqual(sent);
      }),
    );
  });

  it("is cut into pieces of at most 2048 bytes", () => {
    const pieces = agentPieces(announce(new Array(2000).fill(1)), none);
    expect(pieces.map(({ length }) => length)).toEqual([
      2048,
      2048,
      2048,
      20 + 4 + 8000 - 3 * 2048,
    ]);
    expect(agentDataSizeMax).toBe(2048);
  });

  it("passes over messages of unknown types", () => {
    const reader = new AgentReader(1 << 20);
    const unknown = Uint8Array.from([...header(1, 9999, 3), 1, 2, 3]);
    expect(reader.push(unknown, none)).toEqual([]);
    expect(reader.push(bytesOf(announce([5])), none)).toEqual([announce([5])]);
  });

  it("ends with a typed error on another protocol, before a body is there", () => {
    const reader = new AgentReader(1 << 20);
    expect(() => reader.push(header(2, 6, 0), none)).toThrow(AgentProtocolError);
  });

  it("ends with a typed error on a message that is too large, before a body is there", () => {
    const reader = new AgentReader(100);
    expect(() => reader.push(header(1, 6, 101), none)).toThrow("at most 100");
  });

  it("passes over content of a clipboard that is too large, and says so, keeping nothing of it", () => {
    const reader = new AgentReader(1 << 10, 5000);
    const large = bytesOf(clipboard(new Uint8Array(6000)), announce([7]));
    const read: unknown[] = [];
    for (let at = 0; at < large.length; at += 700) {
      reader.feed(large.subarray(at, at + 700));
      for (let next = reader.next(none); next !== null; next = reader.next(none)) read.push(next);
      expect(reader.keptBytes).toBeLessThan(800);
    }
    expect(read).toEqual([{ name: "oversized", size: 6004 }, announce([7])]);
  });

  it("makes messages or a typed error of any bytes", () => {
    const type = fc.integer({ min: 0, max: 20 });
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 64 }), (id, body) => {
        const reader = new AgentReader(1 << 20);
        try {
          reader.push(Uint8Array.from([...header(1, id, body.length), ...body]), none);
        } catch (error) {
          expect(error instanceof WireError || error instanceof AgentProtocolError).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("takes a release of one byte, as spice-vdagentd says it when sessions change", () => {
    const short = Uint8Array.from([...header(1, 9, 1), 1]);
    const read = new AgentReader(100).push(short, new Set(["CLIPBOARD_SELECTION"]));
    expect(read).toMatchObject([
      { name: "CLIPBOARD_RELEASE", body: { selection: { selection: 1 } } },
    ]);
  });

  it("carries a clipboard of many pieces", () => {
    const data = Uint8Array.from({ length: 10_000 }, (_, index) => index);
    const read = new AgentReader(1 << 20).push(bytesOf(clipboard(data)), none);
    expect(read).toHaveLength(1);
    expect(read[0]).toMatchObject({ name: "CLIPBOARD", body: { data } });
  });
});
