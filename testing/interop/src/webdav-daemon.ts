// What spice-webdavd is in a guest: a port of this machine whose connections go, framed, through the
// one stream of a webdav device. So any WebDAV program can be at the far end of a shared folder
// without a guest around it.

import { createServer, type Server, type Socket } from "node:net";
import { MuxReader, muxBytes } from "@caraway/webdav";

export class WebdavDaemon implements AsyncDisposable {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new MuxReader();
  readonly #sockets = new Map<bigint, Socket>();
  readonly #server: Server;
  #nextConnection = 1n;

  /** `send`: to the device's other end. */
  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
    this.#server = createServer((socket) => this.#connected(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** From the device's other end. */
  received(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      const socket = this.#sockets.get(frame.connection);
      if (frame.bytes.length > 0) {
        socket?.write(frame.bytes);
        continue;
      }
      this.#sockets.delete(frame.connection);
      socket?.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connected(socket: Socket): void {
    const connection = this.#nextConnection++;
    this.#sockets.set(connection, socket);
    socket.on("data", (bytes: Uint8Array) => this.#send(muxBytes(connection, bytes)));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#sockets.delete(connection)) this.#send(muxBytes(connection, new Uint8Array(0)));
    });
  }
}
