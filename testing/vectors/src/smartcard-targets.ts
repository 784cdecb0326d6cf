// Fuzz targets of smartcards: what a guest says to a client's reader, and commands to the card.

import { CardReader, PivCard, pivAid } from "@caraway/smartcard";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";

const headerSize = 8;
const certificate = Uint8Array.from({ length: 600 }, (_, at) => at % 251);

/** Bytes as messages: type, length, data. */
function readerRun(bytes: Uint8Array): FuzzVerdict {
  const reader = new CardReader("fuzz");
  reader.handle({ type: "insert", atr: Uint8Array.of(0x3b, 0) });
  let verdict: FuzzVerdict = "taken";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + headerSize <= bytes.length; ) {
    const size = Math.min(view.getUint32(at + 4, true), bytes.length - at - headerSize);
    const data = bytes.subarray(at + headerSize, at + headerSize + size);
    const message = { type: view.getUint32(at, true), readerId: 0, data };
    reader.handle({ type: "received", message });
    for (let output = reader.poll(); output !== null; output = reader.poll()) {
      if (output.type === "fault") verdict = "refused";
    }
    at += headerSize + size;
  }
  return verdict;
}

/** Bytes as commands, each after its length. */
function cardRun(bytes: Uint8Array): FuzzVerdict {
  const card = new PivCard({
    keys: [{ slot: "9e", bits: 1024, certificate }],
    pin: "123456",
    guid: new Uint8Array(16),
  });
  let verdict: FuzzVerdict = "taken";
  for (let at = 0; at < bytes.length; ) {
    const size = bytes[at]!;
    card.handle({ type: "command", bytes: bytes.subarray(at + 1, at + 1 + size) });
    for (let output = card.poll(); output !== null; output = card.poll()) {
      if (output.type === "work") {
        card.handle({ type: "done", task: output.task, data: output.block });
      } else if (output.bytes.at(-2)! >> 4 === 6 && output.bytes.at(-2) !== 0x61) {
        verdict = "refused";
      }
    }
    at += 1 + size;
  }
  return verdict;
}

function messages(...list: readonly (readonly [type: number, data: readonly number[]])[]) {
  return Uint8Array.from(
    list.flatMap(([type, data]) => [type, 0, 0, 0, data.length, 0, 0, 0, ...data]),
  );
}

function commands(...list: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(list.flatMap((command) => [command.length, ...command]));
}

const select = [0, 0xa4, 4, 0, 9, ...pivAid.subarray(0, 9)];
const read = [0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 1];
const verify = [0, 0x20, 0, 0x80, 8, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0xff, 0xff];
const block = Array<number>(128).fill(3);
const sign = [0, 0x87, 6, 0x9e, 136, 0x7c, 0x81, 133, 0x82, 0, 0x81, 0x81, 128, ...block];

export const smartcardTargets: readonly FuzzTarget[] = [
  {
    name: "smartcard.reader",
    seeds: [messages([2, [0, 0, 0, 0]], [7, [0, 0xa4, 4, 0]], [8, []], [1, [1, 2, 3, 4]])],
    run: readerRun,
    weight: 20,
    memoryBound: (size) => 200 * size + 20_000,
  },
  {
    name: "smartcard.card",
    seeds: [commands(select, read, [0, 0xc0, 0, 0, 0], verify, sign, [0, 0xc0, 0, 0, 0])],
    run: cardRun,
    weight: 20,
    memoryBound: (size) => 200 * size + 20_000,
  },
];
