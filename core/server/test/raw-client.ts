// A client that does what a test says, one connection a channel, with either header; its displays
// are shown by a renderer.

import { deflateSync, inflateSync } from "node:zlib";
import {
  type DecodeJob,
  type Decoders,
  plainDecoders,
  Renderer,
  type RenderOutput,
  readColors,
  runDecodeJob,
} from "@caraway/canvas";
import {
  AckWindow,
  FrameReader,
  FrameWriter,
  type LinkAgreement,
  LinkClient,
  type LinkFailure,
} from "@caraway/channel";
import { CodecError, type ColorImage } from "@caraway/codecs";
import {
  baseCodec,
  ChannelType,
  CommonCapability,
  capabilityWords,
  cursorCodec,
  DisplayCapability,
  displayCodec,
  inputsCodec,
  MainCapability,
  mainCodec,
  PlaybackCapability,
  playbackCodec,
  portCodec,
  RecordCapability,
  recordCodec,
  SpicevmcCapability,
  smartcardCodec,
  usbredirCodec,
  webdavCodec,
} from "@caraway/protocol";
import type { ServerWorld } from "./server-world.ts";

export interface AnyMessage {
  readonly name: string;
  readonly body: never;
}

export interface RawClientOptions {
  readonly miniHeader?: boolean;
  readonly password?: string;
  readonly displayCapabilities?: readonly number[];
  readonly mainCapabilities?: readonly number[];
  /** Takes and codes Opus; default true. */
  readonly opus?: boolean;
  /** Takes LZ4 on usbredir. */
  readonly compresses?: boolean;
  /** Acks what it handles; default true. */
  readonly acks?: boolean;
  /** Sends INIT on displays; default true. */
  readonly sendsInit?: boolean;
  readonly tls?: boolean;
  readonly local?: boolean;
  readonly cachePixels?: bigint;
  readonly windowPixels?: number;
}

export const allDisplayCapabilities = [
  DisplayCapability.SPICE_DISPLAY_CAP_MONITORS_CONFIG,
  DisplayCapability.SPICE_DISPLAY_CAP_COMPOSITE,
  DisplayCapability.SPICE_DISPLAY_CAP_A8_SURFACE,
  DisplayCapability.SPICE_DISPLAY_CAP_LZ4_COMPRESSION,
];

const types = {
  main: ChannelType.MAIN,
  display: ChannelType.DISPLAY,
  inputs: ChannelType.INPUTS,
  cursor: ChannelType.CURSOR,
  usbredir: ChannelType.USBREDIR,
  port: ChannelType.PORT,
  webdav: ChannelType.WEBDAV,
  smartcard: ChannelType.SMARTCARD,
  playback: ChannelType.PLAYBACK,
  record: ChannelType.RECORD,
} as const;

const codecs = {
  main: mainCodec,
  display: displayCodec,
  inputs: inputsCodec,
  cursor: cursorCodec,
  usbredir: usbredirCodec,
  port: portCodec,
  webdav: webdavCodec,
  smartcard: smartcardCodec,
  playback: playbackCodec,
  record: recordCodec,
} as const;

export type RawChannelName = keyof typeof types;

const jpegs = new Map<string, ColorImage>();

/** Stands for a JPEG encoder: the picture with the lowest bit of its colours lost. */
export function fakeJpeg(image: ColorImage): Uint8Array {
  const lossy = {
    ...image,
    format: "xrgb" as const,
    pixels: image.pixels.map((p) => p & 0xfefefe),
  };
  const key = `${jpegs.size}`;
  jpegs.set(key, lossy);
  const name = Buffer.from(key.padStart(8, "0"));
  // A frame header with the size is all that anybody reads of it.
  const { width, height } = image;
  return Uint8Array.from([
    ...[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, height >> 8, height, width >> 8, width, 3],
    ...[1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0],
    ...name,
  ]);
}

/** With `fakeJpeg`. */
export const testDecoders: Decoders = {
  ...plainDecoders,
  inflate: (data) => new Uint8Array(inflateSync(data)),
  jpeg: (data, done) => {
    const key = `${Number(Buffer.from(data.subarray(data.length - 8)).toString())}`;
    const image = jpegs.get(key);
    done(image === undefined ? new CodecError("JPEG", 0, "no such picture") : image);
  },
};

