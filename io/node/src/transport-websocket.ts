// WebSocket connections: SPICE bytes in binary messages whose borders mean nothing. The socket
// below is dialled and secured by us, so that proxy and verification are those of plain TCP.

import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { describeFailure, TransportError } from "./transport-failure.ts";

const SUB_PROTOCOL = "binary";
// A message is held until it is whole. The reference server makes one of each of its writes, and
// one write may be an image.
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Owns the socket: destroys it on failure. Rejects with `TransportError` or the signal's reason. */
export function upgrade(
  socket: Socket,
  url: string,
  what: string,
  signal: AbortSignal,
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      webSocket?.off("open", onOpen);
      webSocket?.off("error", onError);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (reason: unknown): void => {
      settle();
      webSocket?.terminate();
      socket.destroy();
      reject(reason);
    };
    const onOpen = (): void => {
      // The server may speak at once; nothing is read before somebody listens.
      webSocket!.pause();
      settle();
      resolve(webSocket!);
    };
    const onError = (error: unknown): void => {
      fail(new TransportError(describeFailure(error, "websocket", what)));
    };
    const onAbort = (): void => fail(signal.reason);
    let webSocket: WebSocket | null = null;
    try {
      signal.throwIfAborted();
      webSocket = new WebSocket(url, [SUB_PROTOCOL], {
        createConnection: () => socket,
        perMessageDeflate: false,
        maxPayload: MAX_MESSAGE_BYTES,
        // Messages are bytes to us, whatever the peer called them.
        skipUTF8Validation: true,
      });
    } catch (error) {
      if (signal.aborted) fail(signal.reason);
      else onError(error);
      return;
    }
    // Errors between two owners must not end the process.
    webSocket.on("error", () => {});
    webSocket.on("upgrade", (response) => {
      // Some servers take the connection without naming a sub-protocol: that is fine with us.
      response.headers["sec-websocket-protocol"] ??= SUB_PROTOCOL;
    });
    webSocket.once("open", onOpen);
    webSocket.once("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
