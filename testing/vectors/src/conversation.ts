// One captured connection taken apart: link stage, headers, messages and their sub-messages. It is
// written from the wire's description alone, so that it can judge the code of core/channel too.

import type { Capture } from "@caraway/node";
import {
  ChannelType,
  CommonCapability,
  dataHeaderCodec,
  dataHeaderSize,
  hasCapability,
  linkHeaderCodec,
  linkMessCodec,
  linkReplyCodec,
  miniDataHeaderCodec,
  miniDataHeaderSize,
  subMessageListCodec,
  ticketSize,
} from "@caraway/protocol";
import { streamOf } from "./capture-archive.ts";
import type { ChannelName } from "./channel-codecs.ts";

type LinkMess = ReturnType<typeof linkMessCodec.decode>;
type LinkReply = ReturnType<typeof linkReplyCodec.decode>;

export interface SubMessage {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface CapturedMessage extends SubMessage {
  readonly from: "client" | "server";
  /** From the wire with full headers, counted with mini headers. */
  readonly serial: bigint;
  /** Where the header stands in the direction's stream. */
  readonly offset: number;
  /** The body as it was sent; `body` ends where a list of sub-messages starts. */
  readonly wholeBody: Uint8Array;
  /** In list order: they are handled before the message. */
  readonly subMessages: readonly SubMessage[];
}

/** The bytes of the link stage, each part as it was sent. */
export interface LinkBytes {
  readonly clientHeader: Uint8Array;
  readonly mess: Uint8Array;
  readonly serverHeader: Uint8Array;
  readonly reply: Uint8Array;
  /** The value of step 3, absent unless both ends announced AUTH_SELECTION. */
  readonly mechanism: number | null;
  /** 0 is success. */
  readonly result: number;
}

export interface Conversation {
  readonly link: LinkBytes;
  readonly mess: LinkMess;
  readonly reply: LinkReply;
  readonly channel: ChannelName;
  readonly miniHeaders: boolean;
  readonly client: readonly CapturedMessage[];
  readonly server: readonly CapturedMessage[];
  /** Bytes of a message that the end of the capture cut off, by direction. */
  readonly cutOff: { readonly client: number; readonly server: number };
}

/** The common message that carries nothing but sub-messages. */
const listId = 8;

export function dissect(capture: Capture): Conversation {
  const client = new Stream(streamOf(capture, "client"));
  const server = new Stream(streamOf(capture, "server"));
  const clientHeader = client.take(16);
  const messBytes = client.take(linkHeaderCodec.decode(clientHeader).size);
  const serverHeader = server.take(16);
  const replyBytes = server.take(linkHeaderCodec.decode(serverHeader).size);
  const mess = linkMessCodec.decode(messBytes);
  const reply = linkReplyCodec.decode(replyBytes);
  const both = (bit: number) =>
    [mess, reply].every(({ caps, numCommonCaps }) =>
      hasCapability(caps.slice(0, numCommonCaps), bit),
    );
  const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION, SPICE_COMMON_CAP_MINI_HEADER } =
    CommonCapability;
  const mechanism = both(SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION) ? client.u32() : null;
  client.take(ticketSize);
  const result = server.u32();
  const miniHeaders = both(SPICE_COMMON_CAP_MINI_HEADER);
  const channels = Object.entries(ChannelType) as [ChannelName, number][];
  const channel = channels.find(([, type]) => type === mess.channelType);
  if (channel === undefined) throw new Error(`no channel has type ${mess.channelType}`);
  const clientMessages = messagesOf("client", client, miniHeaders);
  const serverMessages = messagesOf("server", server, miniHeaders);
  return {
    link: { clientHeader, mess: messBytes, serverHeader, reply: replyBytes, mechanism, result },
    mess,
    reply,
    channel: channel[0],
    miniHeaders,
    client: clientMessages,
    server: serverMessages,
    cutOff: { client: client.left, server: server.left },
  };
}

function messagesOf(
  from: "client" | "server",
  stream: Stream,
  miniHeaders: boolean,
): readonly CapturedMessage[] {
  const messages: CapturedMessage[] = [];
  const headerSize = miniHeaders ? miniDataHeaderSize : dataHeaderSize;
  while (stream.left >= headerSize) {
    const offset = stream.at;
    const head = stream.take(headerSize);
    const { serial, type, size, subList } = miniHeaders
      ? { ...miniDataHeaderCodec.decode(head), serial: BigInt(messages.length + 1), subList: 0 }
      : dataHeaderCodec.decode(head);
    if (stream.left < size) {
      stream.at = offset;
      break;
    }
    const wholeBody = stream.take(size);
    const listAt = type === listId ? 0 : subList;
    const hasList = type === listId || subList !== 0;
    const subMessages = hasList ? subMessagesOf(wholeBody, listAt) : [];
    const body = subList === 0 ? wholeBody : wholeBody.subarray(0, subList);
    messages.push({ from, serial, id: type, offset, body, wholeBody, subMessages });
  }
  return messages;
}

function subMessagesOf(body: Uint8Array, listAt: number): readonly SubMessage[] {
  const { offsets } = subMessageListCodec.decode(body.subarray(listAt));
  return offsets.map((offset) => {
    const { type, size } = miniDataHeaderCodec.decode(body.subarray(offset));
    const start = offset + miniDataHeaderSize;
    return { id: type, body: body.subarray(start, start + size) };
  });
}

class Stream {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  take(size: number): Uint8Array {
    if (size > this.left) throw new Error("the capture breaks off in the link stage");
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  u32(): number {
    return Buffer.from(this.take(4)).readUInt32LE();
  }
}
