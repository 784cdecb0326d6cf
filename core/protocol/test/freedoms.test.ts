// Each freedom of the wire that docs/protocol/freedoms.md lists: what is taken beside what is
// written. The names of the tests are the headings of that page.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  displayCodec,
  linkMessCodec,
  linkReplyCodec,
  mainCodec,
  RopDescriptor,
  StringFlag,
} from "../src/index.ts";

const page = readFileSync(new URL("../../../docs/protocol/freedoms.md", import.meta.url), "utf8");
const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);

function u16(...values: number[]): number[] {
  return values.flatMap((value) => [value & 255, value >> 8]);
}

function u32(...values: number[]): number[] {
  return values.flatMap((value) => [...u16(value & 0xffff), ...u16(value >>> 16)]);
}

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

/** MIGRATE_SWITCH_HOST, whose two texts stand where the test wants them. */
const switchHostId = 111;
function switchHost(pointers: {
  host: readonly [size: number, at: number];
  subject: readonly [size: number, at: number];
  tail: readonly number[];
}): Uint8Array {
  const { host, subject, tail } = pointers;
  return Uint8Array.from([...u16(5900, 0), ...u32(...host), ...u32(...subject), ...tail]);
}

function expectRewritten(sent: Uint8Array, written: Uint8Array): void {
  const message = mainCodec.server.decode(switchHostId, sent)!;
  expect(mainCodec.server.encode(message).body).toEqual(written);
}

const inOrder = switchHost({
  host: [3, 20],
  subject: [2, 23],
  tail: [...ascii("ab"), 0, ...ascii("c"), 0],
});

const cases: Readonly<Record<string, () => void>> = {
  "Order of what pointers name": () => {
    const swapped = switchHost({
      host: [3, 23],
      subject: [2, 20],
      tail: [...ascii("c"), 0, 0xee, ...ascii("ab"), 0],
    });
    expectRewritten(swapped, inOrder);
    expectRewritten(inOrder, inOrder);
  },

  "Shared and overlapping targets": () => {
    const shared = switchHost({ host: [3, 20], subject: [2, 21], tail: [...ascii("ab"), 0] });
    const apart = switchHost({
      host: [3, 20],
      subject: [2, 23],
      tail: [...ascii("ab"), 0, ...ascii("b"), 0],
    });
    expectRewritten(shared, apart);
  },

  "Bytes that no field covers": () => {
    const sent = Uint8Array.from([...u32(7), 1, 2, 3]);
    const message = mainCodec.server.decode(106, sent);
    expect(message).toEqual({ name: "MULTI_MEDIA_TIME", body: { time: 7 } });
    expect(mainCodec.server.encode(message!).body).toEqual(Uint8Array.from(u32(7)));
  },

  "The NUL of a text": () => {
    const name = (bytes: number[]) => {
      const sent = Uint8Array.from([...u32(bytes.length), ...bytes]);
      const message = mainCodec.server.decode(113, sent)!;
      return [message.body, [...mainCodec.server.encode(message).body.subarray(4)]];
    };
    expect(name([...ascii("vm"), 0])).toEqual([{ name: "vm" }, [...ascii("vm"), 0]]);
    expect(name(ascii("vm"))).toEqual([{ name: "vm" }, [...ascii("vm"), 0]]);
    expect(name([])).toEqual([{ name: "" }, [0]]);
    expect(name([...ascii("v"), 0, 0])).toEqual([{ name: "v\0" }, [...ascii("v"), 0, 0]]);
  },

  "An empty text or block behind a pointer": () => {
    const host = [...ascii("ab"), 0];
    const none = switchHost({ host: [3, 20], subject: [0, 0], tail: host });
    expectRewritten(none, none);
    expectRewritten(switchHost({ host: [3, 20], subject: [9, 0], tail: host }), none);
    expectRewritten(switchHost({ host: [3, 20], subject: [0, 20], tail: host }), none);
    expectRewritten(switchHost({ host: [3, 20], subject: [1, 22], tail: host }), none);
  },

  "Where capabilities stand": () => {
    const mess = (at: number, tail: number[]) =>
      Uint8Array.from([...u32(0), 1, 0, ...u32(1, 0, at), ...tail]);
    const usual = mess(18, u32(9));
    expect(linkMessCodec.encode(linkMessCodec.decode(mess(20, [0, 0, ...u32(9)])))).toEqual(usual);
    const bare = { connectionId: 0, channelType: 1, channelId: 0 };
    const none = linkMessCodec.encode({ ...bare, numCommonCaps: 0, numChannelCaps: 0, caps: [] });
    expect([...none.subarray(14)]).toEqual(u32(18));
    const failed = { error: 1, pubKey: new Uint8Array(162), numCommonCaps: 0, numChannelCaps: 0 };
    const reply = linkReplyCodec.encode({ ...failed, caps: [] });
    expect([...reply.subarray(174)]).toEqual(u32(0));
    expect(linkReplyCodec.decode(reply)).toEqual({ ...failed, caps: [] });
  },

  "Malformed UTF-8": () => {
    const sent = Uint8Array.from([...u32(3), 0x61, 0xff, 0]);
    const message = mainCodec.server.decode(113, sent)!;
    expect(message.body).toEqual({ name: "a\ufffd" });
    const written = [...u32(5), 0x61, 0xef, 0xbf, 0xbd, 0];
    expect(mainCodec.server.encode(message).body).toEqual(Uint8Array.from(written));
  },

  "Unknown flags and values": () => {
    const mode = Uint8Array.from(u16(0xff03, 2));
    expect(mainCodec.server.decode(105, mode)?.body).toMatchObject({ supportedModes: 0xff03 });
    const channels = Uint8Array.from([...u32(1), 99, 0]);
    expect(mainCodec.server.decode(104, channels)?.body).toEqual({
      channels: [{ type: 99, id: 0 }],
    });
    const surface = Uint8Array.from(u32(0, 1, 1, 77, 0));
    expect(() => displayCodec.server.decode(314, surface)).toThrow(
      expect.objectContaining({ code: "WIRE_INVALID_VALUE", path: "SURFACE_CREATE.format" }),
    );
  },

  "Several kinds of glyph at once": () => {
    const glyph = { renderPos: { x: 0, y: 0 }, glyphOrigin: { x: 0, y: 0 }, width: 1, height: 1 };
    const glyphs = [{ ...glyph, data: new Uint8Array(1) }];
    const text = (flags: number, glyphsA1: typeof glyphs | null) => {
      const rect = { top: 0, left: 0, bottom: 1, right: 1 };
      const body = {
        base: { surfaceId: 0, box: rect, clip: { type: 0 } },
        str: { length: 1, flags, glyphsA1, glyphsA4: null, glyphsA8: glyphs },
        backArea: rect,
        foreBrush: { type: 1, color: 0 },
        backBrush: { type: 0 },
        foreMode: RopDescriptor.OP_PUT,
        backMode: 0,
      } as const;
      return displayCodec.server.encode({ name: "DRAW_TEXT", body });
    };
    const { RASTER_A1, RASTER_A8 } = StringFlag;
    for (const { id, body } of [text(RASTER_A8, null), text(RASTER_A1 | RASTER_A8, glyphs)]) {
      const message = displayCodec.server.decode(id, body)!;
      expect(displayCodec.server.encode(message).body).toEqual(body);
    }
  },
};

test.each(Object.entries(cases))("%s", (_, check) => check());

test("every section of docs/protocol/freedoms.md has its test", () => {
  expect(Object.keys(cases)).toEqual(headings);
});
