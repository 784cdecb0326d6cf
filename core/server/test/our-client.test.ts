// Our own session and renderer at our own server, in memory and in virtual time.

import { plainDecoders, Renderer, readColors, runDecodeJob } from "@caraway/canvas";
import {
  ClientSession,
  defaultSessionOptions,
  type SessionEvent,
  type SessionInput,
  type SessionOutput,
} from "@caraway/client";
import { CodecError } from "@caraway/codecs";
import { SurfaceFormat } from "@caraway/protocol";
import { type DrawnSurface, RandomDrawings } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import { draw, Truth } from "./drawings.ts";
import { ServerWorld } from "./server-world.ts";

const endpoint = {
  host: "here",
  port: 1,
  tlsPort: null,
  unixPath: null,
  url: null,
  identity: null,
};

class OurClient {
  readonly session = new ClientSession({ ...defaultSessionOptions, endpoint });
  readonly renderer = new Renderer();
  readonly events: SessionEvent[] = [];
  readonly #world: ServerWorld;
  /** The server's names of the session's connections. */
  readonly #connections = new Map<number, number>();

  constructor(world: ServerWorld) {
    this.#world = world;
    this.feed({ type: "command", command: { name: "open" } });
  }

  feed(input: SessionInput): void {
    this.session.handle(input, this.#world.now);
    for (let output = this.session.poll(); output !== null; output = this.session.poll()) {
      this.#perform(output);
    }
  }

  #perform(output: SessionOutput): void {
    switch (output.type) {
      case "connect": {
        const { connection } = output;
        const arrival = { tls: false, local: true, peer: "ours" };
        const there = this.#world.accept(arrival, {
          received: (bytes) => this.feed({ type: "received", connection, bytes }),
          closed: () => this.feed({ type: "closed", connection, failure: null }),
        });
        this.#connections.set(connection, there);
        this.#world.later(() => this.feed({ type: "connected", connection }));
        break;
      }
      case "transmit":
        this.#world.toServer(this.#connections.get(output.connection)!, output.bytes);
        break;
      case "disconnect":
        this.#world.hangUp(this.#connections.get(output.connection)!);
        break;
      case "task": {
        const { task } = output;
        const result = { kind: "ticket", ticket: new Uint8Array(128) } as const;
        this.#world.later(() => this.feed({ type: "done", task, result }));
        break;
      }
      case "render":
        this.#render(output.command as Parameters<Renderer["handle"]>[0]);
        break;
      case "event":
        this.events.push(output.event);
        break;
      default:
        break;
    }
  }

  #render(command: Parameters<Renderer["handle"]>[0]): void {
    const inputs = [command];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      this.renderer.handle(next);
      for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
        if (output.type === "failed") throw output.error;
        if (output.type === "applied") {
          const { display } = output;
          this.#world.later(() => this.feed({ type: "rendered", display }));
        } else if (output.type === "decode") {
          const { task, job } = output;
          const jpeg = () => new CodecError("JPEG", 0, "none here");
          const decoders = {
            ...plainDecoders,
            inflate: () => new Uint8Array(),
            jpeg: (_data: Uint8Array, done: (error: CodecError) => void) => done(jpeg()),
          };
          runDecodeJob(job, decoders, (outcome) => inputs.push({ type: "decoded", task, outcome }));
        }
      }
    }
  }
}

describe("our client at our server", () => {
  it("shows every operation exactly, on two displays that share a cache", () => {
    const world = new ServerWorld();
    const size = { width: 70, height: 50 } as const;
    world.begin(size.width, size.height);
    const surfaces: DrawnSurface[] = [
      { id: 0, ...size, format: SurfaceFormat["32_xRGB"] },
      { id: 1, ...size, format: SurfaceFormat["32_ARGB"] },
    ];
    world.guest({ type: "attach", device: { kind: "display", id: 1 } });
    const truths = [new Truth(), new Truth()];
    for (const { id, format } of surfaces) {
      for (const [display, truth] of truths.entries()) {
        truth.create(id, size.width, size.height, format);
        if (display === 0 && id === 0) continue;
        const more = { display, surface: id, ...size, format, content: null };
        world.guest({ type: "surface-create", ...more });
      }
    }
    const client = new OurClient(world);
    world.settle();
    // Both displays draw the same, so that they share their pictures.
    const drawings = new RandomDrawings(11, surfaces);
    for (let index = 0; index < 200; index++) {
      const drawing = drawings.next();
      for (const [display, truth] of truths.entries()) {
        truth.draw(drawing);
        world.guest(draw(drawing, display));
      }
    }
    world.advance(1000);
    for (const [display, truth] of truths.entries()) {
      const shown = client.renderer.primary(display)!;
      const whole = { left: 0, top: 0, right: size.width, bottom: size.height };
      expect(readColors(shown, whole, true)).toEqual(truth.colors(0));
    }
    expect(client.events.map(({ name }) => name)).not.toContain("channel-lost");
    expect(world.eventsOf("guest-fault")).toEqual([]);
  });

  it("types, moves the pointer and hears of LEDs", () => {
    const world = new ServerWorld();
    world.begin();
    const client = new OurClient(world);
    world.settle();
    world.guest({ type: "leds", modifiers: 2 });
    expect(client.events).toContainEqual({
      name: "lock-leds",
      ...{ scrollLock: false, numLock: true, capsLock: false },
    });
    for (const input of [
      { kind: "key-down", scancode: 0x1e },
      { kind: "key-up", scancode: 0x1e },
      { kind: "position", x: 3, y: 4, display: 0 },
    ] as const) {
      client.feed({ type: "command", command: { name: "input", input } });
      world.settle();
    }
    expect(world.guestInputs("key")).toEqual([
      { type: "key", code: 0x1e, down: true },
      { type: "key", code: 0x1e, down: false },
    ]);
    expect(world.guestInputs("tablet-position")).toHaveLength(1);
  });
});
