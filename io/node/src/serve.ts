// A whole server on Node: a guest and a server machine, driven by sockets and one timer, in turns.

import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import type { ConnectionKey, Instant } from "@caraway/channel";
import type { Bitmap, ColorImage, QuicColorType } from "@caraway/codecs";
import { Turns } from "@caraway/driver";
import {
  type Arrival,
  type Guest,
  type GuestInput,
  plainEncoders,
  type ServerCommand,
  type ServerEvent,
  type ServerInput,
  type ServerOptions,
  type ServerOutput,
  SpiceServer,
} from "@caraway/server";
import type { ByteStream } from "./byte-stream.ts";
import type { VideoEncoders } from "./ffmpeg.ts";
import { encoderKernels } from "./kernels.ts";
import { type ListenAddress, Listener, type ListenTls } from "./listen.ts";
import type { OriginRule } from "./listen-websocket.ts";
import { nodeClock } from "./platform.ts";
import type { SaslPasswords } from "./serve-scram.ts";
import { ServerTasks } from "./serve-tasks.ts";

export interface ServeOptions {
  /** Null: it comes later, by `attachGuest`. */
  readonly guest: Guest | null;
  /** Whether the guest is run at once, which is so when absent. */
  readonly run?: boolean;
  readonly listen: readonly ListenAddress[];
  readonly tls?: ListenTls;
  /** Which pages may connect by WebSocket; those of the same host when absent. */
  readonly origins?: OriginRule;
  readonly server?: Partial<ServerOptions>;
  /** What `findVideoEncoders` has found; without it, video goes out as JPEG frames. */
  readonly videoEncoders?: VideoEncoders | null;
  /** Passwords for SASL, which `server.sasl` turns on. */
  readonly saslPasswords?: SaslPasswords;
  readonly onEvent?: (event: ServerEvent) => void;
  /** Bytes for the other server of a move, in order. */
  readonly onPeer?: (bytes: Uint8Array) => void;
  /** A machine has thrown, which is a fault in the program: everything is closed by then. */
  readonly onFault?: (error: unknown) => void;
}

interface OpenConnection {
  readonly stream: ByteStream;
  readonly arrival: Arrival;
  sent: number;
}

export interface Traffic {
  /** Bytes to clients, as they were handed to their connections. */
  readonly sent: number;
  readonly received: number;
}

export class GuestServer {
  readonly #options: ServeOptions;
  readonly #server: SpiceServer;
  #guest: Guest | null;
  readonly #tasks: ServerTasks;
  readonly #connections = new Map<ConnectionKey, OpenConnection>();
  readonly #turns: Turns;
  #listener: Listener | null = null;
  #nextConnection: ConnectionKey = 1;
  #isClosed = false;
  #sent = 0;
  #received = 0;

