// A client as a process: the real session and the real renderer, and somebody who types.

import {
  type DecodeJob,
  plainDecoders,
  Renderer,
  type RenderInput,
  readColors,
  runDecodeJob,
} from "@caraway/canvas";
import type { ConnectionKey, Instant, TransportInput } from "@caraway/channel";
import {
  type ChannelName,
  ClientSession,
  channelLabel,
  defaultSessionOptions,
  type SessionCommand,
  type SessionEvent,
  type SessionInput,
  type SessionOptions,
  type SessionOutput,
} from "@caraway/client";
import { CodecError } from "@caraway/codecs";
import { StorageDevice, UsbHost } from "@caraway/usbredir";
import { eventText } from "./event-text.ts";
import { hashNumbers } from "./fingerprint.ts";
import { type Line, type Lines, lineName } from "./network.ts";
import { type Player, Process, type Surroundings, type Task } from "./process.ts";
import type { ClientStream, ClientView } from "./views.ts";

export interface ClientChoices {
  readonly channels: readonly ChannelName[];
  /** Pictures are decoded and drawn some time later, in any order that the machines allow. */
  readonly slowPictures: boolean;
  readonly options?: Partial<SessionOptions>;
  /** Blocks of a stick that it plugs in wherever it can. */
  readonly stickBlocks?: number;
}

const blockSize = 512;

/** What clients say where they are asked for a password. */
export const password = "caraway";

