// A server in virtual time: bytes travel at once or when a test lets them, tasks are answered by the
// book, and the guest is whatever the test says.

import {
  type Arrival,
  type GuestInput,
  type GuestOutput,
  type ServerEvent,
  type ServerOptions,
  type ServerOutput,
  type ServerTaskResult,
  SpiceServer,
  type VideoTask,
} from "../src/index.ts";
import { fakeJpeg } from "./raw-client.ts";

export interface Far {
  received(bytes: Uint8Array): void;
  closed(): void;
}

interface Connection {
  readonly far: Far;
  /** Bytes that a slow client has not taken; null: it takes all. */
  held: Uint8Array[] | null;
}

export class ServerWorld {
  readonly server: SpiceServer;
  readonly toGuest: GuestInput[] = [];
  readonly events: ServerEvent[] = [];
  readonly tasks: { task: number; work: Extract<ServerOutput, { type: "task" }>["work"] }[] = [];
  now = 1000;
  /** JPEG tasks wait for `finishTasks`. */
  defersJpeg = false;
  /** What was asked of encoders of video. */
  readonly videoTasks: VideoTask[] = [];
  /** They fail. */
  hasNoEncoder = false;
  /** Bytes from the server to each connection. */
  readonly sentBytes = new Map<number, number>();
  readonly #connections = new Map<number, Connection>();
  readonly #actions: (() => void)[];
  /** Where the server's word for the other server of a move goes. */
  onPeer: (bytes: Uint8Array) => void = () => {};
  /** Connections that the server does not read. */
  readonly paused = new Set<number>();
  #nextConnection = 1;
  #isSettling = false;

  /** Worlds with the same `actions` are one: what happens in any of them happens in order. */
  constructor(options: Partial<ServerOptions> = {}, actions: (() => void)[] = []) {
    this.server = new SpiceServer(options);
    this.#actions = actions;
  }

  /** What the other server of a move says arrives. */
  peer(bytes: Uint8Array): void {
    this.#feed({ type: "peer", bytes });
  }

  /** Each connection has sent some of what was under way. */
  trickle(): void {
    for (const connection of [...this.#connections.keys()]) {
      this.#feed({ type: "backlog", connection, bytes: 2000 });
      this.#feed({ type: "backlog", connection, bytes: 1000 });
    }
    this.settle();
  }

  /** A deadline has passed. */
  timeout(): void {
    this.#feed({ type: "timeout" });
    this.settle();
  }

  /** What the guest says. */
  guest(...outputs: GuestOutput[]): void {
    for (const output of outputs) this.#feed({ type: "guest", output });
    this.settle();
  }

  /** A guest with one display, keyboard, mouse and tablet, that is there. */
  begin(width = 64, height = 48, format: 1 | 8 | 16 | 32 | 80 | 96 = 32): void {
    this.guest(
      { type: "identity", name: "vm", uuid: new Uint8Array(16).fill(7) },
      { type: "attach", device: { kind: "display", id: 0 } },
      { type: "attach", device: { kind: "keyboard" } },
      { type: "attach", device: { kind: "mouse" } },
      { type: "attach", device: { kind: "tablet" } },
      { type: "surface-create", display: 0, surface: 0, width, height, format, content: null },
      { type: "ready" },
      { type: "running", running: true },
    );
  }

  command(
    command: Parameters<SpiceServer["handle"]>[0] extends infer I
      ? I extends { type: "command"; command: infer C }
        ? C
        : never
      : never,
  ): void {
    this.#feed({ type: "command", command });
    this.settle();
  }

  accept(arrival: Arrival, far: Far): number {
    const connection = this.#nextConnection++;
    this.#connections.set(connection, { far, held: null });
    this.#feed({ type: "accepted", connection, arrival, random: 0x1000 + connection });
    return connection;
  }

  toServer(connection: number, bytes: Uint8Array): void {
    this.#actions.push(() => {
      if (!this.#connections.has(connection)) return;
      this.#feed({ type: "received", connection, bytes });
    });
    this.settle();
  }

  /** Does something when what is under way has arrived. */
  later(action: () => void): void {
    this.#actions.push(action);
  }