export const deflate = (bytes: Uint8Array): Uint8Array => new Uint8Array(deflateSync(bytes));

export class RawChannel {
  readonly name: RawChannelName;
  readonly id: number;
  readonly connection: number;
  /** Messages of the server's, in order. */
  readonly received: AnyMessage[] = [];
  readonly serials: bigint[] = [];
  agreement: LinkAgreement | null = null;
  failure: LinkFailure | null = null;
  isClosed = false;
  readonly #world: ServerWorld;
  readonly #client: RawClient;
  readonly #link: LinkClient;
  readonly #window = new AckWindow();
  #reader: FrameReader | null = null;
  #writer: FrameWriter | null = null;

  constructor(client: RawClient, world: ServerWorld, name: RawChannelName, id: number) {
    this.name = name;
    this.id = id;
    this.#client = client;
    this.#world = world;
    const { options, sessionId } = client;
    this.connection = world.accept(
      { tls: options.tls === true, local: options.local === true, peer: "test" },
      {
        received: (bytes) => this.#receive(bytes),
        closed: () => {
          this.isClosed = true;
          if (this.agreement === null) this.#link.closed();
          this.#drainLink();
        },
      },
    );
    const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: selection } = CommonCapability;
    const { SPICE_COMMON_CAP_AUTH_SPICE: spice, SPICE_COMMON_CAP_MINI_HEADER: mini } =
      CommonCapability;
    this.#link = new LinkClient({
      connection: this.connection,
      connectionId: sessionId,
      channelType: types[name],
      channelId: id,
      commonCapabilities: capabilityWords(
        options.miniHeader === false ? [selection, spice] : [selection, spice, mini],
      ),
      channelCapabilities: capabilityWords(capabilitiesOf(name, options)),
    });
    this.#link.connected();
    this.#drainLink();
  }

  /** Names of what the server sent. */
  get names(): string[] {
    return this.received.map(({ name }) => name);
  }

  ofName<B>(name: string): B[] {
    return this.received.filter((message) => message.name === name).map(({ body }) => body as B);
  }

  send(message: { readonly name: string; readonly body: object }): void {
    const base = ["ACK_SYNC", "ACK", "PONG", "DISCONNECTING"].includes(message.name);
    const encoded = base
      ? baseCodec.client.encode(message as never)
      : codecs[this.name].client.encode(message as never);
    this.sendRaw(this.#writer!.write(encoded));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#world.toServer(this.connection, bytes);
  }

  close(): void {
    this.isClosed = true;
    this.#world.hangUp(this.connection);
  }

  #drainLink(): void {
    for (let output = this.#link.poll(); output !== null; output = this.#link.poll()) {
      switch (output.type) {
        case "transmit":
          this.sendRaw(output.bytes);
          break;
        case "task": {
          const ticket = new Uint8Array(128);
          ticket.set(Buffer.from(`${this.#client.options.password ?? ""}\0`));
          this.#link.done({ kind: "ticket", ticket });
          break;
        }
        case "failed":
          this.failure = output.failure;
          break;
        case "linked":
          this.#linked(output.agreement, output.rest);
          break;
      }
    }
  }

  #linked(agreement: LinkAgreement, rest: Uint8Array): void {
    this.agreement = agreement;
    const { miniHeader } = agreement;
    this.#writer = new FrameWriter(miniHeader, 1n);
    this.#reader = new FrameReader({
      channel: this.name,
      miniHeader,
      bodySizeMax: 1 << 28,
      firstSerial: 1n,
      listFrames: true,
    });
    if (this.name === "display" && this.#client.options.sendsInit !== false) {
      const body = {
        pixmapCacheId: 1,
        pixmapCacheSize: this.#client.options.cachePixels ?? 1n << 22n,
        glzDictionaryId: 1,
        glzDictionaryWindowSize: this.#client.options.windowPixels ?? 1 << 20,
      };
      this.send({ name: "INIT", body });
    }
    this.#receive(rest);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#reader === null) {
      this.#link.received(bytes);
      this.#drainLink();
      return;
    }
    this.#reader.push(bytes);
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      this.serials.push(frame.serial);
      this.#handle(frame.id, frame.body.slice());
      if (this.#client.options.acks === false) continue;
      const due = this.#window.handled();
      if (due !== null) this.send({ name: due.name, body: {} });
    }
  }

  #handle(id: number, body: Uint8Array): void {
    const codec = id < 100 ? baseCodec : codecs[this.name];
    const message = codec.server.decode(id, body) as AnyMessage | null;
    if (message === null) throw new Error(`unknown message ${id} on ${this.name}`);
    this.received.push(message);
    this.#client.handled(this, message);
    if (message.name === "SET_ACK" && this.#client.options.acks !== false) {
      const { generation, window } = message.body as { generation: number; window: number };
      const { name, ...body } = this.#window.open(generation, window);
      this.send({ name, body });
    } else if (message.name === "PING") {
      const { id: ping, timestamp } = message.body as { id: number; timestamp: bigint };
      if (this.#client.answersPings) this.send({ name: "PONG", body: { id: ping, timestamp } });
    }
  }
}

