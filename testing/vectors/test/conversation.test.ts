// What the captures do not hold: full headers and lists of sub-messages.

import type { Capture } from "@caraway/node";
import {
  CommonCapability,
  capabilityWords,
  dataHeaderCodec,
  linkHeaderCodec,
  linkMagic,
  linkMessCodec,
  linkReplyCodec,
  miniDataHeaderCodec,
  protocolMajor,
  protocolMinor,
  subMessageListCodec,
} from "@caraway/protocol";
import { expect, test } from "vitest";
import { dissect } from "../src/index.ts";

const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION, SPICE_COMMON_CAP_MINI_HEADER } = CommonCapability;

function withHeader(body: Uint8Array): Uint8Array {
  const numbers = { magic: linkMagic, major: protocolMajor, minor: protocolMinor };
  return Buffer.concat([linkHeaderCodec.encode({ ...numbers, size: body.length }), body]);
}

/** A connection of the display channel whose server sends `data` after the link stage. */
function connection(common: readonly number[], data: Uint8Array): Capture {
  const caps = capabilityWords(common);
  const words = { numCommonCaps: caps.length, numChannelCaps: 0, caps };
  const mess = { connectionId: 1, channelType: 2, channelId: 0, ...words };
  const reply = { error: 0, pubKey: new Uint8Array(162), ...words };
  const client = [withHeader(linkMessCodec.encode(mess)), new Uint8Array(128)];
  const result = new Uint8Array(4);
  const server = [withHeader(linkReplyCodec.encode(reply)), result, data];
  const meta = { proxy: "PA", conn: 1, listen: 0, upstream: "", t0: 0 };
  const record = (from: "client" | "server") => (bytes: Uint8Array) => ({ from, time: 0, bytes });
  return { meta, records: [...client.map(record("client")), ...server.map(record("server"))] };
}

function subMessage(type: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([miniDataHeaderCodec.encode({ type, size: body.length }), body]);
}

/** A list of sub-messages that stands at `start` of its body. */
function listAt(start: number, messages: readonly Uint8Array[]): Uint8Array {
  let at = start + 2 + 4 * messages.length;
  const offsets = messages.map((message) => {
    at += message.length;
    return at - message.length;
  });
  return Buffer.concat([subMessageListCodec.encode({ offsets }), ...messages]);
}

const wait = subMessage(5, Uint8Array.of(1, 2, 0, 9, 0, 0, 0, 0, 0, 0, 0));
const inval = subMessage(105, Uint8Array.of(1, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("full headers tell the serial, and the list of sub-messages behind the body", () => {
  const body = Uint8Array.of(1, 0, 0, 0);
  const list = listAt(body.length, [wait, inval]);
  const size = body.length + list.length;
  const head = dataHeaderCodec.encode({ serial: 7n, type: 125, size, subList: body.length });
  const data = Buffer.concat([head, body, list]);
  const { server, miniHeaders, link } = dissect(connection([], data));
  expect(miniHeaders).toBe(false);
  expect(link.mechanism).toBeNull();
  expect(server).toHaveLength(1);
  const [message] = server;
  expect([message!.serial, message!.id, hex(message!.body)]).toEqual([7n, 125, hex(body)]);
  expect(message!.subMessages.map(({ id, body }) => [id, hex(body)])).toEqual([
    [5, hex(wait.subarray(6))],
    [105, hex(inval.subarray(6))],
  ]);
});

test("with mini headers sub-messages come in a LIST, which has a serial of its own", () => {
  const list = listAt(0, [inval]);
  const data = Buffer.concat([
    miniDataHeaderCodec.encode({ type: 8, size: list.length }),
    list,
    miniDataHeaderCodec.encode({ type: 102, size: 0 }),
  ]);
  const { server } = dissect(connection([SPICE_COMMON_CAP_MINI_HEADER], data));
  expect(server.map(({ serial, id }) => [serial, id])).toEqual([
    [1n, 8],
    [2n, 102],
  ]);
  expect(server[0]!.subMessages.map(({ id }) => id)).toEqual([105]);
});

test("the mechanism is there only if both ends announced the choice", () => {
  const capture = connection([SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION], new Uint8Array(0));
  const ticket = capture.records[1]!;
  const mechanism = { ...ticket, bytes: Uint8Array.of(1, 0, 0, 0) };
  const [mess, , ...rest] = capture.records;
  const { link } = dissect({ ...capture, records: [mess!, mechanism, ticket, ...rest] });
  expect(link.mechanism).toBe(1);
});

test("a message that the end cuts off is counted, not decoded", () => {
  const head = miniDataHeaderCodec.encode({ type: 102, size: 10 });
  const data = Buffer.concat([head, new Uint8Array(3)]);
  const { server, cutOff } = dissect(connection([SPICE_COMMON_CAP_MINI_HEADER], data));
  expect(server).toEqual([]);
  expect(cutOff.server).toBe(9);
});
