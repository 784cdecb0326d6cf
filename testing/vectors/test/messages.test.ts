// Bodies that the reference's own marshallers wrote decode, and encode to the same bytes.

import { readFileSync } from "node:fs";
import * as protocol from "@caraway/protocol";
import { type AnyChannelSchema, baseClient, baseServer } from "@caraway/protocol";
import { inspectBody } from "@caraway/wire";
import { describe, expect, test } from "vitest";
import { type ChannelName, channelCodecs } from "../src/index.ts";

interface Vector {
  readonly channel: string;
  readonly from: "client" | "server";
  readonly name: string;
  /** Hexadecimal. */
  readonly body: string;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../data/messages/messages.json", import.meta.url), "utf8"),
);
const channels: readonly AnyChannelSchema[] = [
  protocol.Main,
  protocol.Display,
  protocol.Inputs,
  protocol.Cursor,
  protocol.Playback,
  protocol.Record,
  protocol.Smartcard,
  protocol.Usbredir,
  protocol.Port,
];

describe.each(channels.map((channel) => [channel.name, channel] as const))(
  "%s",
  (name, channel) => {
    const common = name === "main" ? [] : [...baseServer, ...baseClient];
    const messages = (["server", "client"] as const).flatMap((from) =>
      channel[from]
        .filter((message) => Object.keys(message.fields).length > 0)
        .filter((message) => !common.some((each) => each === message))
        .map((message) => [`${from} ${message.name}`, from, message] as const),
    );
    if (messages.length === 0) return;

    test.each(messages)("%s", (_, from, message) => {
      const mine = vectors.filter(
        (vector) => vector.channel === name && vector.from === from && vector.name === message.name,
      );
      expect(mine.length).toBeGreaterThan(0);
      const codec = channelCodecs[name.toUpperCase() as ChannelName][from];
      for (const vector of mine) {
        const body = new Uint8Array(Buffer.from(vector.body, "hex"));
        const decoded = codec.decode(message.id, body);
        expect(decoded?.name).toBe(message.name);
        const encoded = codec.encode(decoded!);
        expect(encoded.id).toBe(message.id);
        expect(Buffer.from(encoded.body).toString("hex")).toBe(vector.body);
        expect(inspectBody(message, body).uncovered).toEqual([]);
      }
    });
  },
);
