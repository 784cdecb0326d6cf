import { firstUsbSlot, loadSlots, saveSlots, UsbSlot } from "@caraway/testcard";
import { StorageHost } from "@caraway/usbredir";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const grant = 9000;

/** A slot and a device with everything between them under a test's hand. */
class Bench {
  slot = new UsbSlot(firstUsbSlot(0));
  readonly disk: Uint8Array;
  readonly host: StorageHost;
  readonly toHost: Uint8Array[] = [];
  readonly toSlot: Uint8Array[] = [];
  readonly works: Extract<ReturnType<StorageHost["poll"]>, { type: "work" }>[] = [];
  now = 0;
  #granted = 0;

  constructor(kind: "stick" | "cd", blocks: number) {
    this.disk = Uint8Array.from(
      { length: blocks * (kind === "cd" ? 2048 : 512) },
      (_, at) => at >> 3,
    );
    const medium = { size: this.disk.length, writable: kind === "stick" };
    this.host = new StorageHost({ kind, medium });
    this.#attach();
    this.slot.hear({ type: "stream-open", stream: this.slot.stream, open: true }, 0);
  }

  #attach(): void {
    this.slot.describe();
    this.#granted = grant;
    this.slot.hear({ type: "stream-credit", stream: this.slot.stream, bytes: grant }, this.now);
  }

  /** Saves the slot and loads it again, as a move does. */
  move(): void {
    const saved = saveSlots([this.slot.save()], this.now);
    const [state] = loadSlots(saved, 0, 77);
    this.slot = new UsbSlot(state!);
    this.now = 77;
    this.#attach();
    expect(Buffer.compare(saveSlots([this.slot.save()], this.now), saved)).toBe(0);
  }

  pull(): void {
    for (let output = this.host.poll(); output !== null; output = this.host.poll()) {
      if (output.type === "transmit") this.toSlot.push(output.bytes);
      else if (output.type === "work") this.works.push(output);
    }
  }

  /** One thing that may happen. */
  step(choice: number, random: Random): void {
    const { slot, host } = this;
    switch (choice % 4) {
      case 0:
        this.now += 1;
        slot.tick(this.now, (output) => {
          if (output.type !== "stream-data") return;
          this.#granted -= output.bytes.length;
          expect(this.#granted).toBeGreaterThanOrEqual(0);
          this.toHost.push(output.bytes);
        });
        break;
      case 1: {
        const bytes = this.toHost.shift();
        if (bytes === undefined) break;
        host.handle({ type: "received", bytes });
        this.#granted += bytes.length;
        slot.hear({ type: "stream-credit", stream: slot.stream, bytes: bytes.length }, this.now);
        break;
      }
      case 2: {
        this.pull();
        const bytes = this.toSlot.shift();
        if (bytes === undefined) break;
        const cut = 1 + random.below(bytes.length);
        if (cut < bytes.length) this.toSlot.unshift(bytes.subarray(cut));
        slot.hear(
          { type: "stream-data", stream: slot.stream, bytes: bytes.slice(0, cut) },
          this.now,
        );
        break;
      }
      default: {
        const [done] = this.works.splice(random.below(this.works.length + 1), 1);
        if (done === undefined) break;
        const { work, task } = done;
        let data: Uint8Array = new Uint8Array(0);
        if (work.kind === "read") data = this.disk.slice(work.offset, work.offset + work.length);
        else if (work.kind === "write") this.disk.set(work.data, work.offset);
        host.handle({ type: "done", task, data });
      }
    }
  }
}

describe("a USB slot of the testcard", () => {
  it.each([
    ["stick", 200],
    ["cd", 60],
  ] as const)("works with a %s, and goes on wherever it is saved", (kind, blocks) => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const bench = new Bench(kind, blocks);
        let moves = 0;
        for (let turn = 0; turn < 3_000; turn++) {
          bench.step(random.below(4), random);
          if (random.once(150)) {
            bench.move();
            moves += 1;
          }
        }
        const { state } = bench.slot;
        expect(state).toMatchObject({ plugged: 1, unplugged: 0, lost: 0, strangers: 0 });
        expect(state.asked - state.answered).toBe(state.requests.length);
        expect(state.storage).toMatchObject({ wrongAt: null, isReadOnly: kind === "cd" });
        expect(state.storage.commands).toBeGreaterThan(5);
        expect(moves).toBeGreaterThan(5);
      }),
      { numRuns: 8 },
    );
  });

  it("finds a block that is wrong", () => {
    const random = new Random(3);
    const bench = new Bench("stick", 20);
    for (let turn = 0; turn < 12_000; turn++) {
      bench.step(random.below(4), random);
      if (turn === 5_000) bench.disk.fill(9);
    }
    expect(bench.slot.state.storage.wrongAt).not.toBe(null);
  });

  it("takes a device that is pulled out, and the next one", () => {
    const random = new Random(4);
    const bench = new Bench("stick", 100);
    for (let turn = 0; turn < 3_000; turn++) bench.step(random.below(4), random);
    bench.host.handle({ type: "unplug" });
    for (let turn = 0; turn < 1_000; turn++) bench.step(random.below(4), random);
    const { asked, answered, lost } = bench.slot.state;
    expect(bench.slot.state).toMatchObject({
      plugged: 1,
      unplugged: 1,
      requests: [],
      strangers: 0,
    });
    expect(answered + lost).toBe(asked);
  });

  it("loads no state that no slot can be in", () => {
    const bench = new Bench("stick", 100);
    const random = new Random(5);
    for (let turn = 0; turn < 3_000; turn++) bench.step(random.below(4), random);
    const saved = saveSlots([bench.slot.save()], bench.now);
    fc.assert(
      fc.property(fc.nat(saved.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = saved.slice();
        bytes[at]! ^= change;
        try {
          const [state] = loadSlots(bytes, 0, 0);
          if (state === undefined) return;
          const slot = new UsbSlot(state);
          slot.describe();
          slot.hear({ type: "stream-credit", stream: slot.stream, bytes: 1 << 20 }, 0);
          slot.tick(0, () => {});
        } catch (error) {
          expect(error).toHaveProperty("code");
        }
      }),
      { numRuns: 400 },
    );
  });
});
