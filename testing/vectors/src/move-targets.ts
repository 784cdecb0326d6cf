// Fuzz targets of a move between two servers: what a target hears from the other server and from
// the client on its way, recorded in a real move of a small guest and then damaged.

import { ClientSession, defaultSessionOptions, type SessionInput } from "@caraway/client";
import {
  BitmapFormat,
  ClipType,
  RopDescriptor,
  SurfaceFormat,
  ticketSize,
} from "@caraway/protocol";
import {
  defaultSourceMove,
  defaultTargetMove,
  type GuestOutput,
  type GuestPixels,
  type ServerInput,
  SpiceServer,
} from "@caraway/server";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";

const now = 1000;
const size = { width: 64, height: 48 } as const;
const place = { host: "target", port: 1, tlsPort: null, certSubject: null };

function description(): GuestOutput[] {
  const content = { stride: 256, data: new Uint8Array(256 * 48).fill(7) };
  const format = SurfaceFormat["32_xRGB"];
  const shape = { key: 5n, type: 0, width: 2, height: 2, hotSpotX: 0, hotSpotY: 0 } as const;
  return [
    { type: "attach", device: { kind: "display", id: 0 } },
    { type: "attach", device: { kind: "keyboard" } },
    { type: "surface-create", display: 0, surface: 0, ...size, format, content },
    { type: "cursor-shape", display: 0, shape: { ...shape, data: new Uint8Array(16) } },
    { type: "ready" },
  ];
}

/** Pictures for the client's cache and window. */
function pictures(): GuestOutput[] {
  return [1, 2, 3].map((key): GuestOutput => {
    const pixels = Uint32Array.from({ length: 400 }, (_, at) => (at * key * 0x9e3779) & 0xffffff);
    const box = { left: key, top: 0, right: key + 20, bottom: 20 };
    const srcBitmap: GuestPixels = {
      kind: "pixels",
      key: BigInt(key),
      ...{ width: 20, height: 20, stride: 80, topDown: true },
      ...{ format: BitmapFormat["32BIT"], palette: null, highBitsSet: false },
      data: new Uint8Array(pixels.buffer),
    };
    const body = {
      base: { surfaceId: 0, box, clip: { type: ClipType.NONE } },
      srcBitmap,
      srcArea: { left: 0, top: 0, right: 20, bottom: 20 },
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: 0,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    };
    return { type: "draw", display: 0, drawing: { name: "DRAW_COPY", body } };
  });
}

