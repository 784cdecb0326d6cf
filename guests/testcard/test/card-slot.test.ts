import { CardReader, PivCard, type RawVscMessage } from "@caraway/smartcard";
import { CardSlot, firstCardSlot, loadCard, saveCard } from "@caraway/testcard";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const certificate = Uint8Array.from({ length: 700 }, (_, at) => at % 253);

/** A reader of the testcard and a client's card, with the bytes between them in a test's hand. */
class Bench {
  slot = new CardSlot(firstCardSlot(0));
  readonly reader = new CardReader("test");
  readonly card = new PivCard({
    keys: [{ slot: "9a", bits: 2048, certificate }],
    pin: "123456",
    guid: new Uint8Array(16),
  });
  readonly toReader: number[] = [];
  readonly toSlot: number[] = [];
  readonly commands: { readonly command: number; readonly bytes: Uint8Array }[] = [];
  now = 0;

  constructor() {
    this.#attach();
    this.slot.hear({ type: "stream-open", stream: this.slot.stream, open: true }, 0);
  }

  #attach(): void {
    this.slot.describe();
    this.slot.hear({ type: "stream-credit", stream: this.slot.stream, bytes: 1 << 24 }, this.now);
  }

  move(): void {
    const saved = saveCard(this.slot.state, this.now);
    this.slot = new CardSlot(loadCard(saved, 0, 50));
    this.now = 50;
    this.#attach();
    expect(Buffer.compare(saveCard(this.slot.state, this.now), saved)).toBe(0);
  }

  step(random: Random): void {
    switch (random.below(4)) {
      case 0:
        this.now += 3;
        this.slot.tick(this.now, (output) => {
          if (output.type === "stream-data") this.toReader.push(...output.bytes);
        });
        break;
      case 1: {
        const view = new DataView(Uint8Array.from(this.toReader).buffer);
        if (view.byteLength < 12 || view.byteLength < 12 + view.getUint32(8)) break;
        const bytes = Uint8Array.from(this.toReader.splice(0, 12 + view.getUint32(8)));
        const message = { type: view.getUint32(0), readerId: 0, data: bytes.subarray(12) };
        this.reader.handle({ type: "received", message });
        break;
      }
      case 2: {
        for (let output = this.reader.poll(); output !== null; output = this.reader.poll()) {
          if (output.type === "transmit") this.toSlot.push(...rawBytes(output.message));
          else if (output.type === "command") this.commands.push(output);
          else if (output.type === "fault") throw output.error;
        }
        const bytes = Uint8Array.from(this.toSlot.splice(0, 1 + random.below(60)));
        this.slot.hear({ type: "stream-data", stream: this.slot.stream, bytes }, this.now);
        break;
      }
      default: {
        const next = this.commands.shift();
        if (next === undefined) break;
        this.card.handle({ type: "command", bytes: next.bytes });
        const output = this.card.poll();
        if (output?.type !== "response") throw new Error("no answer");
        this.reader.handle({ type: "answer", command: next.command, bytes: output.bytes });
      }
    }
  }
}

function rawBytes({ type, data }: RawVscMessage): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type);
  view.setUint32(8, data.length);
  bytes.set(data, 12);
  return bytes;
}

describe("the smartcard reader of the testcard", () => {
  it("reads a card again and again, and goes on wherever it is saved", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const bench = new Bench();
        bench.reader.handle({ type: "insert", atr: bench.card.atr });
        for (let turn = 0; turn < 3000; turn++) {
          bench.step(random);
          if (random.once(60)) bench.move();
        }
        const { state } = bench.slot;
        expect(state).toMatchObject({ inserted: 1, removed: 0, lost: 0, wrong: 0, strangers: 0 });
        expect(state.commands - state.answers).toBe(state.isWaiting ? 1 : 0);
        expect(state.objects).toBeGreaterThan(3);
      }),
      { numRuns: 6 },
    );
  });

  it("loses what a card that is taken out was asked, and nothing else", () => {
    const random = new Random(1);
    const bench = new Bench();
    for (let round = 0; round < 5; round++) {
      bench.reader.handle({ type: "insert", atr: bench.card.atr });
      for (let turn = 0; turn < 300; turn++) bench.step(random);
      bench.reader.handle({ type: "remove" });
      bench.commands.length = 0;
      for (let turn = 0; turn < 300; turn++) bench.step(random);
    }
    const { state } = bench.slot;
    expect(state).toMatchObject({ inserted: 5, removed: 5, wrong: 0, strangers: 0 });
    expect(state.answers + state.lost).toBe(state.commands);
  });

  it("holds no memory, whatever it hears, and loads no state that it cannot be in", () => {
    const slot = new CardSlot(firstCardSlot(0));
    const { stream } = slot;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        slot.hear({ type: "stream-data", stream, bytes }, 0);
        slot.tick(0, () => {});
        expect(slot.state.incoming.length).toBeLessThan(80_000);
      }),
      { numRuns: 500 },
    );
    const saved = saveCard(firstCardSlot(0), 0);
    fc.assert(
      fc.property(fc.nat(saved.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = saved.slice();
        bytes[at]! ^= change;
        try {
          new CardSlot(loadCard(bytes, 0, 0)).tick(0, () => {});
        } catch (error) {
          expect(error).toHaveProperty("code");
        }
      }),
    );
  });
});
