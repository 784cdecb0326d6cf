// The one script of every thread: the first message says whether it is to run a session, which begins
// when the page says with what, or to decode images.

import { runDecodeJob } from "@caraway/canvas";
import { ClientHost } from "./client-host.ts";
import type { FromClient, RelayAnswer, StartsWorker, ToClient } from "./client-message.ts";
import { type DecodeRequest, type DecoderReady, toReply } from "./decode-message.ts";
import { loadDecoders } from "./decoders.ts";
import { RelayedChannel } from "./relayed-channel.ts";
import type { ConnectionAnswer, Connector } from "./transport.ts";
import { findVideoCodecs } from "./video-codecs.ts";

/** What of a worker's global scope is in use; the page's types have another one. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
  readonly location: { readonly href: string };
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }: MessageEvent<StartsWorker>) => {
  if (data.role === "decoder") decodeImages();
  else runClient();
};

function decodeImages(): void {
  void loadDecoders().then(({ decoders }) => {
    scope.onmessage = ({ data: { task, job } }: MessageEvent<DecodeRequest>) => {
      runDecodeJob(job, decoders, (outcome) => {
        const [reply, transfer] = toReply(task, outcome);
        scope.postMessage(reply, transfer);
      });
    };
    const ready: DecoderReady = { ready: true };
    scope.postMessage(ready, []);
  });
}

function runClient(): void {
  const post = (message: FromClient, transfer: Transferable[] = []) => {
    scope.postMessage(message, transfer);
  };
  const asked = new AskedConnections(post);
  const loaded = Promise.all([loadDecoders(), findVideoCodecs()]);
  const startWorker = () => new Worker(scope.location.href, { type: "module" });
  // What the page says before all is loaded waits for the session.
  let host: Promise<ClientHost> | null = null;
  scope.onmessage = ({ data }: MessageEvent<ToClient>) => {
    if (data.type === "start") {
      post({ type: "ready" });
      const { options } = data;
      const { connector } = asked;
      host = loaded.then(([decoders, videoCodecs]) => {
        return new ClientHost(options, { connector, post, decoders, videoCodecs, startWorker });
      });
    } else if (data.type === "connect-to" || data.type.startsWith("relay-")) {
      asked.hear(data as Parameters<AskedConnections["hear"]>[0]);
    } else {
      void host?.then((running) => running.handle(data as Parameters<ClientHost["handle"]>[0]));
    }
  };
}

/** Connections that only the page knows how to make. */
class AskedConnections {
  readonly #post: (message: FromClient, transfer?: Transferable[]) => void;
  readonly #waiting = new Map<number, (answer: RelayAnswer) => void>();
  readonly #relayed = new Map<number, RelayedChannel>();
  #next = 0;

  constructor(post: (message: FromClient, transfer?: Transferable[]) => void) {
    this.#post = post;
  }

  readonly connector: Connector = (connection) => {
    const request = this.#next++;
    this.#post({ type: "connect", request, connection });
    return new Promise<ConnectionAnswer>((resolve, reject) => {
      this.#waiting.set(request, (answer) => {
        if (answer.kind === "url") resolve(answer.url);
        else if (answer.kind === "none") resolve(null);
        else if (answer.kind === "error") reject(new Error(answer.detail));
        else resolve(this.#relay(request, answer));
      });
    });
  };

  hear(message: Extract<ToClient, { type: "connect-to" | `relay-${string}` }>): void {
    if (message.type === "connect-to") {
      this.#waiting.get(message.request)?.(message.answer);
      this.#waiting.delete(message.request);
      return;
    }
    this.#relayed.get(message.relay)?.hear(message);
    if (message.type === "relay-close") this.#relayed.delete(message.relay);
  }

  #relay(relay: number, answer: Extract<RelayAnswer, { kind: "relay" }>): RelayedChannel {
    const channel = new RelayedChannel(relay, answer.isWebSocket, answer.isOpen, this.#post);
    this.#relayed.set(relay, channel);
    return channel;
  }
}
