import { VscError, vscUndefinedReaderId } from "@caraway/protocol";
import {
  CardReader,
  decodeVsc,
  encodeVsc,
  type ReaderInput,
  type ReaderOutput,
  type VscMessage,
} from "@caraway/smartcard";
import { encodeFields } from "@caraway/wire";
import fc from "fast-check";
import { expect, it } from "vitest";

const atr = Uint8Array.of(0x3b, 0);

/** The guest's end, which answers READER_ADD. */
class Guest {
  readonly reader = new CardReader("test reader");
  readonly heard: VscMessage[] = [];
  readonly others: ReaderOutput[] = [];

  constructor() {
    this.feed();
  }

  feed(...inputs: ReaderInput[]): void {
    for (const input of inputs) this.reader.handle(input);
    for (let output = this.reader.poll(); output !== null; output = this.reader.poll()) {
      if (output.type === "transmit") this.heard.push(decodeVsc(output.message));
      else this.others.push(output);
    }
  }

  say(message: VscMessage): void {
    this.feed({ type: "received", message: encodeVsc(message, 0) });
  }

  get names(): string[] {
    return this.heard.map(({ name }) => name);
  }
}

const accept = { name: "ERROR", body: { code: 0 } } as const;
const command = (byte: number): VscMessage => ({
  name: "APDU",
  body: { apdu: Uint8Array.of(byte) },
});

it("a reader is announced, and its card when the guest has a place for it", () => {
  const guest = new Guest();
  expect(guest.heard).toEqual([{ name: "READER_ADD", body: { name: "test reader" } }]);
  guest.feed({ type: "insert", atr });
  expect(guest.names).toEqual(["READER_ADD"]);
  guest.say(accept);
  expect(guest.heard.at(-1)).toEqual({ name: "ATR", body: { atr } });
  expect(guest.others).toEqual([{ type: "connected" }]);
  guest.feed({ type: "remove" }, { type: "insert", atr }, { type: "unplug" });
  expect(guest.names.slice(2)).toEqual(["CARD_REMOVE", "ATR", "CARD_REMOVE", "READER_REMOVE"]);
  expect(guest.others.at(-1)).toEqual({ type: "disconnected", reason: "unplugged" });
});

it("the name of a reader ends with a NUL, and its id is not known when it comes", () => {
  const output = new CardReader("x").poll();
  expect(output).toEqual({
    type: "transmit",
    message: { type: 3, readerId: vscUndefinedReaderId, data: Uint8Array.of(0x78, 0) },
  });
});

it("a guest without a place refuses the reader", () => {
  const guest = new Guest();
  guest.feed({ type: "insert", atr });
  guest.say({ name: "ERROR", body: { code: 2 } });
  expect(guest.others).toEqual([{ type: "disconnected", reason: "refused" }]);
  guest.say(command(1));
  expect(guest.names).toEqual(["READER_ADD"]);
});

it("commands are answered once and in order, whichever answer comes first", () => {
  const guest = new Guest();
  guest.feed({ type: "insert", atr });
  guest.say(accept);
  guest.say(command(1));
  guest.say(command(2));
  guest.say({ name: "FLUSH", body: {} });
  guest.feed({ type: "answer", command: 2, bytes: Uint8Array.of(22) });
  expect(guest.names).toEqual(["READER_ADD", "ATR"]);
  guest.feed({ type: "answer", command: 1, bytes: Uint8Array.of(11) });
  guest.feed({ type: "answer", command: 1, bytes: Uint8Array.of(99) });
  expect(guest.heard.slice(2)).toEqual([
    command(11),
    command(22),
    { name: "FLUSH_COMPLETE", body: {} },
  ]);
});

it("what was asked of a card that is gone is not answered by the next one", () => {
  const guest = new Guest();
  guest.feed({ type: "insert", atr });
  guest.say(accept);
  guest.say(command(1));
  guest.say({ name: "FLUSH", body: {} });
  guest.feed({ type: "remove" }, { type: "insert", atr });
  guest.feed({ type: "answer", command: 1, bytes: Uint8Array.of(11) });
  expect(guest.names).toEqual(["READER_ADD", "ATR", "FLUSH_COMPLETE", "CARD_REMOVE", "ATR"]);
});

it("errors of the guest's reader, floods and what is no message are told and passed over", () => {
  const guest = new Guest();
  guest.feed({ type: "insert", atr });
  guest.say(command(1));
  guest.say(accept);
  guest.say({ name: "ERROR", body: { code: 1 } });
  guest.feed({ type: "received", message: { type: 77, readerId: 0, data: new Uint8Array(3) } });
  guest.feed({ type: "received", message: { type: 2, readerId: 0, data: new Uint8Array(3) } });
  for (let count = 0; count < 20; count++) guest.say(command(count));
  const codes = guest.others.flatMap((output) =>
    output.type === "fault" ? [output.error.code] : [],
  );
  expect(codes).toEqual([
    "SMARTCARD_BAD_MESSAGE",
    "SMARTCARD_READER_FAILED",
    "SMARTCARD_BAD_MESSAGE",
    "SMARTCARD_BAD_MESSAGE",
    ...Array(4).fill("SMARTCARD_FLOODED"),
  ]);
  expect(guest.others.filter(({ type }) => type === "command")).toHaveLength(16);
});

it("no message of any bytes does more than a fault, and none is kept", () => {
  const messages = fc.record({
    type: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.nat()),
    readerId: fc.nat(),
    data: fc.uint8Array({ maxLength: 64 }),
  });
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 60 }), (list) => {
      const guest = new Guest();
      const data = encodeFields(VscError, { code: 0 });
      guest.feed({ type: "received", message: { type: 2, readerId: 0, data } });
      guest.feed({ type: "insert", atr });
      for (const message of list) guest.feed({ type: "received", message });
      const state = guest.reader.snapshot() as { commands: number };
      expect(state.commands).toBeLessThanOrEqual(16);
    }),
  );
});
