// A smartcard at the client in use by a guest that moves: each command is answered exactly once, by
// the card that it was meant for, or its card was taken out, wherever commands and answers are, and
// wherever their bytes are cut, when the guest stops.

import { defaultSessionOptions } from "@caraway/client";
import { VscMessageType } from "@caraway/protocol";
import { CardReader } from "@caraway/smartcard";
import { Random } from "@caraway/vectors";
import { joinBytes } from "@caraway/wire";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MoveWorld, type MovingClient } from "./move-world.ts";
import type { ServerWorld } from "./server-world.ts";

const slot = { use: "smartcard", id: 0 } as const;
const headerSize = 12;
const none = new Uint8Array(0);

interface Command {
  readonly task: number;
  readonly bytes: Uint8Array;
}

/** What the card of that number makes of a command. */
function answerOf(card: number, command: Uint8Array): Uint8Array {
  return Uint8Array.from([...command.map((byte) => byte ^ card), 0x90, 0]);
}

/** The guest's reader, which moves with it, and the card at the client. */
class CardWorld {
  readonly world = new MoveWorld();
  readonly client: MovingClient;
  readonly #reader = new CardReader("Reader");
  readonly #random: Random;
  #works: Command[] = [];
  /** Number of the card at the client, and of the one that the guest knows; 0: none. */
  #card = 0;
  #cards = 0;
  #guestCard = 0;
  #heardEvents = 0;
  readonly #seen = new Map<ServerWorld, { inputs: number; said: number }>();
  #outbound: Uint8Array = none;
  #inbound: Uint8Array = none;
  /** The command that the guest waits for. */
  #asked: Uint8Array | null = null;
  commands = 0;
  answers = 0;
  lost = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#attach(this.world.source);
    const channels = [...defaultSessionOptions.channels, "smartcard"] as const;
    this.client = this.world.join({ channels });
    this.insert();
    this.turn();
  }

  insert(): void {
    this.#card = ++this.#cards;
    this.#reader.handle({ type: "insert", atr: Uint8Array.of(0x3b, this.#card) });
  }

  remove(): void {
    this.#works = [];
    this.#card = 0;
    this.#reader.handle({ type: "remove" });
  }

  /**
   * Takes the card out, or puts another one in when the guest has heard that the last one is gone:
   * the protocol has no answer to a removal, and a command under way would go to the new card.
   */
  change(): void {
    if (this.#card !== 0) this.remove();
    else if (this.#guestCard === 0 && this.#outbound.length === 0) this.insert();
  }

  #attach(world: ServerWorld): void {
    const device = { kind: "stream", ...slot, name: "" } as const;
    world.guest({ type: "attach", device }, { type: "stream-credit", stream: slot, bytes: 3000 });
  }

  turn(guestRuns = true): void {
    for (let turns = 0; turns < 60; turns++) {
      const isOver = [this.#clientHears(), this.#readerSays(), guestRuns && this.#guestTurn()];
      this.world.settle();
      if (!isOver.includes(true)) return;
    }
  }

  #clientHears(): boolean {
    const events = this.client.events.slice(this.#heardEvents);
    this.#heardEvents += events.length;
    for (const event of events) {
      if (event.name !== "stream-card") continue;
      this.#reader.handle({ type: "received", message: event.message });
      const bytes = headerSize + event.message.data.length;
      this.#command({ name: "stream-taken", stream: event.stream, bytes });
    }
    return events.length > 0;
  }

  #command(command: Extract<Parameters<MovingClient["feed"]>[0], { type: "command" }>["command"]) {
    this.client.feed({ type: "command", command });
  }

  #readerSays(): boolean {
    const opened = this.client.events.find((event) => event.name === "stream-opened");
    if (opened === undefined) return false;
    let said = false;
    for (let output = this.#reader.poll(); output !== null; output = this.#reader.poll()) {
      said = true;
      expect(output.type).not.toBe("fault");
      if (output.type === "transmit") {
        const { message } = output;
        this.#command({ name: "stream-send-card", stream: opened.stream, message });
      } else if (output.type === "command") {
        this.#works.push({ task: output.command, bytes: output.bytes });
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
    // Cut anywhere, so that a move may come amid a header.
    const size = Math.min(1 + this.#random.below(40), granted - seen.said);
    const piece = this.#outbound.subarray(0, size);
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
    const parts = inputs.map(({ bytes }) => bytes);
    this.#inbound = joinBytes([this.#inbound, ...parts]);
    while (this.#inbound.length >= headerSize) {
      const view = new DataView(this.#inbound.buffer, this.#inbound.byteOffset);
      const end = headerSize + view.getUint32(8);
      if (this.#inbound.length < end) break;
      this.#take(view.getUint32(0), this.#inbound.slice(headerSize, end));
      this.#inbound = this.#inbound.slice(end);
    }
    return parts.reduce((sum, { length }) => sum + length, 0);
  }

  #seenAt(world: ServerWorld): { inputs: number; said: number } {
    const seen = this.#seen.get(world) ?? { inputs: 0, said: 0 };
    this.#seen.set(world, seen);
    return seen;
  }

  #take(type: number, data: Uint8Array): void {
    switch (type) {
      case VscMessageType.READER_ADD:
        this.#say(VscMessageType.ERROR, new Uint8Array(4));
        break;
      case VscMessageType.ATR:
        expect(this.#guestCard).toBe(0);
        this.#guestCard = data[1]!;
        break;
      case VscMessageType.CARD_REMOVE:
        expect(this.#guestCard).not.toBe(0);
        this.#guestCard = 0;
        if (this.#asked !== null) this.lost += 1;
        this.#asked = null;
        break;
      case VscMessageType.APDU:
        // Once, only when it was asked for, and by the very card.
        expect(this.#asked).not.toBeNull();
        expect(data).toEqual(answerOf(this.#guestCard, this.#asked!));
        this.#asked = null;
        this.answers += 1;
        break;
      default:
        expect.fail(`the guest gets a message of type ${type}`);
    }
  }

  #say(type: number, data: Uint8Array): void {
    const head = new Uint8Array(headerSize);
    const view = new DataView(head.buffer);
    view.setUint32(0, type);
    view.setUint32(8, data.length);
    this.#outbound = joinBytes([this.#outbound, head, data]);
  }

  /** The guest asks its card, where it has one and waits for nothing. */
  ask(): void {
    if (this.#guestCard === 0 || this.#asked !== null) return;
    const bytes = Uint8Array.from({ length: 4 + this.#random.below(250) }, () =>
      this.#random.u32(),
    );
    this.#asked = bytes;
    this.commands += 1;
    this.#say(VscMessageType.APDU, bytes);
  }

  /** The card answers. */
  work(): void {
    const next = this.#works.shift();
    if (next === undefined) return;
    const bytes = answerOf(this.#card, next.bytes);
    this.#reader.handle({ type: "answer", command: next.task, bytes });
  }

  /** Everything under way comes to its end. */
  finish(): void {
    for (let turns = 0; turns < 200; turns++) {
      this.turn();
      this.work();
    }
  }

  get isWaiting(): boolean {
    return this.#asked !== null;
  }

  move(peer: boolean): void {
    const { world } = this;
    const during = () => {
      const what = this.#random.below(6);
      if (what < 2) this.work();
      else if (what === 2 && this.#random.once(3)) this.remove();
      this.turn(false);
    };
    world.begin({ peer });
    during();
    world.stop();
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

it.each([
  ["with a peer link", true],
  ["without", false],
])("a smartcard answers each command once while its guest moves again and again, %s", (_, peer) => {
  const total = { commands: 0, answers: 0, lost: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = new Random(seed);
      const card = new CardWorld(random);
      let moves = 0;
      for (let turns = 0; turns < 250; turns++) {
        const what = random.below(moves < 6 ? 24 : 22);
        if (what < 12) card.turn();
        else if (what < 16) card.ask();
        else if (what < 21) card.work();
        else if (what === 21) {
          card.turn();
          if (random.once(3)) card.change();
        } else {
          card.move(peer);
          moves += 1;
        }
      }
      card.finish();
      expect(card.isWaiting).toBe(false);
      expect(card.commands).toBe(card.answers + card.lost);
      total.commands += card.commands;
      total.answers += card.answers;
      total.lost += card.lost;
      expect(card.client.events.filter(({ name }) => name === "stream-closed")).toEqual([]);
    }),
    { numRuns: 15 },
  );
  expect(total.answers).toBeGreaterThan(50);
  expect(total.lost).toBeGreaterThan(0);
});
