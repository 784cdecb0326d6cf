// How fast messages are decoded and encoded, by generated code and by the reference interpreter of
// the same schema: single messages of some typical shapes, and all messages of the captures.

import {
  type AnyChannelSchema,
  Cursor,
  Display,
  Inputs,
  Main,
  Playback,
  Record as RecordChannel,
  Smartcard,
  Usbredir,
  Webdav,
} from "@caraway/protocol";
import {
  arbitraryFields,
  arbitraryOf,
  archivedCaptures,
  type ChannelName,
  channelCodecs,
  dissect,
  protocolSubjects,
} from "@caraway/vectors";
import { type AnyMessageSchema, decodeFields, emptyContext, encodeFields } from "@caraway/wire";
import { cpuRates, geometricMean } from "./cpu-rate.ts";
import type { BenchRow } from "./row.ts";

const peer = "interpreter";
const unit = "messages/s";
/** Generated code is worth its while only if it is this many times faster. */
const floor = 4;

/** Messages that a session sends often, from the smallest to the richest. */
const shapes = [
  "main.server.INIT",
  "main.server.CHANNELS_LIST",
  "inputs.client.MOUSE_POSITION",
  "display.server.STREAM_DATA",
  "display.server.DRAW_FILL",
  "display.server.DRAW_COPY",
  "display.server.DRAW_TEXT",
];

export async function benchWire(): Promise<BenchRow[]> {
  return [...benchShapes(), ...benchCaptures()];
}

function benchShapes(): BenchRow[] {
  const pairs: (readonly [generated: number, interpreted: number])[] = [];
  const rows: BenchRow[] = [];
  for (const name of shapes) {
    const subject = protocolSubjects.find((each) => each.name === name)!;
    // Several values of each, so that branches are taken both ways.
    const values = Array.from({ length: 16 }, (_, seed) =>
      arbitraryFields(subject.schema.fields, arbitraryOf(seed)),
    );
    const bodies = values.map((value) => subject.encode(value, emptyContext));
    const [generated, interpreted, encoded, interpretedEncoding] = cpuRates([
      () => bodies.map((body) => subject.decode(body, emptyContext)),
      () => bodies.map((body) => decodeFields(subject.schema, body, emptyContext)),
      () => values.map((value) => subject.encode(value, emptyContext)),
      () => values.map((value) => encodeFields(subject.schema, value as never, emptyContext)),
    ]).map((rate) => rate * values.length) as [number, number, number, number];
    rows.push(row(`decode ${name}`, generated, interpreted));
    rows.push(row(`encode ${name}`, encoded, interpretedEncoding));
    pairs.push([generated, interpreted]);
  }
  const mean = (column: 0 | 1) => geometricMean(pairs.map((pair) => pair[column]));
  return [...rows, { ...row("decode, mean of the shapes", mean(0), mean(1)), floor }];
}

const schemas: Readonly<Partial<Record<ChannelName, AnyChannelSchema>>> = {
  MAIN: Main,
  DISPLAY: Display,
  INPUTS: Inputs,
  CURSOR: Cursor,
  PLAYBACK: Playback,
  RECORD: RecordChannel,
  SMARTCARD: Smartcard,
  USBREDIR: Usbredir,
  WEBDAV: Webdav,
};

function benchCaptures(): BenchRow[] {
  const conversations = archivedCaptures().map(({ capture }) => dissect(capture));
  const messages = conversations.flatMap(({ channel, client, server }) =>
    [...client, ...server].map(({ from, id, body }) => {
      const list: readonly AnyMessageSchema[] = schemas[channel]![from];
      const schema = list.find((message) => message.id === id)!;
      return { codec: channelCodecs[channel][from], schema, id, body };
    }),
  );
  const [generated, interpreted] = cpuRates([
    () => messages.map(({ codec, id, body }) => codec.decode(id, body)),
    () => messages.map(({ schema, body }) => decodeFields(schema, body)),
  ]).map((rate) => rate * messages.length) as [number, number];
  return [{ ...row("decode all captures", generated, interpreted), floor }];
}

function row(name: string, value: number, peerValue: number): BenchRow {
  return { suite: "wire", name, value, unit, peer, peerValue, ratio: value / peerValue };
}
