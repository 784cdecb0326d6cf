// Bytes of a peer that means no good, or is broken: bounds, order, and errors that have a type.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MoveError, PeerDoor, SourceMove, TargetMove } from "../src/index.ts";
import { peerHeaderCodec, sourceCodec, targetCodec } from "../src/peer-messages.ts";
import { text } from "./move-world.ts";

const id = new Uint8Array(16).fill(7);

function frame({ id: type, body }: { id: number; body: Uint8Array }): Uint8Array {
  return Uint8Array.from([...peerHeaderCodec.encode({ type, size: body.length }), ...body]);
}

const prepare = frame(
  sourceCodec.encode({
    name: "PREPARE",
    body: { version: 1, move: id, description: text("about") },
  }),
);

function target(): TargetMove {
  const move = new TargetMove({ description: text(""), connection: 1, stateSizeMax: 100_000 }, 0);
  move.handle({ type: "prepared", address: text("a") }, 0);
  return move;
}

function source(): SourceMove {
  const move = new SourceMove({ id, description: text("") });
  move.handle({ type: "start" }, 0);
  move.handle({ type: "connected", connection: 1 }, 0);
  const PREPARED = targetCodec.encode({ name: "PREPARED", body: { address: text("a") } });
  move.handle({ type: "received", connection: 1, bytes: frame(PREPARED) }, 0);
  return move;
}

describe("the door", () => {
  it("finds what a link is about in whatever pieces it comes", () => {
    for (let cut = 0; cut < prepare.length; cut++) {
      const door = new PeerDoor();
      const early = cut === 0 ? null : door.push(prepare.subarray(0, cut));
      expect(early).toBeNull();
      const found = door.push(Uint8Array.from([...prepare.subarray(cut), 9, 9]));
      expect(found).toMatchObject({ kind: "prepare", move: "07".repeat(16) });
      expect(found?.rest).toEqual(Uint8Array.of(9, 9));
    }
  });

  it.each([
    ["another message", frame({ id: 19, body: new Uint8Array(0) })],
    ["a message that does not exist", frame({ id: 999, body: new Uint8Array(4) })],
    ["a message without an end", peerHeaderCodec.encode({ type: 16, size: 0xffffffff })],
    ["a message that ends too early", frame({ id: 17, body: new Uint8Array(3) })],
    ["another version", Uint8Array.from(prepare, (byte, at) => (at === 6 ? 99 : byte))],
  ])("refuses %s", (_what, bytes) => {
    expect(() => new PeerDoor().push(bytes)).toThrow(MoveError);
  });
});

describe("any bytes", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.integer({ min: 0, max: 41 }), fc.uint8Array({ maxLength: 12 }))
        .map(([type, body]) => frame({ id: type, body })),
    ),
    { maxLength: 12 },
  );

  it("do not make the target an owner without its copy, nor throw", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const move = target();
        for (const bytes of parts) {
          move.handle({ type: "received", connection: 1, bytes }, 1);
          const outputs = [];
          for (let out = move.poll(); out !== null; out = move.poll()) outputs.push(out.type);
          expect(outputs).not.toContain("own");
        }
      }),
    );
  });

  it("do not make the source give up its guest, nor throw", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const move = source();
        for (const bytes of parts) {
          move.handle({ type: "received", connection: 1, bytes }, 1);
          for (let out = move.poll(); out !== null; out = move.poll()) {
            expect(["destroy-guest", "switch-clients"]).not.toContain(out.type);
          }
        }
      }),
    );
  });
});

describe("a source that breaks the rules", () => {
  const say = (move: TargetMove, ...messages: Parameters<typeof sourceCodec.encode>[0][]): void => {
    for (const message of messages) {
      const bytes = frame(sourceCodec.encode(message));
      move.handle({ type: "received", connection: 1, bytes }, 1);
    }
  };

  it("commits nothing that was not loaded", () => {
    const move = target();
    say(move, { name: "COMMIT", body: {} });
    expect(move.phase).toBe("prepared");
    say(move, { name: "STATE", body: { last: 1, part: text("state") } });
    expect(move.phase).toBe("prepared");
  });

  it("cannot fill the target's memory with a state", () => {
    const move = target();
    const part = new Uint8Array(60_000);
    say(
      move,
      { name: "STATE", body: { last: 0, part } },
      { name: "STATE", body: { last: 0, part } },
    );
    expect(move.phase).toBe("abandoned");
  });

  it("cannot leave out a part of what the servers say", () => {
    const move = target();
    say(move, { name: "SERVER", body: { sequence: 2, last: 1, part: text("x") } });
    expect(move.snapshot(1)).toMatchObject({ link: { link: null } });
  });
});