  private constructor(options: ServeOptions) {
    this.#options = options;
    this.#guest = options.guest;
    const encoders = {
      ...plainEncoders,
      quic: (image: ColorImage, type: QuicColorType) => encoderKernels().quic.encode(image, type),
      lz4: (bitmap: Bitmap) => encoderKernels().lz4.encode(bitmap),
      deflate: (bytes: Uint8Array) => new Uint8Array(deflateSync(bytes, { level: 3 })),
      jpeg: true,
      video: options.videoEncoders?.codecs ?? [],
      opus: true,
    };
    this.#server = new SpiceServer({ encoders, ...options.server });
    this.#tasks = new ServerTasks(
      options.saslPasswords ?? (() => null),
      options.videoEncoders ?? null,
    );
    this.#turns = new Turns({
      clock: nodeClock,
      deadline: () => this.#deadline(),
      wake: () => this.#wake(),
      fault: (error) => this.#fault(error),
    });
  }

  /** Runs the guest and listens; rejects when an address cannot be had. */
  static async start(options: ServeOptions): Promise<GuestServer> {
    const server = new GuestServer(options);
    if (options.guest === null) server.#tasks.prepare();
    server.drainGuest();
    server.#listener = await Listener.open({
      addresses: options.listen,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.origins === undefined ? {} : { origins: options.origins }),
      accepted: (stream, arrival) => server.#accepted(stream, arrival),
    });
    if (options.run ?? true) server.input({ type: "run" });
    return server;
  }

  /** Where it listens. */
  get addresses(): readonly ListenAddress[] {
    return this.#listener?.addresses ?? [];
  }

  /** What clients and server have said to each other so far. */
  get traffic(): Traffic {
    return { sent: this.#sent, received: this.#received };
  }

  /** Bytes that went out on a connection that is still there. */
  sentOn(connection: ConnectionKey): number {
    return this.#connections.get(connection)?.sent ?? 0;
  }

  /** Plain data about everything that goes on; no secrets, no pixels. */
  snapshot(): unknown {
    const now = performance.now();
    return { server: this.#server.snapshot(now), guest: this.#guest?.snapshot(now) ?? null };
  }

  command(command: ServerCommand): void {
    this.#enqueue({ type: "command", command });
  }

  /** From the other server of a move, in order. */
  peer(bytes: Uint8Array): void {
    this.#enqueue({ type: "peer", bytes });
  }

  /** The guest of a server that began without: it describes itself, and stays stopped. */
  attachGuest(guest: Guest): void {
    this.#turns.take(() => {
      this.#guest = guest;
      this.#drainGuest();
    });
  }

  /** Hands the guest an input, such as `run` and `stop`. */
  input(input: GuestInput): void {
    this.#turns.take(() => this.#guestTurn(input));
  }

  /** A guest with inputs of its own has something to say. */
  drainGuest(): void {
    this.#turns.take(() => this.#drainGuest());
  }

  /** Ends all sessions and listens no more. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#turns.take(() => {
      this.#serverTurn({ type: "command", command: { name: "close" } });
      // Behind what that brings about for the guest.
      this.#turns.take(() => this.#turns.stop());
    });
    this.#tasks.close();
    await this.#listener?.close();
  }

  #accepted(stream: ByteStream, arrival: Arrival): void {
    if (this.#isClosed) {
      stream.destroy();
      return;
    }
    const connection = this.#nextConnection++;
    const opened = { stream, arrival, sent: 0 };
    this.#connections.set(connection, opened);
    const tell = (input: ServerInput): void => {
      this.#turns.take(() => {
        if (this.#connections.get(connection) !== opened) return;
        // After `closed` the connection is gone, also for what the machine says then.
        if (input.type === "closed") this.#drop(connection);
        this.#serverTurn(input);
      });
    };
    const random = randomBytes(4).readUInt32LE();
    tell({ type: "accepted", connection, arrival, random });
    stream.listen({
      received: (bytes) => {
        this.#received += bytes.length;
        tell({ type: "received", connection, bytes });
      },
      backlog: (bytes) => tell({ type: "backlog", connection, bytes }),
      closed: (failure) => tell({ type: "closed", connection, failure }),
    });
  }

  #drop(connection: ConnectionKey): void {
    this.#connections.delete(connection);
    this.#tasks.forget(connection);
  }

  #enqueue(input: ServerInput): void {
    this.#turns.take(() => this.#serverTurn(input));
  }

  #fault(error: unknown): void {
    this.#isClosed = true;
    for (const { stream } of this.#connections.values()) stream.destroy();
    this.#connections.clear();
    this.#tasks.close();
    void this.#listener?.close();
    if (this.#options.onFault === undefined) throw error;
    this.#options.onFault(error);
  }

  #serverTurn(input: ServerInput): void {
    this.#server.handle(input, performance.now());
    for (let output = this.#server.poll(); output !== null; output = this.#server.poll()) {
      this.#perform(output);
    }
  }

  #guestTurn(input: GuestInput): void {
    this.#guest?.handle(input, performance.now());
    this.#drainGuest();
  }

  #drainGuest(): void {
    const guest = this.#guest;
    if (guest === null) return;
    for (let output = guest.poll(); output !== null; output = guest.poll()) {
      this.#serverTurn({ type: "guest", output });
    }
  }

  #perform(output: ServerOutput): void {
    switch (output.type) {
      case "transmit":
        this.#transmit(output.connection, output.bytes);
        break;
      case "pause":
        this.#connections.get(output.connection)?.stream.pause();
        break;
      case "resume":
        this.#connections.get(output.connection)?.stream.resume();
        break;
      case "disconnect":
        this.#connections.get(output.connection)?.stream.end();
        this.#drop(output.connection);
        break;
      case "task": {
        const { task, work } = output;
        const arrival =
          "connection" in work ? this.#connections.get(work.connection)?.arrival : undefined;
        void this.#tasks.run(work, arrival).then((result) => {
          this.#enqueue({ type: "done", task, result });
        });
        break;
      }
      case "guest": {
        const { input } = output;
        this.#turns.take(() => this.#guestTurn(input));
        break;
      }
      case "peer":
        this.#options.onPeer?.(output.bytes);
        break;
      case "event":
        this.#options.onEvent?.(output.event);
        break;
    }
  }

  #transmit(connection: ConnectionKey, bytes: Uint8Array): void {
    const opened = this.#connections.get(connection);
    if (opened === undefined) return;
    opened.sent += bytes.length;
    this.#sent += bytes.length;
    opened.stream.write(bytes);
  }

  #deadline(): Instant | null {
    const server = this.#server.deadline();
    const guest = this.#guest?.deadline() ?? null;
    if (server === null || guest === null) return server ?? guest;
    return Math.min(server, guest);
  }

  #wake(): void {
    const now = performance.now();
    if ((this.#guest?.deadline() ?? Number.POSITIVE_INFINITY) <= now) {
      this.#guestTurn({ type: "timeout" });
    }
    if ((this.#server.deadline() ?? Number.POSITIVE_INFINITY) <= now) {
      this.#serverTurn({ type: "timeout" });
    }
  }
}
