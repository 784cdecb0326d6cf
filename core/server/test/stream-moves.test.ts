import { defaultSessionOptions } from "@caraway/client";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChannelEnd } from "../src/channel-end.ts";
import {
  decodeStreamState,
  encodeStreamState,
  packCardState,
  packVmcState,
  unpackCardState,
  unpackVmcState,
} from "../src/char-device-state.ts";
import { MoveWorld, type MovingClient } from "./move-world.ts";
import type { ServerWorld } from "./server-world.ts";

const stream = { use: "usbredir", id: 0 } as const;

/** Bytes `from` to `to` of a sequence that differs at every place nearby. */
function sequence(from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, index) => Math.imul(from + index, 167) >>> 3);
}

function isSame(bytes: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(bytes, expected) === 0;
}

function attach(world: ServerWorld): void {
  const device = { kind: "stream", ...stream, name: "" } as const;
  world.guest({ type: "attach", device });
}

/** One client with the device, and what either end has heard of the other. */
class StreamMove {
  readonly world = new MoveWorld();
  readonly client: MovingClient;
  said = 0;
  sent = 0;
  /** Leave that the guest gave at the server where it is. */
  credit = 0;

  constructor() {
    attach(this.world.source);
    const channels = [...defaultSessionOptions.channels, "usbredir"] as const;
    this.client = this.world.join({ channels });
  }

  /** The guest says bytes, as far as it may. */
  guestSays(bytes: number): void {
    const { source } = this.world;
    const granted = source
      .guestInputs("stream-credit")
      .reduce((sum, input) => sum + input.bytes, 0);
    const before = this.#saidHere.get(source) ?? 0;
    const size = Math.min(bytes, granted - before);
    if (size <= 0) return;
    this.#saidHere.set(source, before + size);
    source.guest({ type: "stream-data", stream, bytes: sequence(this.said, this.said + size) });
    this.said += size;
    this.world.settle();
  }

  guestTakes(bytes: number): void {
    this.world.source.guest({ type: "stream-credit", stream, bytes });
    this.world.settle();
  }

  clientSends(size: number): void {
    const bytes = sequence(this.sent, this.sent + size);
    this.sent += size;
    this.client.feed({
      type: "command",
      command: { name: "stream-send", stream: this.key, bytes },
    });
    this.world.settle();
  }

  get key(): number {
    const opened = this.client.events.filter((event) => event.name === "stream-opened");
    return opened.at(-1)!.stream;
  }

  /** What the guest heard, over all servers. */
  get guestHeard(): Uint8Array {
    const inputs = this.world.hosts.flatMap((host) => host.guestInputs("stream-data"));
    return Buffer.concat(inputs.map(({ bytes }) => bytes));
  }

  get clientHeard(): Uint8Array {
    const data = this.client.events.filter((event) => event.name === "stream-data");
    return Buffer.concat(data.map(({ bytes }) => bytes));
  }

  /** As `MoveWorld.move`; `during` at each step. */
  move(peer: boolean, during: () => void = () => {}): void {
    const { world } = this;
    world.begin({ peer });
    during();
    world.stop();
    during();
    world.describe(world.target);
    attach(world.target);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    during();
    world.switch();
    during();
    world.runWhenTold();
  }

  readonly #saidHere = new Map<ServerWorld, number>();

  take(): void {
    const command = { name: "stream-taken", stream: this.key, bytes: 1 << 20 } as const;
    this.client.feed({ type: "command", command });
    this.world.settle();
  }
}

