// A stick at the client in use by a guest that moves: each request is answered exactly once, and
// what is read and written is right, wherever requests and answers are when the guest stops.

import { defaultSessionOptions } from "@caraway/client";
import {
  bulkLengthFields,
  type Packet,
  PacketStream,
  StorageDevice,
  UsbHost,
} from "@caraway/usbredir";
import { Random, usbredirCapabilities } from "@caraway/vectors";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MoveWorld, type MovingClient } from "./move-world.ts";
import type { ServerWorld } from "./server-world.ts";

const slot = { use: "usbredir", id: 0 } as const;
const blockSize = 512;
const blocks = 128;
const none = new Uint8Array(0);

type Work = Extract<ReturnType<UsbHost["poll"]>, { type: "work" }>;

/** The guest's controller, which moves with it, and the stick at the client. */
class StickWorld {
  readonly world = new MoveWorld();
  readonly client: MovingClient;
  readonly disk = new Uint8Array(blocks * blockSize);
  readonly #host: UsbHost;
  readonly #works: Work[] = [];
  readonly #guest = new PacketStream({
    role: "guest",
    version: "guest",
    capabilities: usbredirCapabilities,
  });
  readonly #answers = new Map<bigint, Uint8Array>();
  readonly #open = new Set<bigint>();
  readonly #seen = new Map<ServerWorld, { inputs: number; said: number }>();
  #outbound: Uint8Array = this.#guest.hello();
  #heardEvents = 0;
  #nextId = 1n;
  isConnected = false;

  constructor() {
    this.#attach(this.world.source);
    const channels = [...defaultSessionOptions.channels, "usbredir"] as const;
    const medium = { size: this.disk.length, writable: true };
    this.#host = new UsbHost(new StorageDevice({ kind: "stick", medium }));
    this.client = this.world.join({ channels });
    this.turn();
  }

  #attach(world: ServerWorld): void {
    const device = { kind: "stream", ...slot, name: "" } as const;
    world.guest({ type: "attach", device }, { type: "stream-credit", stream: slot, bytes: 3000 });
  }

  /** Carries what is said, both ways, until nothing is. */
  turn(guestRuns = true): void {
    for (let turns = 0; turns < 50; turns++) {
      const isOver = [this.#clientHears(), this.#hostSays(), guestRuns && this.#guestTurn()];
      this.world.settle();
      if (!isOver.includes(true)) return;
    }
  }

  #clientHears(): boolean {
    const events = this.client.events.slice(this.#heardEvents);
    this.#heardEvents += events.length;
    for (const event of events) {
      if (event.name !== "stream-data") continue;
      this.#host.handle({ type: "received", bytes: event.bytes });
      const { stream, bytes } = event;
      this.#command({ name: "stream-taken", stream, bytes: bytes.length });
    }
    return events.length > 0;
  }

  #command(command: Extract<Parameters<MovingClient["feed"]>[0], { type: "command" }>["command"]) {
    this.client.feed({ type: "command", command });
  }

  #hostSays(): boolean {
    const opened = this.client.events.find((event) => event.name === "stream-opened");
    if (opened === undefined) return false;
    let said = false;
    for (let output = this.#host.poll(); output !== null; output = this.#host.poll()) {
      said = true;
      if (output.type === "work") this.#works.push(output);
      else if (output.type === "transmit") {
        this.#command({ name: "stream-send", stream: opened.stream, bytes: output.bytes });
      }
    }
    return said;
  }

  #guestTurn(): boolean {
    const { source } = this.world;
    const seen = this.#seenAt(source);
    const heard = this.#guestHears();
    if (heard > 0) source.guest({ type: "stream-credit", stream: slot, bytes: heard });
    const grants = source.guestInputs("stream-credit");
    const granted = grants.reduce((sum, { bytes }) => sum + bytes, 0);
    const piece = this.#outbound.subarray(0, Math.min(700, granted - seen.said));
    this.#outbound = this.#outbound.subarray(piece.length);
    if (piece.length > 0) source.guest({ type: "stream-data", stream: slot, bytes: piece });
    seen.said += piece.length;
    return heard > 0 || piece.length > 0;
  }

  /** Takes what was handed to the guest; gives the bytes. */
  #guestHears(): number {
    const { source } = this.world;
    const seen = this.#seenAt(source);
    const inputs = source.guestInputs("stream-data").slice(seen.inputs);
    seen.inputs += inputs.length;
    for (const { bytes } of inputs) this.#guest.push(bytes);
    for (let packet = this.#guest.next(); packet !== null; packet = this.#guest.next()) {
      this.#take(packet);
    }
    return inputs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #seenAt(world: ServerWorld): { inputs: number; said: number } {
    const seen = this.#seen.get(world) ?? { inputs: 0, said: 0 };
    this.#seen.set(world, seen);
    return seen;
  }

  #take(packet: Packet): void {
    if (packet.name === "DEVICE_CONNECT") this.isConnected = true;
    if (packet.name !== "BULK_PACKET") return;
    // Exactly once, and only what was asked.
    expect(this.#open.delete(packet.id)).toBe(true);
    expect(packet.body.status).toBe(0);
    this.#answers.set(packet.id, packet.body.data);
  }

  bulk(endpoint: number, length: number, data: Uint8Array): bigint {
    const id = this.#nextId++;
    this.#open.add(id);
    const body = { endpoint, status: 0, streamId: 0, ...bulkLengthFields(length), data };
    const bytes = this.#guest.write({ name: "BULK_PACKET", id, body });
    this.#outbound = Uint8Array.from([...this.#outbound, ...bytes]);
    return id;
  }

  answer(id: bigint): Uint8Array | null {
    return this.#answers.get(id) ?? null;
  }

  /** Does one of the stick's pieces of work. */
  work(random: Random): void {
    if (this.#works.length === 0) return;
    const { task, work } = this.#works.splice(random.below(this.#works.length), 1)[0]!;
    let data: Uint8Array = none;
    if (work.kind === "read") data = this.disk.slice(work.offset, work.offset + work.length);
    else if (work.kind === "write") this.disk.set(work.data, work.offset);
    this.#host.handle({ type: "done", task, data });
  }

  move(peer: boolean, random: Random): void {
    const { world } = this;
    const during = () => {
      if (random.once(2)) this.work(random);
      this.turn(false);
    };
    world.begin({ peer });
    during();
    world.stop();
    // What was handed over before the guest stopped belongs to what it is.
    this.#guestHears();
    during();
    world.describe(world.target);
    this.#attach(world.target);
    world.target.command({ name: "migrate-hold" });
    world.settle();
    during();
    world.switch();
    during();
    world.runWhenTold();
    world.turn();
  }
}

