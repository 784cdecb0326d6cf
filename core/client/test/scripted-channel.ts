// One linked channel of a scripted server: frames both ways, and the rules that a client may not
// break around a migration. What breaks one is written down by the server.

import { type Frame, FrameReader, FrameWriter } from "@caraway/channel";
import {
  cursorCodec,
  displayCodec,
  inputsCodec,
  MigrateFlag,
  mainCodec,
  playbackCodec,
  portCodec,
  recordCodec,
  smartcardCodec,
  usbredirCodec,
  webdavCodec,
} from "@caraway/protocol";
import type { ChannelName } from "../src/index.ts";
import type { Connection, ServerEnd } from "./world.ts";

export interface AnyMessage {
  readonly name: string;
  readonly body: unknown;
}

interface AnyCodec {
  decode(id: number, body: Uint8Array): AnyMessage | null;
  encode(message: never): { readonly id: number; readonly body: Uint8Array };
}

const codecs: Record<ChannelName, { client: AnyCodec; server: AnyCodec }> = {
  main: mainCodec,
  display: displayCodec,
  inputs: inputsCodec,
  cursor: cursorCodec,
  playback: playbackCodec,
  record: recordCodec,
  smartcard: smartcardCodec,
  usbredir: usbredirCodec,
  port: portCodec,
  webdav: webdavCodec,
};

/** What MIGRATE says on each kind of channel. */
export function migrateFlags(name: ChannelName): number {
  const bare: readonly ChannelName[] = ["cursor", "playback", "record"];
  return bare.includes(name) ? 0 : MigrateFlag.NEED_FLUSH | MigrateFlag.NEED_DATA_TRANSFER;
}

/** The state of a channel, as this server hands it over. */
interface State {
  readonly from: string;
  readonly channel: string;
  readonly serial: number;
}

export interface ChannelServer {
  readonly name: string;
  readonly violations: string[];
  /** A message that the channel does not answer by itself. */
  took(channel: ScriptedChannel, message: AnyMessage): void;
  unlinked(channel: ScriptedChannel): void;
  restored(channel: ScriptedChannel): void;
}

type Phase =
  | "open"
  /** Target: linked before the move. The client may not say anything. */
  | "early"
  /** Target: as `early`, and MIGRATE_DATA must come first. */
  | "awaiting-data"
  /** Source: MIGRATE was sent. */
  | "migrating"
  /** Source: the flush mark has come, or was not wanted. The client may not say anything more. */
  | "silent"
  | "closed";

export class ScriptedChannel implements ServerEnd {
  readonly name: ChannelName;
  readonly id: number;
  readonly label: string;
  readonly connectionId: number;
  readonly connection: Connection;
  /** Messages of the client, the common ones included. */
  readonly messages: AnyMessage[] = [];
  /** Their serials, as they were on the wire or counted. */
  readonly serials: bigint[] = [];
  phase: Phase = "open";
  readonly #server: ChannelServer;
  readonly #miniHeader: boolean;
  readonly #reader: FrameReader;
  #writer: FrameWriter;