export class RawClient {
  readonly options: RawClientOptions;
  readonly channels: RawChannel[] = [];
  readonly renderer = new Renderer();
  readonly rendered: RenderOutput[] = [];
  sessionId = 0;
  answersPings = true;
  readonly #world: ServerWorld;

  constructor(world: ServerWorld, options: RawClientOptions = {}) {
    this.#world = world;
    this.options = options;
  }

  open(name: RawChannelName, id = 0): RawChannel {
    const channel = new RawChannel(this, this.#world, name, id);
    this.channels.push(channel);
    this.#world.settle();
    return channel;
  }

  /** Main and these. */
  openAll(...names: RawChannelName[]): this {
    this.open("main");
    for (const name of names) this.open(name);
    return this;
  }

  channel(name: RawChannelName, id = 0): RawChannel {
    return this.channels.findLast((channel) => channel.name === name && channel.id === id)!;
  }

  /** Alpha included, where the surface has it. */
  colors(surface = 0, display = 0): Uint32Array {
    const found = this.renderer.surface(display, surface);
    if (found === null) return new Uint32Array(0);
    const { width, height } = found;
    return readColors(found, { left: 0, top: 0, right: width, bottom: height }, true);
  }

  handled(channel: RawChannel, message: AnyMessage): void {
    if (message.name === "INIT" && channel.name === "main") {
      this.sessionId = (message.body as { sessionId: number }).sessionId;
    }
    const common = ["SET_ACK", "PING", "WAIT_FOR_CHANNELS", "NOTIFY"].includes(message.name);
    if (channel.name !== "display" || common) return;
    this.#render({ type: "apply", display: channel.id, message: message as never });
  }

  #render(input: Parameters<Renderer["handle"]>[0]): void {
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      this.renderer.handle(next);
      for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
        this.rendered.push(output);
        if (output.type === "failed") throw output.error;
        if (output.type !== "decode") continue;
        const { task, job } = output as { task: number; job: DecodeJob };
        runDecodeJob(job, testDecoders, (outcome) =>
          inputs.push({ type: "decoded", task, outcome }),
        );
      }
    }
  }
}

function capabilitiesOf(name: RawChannelName, options: RawClientOptions): readonly number[] {
  if (name === "display") return options.displayCapabilities ?? allDisplayCapabilities;
  if (name === "usbredir" && options.compresses === true) {
    return [SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4];
  }
  const opus = options.opus !== false;
  if (name === "playback") {
    const { SPICE_PLAYBACK_CAP_VOLUME: volume, SPICE_PLAYBACK_CAP_OPUS: bit } = PlaybackCapability;
    return opus ? [volume, bit] : [volume];
  }
  if (name === "record") return opus ? [RecordCapability.SPICE_RECORD_CAP_OPUS] : [];
  if (name !== "main") return [];
  return (
    options.mainCapabilities ?? [
      MainCapability.SPICE_MAIN_CAP_NAME_AND_UUID,
      MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
    ]
  );
}