export class ClientProcess
  extends Process<ClientView>
  implements ClientView, Player<ClientView, ClientProcess>
{
  readonly session: ClientSession;
  readonly renderer = new Renderer();
  wasThere = false;
  endedBy: string | null = null;
  readonly typed: { readonly code: number; readonly down: boolean }[] = [];
  moved = 0;
  readonly stream: ClientStream = { key: null, lives: 0, heard: [], sent: 0 };
  /** What stands on its stick. */
  readonly disk: Uint8Array;
  #stick: UsbHost | null = null;
  /** Labels of the channels that it has, and of those that it had. */
  readonly #has = new Set<string>();
  readonly #lost = new Set<string>();
  readonly #network: Lines;
  readonly #choices: ClientChoices;
  readonly #connections = new Map<ConnectionKey, Line>();
  readonly #linkTasks = new Map<ConnectionKey, Set<Task>>();
  isOpened = false;
  ended = false;

  constructor(
    name: string,
    address: string,
    surroundings: Surroundings,
    network: Lines,
    choices: ClientChoices,
  ) {
    super(name, surroundings);
    this.#network = network;
    this.#choices = choices;
    this.disk = new Uint8Array((choices.stickBlocks ?? 0) * blockSize);
    const [host = "", port] = address.split(":");
    this.session = new ClientSession({
      ...defaultSessionOptions,
      channels: choices.channels,
      ...choices.options,
      endpoint: {
        host,
        port: Number(port),
        tlsPort: null,
        unixPath: null,
        url: null,
        identity: null,
      },
    });
  }

  get view(): ClientView {
    return this;
  }

  act(_label: string, run: (process: ClientProcess) => void): void {
    run(this);
  }

  get isThere(): boolean {
    return this.isAlive && !this.ended;
  }

  command(command: SessionCommand): void {
    if (command.name === "open") this.isOpened = true;
    this.do(() => this.#turn({ type: "command", command }));
  }

  type(scancode: number, down: boolean): void {
    const kind = down ? "key-down" : "key-up";
    this.typed.push({ code: scancode, down });
    this.command({ name: "input", input: { kind, scancode } });
  }

  /** Moves the mouse to the right. */
  point(dx: number): void {
    this.moved += dx;
    this.command({ name: "input", input: { kind: "motion", dx, dy: 0 } });
  }

  get heldKeys(): readonly number[] {
    const held = new Set<number>();
    for (const { code, down } of this.typed) down ? held.add(code) : held.delete(code);
    return [...held];
  }

  get address(): string {
    const { host, port } = this.session.endpoint;
    return `${host}:${port}`;
  }

  /** Sends the next bytes of its count on the guest's stream. */
  sendBytes(size: number): void {
    const { key } = this.stream;
    if (key === null) return;
    const from = this.stream.sent;
    const bytes = Uint8Array.from({ length: size }, (_, index) => from + index);
    this.stream.sent += size;
    this.command({ name: "stream-send", stream: key, bytes });
  }

  get channels(): readonly string[] {
    return [...this.#has].sort();
  }

  get lost(): readonly string[] {
    return [...this.#lost].sort();
  }

  get colors(): Uint32Array | null {
    const surface = this.renderer.primary(0);
    if (surface === null) return null;
    const { width, height } = surface;
    return readColors(surface, { left: 0, top: 0, right: width, bottom: height });
  }

  deadline(): Instant | null {
    return this.isAlive ? this.session.deadline() : null;
  }

  snapshot(now: Instant): unknown {
    if (!this.isAlive) return null;
    const deadline = this.session.deadline();
    const pixels = this.renderer.primary(0)?.pixmap.pixels;
    return {
      session: this.session.snapshot(now),
      endpoint: this.address,
      stick: this.#stick?.snapshot() ?? null,
      disk: hashNumbers(this.disk),
      stream: [this.stream.key, this.stream.heard.length, this.stream.sent],
      wakes: deadline === null ? null : deadline - now,
      renderer: this.renderer.snapshot(),
      pixels: pixels === undefined ? null : hashNumbers(pixels),
      connections: [...this.#connections].map(([key, { id }]) => [key, id]),
      ended: this.ended,
    };
  }

  protected wake(): void {
    this.#turn({ type: "timeout" });
  }

  protected died(): void {
    for (const connection of this.#connections.values()) {
      connection.reset("client", `${this.name} died`);
    }
    this.#connections.clear();
  }

  #turn(input: SessionInput): void {
    this.session.handle(input, this.surroundings.now);
    for (let output = this.session.poll(); output !== null; output = this.session.poll()) {
      this.#perform(output);
    }
  }

  #perform(output: SessionOutput): void {
    switch (output.type) {
      case "connect":
        this.#connect(output);
        break;
      case "transmit":
        this.#connections.get(output.connection)?.send("client", output.bytes);
        break;
      case "pause":
      case "resume":
        this.#connections.get(output.connection)?.setPaused("client", output.type === "pause");
        break;
      case "disconnect": {
        const connection = this.#connections.get(output.connection);
        this.#drop(output.connection);
        connection?.leave("client");
        break;
      }
      case "task": {
        const { task, work } = output;
        // Nothing is secret here: it goes as it is.
        const ticket = new Uint8Array(128);
        ticket.set(new TextEncoder().encode(password));
        const result = { kind: "ticket", ticket } as const;
        const line = this.#connections.get(work.connection);
        const label = line === undefined ? "ticket" : `ticket for ${lineName(line)}`;
        const made = this.laterForLink(label, () => {
          if (this.#connections.has(work.connection)) this.#turn({ type: "done", task, result });
        });
        if (made === null) break;
        const tasks = this.#linkTasks.get(work.connection) ?? new Set();
        this.#linkTasks.set(work.connection, tasks.add(made));
        break;
      }
      case "render":
        this.#render(output.command);
        break;
      case "event":
        this.#hearOf(output.event);
        this.note(eventText(output.event));
        break;
    }
  }

  #hearOf(event: SessionEvent): void {
    if (event.name === "session") this.wasThere = true;
    if (event.name === "ended") {
      this.ended = true;
      this.endedBy = event.error?.message ?? null;
    }
    this.#hearStream(event);
    if (event.name !== "channel-linked" && event.name !== "channel-lost") return;
    const label = channelLabel({ name: event.channel, id: event.id });
    const isThere = event.name === "channel-linked";
    this.#has[isThere ? "add" : "delete"](label);
    this.#lost[isThere ? "delete" : "add"](label);
  }

  #hearStream(event: SessionEvent): void {
    const { stream } = this;
    switch (event.name) {
      case "stream-opened":
        stream.key = event.stream;
        stream.lives += 1;
        if (this.disk.length > 0) this.#plugStick(event.stream);
        break;
      case "stream-closed":
        stream.key = null;
        this.#stick = null;
        break;
      case "stream-data": {
        if (this.#stick !== null) {
          this.#stick.handle({ type: "received", bytes: event.bytes });
          this.#drainStick(event.stream);
        } else for (const byte of event.bytes) stream.heard.push({ byte, life: stream.lives });
        const taken = {
          name: "stream-taken",
          stream: event.stream,
          bytes: event.bytes.length,
        } as const;
        const take = (): void => this.#turn({ type: "command", command: taken });
        if (this.#choices.slowPictures) this.later("stream taken", take);
        else this.do(take);
        break;
      }
      default:
        break;
    }
  }

  #plugStick(stream: number): void {
    const medium = { size: this.disk.length, writable: true };
    this.#stick = new UsbHost(new StorageDevice({ kind: "stick", medium }));
    this.do(() => this.#drainStick(stream));
  }

  /** What the stick has to do, it does some time later, and in any order. */
  #drainStick(stream: number): void {
    const stick = this.#stick;
    if (stick === null || this.stream.key !== stream) return;
    for (let output = stick.poll(); output !== null; output = stick.poll()) {
      if (output.type === "transmit") {
        const { bytes } = output;
        this.do(() => {
          this.#turn({ type: "command", command: { name: "stream-send", stream, bytes } });
        });
      } else if (output.type === "work") {
        const { task, work } = output;
        this.later(`the stick's ${work.kind}`, () => {
          let data: Uint8Array = new Uint8Array(0);
          if (work.kind === "read") {
            data = this.disk.slice(work.offset, work.offset + work.length);
          } else if (work.kind === "write") this.disk.set(work.data, work.offset);
          if (stick !== this.#stick) return;
          stick.handle({ type: "done", task, data });
          this.#drainStick(stream);
        });
      }
    }
  }

  #connect({ connection: key, address }: SessionOutput & { type: "connect" }): void {
    const to = address.kind === "tcp" ? `${address.host}:${address.port}` : "nowhere";
    const tell = (input: TransportInput): void => {
      this.do(() => {
        if (!this.#connections.has(key)) return;
        if (input.type === "closed") this.#drop(key);
        this.#turn(input);
      });
    };
    const connection = this.#network.connect(this.name, to, {
      connected: () => tell({ type: "connected", connection: key }),
      received: (bytes) => tell({ type: "received", connection: key, bytes }),
      backlog: (bytes) => tell({ type: "backlog", connection: key, bytes }),
      closed: (failure) => tell({ type: "closed", connection: key, failure }),
    });
    this.#connections.set(key, connection);
  }

  #drop(key: ConnectionKey): void {
    this.#connections.delete(key);
    const over = this.#linkTasks.get(key);
    this.#linkTasks.delete(key);
    if (over !== undefined) this.tasks = this.tasks.filter((task) => !over.has(task));
  }

  #render(input: RenderInput): void {
    const dropped = input.type === "reset" ? this.renderer.pending(input.display) : 0;
    this.renderer.handle(input);
    // The session counts an answer for each message, also for those that a reset drops.
    if (input.type === "reset") {
      for (let count = 0; count < dropped; count++) this.#rendered(input.display);
    }
    for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
      switch (output.type) {
        case "applied":
          this.#rendered(output.display);
          break;
        case "failed": {
          const { display, error } = output;
          this.note(`render failed: ${error.message}`);
          this.do(() => this.#turn({ type: "render-failed", display, error }));
          break;
        }
        case "decode":
          this.#decode(output.task, output.job);
          break;
        default:
          break;
      }
    }
  }

  #rendered(display: number): void {
    const tell = (): void => this.#turn({ type: "rendered", display });
    if (this.#choices.slowPictures) this.later(`drawn on display ${display}`, tell);
    else this.do(tell);
  }

  #decode(task: number, job: DecodeJob): void {
    const run = (): void => {
      const jpeg = new CodecError("JPEG", 0, "there is no decoder here");
      const decoders = {
        ...plainDecoders,
        inflate: () => new Uint8Array(),
        jpeg: (_data: Uint8Array, done: (error: CodecError) => void) => done(jpeg),
      };
      runDecodeJob(job, decoders, (outcome) => this.#render({ type: "decoded", task, outcome }));
    };
    if (this.#choices.slowPictures) this.later(`decoded ${job.codec}`, run);
    else this.do(run);
  }
}
