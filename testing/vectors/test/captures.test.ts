// Every byte of every capture of real programs: link stage, headers, messages of both directions,
// sub-messages, migration data and the agent's messages decode, none is unknown, and they encode
// to the same bytes. docs/protocol/freedoms.md lists where the wire would allow other bytes.

import {
  AgentCapability,
  agentCodec,
  agentMessageHeaderCodec,
  hasCapability,
  linkHeaderCodec,
  linkMessCodec,
  linkReplyCodec,
  miniDataHeaderCodec,
} from "@caraway/protocol";
import { describe, expect, test } from "vitest";
import {
  agentMessagesOf,
  archivedCaptures,
  archivedFiles,
  type CapturedMessage,
  type ChannelName,
  type Conversation,
  channelCodecs,
  dissect,
  migrationDataCodecs,
  streamOf,
} from "../src/index.ts";

const captures = archivedCaptures().map((archived) => ({
  ...archived,
  conversation: dissect(archived.capture),
}));
const directions = ["client", "server"] as const;

/** Meta data of a session, as far as it is used here. */
interface SessionMeta {
  readonly connections: readonly {
    readonly file: string;
    readonly channel: string;
    readonly bytes_c2s: number;
    readonly bytes_s2c: number;
    readonly messages_c2s: number;
    readonly messages_s2c: number;
  }[];
}

const metas = new Map(
  archivedFiles()
    .filter(({ path }) => path.endsWith("meta.json"))
    .map(({ path, bytes }) => [
      path.split("/")[0]!,
      JSON.parse(Buffer.from(bytes).toString()) as SessionMeta,
    ]),
);

function codecOf(conversation: Conversation, from: "client" | "server") {
  return channelCodecs[conversation.channel][from];
}

/** Decodes what must be known. */
function decode(
  conversation: Conversation,
  from: "client" | "server",
  id: number,
  body: Uint8Array,
) {
  const message = codecOf(conversation, from).decode(id, body);
  if (message === null) throw new Error(`${from} message ${id} of ${conversation.channel}`);
  return message;
}

describe.each(captures.map((each) => [`${each.session}/${each.name}`, each] as const))(
  "%s",
  (_, { session, name, capture, conversation }) => {
    test("holds the messages that its recorder counted", () => {
      const { connections } = metas.get(session)!;
      const known = connections.find(({ file }) => file === `${name}.spcap`)!;
      expect(conversation.channel.toLowerCase()).toBe(known.channel);
      expect(conversation.cutOff).toEqual({ client: 0, server: 0 });
      expect(conversation.client.length).toBe(known.messages_c2s);
      expect(conversation.server.length).toBe(known.messages_s2c);
      expect(streamOf(capture, "client").length).toBe(known.bytes_c2s);
      expect(streamOf(capture, "server").length).toBe(known.bytes_s2c);
    });

    test("has a link stage that encodes to the same bytes", () => {
      const { link, mess, reply } = conversation;
      expect(linkMessCodec.encode(mess)).toEqual(new Uint8Array(link.mess));
      expect(linkReplyCodec.encode(reply)).toEqual(new Uint8Array(link.reply));
      for (const header of [link.clientHeader, link.serverHeader]) {
        const encoded = linkHeaderCodec.encode(linkHeaderCodec.decode(header));
        expect(encoded).toEqual(new Uint8Array(header));
      }
      expect([reply.error, link.result, link.mechanism]).toEqual([0, 0, 1]);
    });

    test.each(directions)(
      "has known messages that encode to the same bytes, from the %s",
      (from) => {
        const stream = streamOf(capture, from);
        for (const message of conversation[from]) {
          const parts = [...message.subMessages, message];
          for (const { id, body } of parts) {
            const decoded = decode(conversation, from, id, body);
            const encoded = codecOf(conversation, from).encode(decoded);
            expect(encoded.id).toBe(id);
            expectSameBytes(encoded.body, body, decoded.name);
          }
          const header = miniDataHeaderCodec.encode({
            type: message.id,
            size: message.wholeBody.length,
          });
          const sent = stream.subarray(message.offset, message.offset + header.length);
          expectSameBytes(header, sent, "header");
        }
      },
    );
  },
);

function expectSameBytes(actual: Uint8Array, expected: Uint8Array, name: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  throw new Error(
    `${name} differs from byte ${at} on (${actual.length}, ${expected.length} bytes)`,
  );
}

