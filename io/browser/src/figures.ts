// Counts what a session costs: bytes by channel, images by codec, the time until a motion is
// acknowledged.

import type { DecodeJob } from "@caraway/canvas";
import { type ConnectionKey, ConversationTap, type Sender } from "@caraway/channel";
import { channelLabel, channelNameOf, type RenderCommand } from "@caraway/client";
import { ChannelType, ImageType } from "@caraway/protocol";
import type { ChannelFigures, CodecFigures, Statistics } from "./client-message.ts";

interface ChannelCount {
  bytesIn: number;
  bytesOut: number;
  connections: number;
}

interface CodecCount {
  images: number;
  bytes: number;
  decodeMs: number;
}

/** Where type and id stand in the link message: behind its header and the connection id. */
const channelTypeOffset = 20;

/** Messages of the inputs channel: MOUSE_MOTION, MOUSE_POSITION and MOUSE_MOTION_ACK. */
const motionIds: ReadonlySet<number> = new Set([111, 112]);
const motionAckId = 111;
/** A server acknowledges every fourth motion. */
const motionsPerAck = 4;

export class Figures {
  readonly #now: () => number;
  readonly #channels = new Map<string, ChannelCount>();
  readonly #byConnection = new Map<ConnectionKey, ChannelCount>();
  /** What a client has said on connections of which that is too little to tell their channel. */
  readonly #beginnings = new Map<ConnectionKey, Uint8Array[]>();
  readonly #motions = new Map<ConnectionKey, MotionClock>();
  readonly #codecs = new Map<string, CodecCount>();
  #latencyMs: number | null = null;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Bytes of a connection, as the session sends and hears them. */
  bytes(connection: ConnectionKey, from: Sender, bytes: Uint8Array): void {
    const count = this.#byConnection.get(connection);
    if (count === undefined) {
      this.#begin(connection, bytes);
      return;
    }
    if (from === "client") count.bytesOut += bytes.length;
    else count.bytesIn += bytes.length;
    const clock = this.#motions.get(connection);
    if (clock === undefined) return;
    const latencyMs = clock.push(from, bytes, this.#now());
    if (latencyMs !== null) this.#latencyMs = average(this.#latencyMs, latencyMs);
  }

  /** A drawing command: the images that need no job of their own are counted here. */
  command(command: RenderCommand): void {
    if (command.type !== "apply") return;
    const { message } = command;
    if (message.name !== "DRAW_COPY" && message.name !== "DRAW_OPAQUE") return;
    const image = message.body.srcBitmap;
    const name = uncountedNames[image.type];
    if (name === undefined) return;
    const count = this.#codec(name);
    count.images += 1;
    if ("data" in image && image.data !== null) count.bytes += image.data.length;
  }

  /** A job begins; call the answer when it is done. */
  decodes(job: DecodeJob): () => void {
    const since = this.#now();
    const codec = this.#codec(job.codec);
    codec.images += 1;
    codec.bytes += job.codec === "jpeg-alpha" ? job.jpeg.length : job.data.length;
    return () => {
      codec.decodeMs += this.#now() - since;
    };
  }

  snapshot(): Pick<Statistics, "channels" | "codecs" | "latencyMs"> {
    const channels: ChannelFigures[] = [...this.#channels].map(([label, count]) => {
      return { label, ...count };
    });
    const codecs: Record<string, CodecFigures> = {};
    for (const [name, count] of this.#codecs) codecs[name] = { ...count };
    return { channels, codecs, latencyMs: this.#latencyMs };
  }

  /** The first bytes of a connection are the link message, which says what channel it is. */
  #begin(connection: ConnectionKey, bytes: Uint8Array): void {
    const beginning = [...(this.#beginnings.get(connection) ?? []), bytes];
    const said = beginning.flatMap((part) => [...part]);
    const [type, id] = said.slice(channelTypeOffset);
    if (type === undefined || id === undefined) {
      this.#beginnings.set(connection, beginning);
      return;
    }
    this.#beginnings.delete(connection);
    const name = channelNameOf(type);
    const label = name === null ? `channel ${type}` : channelLabel({ name, id });
    const count = this.#channels.get(label) ?? { bytesIn: 0, bytesOut: 0, connections: 0 };
    count.connections += 1;
    count.bytesOut += said.length;
    this.#channels.set(label, count);
    this.#byConnection.set(connection, count);
    if (type !== ChannelType.INPUTS) return;
    const clock = new MotionClock();
    clock.push("client", Uint8Array.from(said), this.#now());
    this.#motions.set(connection, clock);
  }

  #codec(name: string): CodecCount {
    const known = this.#codecs.get(name);
    if (known !== undefined) return known;
    const count = { images: 0, bytes: 0, decodeMs: 0 };
    this.#codecs.set(name, count);
    return count;
  }
}

const uncountedNames: Readonly<Record<number, string>> = {
  [ImageType.BITMAP]: "bitmap",
  [ImageType.GLZ_RGB]: "glz",
  [ImageType.FROM_CACHE]: "cached",
  [ImageType.FROM_CACHE_LOSSLESS]: "cached",
  [ImageType.SURFACE]: "surface",
};

/** Follows one inputs connection: which motion an acknowledgement is for. */
class MotionClock {
  readonly #tap = new ConversationTap();
  readonly #sentAt: number[] = [];

  push(from: Sender, bytes: Uint8Array, now: number): number | null {
    this.#tap.push(from, bytes);
    let latencyMs: number | null = null;
    for (let finding = this.#tap.poll(); finding !== null; finding = this.#tap.poll()) {
      if (finding.type !== "message") continue;
      const { id } = finding.frame;
      if (finding.from === "client" && motionIds.has(id)) this.#sentAt.push(now);
      else if (finding.from === "server" && id === motionAckId) {
        const acknowledged = this.#sentAt.splice(0, motionsPerAck).at(-1);
        if (acknowledged !== undefined) latencyMs = now - acknowledged;
      }
    }
    return latencyMs;
  }
}

/** The newest weighs a quarter. */
function average(before: number | null, newest: number): number {
  return before === null ? newest : before * 0.75 + newest * 0.25;
}