  constructor(
    server: ChannelServer,
    connection: Connection,
    link: { name: ChannelName; id: number; connectionId: number; miniHeader: boolean },
  ) {
    this.#server = server;
    this.connection = connection;
    this.name = link.name;
    this.id = link.id;
    this.label = `${link.name} ${link.id}`;
    this.connectionId = link.connectionId;
    this.#miniHeader = link.miniHeader;
    this.#reader = new FrameReader({
      channel: this.label,
      miniHeader: link.miniHeader,
      bodySizeMax: 1 << 24,
      firstSerial: 1n,
      listFrames: false,
    });
    this.#writer = new FrameWriter(link.miniHeader, 1n);
  }

  /** Serial of the next message to the client. */
  get nextSerial(): bigint {
    return this.#writer.nextSerial;
  }

  /** Names of what the client sent, without those in `except`. */
  names(...except: string[]): string[] {
    return this.messages.map(({ name }) => name).filter((name) => !except.includes(name));
  }

  /** The newest message of that name; throws when there is none. */
  newest(name: string): AnyMessage {
    const message = this.messages.findLast((candidate) => candidate.name === name);
    if (message === undefined) throw new Error(`${this.label}: no ${name} of ${this.names()}`);
    return message;
  }

  send(name: string, body: object = {}): void {
    const codec: AnyCodec = codecs[this.name].server;
    this.sendRaw(codec.encode({ name, body } as never));
  }

  sendRaw(message: { readonly id: number; readonly body: Uint8Array }): void {
    if (this.phase !== "closed") this.connection.send(this.#writer.write(message));
  }

  /** Bytes without any frame. */
  sendBytes(bytes: Uint8Array): void {
    if (this.phase !== "closed") this.connection.send(bytes);
  }

  /** Ends it behind what was sent. */
  close(): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.connection.close();
    this.#server.unlinked(this);
  }

  /** Source: the guest has moved. MIGRATE_DATA follows by itself when the mark has come. */
  migrate(flags = migrateFlags(this.name)): void {
    if (this.phase === "closed") return;
    this.send("MIGRATE", { flags });
    this.phase = flags & MigrateFlag.NEED_FLUSH ? "migrating" : "silent";
    if (flags === MigrateFlag.NEED_DATA_TRANSFER) this.#sendState();
  }

  received(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      if (this.phase !== "closed") this.#take(frame);
    }
  }

  closed(): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.#server.unlinked(this);
  }

  #take(frame: Frame): void {
    const codec: AnyCodec = codecs[this.name].client;
    const message = codec.decode(frame.id, frame.body);
    if (message === null) {
      this.#breach(`message ${frame.id}`, "is not declared");
      return;
    }
    this.messages.push(message);
    this.serials.push(frame.serial);
    if (this.phase === "silent") this.#breach(message.name, "after all was said to the source");
    if (message.name === "MIGRATE_FLUSH_MARK") this.#takeMark();
    else if (message.name === "MIGRATE_DATA") this.#takeState(message);
    else this.#takeOther(message);
  }

  #takeMark(): void {
    if (this.phase !== "migrating") {
      this.#breach("MIGRATE_FLUSH_MARK", `in phase ${this.phase}`);
      return;
    }
    this.phase = "silent";
    this.#sendState();
  }

  #sendState(): void {
    const serial = Number(this.nextSerial);
    const state: State = { from: this.#server.name, channel: this.label, serial };
    this.send("MIGRATE_DATA", { data: new TextEncoder().encode(JSON.stringify(state)) });
  }

  #takeState(message: AnyMessage): void {
    if (this.phase !== "awaiting-data") {
      this.#breach("MIGRATE_DATA", `in phase ${this.phase}`);
      return;
    }
    const { data } = message.body as { data: Uint8Array };
    const state = JSON.parse(new TextDecoder().decode(data)) as State;
    if (state.channel !== this.label) this.#breach("MIGRATE_DATA", `of ${state.channel}`);
    this.phase = "open";
    // As spice-server: the first message repeats the serial of MIGRATE_DATA.
    if (this.name === "display") {
      this.#writer = new FrameWriter(this.#miniHeader, BigInt(state.serial));
    }
    this.#server.restored(this);
  }

  #takeOther(message: AnyMessage): void {
    const isQuestion = this.name === "main" && message.name === "MIGRATE_DST_DO_SEAMLESS";
    if (this.phase === "awaiting-data" && !isQuestion) {
      this.#breach(message.name, "before MIGRATE_DATA");
    } else if (this.phase === "early" && !isQuestion && message.name !== "MIGRATE_END") {
      this.#breach(message.name, "before the move");
    }
    this.#server.took(this, message);
  }

  #breach(message: string, where: string): void {
    this.#server.violations.push(`${this.#server.name} ${this.label}: ${message} ${where}`);
  }
}
