// A channel of a client, by hand: links over any address, sends and hears bytes.

import { LinkClient, type LinkFailure, type TransportFailure } from "@caraway/channel";
import { type HttpProxy, openTransport, type Transport } from "@caraway/node";
import { ChannelType, CommonCapability, capabilityWords } from "@caraway/protocol";

const common = capabilityWords([
  CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
  CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
  CommonCapability.SPICE_COMMON_CAP_MINI_HEADER,
]);

export interface Where {
  readonly url?: string;
  readonly host?: string;
  readonly proxy?: HttpProxy;
  readonly ca?: string;
}

/** The transport did not open, or ended; or the link stage did. */
export type Trouble = TransportFailure | LinkFailure | "closed";

export class RawChannel {
  readonly #transport: Transport;
  readonly #link: LinkClient;
  trouble: Trouble | null = null;
  isLinked = false;
  data = Buffer.alloc(0);

  constructor(where: Where, channel: { type?: number; connectionId?: number } = {}) {
    const { url, host = "", proxy, ca } = where;
    this.#link = new LinkClient({
      connection: 1,
      connectionId: channel.connectionId ?? 0,
      channelType: channel.type ?? ChannelType.MAIN,
      channelId: 0,
      commonCapabilities: common,
      channelCapabilities: [],
    });
    const address =
      url === undefined
        ? ({ kind: "tcp", host, port: 5900 } as const)
        : ({ kind: "websocket", url } as const);
    const tls = url?.startsWith("wss:") ? ({ kind: "hostname", host: "localhost" } as const) : null;
    const options = { proxy: proxy ?? null, tls: { ...(ca !== undefined && { ca }) } };
    this.#transport = openTransport(address, tls, options, {
      connected: () => {
        this.#link.connected();
        this.#drain();
      },
      received: (bytes) => {
        if (this.isLinked) this.data = Buffer.concat([this.data, bytes]);
        else {
          this.#link.received(bytes);
          this.#drain();
        }
      },
      backlog: () => {},
      closed: (failure) => {
        this.trouble ??= failure ?? "closed";
      },
    });
  }

  send(bytes: string | Uint8Array): void {
    this.#transport.write(Buffer.from(bytes));
  }

  close(): void {
    this.#transport.destroy();
  }

  /** Linked, or in trouble. */
  async settled(): Promise<this> {
    await until(() => this.isLinked || this.trouble !== null);
    return this;
  }

  #drain(): void {
    for (let output = this.#link.poll(); output !== null; output = this.#link.poll()) {
      if (output.type === "transmit") this.#transport.write(output.bytes);
      else if (output.type === "failed") this.trouble ??= output.failure;
      else if (output.type === "task") {
        this.#link.done({ kind: "ticket", ticket: new Uint8Array(128).fill(1) });
      } else {
        this.isLinked = true;
        this.data = Buffer.from(output.rest);
      }
    }
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