  hangUp(connection: number): void {
    if (!this.#connections.delete(connection)) return;
    this.#feed({ type: "closed", connection, failure: null });
    this.settle();
  }

  /** The client stops taking bytes. */
  hold(connection: number): void {
    this.#connections.get(connection)!.held ??= [];
  }

  /** The client takes what waits, and all that follows. */
  release(connection: number): void {
    const found = this.#connections.get(connection);
    const held = found?.held ?? [];
    if (found !== undefined) found.held = null;
    for (const bytes of held) this.#actions.push(() => found?.far.received(bytes));
    this.#feed({ type: "backlog", connection, bytes: 0 });
    this.settle();
  }

  heldBytes(connection: number): number {
    const held = this.#connections.get(connection)?.held ?? [];
    return held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Lets time pass, deadline by deadline. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (let turns = 0; turns < 10_000; turns++) {
      const deadline = this.server.deadline();
      if (deadline === null || deadline > until) break;
      this.now = Math.max(this.now, deadline);
      this.#feed({ type: "timeout" });
      this.settle();
    }
    this.now = until;
    this.#feed({ type: "timeout" });
    this.settle();
  }

  settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    for (let action = this.#actions.shift(); action !== undefined; action = this.#actions.shift()) {
      action();
    }
    this.#isSettling = false;
    const deadline = this.server.deadline();
    // Work that was put off to give others their turn.
    if (deadline !== null && deadline <= this.now) {
      this.#feed({ type: "timeout" });
      this.settle();
    }
  }

  finishTasks(): void {
    for (const { task, work } of this.tasks.splice(0)) this.#finish(task, work);
    this.settle();
  }

  eventsOf<N extends ServerEvent["name"]>(name: N): Extract<ServerEvent, { name: N }>[] {
    return this.events.filter((event) => event.name === name) as never;
  }

  guestInputs<T extends GuestInput["type"]>(type: T): Extract<GuestInput, { type: T }>[] {
    return this.toGuest.filter((input) => input.type === type) as never;
  }

  #feed(input: Parameters<SpiceServer["handle"]>[0]): void {
    this.server.handle(input, this.now);
    for (let output = this.server.poll(); output !== null; output = this.server.poll()) {
      this.#perform(output);
    }
  }

  #perform(output: ServerOutput): void {
    switch (output.type) {
      case "transmit": {
        const { connection, bytes } = output;
        const found = this.#connections.get(connection);
        this.sentBytes.set(connection, (this.sentBytes.get(connection) ?? 0) + bytes.length);
        if (found === undefined) break;
        if (found.held === null) {
          this.#actions.push(() => found.far.received(bytes));
          break;
        }
        found.held.push(bytes);
        this.#actions.push(() => {
          if (!this.#connections.has(connection)) return;
          const waiting = this.heldBytes(connection);
          this.#feed({ type: "backlog", connection, bytes: waiting });
        });
        break;
      }
      case "disconnect": {
        const found = this.#connections.get(output.connection);
        this.#connections.delete(output.connection);
        this.#actions.push(() => found?.far.closed());
        break;
      }
      case "task":
        if (output.work.kind.startsWith("video-")) this.videoTasks.push(output.work as VideoTask);
        if (output.work.kind === "jpeg" && this.defersJpeg) this.tasks.push(output);
        else if (output.work.kind === "video-encode" && this.hasNoEncoder)
          this.#refuse(output.task);
        else this.#actions.push(() => this.#finish(output.task, output.work));
        break;
      case "guest":
        this.toGuest.push(output.input);
        break;
      case "event":
        this.events.push(output.event);
        break;
      case "peer":
        this.onPeer(output.bytes);
        break;
      case "pause":
        this.paused.add(output.connection);
        break;
      case "resume":
        this.paused.delete(output.connection);
        break;
    }
  }

  #refuse(task: number): void {
    const result = { kind: "failed", detail: "there is no encoder" } as const;
    this.#actions.push(() => this.#feed({ type: "done", task, result }));
  }

  #finish(task: number, work: Extract<ServerOutput, { type: "task" }>["work"]): void {
    this.#feed({ type: "done", task, result: resultOf(work) });
  }
}

function resultOf(work: Extract<ServerOutput, { type: "task" }>["work"]): ServerTaskResult {
  switch (work.kind) {
    case "key":
      return { kind: "key", publicKey: new Uint8Array(162).fill(1) };
    case "decrypt":
      return { kind: "decrypt", plain: work.ticket };
    case "jpeg":
      return { kind: "jpeg", data: fakeJpeg(work.image) };
    // Stands for a codec: which one, and how much it may send.
    case "video-encode":
      return { kind: "video-frame", data: Uint8Array.of(work.codec, work.image.width & 255) };
    case "video-end":
      return { kind: "video-ended" };
    // Stands for Opus: the first bytes of the samples, and the other way round.
    case "opus-encode":
      return { kind: "opus-encode", packet: work.samples.slice(0, 4) };
    case "opus-decode":
      return {
        kind: "opus-decode",
        samples: Uint8Array.from(
          Array(480)
            .fill([...work.packet])
            .flat(),
        ),
      };
    case "sasl-mechanisms":
      return { kind: "sasl-mechanisms", mechanisms: "PLAIN" };
    case "sasl-start": {
      const [, user = "", password] = Buffer.from(work.data ?? [])
        .toString()
        .split("\0");
      if (password !== "secret") return { kind: "refused", detail: "wrong password" };
      return { kind: "sasl-accepted", user, data: null };
    }
    case "sasl-step":
      return { kind: "refused", detail: "PLAIN has no steps" };
  }
}