describe.each([
  ["with a peer link", true],
  ["with nothing but what goes through the client", false],
])("a stream of a guest that moves %s", (_, peer) => {
  it("goes on where it was: what waited for the guest comes first", () => {
    const move = new StreamMove();
    move.guestTakes(300);
    move.clientSends(1000);
    move.guestSays(70_000);
    expect(move.guestHeard).toHaveLength(300);
    move.move(peer, () => move.clientSends(50));
    expect(move.guestHeard).toHaveLength(300);
    move.world.turn();
    move.guestTakes(100_000);
    move.clientSends(10);
    expect(isSame(move.guestHeard, sequence(0, move.sent))).toBe(true);
    expect(isSame(move.clientHeard, sequence(0, 70_000))).toBe(true);
    expect(move.client.events.filter(({ name }) => name === "stream-closed")).toEqual([]);
    const opens = move.world.hosts.flatMap((host) => host.guestInputs("stream-open"));
    const states = opens.filter((input) => input.stream.use === "usbredir");
    expect(states.map(({ open }) => open)).toEqual([false, true, true]);
  });

  it("loses and doubles nothing, however often it moves, whichever end stalls", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const move = new StreamMove();
        const work = () => {
          const what = random.below(4);
          if (what === 0) move.clientSends(random.below(3000));
          else if (what === 1) move.guestSays(random.below(90_000));
          else if (what === 2) move.guestTakes(random.below(3000));
          else move.take();
        };
        const keysAndBytes = () => {
          // A guest that stands still says and takes nothing.
          if (random.once(2)) move.clientSends(random.below(500));
          else move.take();
        };
        for (let round = 0; round < 4; round++) {
          for (let count = 0; count < 8; count++) work();
          move.move(peer, keysAndBytes);
          move.world.turn();
        }
        move.take();
        move.guestTakes(1 << 20);
        expect(isSame(move.guestHeard, sequence(0, move.sent))).toBe(true);
        expect(isSame(move.clientHeard, sequence(0, move.said))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe("the state of a stream", () => {
  const end = {
    unexpected: (_message: string, detail: string) => new RangeError(detail),
  } as unknown as ChannelEnd;

  it("is laid out as spice-server has it", () => {
    const bytes = packVmcState(Uint8Array.of(9, 8, 7));
    const expected = [
      ...Buffer.from("SVMD"),
      ...[1, 0, 0, 0],
      ...[1, 0, 0, 0, 1],
      ...[255, 255, 255, 255, 255, 255, 255, 255],
      ...[3, 0, 0, 0, 0, 0, 0, 0, 33, 0, 0, 0],
      ...[9, 8, 7],
    ];
    expect([...bytes]).toEqual(expected);
    expect([...unpackVmcState(end, bytes)]).toEqual([9, 8, 7]);
    expect(packVmcState(new Uint8Array(0))).toHaveLength(33);
    const card = packCardState(Uint8Array.of(5), true, Uint8Array.of(1, 2));
    expect(Buffer.from(card.subarray(0, 4)).toString()).toBe("SCMD");
    expect([...card.subarray(29)]).toEqual([42, 0, 0, 0, 1, 2, 0, 0, 0, 43, 0, 0, 0, 5, 1, 2]);
    expect(unpackCardState(end, card)).toEqual({
      queued: Uint8Array.of(5),
      hasReader: true,
      partial: Uint8Array.of(1, 2),
    });
  });

  it("is refused when it is another's, cut off, or makes no sense", () => {
    const good = packVmcState(Uint8Array.of(9, 8, 7));
    const changed = (at: number, value: number) => {
      const bytes = good.slice();
      bytes[at] = value;
      return bytes;
    };
    for (const bytes of [
      changed(0, 0x41),
      changed(4, 2),
      changed(8, 2),
      changed(12, 7),
      changed(12, 0),
      changed(21, 200),
      changed(29, 99),
      good.subarray(0, 30),
      new Uint8Array(0),
    ]) {
      expect(() => unpackVmcState(end, bytes)).toThrow(RangeError);
    }
  });

  it("counts over servers", () => {
    const moved = { isOpen: true, sentBytes: 1n << 40n, receivedBytes: 7n, writtenBytes: 3n };
    expect(decodeStreamState(encodeStreamState(moved))).toEqual(moved);
  });
});

describe("a device of clients that come anew", () => {
  it("is told of with the one that gets it", () => {
    const world = new MoveWorld();
    attach(world.source);
    const channels = [...defaultSessionOptions.channels, "usbredir"] as const;
    const other = world.join();
    world.join({ channels });
    world.begin({ mode: "switch-host" });
    world.stop();
    attach(world.target);
    world.hand();
    // So the owner comes first, where it was second before.
    other.isSlow = true;
    world.switch();
    other.isSlow = false;
    world.settle();
    world.advance(20_000);
    const [{ clients } = { clients: [] }] = world.target.eventsOf("move-settled");
    const told = clients.flatMap((client) => client.channels);
    const devices = told.filter(({ channel }) => channel === "usbredir 0");
    expect(devices.map(({ outcome }) => outcome)).toEqual(["rebuilt"]);
    expect(told.filter(({ outcome }) => outcome !== "rebuilt")).toEqual([]);
    expect(told).toHaveLength(9);
  });
});
