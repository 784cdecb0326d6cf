import { describe, expect, it } from "vitest";
import { RfbError, type RfbNews, rfbEncoding, rfbReading } from "../src/rfb-messages.ts";

const u16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const text = (value: string) => [...new TextEncoder().encode(value)];

const greeting = [...text("RFB 003.008\n"), 2, 1, 2, ...u32(0)];
const hello = [
  ...u16(720),
  ...u16(400),
  ...new Array<number>(16).fill(0),
  ...u32(4),
  ...text("desk"),
];

function rectangle(
  encoding: number,
  x: number,
  y: number,
  width: number,
  height: number,
): number[] {
  return [...u16(x), ...u16(y), ...u16(width), ...u16(height), ...u32(encoding)];
}

/** Feeds the bytes in pieces of that size, and gives what was said and told. */
function read(bytes: readonly number[], piece = bytes.length) {
  const said: number[][] = [];
  const told: RfbNews[] = [];
  const reading = rfbReading(
    (words) => said.push([...words]),
    // What is told is a view of what is read.
    (news) => told.push(structuredClone(news)),
  );
  let wanted = reading.next().value;
  let buffered: number[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    buffered.push(...bytes.slice(at, at + piece));
    while (buffered.length >= wanted) {
      const part = Uint8Array.from(buffered.slice(0, wanted));
      buffered = buffered.slice(wanted);
      wanted = reading.next(part).value;
    }
  }
  return { said, told };
}

const update = [
  ...[0, 0, ...u16(7)],
  ...rectangle(rfbEncoding.EXTENDED_DESKTOP_SIZE, 0, 0, 800, 600),
  ...[1, 0, 0, 0, ...new Array<number>(16).fill(0)],
  ...[...rectangle(rfbEncoding.RAW, 3, 4, 2, 1), 1, 2, 3, 0, 4, 5, 6, 0],
  ...[...rectangle(rfbEncoding.COPY_RECT, 5, 6, 7, 8), ...u16(9), ...u16(10)],
  ...[...rectangle(rfbEncoding.ALPHA_CURSOR, 1, 0, 1, 1), ...u32(0), 9, 8, 7, 6],
  ...rectangle(rfbEncoding.POINTER_MODE, 1, 0, 800, 600),
  ...[...rectangle(rfbEncoding.LED_STATE, 0, 0, 0, 0), 4],
  ...rectangle(rfbEncoding.AUDIO, 0, 0, 800, 600),
];
const rest = [
  ...[2, 3, 0, 0, 0, ...u32(2), ...text("hi")],
  ...[255, 1, ...u16(1), 255, 1, ...u16(2), ...u32(4), 1, 2, 3, 4, 255, 1, ...u16(0)],
];

describe("QEMU's VNC server", () => {
  it.each([1, 7, 10_000])("is read in pieces of %i bytes", (piece) => {
    const { said, told } = read([...greeting, ...hello, ...update, ...rest], piece);
    expect(said.slice(0, 3)).toEqual([text("RFB 003.008\n"), [1], [1]]);
    expect(told).toEqual([
      { type: "hello", width: 720, height: 400, name: "desk" },
      { type: "size", width: 800, height: 600 },
      {
        type: "pixels",
        x: 3,
        y: 4,
        width: 2,
        height: 1,
        data: Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 0),
      },
      { type: "copy", x: 5, y: 6, width: 7, height: 8, fromX: 9, fromY: 10 },
      { type: "cursor", x: 1, y: 0, width: 1, height: 1, data: Uint8Array.of(9, 8, 7, 6) },
      { type: "pointer-mode", isAbsolute: true },
      { type: "leds", modifiers: 4 },
      { type: "sound-offered" },
      { type: "updated", area: 2 },
      { type: "sound", isOn: true },
      { type: "samples", data: Uint8Array.of(1, 2, 3, 4) },
      { type: "sound", isOn: false },
    ]);
  });

  it("is refused where it asks for a password, or talks nonsense", () => {
    const wrong = (bytes: readonly number[]) => () => read(bytes);
    expect(wrong(text("HTTP/1.1 400"))).toThrow(RfbError);
    expect(wrong([...text("RFB 003.008\n"), 1, 2])).toThrow(/password/);
    expect(wrong([...text("RFB 003.008\n"), 1, 1, ...u32(1)])).toThrow(/refuses/);
    expect(wrong([...greeting, ...hello, 77])).toThrow(/77/);
    expect(wrong([...greeting, ...hello, 0, 0, ...u16(1), ...rectangle(16, 0, 0, 1, 1)])).toThrow(
      /encoding 16/,
    );
    const huge = rectangle(rfbEncoding.RAW, 0, 0, 0xffff, 0xffff);
    expect(wrong([...greeting, ...hello, 0, 0, ...u16(1), ...huge])).toThrow(/more than/);
    expect(wrong([...greeting, ...hello, 255, 1, ...u16(2), ...u32(1 << 30)])).toThrow(/more than/);
  });
});
