import { ProtocolError } from "@caraway/channel";
import { dataHeaderCodec, mainCodec, miniDataHeaderCodec } from "@caraway/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Destination, MainTap } from "../src/main-tap.ts";

const target = { port: 5900, sport: 5901, host: "10.0.0.7", certSubject: "O=x,CN=y" };
const named = { port: 5900, sport: 0, host: "g1.opaque", certSubject: "" };

class Subject {
  readonly sessions: number[] = [];
  readonly targets: [string, Destination][] = [];
  revoked = 0;
  readonly tap: MainTap;

  constructor(miniHeader: boolean) {
    this.tap = new MainTap(miniHeader, {
      sessionBegan: (id) => this.sessions.push(id),
      targetNamed: (destination, message) => {
        this.targets.push([message, { ...destination }]);
        return named;
      },
      targetsRevoked: () => {
        this.revoked += 1;
      },
    });
  }

  /** Pushes in pieces that end at these places, and joins what passes. */
  push(bytes: Uint8Array, cuts: readonly number[] = []): Uint8Array {
    const passed: number[] = [];
    const borders = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
    let from = 0;
    for (const to of [...borders, bytes.length]) {
      // A copy: what was pushed may be reused by its owner.
      const piece = bytes.slice(from, to);
      for (const out of this.tap.push(piece)) passed.push(...out);
      from = to;
    }
    return Uint8Array.from(passed);
  }
}

function frame(miniHeader: boolean, serial: bigint, type: number, body: Uint8Array): Uint8Array {
  const header = miniHeader
    ? miniDataHeaderCodec.encode({ type, size: body.length })
    : dataHeaderCodec.encode({ serial, type, size: body.length, subList: 0 });
  return Uint8Array.from([...header, ...body]);
}

function encode(...message: Parameters<typeof mainCodec.server.encode>) {
  return mainCodec.server.encode(...message);
}

function stream(miniHeader: boolean, destination: Destination): Uint8Array {
  const init = {
    sessionId: 4711,
    displayChannelsHint: 1,
    supportedMouseModes: 3,
    currentMouseMode: 1,
    agentConnected: 0,
    agentTokens: 10,
    multiMediaTime: 5,
    ramHint: 0,
  };
  const messages = [
    encode({ name: "INIT", body: init }),
    { id: 109, body: Uint8Array.from({ length: 300 }, (_, at) => at) },
    encode({ name: "MIGRATE_BEGIN", body: { dstInfo: destination } }),
    encode({ name: "MIGRATE_CANCEL", body: {} }),
    { id: 4, body: new Uint8Array(0) },
    encode({ name: "MIGRATE_BEGIN_SEAMLESS", body: { dstInfo: destination, srcMigVersion: 1 } }),
    { id: 109, body: Uint8Array.from({ length: 70 }, (_, at) => 255 - at) },
    encode({ name: "MIGRATE_SWITCH_HOST", body: destination }),
    { id: 60000, body: new Uint8Array(1) },
  ];
  const frames = messages.map(({ id, body }, at) => frame(miniHeader, BigInt(at + 9), id, body));
  return Uint8Array.from(frames.flatMap((each) => [...each]));
}

describe.each([
  ["mini", true],
  ["full", false],
])("the tap on a main channel with %s headers", (_name, miniHeader) => {
  it("puts another name in place of every target, and changes nothing else, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        const subject = new Subject(miniHeader);
        const passed = subject.push(stream(miniHeader, target), cuts);
        expect(passed).toEqual(stream(miniHeader, named));
        expect(subject.sessions).toEqual([4711]);
        expect(subject.revoked).toBe(1);
        expect(subject.targets).toEqual([
          ["MIGRATE_BEGIN", target],
          ["MIGRATE_BEGIN_SEAMLESS", target],
          ["MIGRATE_SWITCH_HOST", target],
        ]);
      }),
    );
  });

  it("passes a message on before it is whole, unless it names a target", () => {
    const subject = new Subject(miniHeader);
    const long = frame(miniHeader, 1n, 109, new Uint8Array(1000).fill(1));
    expect(subject.push(long.subarray(0, 500))).toEqual(long.subarray(0, 500));
    expect(subject.push(long.subarray(500))).toEqual(long.subarray(500));
    const begin = encode({ name: "MIGRATE_BEGIN", body: { dstInfo: target } });
    const held = frame(miniHeader, 2n, begin.id, begin.body);
    expect(subject.push(held.subarray(0, held.length - 1)).length).toBe(0);
    expect(subject.push(held.subarray(held.length - 1)).length).toBeGreaterThan(0);
  });

  it("lets no list of sub-messages through, in which a target could hide", () => {
    const list = frame(miniHeader, 1n, 8, new Uint8Array(40));
    expect(() => new Subject(miniHeader).push(list)).toThrow(ProtocolError);
  });

  it("holds no more than a target can need", () => {
    const begin = frame(miniHeader, 1n, 101, new Uint8Array(9000));
    expect(() => new Subject(miniHeader).push(begin)).toThrow(/9000 bytes/);
  });

  it("fails with a typed error on a target that does not decode", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(101, 111, 116, 103, 102),
        fc.uint8Array({ maxLength: 60 }),
        (type, body) => {
          const subject = new Subject(miniHeader);
          try {
            subject.push(frame(miniHeader, 1n, type, body));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
    );
  });
});

it("lets no full header with sub-messages through", () => {
  const header = dataHeaderCodec.encode({ serial: 1n, type: 109, size: 4, subList: 2 });
  expect(() => new Subject(false).push(header)).toThrow(/sub-messages/);
});
