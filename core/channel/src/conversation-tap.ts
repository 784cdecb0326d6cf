// Listens to both directions of one connection without a part in it: link stage, authentication
// and messages become findings with their place in the stream. For inspecting live sessions and
// captures alike; it holds no key, so that what is encrypted stays so.

import {
  AuthMechanism,
  CommonCapability,
  dataHeaderSize,
  hasCapability,
  LinkError,
  linkHeaderCodec,
  linkMessCodec,
  linkReplyCodec,
  linkSizeMax,
  miniDataHeaderSize,
  ticketSize,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { ByteQueue } from "./byte-queue.ts";
import { LinkFailure } from "./errors.ts";
import { type Frame, FrameReader } from "./frame.ts";

export type Sender = "client" | "server";
type LinkMess = ReturnType<typeof linkMessCodec.decode>;
type LinkReply = ReturnType<typeof linkReplyCodec.decode>;

/** `offset` counts bytes of the sender's direction, from the start of the connection. */
export type Finding =
  | {
      readonly type: "link-message";
      readonly offset: number;
      readonly size: number;
      readonly value: LinkMess;
    }
  | {
      readonly type: "link-reply";
      readonly offset: number;
      readonly size: number;
      readonly value: LinkReply;
    }
  | { readonly type: "auth"; readonly offset: number; readonly mechanism: "SPICE" | "SASL" }
  | { readonly type: "link-result"; readonly offset: number; readonly result: number }
  /** `offset` is where the header begins. */
  | {
      readonly type: "message";
      readonly from: Sender;
      readonly offset: number;
      readonly frame: Frame;
    }
  /** Nothing more can be made of this connection. */
  | { readonly type: "broken"; readonly from: Sender; readonly error: CarawayError };

type Step =
  | "link-message"
  | "link-reply"
  | "mechanism"
  | "ticket"
  | "sasl-list"
  | "sasl-choice"
  | "sasl-client"
  | "sasl-server"
  | "result"
  | "messages"
  | "broken";

/** Whose bytes a step reads; messages come from both. */
const readsFrom: Readonly<Record<Exclude<Step, "messages" | "broken">, Sender>> = {
  "link-message": "client",
  "link-reply": "server",
  mechanism: "client",
  ticket: "client",
  "sasl-list": "server",
  "sasl-choice": "client",
  "sasl-client": "client",
  "sasl-server": "server",
  result: "server",
};

const linkHeaderSize = 16;
const saslSizeMax = 1 << 20;
const bodySizeMax = 256 << 20;

class Direction {
  readonly from: Sender;
  readonly queue = new ByteQueue();
  /** Bytes before those in the queue. */
  offset = 0;
  reader: FrameReader | null = null;

  constructor(from: Sender) {
    this.from = from;
  }

  take(size: number): Uint8Array | null {
    const bytes = this.queue.take(size);
    if (bytes !== null) this.offset += size;
    return bytes;
  }
}

export class ConversationTap {
  readonly #directions = { client: new Direction("client"), server: new Direction("server") };
  readonly #findings: Finding[] = [];
  #step: Step = "link-message";
  #mess: LinkMess | null = null;
  #miniHeader = false;
  #selects = false;

  poll(): Finding | null {
    return this.#findings.shift() ?? null;
  }

  /** Whether the link stage is over and neither end is in the middle of a message. */
  get isBetweenMessages(): boolean {
    const { client, server } = this.#directions;
    return [client, server].every(({ reader }) => reader?.isBetweenMessages === true);
  }

  /** Bytes that one end sent, in order. */
  push(from: Sender, bytes: Uint8Array): void {
    const direction = this.#directions[from];
    if (direction.reader === null) direction.queue.push(bytes);
    else direction.reader.push(bytes);
    let current: Sender = from;
    try {
      while (this.#step !== "messages" && this.#step !== "broken") {
        current = readsFrom[this.#step];
        if (!this.#advance(this.#directions[current])) return;
      }
      for (const each of Object.values(this.#directions)) {
        current = each.from;
        this.#readMessages(each);
      }
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#step = "broken";
      this.#findings.push({ type: "broken", from: current, error });
    }
  }

  /** Takes what the present step reads; false when more bytes are needed. */
  #advance(direction: Direction): boolean {
    switch (this.#step) {
      case "link-message":
      case "link-reply":
        return this.#readLink(direction);
      case "mechanism":
        return this.#readMechanism(direction);
      case "ticket":
        return this.#skip(direction, ticketSize, "result");
      case "sasl-list":
        return this.#readSasl(direction, "sasl-choice");
      case "sasl-choice":
        return this.#readSasl(direction, "sasl-client");
      case "sasl-client":
        return this.#readSasl(direction, "sasl-server");
      case "sasl-server":
        return this.#readSaslServer(direction);
      case "result":
        return this.#readResult(direction);
      default:
        return false;
    }
  }

  #readLink(direction: Direction): boolean {
    const head = direction.queue.peek(linkHeaderSize);
    if (head === null) return false;
    const { size } = linkHeaderCodec.decode(head);
    if (size > linkSizeMax) {
      throw new LinkFailure("LINK_BAD_REPLY", `${size} bytes in the link stage`);
    }
    const { offset } = direction;
    const bytes = direction.take(linkHeaderSize + size);
    if (bytes === null) return false;
    const body = bytes.subarray(linkHeaderSize);
    if (this.#step === "link-message") {
      this.#mess = linkMessCodec.decode(body);
      this.#findings.push({ type: "link-message", offset, size: bytes.length, value: this.#mess });
      this.#step = "link-reply";
    } else {
      const reply = linkReplyCodec.decode(body);
      this.#findings.push({ type: "link-reply", offset, size: bytes.length, value: reply });
      this.#agree(reply);
    }
    return true;
  }

  #agree(reply: LinkReply): void {
    const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION, SPICE_COMMON_CAP_MINI_HEADER } =
      CommonCapability;
    const ends = [this.#mess!, reply];
    const both = (bit: number) =>
      ends.every(({ caps, numCommonCaps }) => hasCapability(caps.slice(0, numCommonCaps), bit));
    this.#miniHeader = both(SPICE_COMMON_CAP_MINI_HEADER);
    this.#selects = both(SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION);
    this.#step = this.#selects ? "mechanism" : "ticket";
  }

  #readMechanism(direction: Direction): boolean {
    const { offset } = direction;
    const bytes = direction.take(4);
    if (bytes === null) return false;
    const sasl = bytes[0] === AuthMechanism.SASL;
    this.#findings.push({ type: "auth", offset, mechanism: sasl ? "SASL" : "SPICE" });
    this.#step = sasl ? "sasl-list" : "ticket";
    return true;
  }

  #skip(direction: Direction, size: number, next: Step): boolean {
    if (direction.take(size) === null) return false;
    this.#step = next;
    return true;
  }

  #readSasl(direction: Direction, next: Step, tail = 0): boolean {
    const head = direction.queue.peek(4);
    if (head === null) return false;
    const size = readU32(head);
    if (size > saslSizeMax) throw new LinkFailure("LINK_BAD_REPLY", `SASL data of ${size} bytes`);
    return this.#skip(direction, 4 + size + tail, next);
  }

  /** The last byte says whether the exchange is complete. */
  #readSaslServer(direction: Direction): boolean {
    const head = direction.queue.peek(4);
    if (head === null) return false;
    const whole = direction.queue.peek(4 + Math.min(readU32(head), saslSizeMax) + 1);
    if (whole === null) return false;
    const complete = whole[whole.length - 1] !== 0;
    return this.#readSasl(direction, complete ? "result" : "sasl-client", 1);
  }

  #readResult(direction: Direction): boolean {
    const { offset } = direction;
    const bytes = direction.take(4);
    if (bytes === null) return false;
    const result = readU32(bytes);
    this.#findings.push({ type: "link-result", offset, result });
    this.#step = result === LinkError.OK ? "messages" : "broken";
    if (this.#step === "messages") this.#beginMessages();
    return true;
  }

  #beginMessages(): void {
    for (const direction of Object.values(this.#directions)) {
      direction.reader = new FrameReader({
        channel: direction.from,
        miniHeader: this.#miniHeader,
        bodySizeMax,
        firstSerial: 1n,
        listFrames: direction.from === "server",
      });
      direction.reader.push(direction.queue.takeAll());
    }
  }

  #readMessages(direction: Direction): void {
    const { from, reader } = direction;
    if (reader === null) return;
    const headerSize = this.#miniHeader ? miniDataHeaderSize : dataHeaderSize;
    for (let frame = reader.next(); frame !== null; frame = reader.next()) {
      this.#findings.push({ type: "message", from, offset: direction.offset, frame });
      direction.offset += headerSize + frame.size;
    }
  }
}

function readU32(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}
