// A small SPICE server of our own that shows what it is told to: it takes any client's links, offers one display channel, and sends the
// display messages that a test hands it. So a real client can be made to draw any sequence of messages.

import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import {
  CommonCapability,
  capabilityWords,
  type Display,
  DisplayCapability,
  displayCodec,
  LinkHeader,
  LinkMess,
  LinkReply,
  linkMagic,
  Main,
  mainCodec,
  protocolMajor,
  protocolMinor,
  type ServerMessage,
} from "@caraway/protocol";
import { type EncodedMessage, interpretStruct } from "@caraway/wire";

const linkHeader = interpretStruct(LinkHeader);
const linkMess = interpretStruct(LinkMess);
const linkReply = interpretStruct(LinkReply);
const linkHeaderSize = 16;
const miniHeaderSize = 6;
const ticketSize = 128;

/** Reads exactly so many bytes at a time. */
class SocketReader {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    socket.on("data", (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  async read(size: number): Promise<Buffer> {
    while (this.#bytes.length < size) {
      if (this.#ended) throw new Error("the client has closed the connection");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return bytes;
  }
}

/** The display channel of one connected client. */
export class ScriptDisplay {
  readonly #socket: Socket;
  readonly #pongs: (() => void)[] = [];
  #nextPing = 1;

  constructor(socket: Socket, reader: SocketReader) {
    this.#socket = socket;
    void this.#listen(reader);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  send(message: ServerMessage<typeof Display>): void {
    sendMessage(this.#socket, displayCodec.server.encode(message));
  }

  /** Resolves when the client has handled all that was sent before; rejects when it has gone. */
  async settle(): Promise<void> {
    const pong = new Promise<void>((resolve, reject) => {
      this.#pongs.push(resolve);
      this.#socket.once("close", () => reject(new Error("the client has gone")));
    });
    this.send({
      name: "PING",
      body: { id: this.#nextPing++, timestamp: 0n, data: new Uint8Array() },
    });
    await pong;
  }

  async #listen(reader: SocketReader): Promise<void> {
    try {
      for (;;) {
        const { name } = await readMessage(reader, (id, body) =>
          displayCodec.client.decode(id, body),
        );
        if (name === "PONG") this.#pongs.shift()?.();
      }
    } catch {
      this.#socket.destroy();
    }
  }
}

/** Listens on a free port of the loopback address until closed. */
export class ScriptServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #publicKey: Uint8Array;
  readonly #displays: ((display: ScriptDisplay) => void)[] = [];

  private constructor() {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    this.#publicKey = publicKey.export({ format: "der", type: "spki" });
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      void this.#serve(socket, new SocketReader(socket)).catch(() => socket.destroy());
    });
  }

  static async start(): Promise<ScriptServer> {
    const server = new ScriptServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return { host: "127.0.0.1", port: address.port };
  }

  /** The display channel of the next client that opens one. */
  nextDisplay(): Promise<ScriptDisplay> {
    return new Promise((resolve) => this.#displays.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(socket: Socket, reader: SocketReader): Promise<void> {
    const channel = await this.#link(socket, reader);
    if (channel === "main") {
      sendMessage(socket, mainCodec.server.encode(mainInit));
      for (;;) {
        const { name } = await readMessage(reader, (id, body) => mainCodec.client.decode(id, body));
        if (name === "ATTACH_CHANNELS") sendMessage(socket, mainCodec.server.encode(channelsList));
      }
    }
    await readMessage(reader, (id, body) => displayCodec.client.decode(id, body));
    this.#displays.shift()?.(new ScriptDisplay(socket, reader));
  }

  /** The link stage: any ticket is right, and mini headers are asked for. */
  async #link(socket: Socket, reader: SocketReader): Promise<"main" | "display"> {
    const { size } = linkHeader.decode(await reader.read(linkHeaderSize));
    const mess = linkMess.decode(await reader.read(size));
    const isMain = mess.channelType === Main.type;
    const commonCaps = capabilityWords([
      CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
      CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
      CommonCapability.SPICE_COMMON_CAP_MINI_HEADER,
    ]);
    const channelCaps = isMain ? [] : capabilityWords(Object.values(DisplayCapability));
    const reply = linkReply.encode({
      error: 0,
      pubKey: this.#publicKey,
      numCommonCaps: commonCaps.length,
      numChannelCaps: channelCaps.length,
      caps: [...commonCaps, ...channelCaps],
    });
    socket.write(
      linkHeader.encode({
        magic: linkMagic,
        major: protocolMajor,
        minor: protocolMinor,
        size: reply.length,
      }),
    );
    socket.write(reply);
    await reader.read(4 + ticketSize);
    socket.write(new Uint8Array(4));
    return isMain ? "main" : "display";
  }
}

const mainInit = {
  name: "INIT",
  body: {
    sessionId: 1,
    displayChannelsHint: 1,
    supportedMouseModes: 1,
    currentMouseMode: 1,
    agentConnected: 0,
    agentTokens: 0,
    multiMediaTime: 0,
    ramHint: 0,
  },
} as const satisfies ServerMessage<typeof Main>;

const channelsList = {
  name: "CHANNELS_LIST",
  body: { channels: [{ type: 2, id: 0 }] },
} as const satisfies ServerMessage<typeof Main>;

function sendMessage(socket: Socket, { id, body }: EncodedMessage): void {
  const header = Buffer.alloc(miniHeaderSize);
  header.writeUInt16LE(id, 0);
  header.writeUInt32LE(body.length, 2);
  socket.write(header);
  socket.write(body);
}

async function readMessage<M>(
  reader: SocketReader,
  decode: (id: number, body: Uint8Array) => M | null,
): Promise<M> {
  for (;;) {
    const header = await reader.read(miniHeaderSize);
    const body = await reader.read(header.readUInt32LE(2));
    const message = decode(header.readUInt16LE(0), body);
    if (message !== null) return message;
  }
}