/** A move as it goes when nothing is damaged. */
class RecordedMove {
  readonly inputs: ServerInput[] = [];
  readonly #source = new SpiceServer({ compression: "glz" });
  readonly #target = new SpiceServer({ compression: "glz" });
  readonly #session = new ClientSession({
    ...defaultSessionOptions,
    endpoint: { host: "source", port: 1, tlsPort: null, unixPath: null, url: null, identity: null },
  });
  readonly #servers = new Map<number, SpiceServer>();
  readonly #actions: (() => void)[] = [];

  constructor() {
    for (const output of description()) this.#serve(this.#source, { type: "guest", output });
    this.#running(this.#source, true);
    this.#feed({ type: "command", command: { name: "open" } });
    for (const output of pictures()) this.#serve(this.#source, { type: "guest", output });
    const input = { kind: "key-down", scancode: 0x1e } as const;
    this.#feed({ type: "command", command: { name: "input", input } });
    const expected = { ...defaultTargetMove, peer: true };
    this.#command(this.#target, { name: "migrate-expect", move: expected });
    const move = { ...defaultSourceMove, peer: true, target: place };
    this.#command(this.#source, { name: "migrate-begin", move });
    this.#running(this.#source, false);
    for (const output of description()) this.#serve(this.#target, { type: "guest", output });
    this.#command(this.#target, { name: "migrate-hold" });
    this.#command(this.#source, { name: "migrate-switch" });
    for (const output of pictures()) this.#serve(this.#target, { type: "guest", output });
  }

  #running(server: SpiceServer, running: boolean): void {
    this.#serve(server, { type: "guest", output: { type: "running", running } });
  }

  #command(
    server: SpiceServer,
    command: Extract<ServerInput, { readonly type: "command" }>["command"],
  ): void {
    this.#serve(server, { type: "command", command });
  }

  #serve(server: SpiceServer, input: ServerInput): void {
    this.#turn(server, input);
    for (let action = this.#actions.shift(); action; action = this.#actions.shift()) action();
  }

  #turn(server: SpiceServer, input: ServerInput): void {
    if (server === this.#target) this.inputs.push(input);
    server.handle(input, now);
    for (let output = server.poll(); output !== null; output = server.poll()) {
      if (output.type === "transmit") {
        const { connection, bytes } = output;
        this.#actions.push(() => this.#hear({ type: "received", connection, bytes }));
      } else if (output.type === "peer") {
        const { bytes } = output;
        const other = server === this.#source ? this.#target : this.#source;
        this.#actions.push(() => this.#turn(other, { type: "peer", bytes }));
      } else if (output.type === "task") {
        const { task, work } = output;
        const result =
          work.kind === "key"
            ? ({ kind: "key", publicKey: new Uint8Array(162) } as const)
            : ({ kind: "decrypt", plain: new Uint8Array(1) } as const);
        this.#actions.push(() => this.#turn(server, { type: "done", task, result }));
      }
    }
  }

  #feed(input: SessionInput): void {
    this.#hear(input);
    for (let action = this.#actions.shift(); action; action = this.#actions.shift()) action();
  }

  #hear(input: SessionInput): void {
    this.#session.handle(input, now);
    for (let output = this.#session.poll(); output !== null; output = this.#session.poll()) {
      switch (output.type) {
        case "connect": {
          const { connection, address } = output;
          const isTarget = address.kind === "tcp" && address.host === "target";
          const server = isTarget ? this.#target : this.#source;
          this.#servers.set(connection, server);
          const arrival = { tls: false, local: true, peer: "ours" };
          this.#actions.push(() => {
            this.#turn(server, { type: "accepted", connection, arrival, random: 7 });
            this.#hear({ type: "connected", connection });
          });
          break;
        }
        case "transmit": {
          const { connection, bytes } = output;
          const server = this.#servers.get(connection)!;
          this.#actions.push(() => this.#turn(server, { type: "received", connection, bytes }));
          break;
        }
        case "task": {
          const { task } = output;
          const result = { kind: "ticket", ticket: new Uint8Array(ticketSize) } as const;
          this.#actions.push(() => this.#hear({ type: "done", task, result }));
          break;
        }
        case "render": {
          const { command } = output;
          if (command.type !== "apply") break;
          const { display } = command;
          this.#actions.push(() => this.#hear({ type: "rendered", display }));
          break;
        }
        default:
          break;
      }
    }
  }
}

const recorded: readonly ServerInput[] = new RecordedMove().inputs;

type Stream = (input: ServerInput) => Uint8Array | null;

const ofPeer: Stream = (input) => (input.type === "peer" ? input.bytes : null);

/** What the client says on all its channels, the state that it brings among it. */
const ofClient: Stream = (input) => (input.type === "received" ? input.bytes : null);

/** All that comes on a stream, one after the other. */
function joined(stream: Stream): Uint8Array {
  return Uint8Array.from(recorded.flatMap((input) => [...(stream(input) ?? [])]));
}

/** The same inputs, with other bytes on one stream. Whatever they are, the server goes on. */
function run(bytes: Uint8Array, stream: Stream): FuzzVerdict {
  const server = new SpiceServer({ compression: "glz" });
  let verdict: FuzzVerdict = "taken";
  let at = 0;
  const turn = (input: ServerInput, time: number) => {
    server.handle(input, time);
    for (let output = server.poll(); output !== null; output = server.poll()) {
      if (output.type !== "event") continue;
      const { event } = output;
      const isRefused =
        event.name === "channel-lost" ||
        event.name === "link-refused" ||
        (event.name === "move-channel" && event.outcome !== "kept");
      if (isRefused) verdict = "refused";
    }
  };
  for (const input of recorded) {
    const said = stream(input);
    if (said === null) {
      turn(input, now);
      continue;
    }
    const part = bytes.subarray(at, at + said.length);
    at += said.length;
    turn({ ...input, bytes: part } as ServerInput, now);
  }
  // Whoever is still on the way is given up within this.
  for (let turns = 0, time = now; turns < 50; turns++) {
    const deadline = server.deadline();
    if (deadline === null || deadline > now + 120_000) break;
    time = Math.max(time, deadline);
    turn({ type: "timeout" }, time);
  }
  return verdict;
}

/** Caches and windows as large as a server has them, in a few bytes. */
const memoryBound = (size: number) => (1 << 28) + 64 * size;

export const moveTargets: readonly FuzzTarget[] = [
  {
    name: "server.target, damaged peer link",
    seeds: [joined(ofPeer)],
    run: (bytes) => run(bytes, ofPeer),
    weight: 1,
    memoryBound,
  },
  {
    name: "server.target, damaged clients",
    seeds: [joined(ofClient)],
    run: (bytes) => run(bytes, ofClient),
    weight: 1,
    memoryBound,
  },
];
