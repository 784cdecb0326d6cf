// One face for an open socket and an open WebSocket: bytes in, bytes out, what is still waiting,
// and how it ended.

import type { Socket } from "node:net";
import type { TransportFailure } from "@caraway/channel";
import type { RawData, WebSocket } from "ws";
import type { BulkReader } from "./bulk-reads.ts";
import { describeFailure, printable } from "./transport-failure.ts";

export interface ByteStreamListener {
  received(bytes: Uint8Array): void;
  backlog(bytes: number): void;
  closed(failure: TransportFailure | null): void;
}

export interface ByteStream {
  /** Called once; nothing is read before. */
  listen(listener: ByteStreamListener): void;
  write(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Ends after what was written; nothing is reported from here on. */
  end(): void;
  destroy(): void;
}

// How long a peer may take to accept the last bytes and to close its side.
const LINGER_MS = 5_000;

const bulkSize = 16 << 10;

/** Reports the backlog only where it differs from what was said last. */
class BacklogGauge {
  #last = 0;

  update(bytes: number, listener: ByteStreamListener | null): void {
    if (bytes === this.#last) return;
    this.#last = bytes;
    listener?.backlog(bytes);
  }
}

/** `what` names the peer in failures; `reader` is the one that the socket was dialled with. */
export function attachSocket(
  socket: Socket,
  what: string,
  reader: BulkReader | null = null,
): ByteStream {
  const gauge = new BacklogGauge();
  let listener: ByteStreamListener | null = null;
  let ended = false;
  const reportBacklog = (): void => gauge.update(socket.writableLength, listener);
  // Writes issued in one turn leave as one packet. Large ones wait for the others that the same
  // round of the event loop brings: fewer and larger calls take half the processor time.
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
    reportBacklog();
  };
  const onClose = (): void => {
    const heard = listener;
    listener = null;
    if (heard === null) return;
    const error = socket.errored;
    heard.closed(error === null ? null : describeFailure(error, "open", what));
  };
  socket.on("close", onClose);
  return {
    listen(given) {
      listener = given;
      if (socket.destroyed) {
        queueMicrotask(onClose);
        return;
      }
      const received = (bytes: Uint8Array): void => listener?.received(bytes);
      if (reader === null) {
        socket.on("data", received);
      } else {
        reader.listen(received);
        socket.resume();
      }
    },
    write(bytes) {
      if (socket.destroyed || ended) return;
      if (!corked) {
        corked = true;
        socket.cork();
        if (bytes.length >= bulkSize) setImmediate(uncork);
        else queueMicrotask(uncork);
      }
      socket.write(bytes, reportBacklog);
    },
    pause() {
      socket.pause();
    },
    resume() {
      if (!ended) socket.resume();
    },
    end() {
      listener = null;
      ended = true;
      if (corked) socket.uncork();
      socket.end();
      // What still arrives is thrown away, so that the peer's end is seen.
      socket.resume();
      lingerThenDestroy(socket, () => socket.destroy());
    },
    destroy() {
      listener = null;
      ended = true;
      socket.destroy();
    },
  };
}

function lingerThenDestroy(
  closing: { once(event: "close", listener: () => void): unknown },
  destroy: () => void,
): void {
  const timer = setTimeout(destroy, LINGER_MS);
  closing.once("close", () => clearTimeout(timer));
}

/** Clean ends by the reference server (no close frame at all), a gateway or a browser's peer. */
const CLEAN_CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006]);

export function attachWebSocket(webSocket: WebSocket, what: string): ByteStream {
  const gauge = new BacklogGauge();
  let listener: ByteStreamListener | null = null;
  let failure: TransportFailure | null = null;
  let isClosed = webSocket.readyState === webSocket.CLOSED;
  const reportBacklog = (): void => gauge.update(webSocket.bufferedAmount, listener);
  const tellClosed = (): void => {
    const heard = listener;
    listener = null;
    heard?.closed(failure);
  };
  webSocket.on("error", (error) => {
    failure ??= describeFailure(error, "websocket", what);
  });
  webSocket.on("close", (code, reason) => {
    isClosed = true;
    if (failure === null && !CLEAN_CLOSE_CODES.has(code)) {
      const text = printable(reason.toString("utf8"));
      const detail = `${what}: closed with code ${code}${text === "" ? "" : `: ${text}`}`;
      failure = { kind: "websocket", detail };
    }
    tellClosed();
  });
  return {
    listen(given) {
      listener = given;
      if (isClosed) {
        queueMicrotask(tellClosed);
        return;
      }
      webSocket.on("message", (data: RawData) => {
        if (Array.isArray(data)) for (const part of data) listener?.received(part);
        else listener?.received(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
      });
      webSocket.resume();
    },
    write(bytes) {
      if (webSocket.readyState !== webSocket.OPEN) return;
      webSocket.send(bytes, { binary: true }, reportBacklog);
      reportBacklog();
    },
    pause() {
      webSocket.pause();
    },
    resume() {
      webSocket.resume();
    },
    end() {
      listener = null;
      webSocket.resume();
      webSocket.close(1000);
      lingerThenDestroy(webSocket, () => webSocket.terminate());
    },
    destroy() {
      listener = null;
      webSocket.terminate();
    },
  };
}
