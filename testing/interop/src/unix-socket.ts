// Connecting to a unix socket that a program has yet to create.

import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", () => resolve(null));
  });
}

/** Connects as soon as the socket exists; gives up when its owner is no longer alive. */
export async function connectUnix(path: string, isAlive: () => boolean): Promise<Socket> {
  for (;;) {
    const socket = await tryConnect(path);
    if (socket !== null) return socket;
    if (!isAlive()) throw new Error(`nobody listens on ${path}: its program has ended`);
    await delay(20);
  }
}
