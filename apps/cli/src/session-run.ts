// One session from the command line: opened, asked for its password once if that is needed, ended
// by its task, by the server or by Ctrl-C.

import type { SessionEvent, SessionOptions } from "@caraway/client";
import { type PictureEvent, SpiceClient, type SpiceClientOptions } from "@caraway/node";
import type { CarawayError } from "@caraway/wire";
import type { Connection } from "./connection-arguments.ts";

export interface SessionWatcher {
  readonly session?: Partial<SessionOptions>;
  readonly onBytes?: SpiceClientOptions["onBytes"];
  /** Where sound goes and comes from; their channels are opened then. */
  readonly sound?: Pick<SpiceClientOptions, "playback" | "record">;
  readonly onStream?: SpiceClientOptions["onStream"];
  onEvent?(event: SessionEvent, client: SpiceClient): void;
  onPicture?(event: PictureEvent, client: SpiceClient): void;
}

/** The session ended before the command was done. */
export class SessionEnded extends Error {
  override readonly name = "SessionEnded";
  override readonly cause: CarawayError | null;

  constructor(cause: CarawayError | null) {
    super(cause?.message ?? "the session ended");
    this.cause = cause;
  }
}

/**
 * Runs `work` with an open client, closes it, and gives what `work` gave. Rejects with
 * SessionEnded when the session ends first.
 */
export async function runSession<T>(
  connection: Connection,
  watcher: SessionWatcher,
  work: (client: SpiceClient, interrupted: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(connection, watcher, work);
  } catch (error) {
    const denied = error instanceof SessionEnded && error.cause?.code === "LINK_PERMISSION_DENIED";
    if (!denied || !connection.passwords.canAsk) throw error;
    await connection.passwords.ask();
    return await attempt(connection, watcher, work);
  }
}

async function attempt<T>(
  connection: Connection,
  watcher: SessionWatcher,
  work: (client: SpiceClient, interrupted: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  let client: SpiceClient | null = null;
  try {
    return await new Promise<T>((resolve, reject) => {
      const opened = new SpiceClient({
        session: { ...connection.session, ...watcher.session },
        credentials: connection.passwords.credentials,
        transport: connection.transport,
        ...watcher.sound,
        ...(watcher.onBytes && { onBytes: watcher.onBytes }),
        ...(watcher.onStream && { onStream: watcher.onStream }),
        onEvent: (event) => {
          watcher.onEvent?.(event, opened);
          if (event.name === "ended") reject(new SessionEnded(event.error));
        },
        onPicture: (event) => watcher.onPicture?.(event, opened),
        onFault: reject,
      });
      client = opened;
      work(opened, interrupted.signal).then(resolve, reject);
    });
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    // The work may still wait for something that will not come any more.
    interrupted.abort();
    (client as SpiceClient | null)?.close();
  }
}