const migrated = captures.filter(
  ({ session, conversation }) =>
    session === "seamless" && migrationDataCodecs[conversation.channel] !== undefined,
);
const isMigrationData = (from: "client" | "server") => (message: CapturedMessage) =>
  message.id === (from === "server" ? 2 : 5);

describe("migration data of a seamless migration", () => {
  const bySide = (proxy: string) =>
    migrated
      .filter(({ name }) => name.startsWith(proxy))
      .map(({ conversation }) => conversation)
      .toSorted((a, b) => a.mess.channelType - b.mess.channelType);
  const sources = bySide("PA");
  const targets = bySide("PB");

  test("is sent by the source of every channel that has state", () => {
    const channels = sources.map(({ channel }) => channel);
    expect(channels).toEqual(["MAIN", "DISPLAY", "INPUTS", "USBREDIR", "WEBDAV"]);
    expect(targets.map(({ channel }) => channel)).toEqual(channels);
  });

  test.each(sources.map((source, index) => [source.channel, source, targets[index]!] as const))(
    "of %s encodes to the same bytes, and the client forwards it unchanged",
    (channel: ChannelName, source, target) => {
      const [sent, ...more] = source.server.filter(isMigrationData("server"));
      expect(more).toEqual([]);
      const codec = migrationDataCodecs[channel]!;
      const context = new Set(["losslessSurfaces"]);
      const value = codec.decode(sent!.body, context);
      expect(value).toMatchObject({ version: 1 });
      expectSameBytes(codec.encode(value, context), sent!.body, channel);
      const forwarded = target.client.filter(isMigrationData("client"));
      expect(forwarded.map(({ body }) => Buffer.from(body))).toEqual([Buffer.from(sent!.body)]);
    },
  );
});

describe("the agent's messages", () => {
  // The target of a seamless migration had no word from either side within the capture.
  const silent = "seamless/PB-001";
  const mains = captures.filter(
    ({ session, name, conversation }) =>
      conversation.channel === "MAIN" && `${session}/${name}` !== silent,
  );

  test.each(mains.map((each) => [`${each.session}/${each.name}`, each.conversation] as const))(
    "of %s are whole, known, and encode to the same bytes",
    (_, conversation) => {
      const streams = directions.map((from) => agentMessagesOf(agentPieces(conversation, from)));
      const context = agreedContext(streams.map(({ messages }) => messages));
      for (const { messages, left } of streams) {
        expect(left).toBe(0);
        for (const { type, header, data } of messages) {
          const decoded = agentCodec.decode(type, data, context);
          if (decoded === null) throw new Error(`unknown agent message ${type}`);
          expectSameBytes(agentCodec.encode(decoded, context).body, data, decoded.name);
          const values = agentMessageHeaderCodec.decode(header);
          expectSameBytes(agentMessageHeaderCodec.encode(values), header, "VDAgentMessage");
        }
      }
    },
  );

  test("of the clipboard session carry the pastes of both directions", () => {
    const { conversation } = mains.find(({ session }) => session === "clipboard")!;
    const names = directions.map((from) => {
      const { messages } = agentMessagesOf(agentPieces(conversation, from));
      return messages.map(({ type, data }) => [agentNames(type), data.length] as const);
    });
    for (const list of names) {
      const pastes = list.filter(([name]) => name === "CLIPBOARD").map(([, size]) => size);
      expect(Math.max(...pastes)).toBeGreaterThan(40_000);
      expect(list.map(([name]) => name)).toContain("CLIPBOARD_GRAB");
      expect(list.map(([name]) => name)).toContain("CLIPBOARD_REQUEST");
    }
  });
});

function agentNames(type: number): string {
  const everything = new Set(["CLIPBOARD_SELECTION", "CLIPBOARD_GRAB_SERIAL"]);
  return agentCodec.decode(type, new Uint8Array(64), everything)?.name ?? `${type}`;
}

/** Bodies of AGENT_DATA: 109 from the server, 107 from the client. */
function agentPieces(conversation: Conversation, from: "client" | "server"): Uint8Array[] {
  const id = from === "server" ? 109 : 107;
  return conversation[from].filter((message) => message.id === id).map(({ body }) => body);
}

