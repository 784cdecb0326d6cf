// A network between a client and a server that is as slow as a test wants it: a TCP port that passes bytes on after a fixed time and at a
// fixed rate in each direction, pushes back when it is full, and can be held or cut.

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface NetworkWay {
  /** Milliseconds that each byte is under way. Default 0. */
  readonly delayMs?: number;
  /** Shared by all connections. Default unbounded. */
  readonly bytesPerSecond?: number;
}

export interface SlowNetworkOptions {
  readonly target: { readonly host?: string; readonly port: number } | { readonly path: string };
  /** Where it listens. Default a free port of 127.0.0.1. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** From the one who connects. */
  readonly toTarget?: NetworkWay;
  readonly toClient?: NetworkWay;
  /**
   * Bytes of one connection and direction that are inside at a time, beside what the delay needs and what the kernel keeps for the
   * connection. Default 64 KiB.
   */
  readonly queueBytes?: number;
}

export class SlowNetwork implements AsyncDisposable {
  readonly #options: SlowNetworkOptions;
  readonly #server: Server;
  readonly #lines: { readonly toTarget: Line; readonly toClient: Line };
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(options: SlowNetworkOptions) {
    this.#options = options;
    const queueBytes = options.queueBytes ?? 64 << 10;
    this.#lines = {
      toTarget: new Line(options.toTarget ?? {}, queueBytes),
      toClient: new Line(options.toClient ?? {}, queueBytes),
    };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket);
    });
  }

  static async open(options: SlowNetworkOptions): Promise<SlowNetwork> {
    const network = new SlowNetwork(options);
    await new Promise<void>((resolve, reject) => {
      const { host, port } = options.listen ?? { host: "127.0.0.1", port: 0 };
      network.#server.once("error", reject).listen(port, host, resolve);
    });
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that have been made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Bytes that have come out so far. */
  get passed(): { readonly toTarget: number; readonly toClient: number } {
    return { toTarget: this.#lines.toTarget.passed, toClient: this.#lines.toClient.passed };
  }

  /** Makes it faster or slower, for what comes from now on. */
  change(ways: { readonly toTarget?: NetworkWay; readonly toClient?: NetworkWay }): void {
    if (ways.toTarget !== undefined) this.#lines.toTarget.way = ways.toTarget;
    if (ways.toClient !== undefined) this.#lines.toClient.way = ways.toClient;
  }

  /** From now on nothing comes out, until `release`; connections can still be made. */
  hold(): void {
    for (const line of Object.values(this.#lines)) line.hold();
  }

  release(): void {
    for (const line of Object.values(this.#lines)) line.release();
  }

  /** Breaks all connections at once, for both ends; what was under way is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#connections += 1;
    const { target } = this.#options;
    const onward =
      "path" in target
        ? connect({ path: target.path, allowHalfOpen: true })
        : connect({ host: "127.0.0.1", ...target, allowHalfOpen: true, noDelay: true });
    this.#join(socket, onward);
    this.#join(onward, socket);
    new Passage(socket, onward, this.#lines.toTarget);
    new Passage(onward, socket, this.#lines.toClient);
  }

  /** One that breaks takes the other along. */
  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => other.resetAndDestroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of Object.values(this.#lines)) line.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Bytes of a passage, or its end. */
interface Parcel {
  readonly passage: Passage;
  readonly bytes: Buffer | null;
  readonly arrivesAt: number;
}

/** So much at a time, so that connections take turns. */
const parcelBytes = 8 << 10;

/** One direction, which all connections share: what enters comes out in this order. */
class Line {
  way: NetworkWay;
  passed = 0;
  readonly #queueBytes: number;
  readonly #parcels: Parcel[] = [];
  /** When all is on the line that has entered. */
  #freeAt = 0;
  #isHeld = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(way: NetworkWay, queueBytes: number) {
    this.way = way;
    this.#queueBytes = queueBytes;
  }

  /** Bytes that one connection may have inside. */
  get room(): number {
    const { delayMs = 0, bytesPerSecond = 0 } = this.way;
    return this.#queueBytes + Math.ceil((bytesPerSecond * delayMs) / 1000);
  }

  enter(passage: Passage, bytes: Buffer | null): void {
    const { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = this.way;
    const size = bytes?.length ?? 0;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (size * 1000) / bytesPerSecond;
    // A way that became shorter lets nothing overtake.
    const after = this.#parcels.at(-1)?.arrivesAt ?? 0;
    const arrivesAt = Math.max(after, this.#freeAt + delayMs);
    this.#parcels.push({ passage, bytes, arrivesAt });
    this.#schedule();
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  close(): void {
    this.#isHeld = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #schedule(): void {
    const [first] = this.#parcels;
    if (first === undefined || this.#isHeld || this.#timer !== null) return;
    const wait = Math.max(0, Math.ceil(first.arrivesAt - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#arrive();
    }, wait);
  }

  #arrive(): void {
    const now = performance.now();
    while (!this.#isHeld) {
      const [first] = this.#parcels;
      if (first === undefined || first.arrivesAt > now) break;
      this.#parcels.shift();
      this.passed += first.bytes?.length ?? 0;
      first.passage.arrived(first.bytes);
    }
    this.#schedule();
  }
}

/** One direction of one connection. */
class Passage {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #line: Line;
  #inside = 0;

  constructor(from: Socket, to: Socket, line: Line) {
    this.#from = from;
    this.#to = to;
    this.#line = line;
    from.on("data", (bytes: Buffer) => {
      this.#inside += bytes.length;
      for (let at = 0; at < bytes.length; at += parcelBytes) {
        line.enter(this, bytes.subarray(at, at + parcelBytes));
      }
      if (this.#inside >= line.room) from.pause();
    });
    from.on("end", () => line.enter(this, null));
  }

  arrived(bytes: Buffer | null): void {
    if (this.#to.destroyed) return;
    if (bytes === null) {
      this.#to.end();
      return;
    }
    // What the receiver does not take stays inside.
    this.#to.write(bytes, () => {
      this.#inside -= bytes.length;
      if (this.#inside < this.#line.room) this.#from.resume();
    });
  }
}
