import { joinBytes, WireError } from "@caraway/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Frame, FrameReader, FrameWriter, ProtocolError } from "../src/index.ts";

function reader(miniHeader: boolean, options: { listFrames?: boolean; max?: number } = {}) {
  return new FrameReader({
    channel: "display 0",
    miniHeader,
    bodySizeMax: options.max ?? 4096,
    firstSerial: 1n,
    listFrames: options.listFrames ?? true,
  });
}

function readAll(subject: FrameReader, bytes: Uint8Array, cut = bytes.length): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += Math.max(1, cut)) {
    subject.push(bytes.subarray(at, at + Math.max(1, cut)));
    for (let frame = subject.next(); frame !== null; frame = subject.next()) frames.push(frame);
  }
  return frames;
}

/** A body with `before`, sub-messages and their list. Returns where the list starts, too. */
function withSubMessages(before: number[], subs: { id: number; body: number[] }[]) {
  const bytes = [...before];
  const offsets = subs.map(({ id, body }) => {
    const at = bytes.length;
    bytes.push(id & 0xff, id >> 8, body.length, 0, 0, 0, ...body);
    return at;
  });
  const listAt = bytes.length;
  bytes.push(offsets.length, 0, ...offsets.flatMap((offset) => [offset, 0, 0, 0]));
  return { body: Uint8Array.from(bytes), listAt };
}

/** A full header. */
function full(serial: bigint, type: number, size: number, subList: number): Uint8Array {
  const bytes = new Uint8Array(18);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, serial, true);
  view.setUint16(8, type, true);
  view.setUint32(10, size, true);
  view.setUint32(14, subList, true);
  return bytes;
}

const messages = fc.array(
  fc.record({ id: fc.integer({ min: 9, max: 0xffff }), body: fc.uint8Array({ maxLength: 60 }) }),
  { maxLength: 12 },
);

describe.each([true, false])("frames with mini header %s", (miniHeader) => {
  it("come out as they went in, however the bytes are cut", () => {
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 40 }), (list, cut) => {
        const writer = new FrameWriter(miniHeader, 1n);
        const frames = readAll(
          reader(miniHeader),
          joinBytes(list.map((m) => writer.write(m))),
          cut,
        );
        const expected = list.map((message, index) => {
          const size = message.body.length;
          return { ...message, size, serial: BigInt(index + 1), subFrames: [] };
        });
        expect(frames).toEqual(expected);
        expect(writer.nextSerial).toBe(BigInt(list.length + 1));
      }),
    );
  });

  it("that are too large end the channel before their body is there", () => {
    const subject = reader(miniHeader, { max: 10 });
    const bytes = new FrameWriter(miniHeader, 1n).write({ id: 304, body: new Uint8Array(11) });
    subject.push(bytes.subarray(0, miniHeader ? 6 : 18));
    expect(() => subject.next()).toThrow(ProtocolError);
    expect(() => subject.next()).toThrow("at most 10 are allowed");
  });

  it("leave behind what was not asked for", () => {
    const writer = new FrameWriter(miniHeader, 1n);
    const [first, second] = [1, 2].map((id) => writer.write({ id, body: Uint8Array.of(id) }));
    const subject = reader(miniHeader);
    subject.push(joinBytes([first!, second!]));
    expect(subject.next()?.id).toBe(1);
    expect(subject.takePending()).toEqual(second);
    expect(subject.next()).toBeNull();
  });
});

describe("serials", () => {
  it("are counted where the header has none, from where the channel begins", () => {
    const subject = new FrameReader({
      channel: "display 0",
      miniHeader: true,
      bodySizeMax: 10,
      firstSerial: 41n,
      listFrames: true,
    });
    const writer = new FrameWriter(true, 1n);
    subject.push(writer.write({ id: 9, body: new Uint8Array() }));
    expect(subject.next()?.serial).toBe(41n);
    expect(subject.nextSerial).toBe(42n);
  });

  it("are those of the wire where the header has them, gaps included", () => {
    const subject = reader(false);
    subject.push(joinBytes([full(7n, 9, 0, 0), full(2n ** 40n, 9, 0, 0)]));
    expect([subject.next()?.serial, subject.next()?.serial]).toEqual([7n, 2n ** 40n]);
    expect(subject.nextSerial).toBe(2n ** 40n + 1n);
  });
});

describe("sub-messages", () => {
  const subs = [
    { id: 5, body: [1] },
    { id: 105, body: [2, 2] },
  ];

  it("of a full header come in list order, and the body stays whole", () => {
    const { body, listAt } = withSubMessages([9, 9, 9], subs);
    const [frame] = readAll(
      reader(false),
      joinBytes([full(1n, 304, body.length, listAt), body]),
      1,
    );
    expect(frame?.id).toBe(304);
    expect(frame?.subFrames).toEqual([
      { id: 5, body: Uint8Array.of(1) },
      { id: 105, body: Uint8Array.of(2, 2) },
    ]);
  });

  it("of a LIST come in list order", () => {
    const offsets = [10, 17];
    const list = [2, 0, ...offsets.flatMap((offset) => [offset, 0, 0, 0])];
    const { body } = withSubMessages(list, subs);
    const bytes = new FrameWriter(true, 1n).write({ id: 8, body });
    const [frame] = readAll(reader(true), bytes);
    expect(frame?.subFrames.map(({ id }) => id)).toEqual([5, 105]);
  });

  it("are not looked for where only a server may send them", () => {
    const bytes = new FrameWriter(true, 1n).write({ id: 8, body: Uint8Array.of(255, 255) });
    expect(readAll(reader(true, { listFrames: false }), bytes)[0]?.subFrames).toEqual([]);
  });

  it.each([
    ["a list outside of the message", full(1n, 304, 4, 5), [0, 0, 0, 0]],
    ["a list that is cut off", full(1n, 304, 3, 1), [0, 9, 0]],
    ["a count beyond the message", full(1n, 304, 6, 2), [0, 0, 255, 255, 0, 0]],
    ["a message outside of the message", full(1n, 304, 8, 2), [0, 0, 1, 0, 3, 0, 0, 0]],
  ])("with %s end the channel with a typed error", (_, head, body) => {
    const bytes = joinBytes([head, Uint8Array.from(body)]);
    expect(() => readAll(reader(false), bytes)).toThrow(ProtocolError);
  });

  it("that share the same bytes again and again are refused before they cost anything", () => {
    const offsets = Array.from({ length: 200 }, () => 2 + 200 * 4);
    const list = [200, 0, ...offsets.flatMap((offset) => [offset & 0xff, offset >> 8, 0, 0])];
    const body = Uint8Array.from([...list, 5, 0, 100, 0, 0, 0, ...new Array(100).fill(0)]);
    const bytes = new FrameWriter(true, 1n).write({ id: 8, body });
    expect(() => readAll(reader(true), bytes)).toThrow(ProtocolError);
  });

  it("of any bytes make frames or a typed error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(90), (body, subList) => {
        const bytes = joinBytes([full(1n, 304, body.length, subList), body]);
        try {
          for (const { subFrames } of readAll(reader(false), bytes)) {
            const total = subFrames.reduce((sum, sub) => sum + sub.body.length, 0);
            expect(total).toBeLessThanOrEqual(body.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          expect((error as ProtocolError).cause).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});