/** Capabilities that both ends announced and that change the layout. */
function agreedContext(
  sides: readonly (readonly { readonly type: number; readonly data: Uint8Array }[])[],
): ReadonlySet<string> {
  const announced = sides.map((messages) => {
    const { data } = messages.find(({ type }) => type === 6)!;
    const message = agentCodec.decode(6, data);
    return message?.name === "ANNOUNCE_CAPABILITIES" ? message.body.caps : [];
  });
  const { CLIPBOARD_SELECTION, CLIPBOARD_GRAB_SERIAL } = AgentCapability;
  const bits = Object.entries({ CLIPBOARD_SELECTION, CLIPBOARD_GRAB_SERIAL });
  return new Set(
    bits
      .filter(([, bit]) => announced.every((words) => hasCapability(words, bit)))
      .map(([name]) => name),
  );
}

test("the captures hold these messages", () => {
  const seen = new Map<string, Set<string>>();
  for (const { conversation } of captures) {
    for (const from of directions) {
      const key = `${conversation.channel.toLowerCase()} ${from}`;
      const names = seen.get(key) ?? new Set();
      seen.set(key, names);
      for (const { id, body } of conversation[from]) {
        names.add(decode(conversation, from, id, body).name);
      }
    }
  }
  const lines = [...seen].map(([key, names]) => `${key}: ${[...names].sort().join(" ")}`).sort();
  expect(lines).toMatchInlineSnapshot(`
    [
      "cursor client: ACK_SYNC PONG",
      "cursor server: HIDE INIT INVAL_ALL MIGRATE PING SET SET_ACK",
      "display client: ACK ACK_SYNC INIT MIGRATE_DATA MIGRATE_FLUSH_MARK PONG STREAM_REPORT",
      "display server: COPY_BITS DRAW_COPY DRAW_FILL INVAL_ALL_PALETTES INVAL_ALL_PIXMAPS MARK MIGRATE MIGRATE_DATA MONITORS_CONFIG PING SET_ACK STREAM_ACTIVATE_REPORT STREAM_CLIP STREAM_CREATE STREAM_DATA STREAM_DATA_SIZED STREAM_DESTROY STREAM_DESTROY_ALL SURFACE_CREATE",
      "inputs client: KEY_MODIFIERS KEY_SCANCODE MIGRATE_DATA MIGRATE_FLUSH_MARK MOUSE_POSITION MOUSE_PRESS MOUSE_RELEASE PONG",
      "inputs server: INIT KEY_MODIFIERS MIGRATE MIGRATE_DATA PING",
      "main client: AGENT_DATA AGENT_START ATTACH_CHANNELS MIGRATE_CONNECTED MIGRATE_CONNECTED_SEAMLESS MIGRATE_DATA MIGRATE_DST_DO_SEAMLESS MIGRATE_END MIGRATE_FLUSH_MARK MOUSE_MODE_REQUEST PONG",
      "main server: AGENT_CONNECTED_TOKENS AGENT_DATA AGENT_TOKEN CHANNELS_LIST INIT MIGRATE MIGRATE_BEGIN MIGRATE_BEGIN_SEAMLESS MIGRATE_DATA MIGRATE_DST_SEAMLESS_ACK MIGRATE_END MOUSE_MODE MULTI_MEDIA_TIME NAME NOTIFY PING UUID",
      "playback client: PONG",
      "playback server: DATA MIGRATE MODE MUTE PING START STOP VOLUME",
      "record client: PONG",
      "record server: MIGRATE MUTE PING START STOP VOLUME",
      "usbredir client: DATA MIGRATE_DATA MIGRATE_FLUSH_MARK PONG",
      "usbredir server: DATA MIGRATE MIGRATE_DATA PING",
      "webdav client: MIGRATE_DATA MIGRATE_FLUSH_MARK PONG",
      "webdav server: EVENT INIT MIGRATE MIGRATE_DATA PING",
    ]
  `);
});

test("the captures hold no sub-message and no full header", () => {
  // What they do not show is tested on bytes made by hand, in conversation.test.ts.
  for (const { conversation } of captures) {
    expect(conversation.miniHeaders).toBe(true);
    for (const from of directions) {
      for (const message of conversation[from]) expect(message.subMessages).toEqual([]);
    }
  }
});

test("the captures' images are of these types", () => {
  const types = new Set<number>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
    if ("srcBitmap" in value) types.add((value.srcBitmap as { type: number }).type);
    Object.values(value).forEach(visit);
  };
  for (const { conversation } of captures) {
    if (conversation.channel !== "DISPLAY") continue;
    for (const { id, body } of conversation.server) visit(decode(conversation, "server", id, body));
  }
  expect([...types].sort((a, b) => a - b)).toMatchInlineSnapshot(`
    [
      1,
      102,
    ]
  `);
});