/** A guest's driver: yields when it waits for an answer. */
function* driver(stick: StickWorld, random: Random, expected: Uint8Array): Generator<void> {
  while (!stick.isConnected) yield;
  for (let count = 0; count < 12; count++) {
    const isRead = random.once(2);
    const block = random.below(blocks - 16);
    const length = (1 + random.below(16)) * blockSize;
    const data = Uint8Array.from({ length: isRead ? 0 : length }, () => random.u32());
    const view = new DataView(new ArrayBuffer(31));
    view.setUint32(0, 0x43425355, true);
    view.setUint32(4, count, true);
    view.setUint32(8, length, true);
    view.setUint8(12, isRead ? 0x80 : 0);
    view.setUint8(14, 10);
    view.setUint8(15, isRead ? 0x28 : 0x2a);
    view.setUint32(17, block);
    view.setUint16(22, length / blockSize);
    // Command, data and status are all asked for at once, as a fast controller does.
    const ids = [stick.bulk(0x02, 31, new Uint8Array(view.buffer))];
    for (let at = 0; at < length; at += 1024) {
      const piece = data.subarray(at, at + 1024);
      const size = Math.min(1024, length - at);
      ids.push(isRead ? stick.bulk(0x81, size, none) : stick.bulk(0x02, size, piece));
    }
    ids.push(stick.bulk(0x81, 13, none));
    while (ids.some((id) => stick.answer(id) === null)) yield;
    const answers = ids.map((id) => stick.answer(id)!);
    const status = answers.at(-1)!;
    expect([status[4], status[8], status[12]]).toEqual([count, 0, 0]);
    const start = block * blockSize;
    if (isRead) {
      const read = Buffer.concat(answers.slice(1, -1));
      expect(Buffer.compare(read, expected.subarray(start, start + length))).toBe(0);
    } else expected.set(data, start);
  }
}

it.each([
  ["with a peer link", true],
  ["without", false],
])("a stick keeps every request while its guest moves again and again, %s", (_, peer) => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = new Random(seed);
      const stick = new StickWorld();
      const expected = new Uint8Array(stick.disk.length);
      const running = driver(stick, random, expected);
      let moves = 0;
      for (let turns = 0; turns < 5000; turns++) {
        if (running.next().done === true) break;
        const what = random.below(moves < 6 ? 12 : 11);
        if (what < 5) stick.turn();
        else if (what < 11) stick.work(random);
        else {
          stick.move(peer, random);
          moves += 1;
        }
      }
      expect(running.next().done).toBe(true);
      expect(Buffer.compare(stick.disk, expected)).toBe(0);
      expect(stick.client.events.filter(({ name }) => name === "stream-closed")).toEqual([]);
    }),
    { numRuns: 12 },
  );
});
