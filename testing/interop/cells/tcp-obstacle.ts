// What stands between a client and a server on bad days: a port that answers nothing, and a relay
// that keeps everything back for a while.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "@caraway/interop";

/** A port whose connection attempts are neither taken nor refused: its queue is full. */
export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #stop: () => void;
  readonly #fillers: Socket[] = [];

  private constructor(port: number, stop: () => void) {
    this.port = port;
    this.#stop = stop;
  }

  static async open(): Promise<BlackHole> {
    const port = await findFreePort();
    const listen = `require("net").createServer().listen(${port}, "127.0.0.1", 1, () => console.log())`;
    const child = spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "inherit"] });
    const hole = new BlackHole(port, () => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    // A stopped process accepts nothing; a few connections fill what the kernel accepts for it.
    child.kill("SIGSTOP");
    for (let count = 0; count < 8; count++) {
      const filler = connect(port, "127.0.0.1");
      filler.on("error", () => undefined);
      hole.#fillers.push(filler);
      const isTaken = await Promise.race([
        once(filler, "connect").then(() => true),
        delay(300).then(() => false),
      ]);
      if (!isTaken) return hole;
    }
    await hole[Symbol.asyncDispose]();
    throw new Error("the port still takes connections");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    this.#stop();
  }
}

/** Passes bytes on in both directions; while it is shut, it takes connections and keeps all back. */
export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: Socket[] = [];
  readonly #targetPort: number;
  #isShut = true;
  connections = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** Shut at first. */
  static async open(targetPort: number): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, targetPort);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  release(): void {
    this.#isShut = false;
    for (const socket of this.#waiting.splice(0)) this.#join(socket);
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#keep(socket);
    if (this.#isShut) this.#waiting.push(socket);
    else this.#join(socket);
  }

  #join(socket: Socket): void {
    if (socket.destroyed) return;
    const onward = connect(this.#targetPort, "127.0.0.1");
    this.#keep(onward);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.pipe(to);
      from.on("close", () => to.destroy());
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
