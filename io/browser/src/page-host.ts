// A session within the page, where there is no worker for it. Loaded only then.

import { ClientHost } from "./client-host.ts";
import type { ClientOptions, FromClient } from "./client-message.ts";
import { loadDecoders } from "./decoders.ts";
import type { Connector } from "./transport.ts";
import { findVideoCodecs } from "./video-codecs.ts";

export async function startPageHost(
  options: ClientOptions,
  connector: Connector,
  startWorker: () => Worker,
  hear: (message: FromClient) => void,
): Promise<ClientHost> {
  const [decoders, videoCodecs] = await Promise.all([loadDecoders(), findVideoCodecs()]);
  // As from a worker, nothing is heard in the middle of what the page does.
  const post = (message: FromClient) => queueMicrotask(() => hear(message));
  return new ClientHost(options, { connector, post, decoders, videoCodecs, startWorker });
}
