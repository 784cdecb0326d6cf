// Hears what a server says on every connection: the messages of each channel, and how many bytes.

import { ConversationTap } from "@caraway/channel";
import {
  baseCodec,
  ChannelType,
  cursorCodec,
  displayCodec,
  inputsCodec,
  mainCodec,
} from "@caraway/protocol";
import type { Far, ServerWorld } from "./server-world.ts";

export interface HeardMessage {
  readonly channel: string;
  readonly name: string;
  readonly body: object;
}

const kinds: Readonly<Record<number, { name: string; codec: typeof displayCodec }>> = {
  [ChannelType.MAIN]: { name: "main", codec: mainCodec as never },
  [ChannelType.DISPLAY]: { name: "display", codec: displayCodec },
  [ChannelType.INPUTS]: { name: "inputs", codec: inputsCodec as never },
  [ChannelType.CURSOR]: { name: "cursor", codec: cursorCodec as never },
};

class Heard {
  readonly tap = new ConversationTap();
  channel = "";
  codec: typeof displayCodec | null = null;
}

export class ServerEar {
  readonly messages: HeardMessage[] = [];
  /** Bytes of messages, headers included, by channel. */
  readonly bytes = new Map<string, number>();
  /** The server's names of the connections, by channel. */
  readonly connections = new Map<string, number>();
  readonly #heard = new Map<number, Heard>();

  constructor(world: ServerWorld) {
    const accept = world.accept.bind(world);
    const toServer = world.toServer.bind(world);
    world.accept = (arrival, far) => {
      const heard = new Heard();
      let connection = 0;
      const ear: Far = {
        received: (bytes) => {
          heard.tap.push("server", bytes);
          this.#drain(heard, connection);
          far.received(bytes);
        },
        closed: () => far.closed(),
      };
      connection = accept(arrival, ear);
      this.#heard.set(connection, heard);
      return connection;
    };
    world.toServer = (connection, bytes) => {
      const heard = this.#heard.get(connection);
      heard?.tap.push("client", bytes);
      if (heard !== undefined) this.#drain(heard, connection);
      toServer(connection, bytes);
    };
  }

  /** From here on. */
  clear(): void {
    this.messages.length = 0;
    this.bytes.clear();
  }

  names(channel: string): string[] {
    return this.messages.filter((each) => each.channel === channel).map(({ name }) => name);
  }

  ofName<B>(channel: string, name: string): B[] {
    return this.messages
      .filter((each) => each.channel === channel && each.name === name)
      .map(({ body }) => body as B);
  }

  #drain(heard: Heard, connection: number): void {
    for (let found = heard.tap.poll(); found !== null; found = heard.tap.poll()) {
      if (found.type === "broken") throw found.error;
      if (found.type === "link-message") {
        const kind = kinds[found.value.channelType]!;
        heard.channel = `${kind.name} ${found.value.channelId}`;
        heard.codec = kind.codec;
        this.connections.set(heard.channel, connection);
      } else if (found.type === "message" && found.from === "server") {
        const { channel } = heard;
        const { id, body } = found.frame;
        const codec = id < 100 ? (baseCodec as never as typeof displayCodec) : heard.codec!;
        const message = codec.server.decode(id, body)!;
        this.messages.push({ channel, name: message.name, body: message.body });
        this.bytes.set(channel, (this.bytes.get(channel) ?? 0) + body.length + 6);
      }
    }
  }
}
