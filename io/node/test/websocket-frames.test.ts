import { joinBytes } from "@caraway/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closeFrame,
  FrameParser,
  frameHeader,
  pongFrame,
  unmask,
  WebSocketFault,
} from "../src/websocket-frames.ts";

/** A client's frame, made by the letter of RFC 6455. */
function frame(
  payload: Uint8Array,
  { code = 2, final = true, mask = [1, 2, 3, 4] as readonly number[] | null, rsv = 0 } = {},
): Uint8Array {
  const { length } = payload;
  const size =
    length < 126
      ? [length]
      : length < 65536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  if (mask !== null) size[0]! |= 0x80;
  const masked = payload.map((byte, at) => byte ^ (mask === null ? 0 : mask[at & 3]!));
  return Uint8Array.from([(final ? 0x80 : 0) | rsv | code, ...size, ...(mask ?? []), ...masked]);
}

interface Heard {
  data: number[];
  pings: Uint8Array[];
  pongs: number;
  closes: number[];
}

function parse(bytes: Uint8Array, cuts: readonly number[] = []): Heard {
  const heard: Heard = { data: [], pings: [], pongs: 0, closes: [] };
  const parser = new FrameParser({
    data: (part) => heard.data.push(...part),
    ping: (payload) => heard.pings.push(payload),
    pong: () => heard.pongs++,
    close: (code) => heard.closes.push(code),
  });
  const borders = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...borders, bytes.length]) {
    parser.push(bytes.slice(from, to));
    from = to;
  }
  return heard;
}

const mask = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));

describe("frames of a client", () => {
  it("give their bytes, however they are masked, split and cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 400 }), mask, fc.boolean()), { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (parts, cuts) => {
          let inMessage = false;
          const frames = parts.map(([payload, each, final]) => {
            const made = frame(payload, { code: inMessage ? 0 : 2, final, mask: each });
            inMessage = !final;
            return made;
          });
          const sent = parts.flatMap(([payload]) => [...payload]);
          expect(parse(joinBytes(frames), cuts).data).toEqual(sent);
        },
      ),
    );
  });

  it.each([125, 126, 65535, 65536, 70_000])("may be %i bytes long", (size) => {
    const payload = Uint8Array.from({ length: size }, (_, at) => at * 7);
    expect(parse(frame(payload)).data).toEqual([...payload]);
  });

  it("may have pings, pongs and the close between the pieces of a message", () => {
    const heard = parse(
      joinBytes([
        frame(Uint8Array.of(1), { final: false }),
        frame(Uint8Array.of(9, 9), { code: 9 }),
        frame(new Uint8Array(0), { code: 10 }),
        frame(Uint8Array.of(2), { code: 0 }),
        frame(Uint8Array.of(0x03, 0xe9, 65), { code: 8 }),
        frame(Uint8Array.of(3)),
      ]),
    );
    expect(heard.data).toEqual([1, 2]);
    expect(heard.pings.map((ping) => [...ping])).toEqual([[9, 9]]);
    expect(heard.pongs).toBe(1);
    expect(heard.closes).toEqual([1001]);
  });

  it("may close without a code", () => {
    expect(parse(frame(new Uint8Array(0), { code: 8 })).closes).toEqual([1005]);
  });

  it.each<[string, Uint8Array, number]>([
    ["has no mask", frame(Uint8Array.of(1), { mask: null }), 1002],
    ["is a text", frame(Uint8Array.of(65), { code: 1 }), 1003],
    ["has an unknown opcode", frame(Uint8Array.of(1), { code: 3 }), 1002],
    ["uses an extension", frame(Uint8Array.of(1), { rsv: 0x40 }), 1002],
    ["continues nothing", frame(Uint8Array.of(1), { code: 0 }), 1002],
    ["is a long ping", frame(new Uint8Array(126), { code: 9 }), 1002],
    ["is a ping in pieces", frame(Uint8Array.of(1), { code: 9, final: false }), 1002],
    ["closes with half a code", frame(Uint8Array.of(3), { code: 8 }), 1002],
    ["closes with a code that is none", frame(Uint8Array.of(3, 0xed), { code: 8 }), 1002],
    [
      "is longer than numbers go",
      Uint8Array.of(0x82, 0xff, 255, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
      1002,
    ],
    [
      "begins a message within one",
      joinBytes([frame(Uint8Array.of(1), { final: false }), frame(Uint8Array.of(2))]),
      1002,
    ],
  ])("are refused when one %s", (_what, bytes, code) => {
    try {
      parse(bytes);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(WebSocketFault);
      expect((error as WebSocketFault).closeCode).toBe(code);
    }
  });

  it("fail only in one way, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WebSocketFault);
        }
      }),
    );
  });
});

it("unmasks at any place of memory, in any number of pieces", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      mask,
      fc.nat(7),
      fc.nat(60),
      (bytes, key, shift, cut) => {
        const memory = new Uint8Array(shift + bytes.length);
        memory.set(bytes, shift);
        const [first, second] = [memory.subarray(shift, shift + cut), memory.subarray(shift + cut)];
        const at = unmask(first, Uint8Array.from(key), 0);
        unmask(cut < bytes.length ? second : new Uint8Array(0), Uint8Array.from(key), at);
        expect([...memory.subarray(shift)]).toEqual(
          [...bytes].map((byte, i) => byte ^ key[i & 3]!),
        );
      },
    ),
  );
});

it("writes headers, pongs and closes as the standard has them", () => {
  expect([...frameHeader(125)]).toEqual([0x82, 125]);
  expect([...frameHeader(126)]).toEqual([0x82, 126, 0, 126]);
  expect([...frameHeader(65535)]).toEqual([0x82, 126, 255, 255]);
  expect([...frameHeader(65536)]).toEqual([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
  expect([...frameHeader(2 ** 33 + 5)]).toEqual([0x82, 127, 0, 0, 0, 2, 0, 0, 0, 5]);
  expect([...pongFrame(Uint8Array.of(7))]).toEqual([0x8a, 1, 7]);
  expect([...closeFrame(1000)]).toEqual([0x88, 2, 0x03, 0xe8]);
  expect([...closeFrame(1005)]).toEqual([0x88, 0]);
});
