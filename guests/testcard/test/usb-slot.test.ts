import { firstUsbSlot, loadSlots, saveSlots, UsbSlot, usbWindow } from "@caraway/testcard";
import {
  HidDevice,
  PacketStream,
  StorageDevice,
  UsbHost,
  UsbredirCapability,
} from "@caraway/usbredir";
import { Random, randomPacket } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const grant = 9000;

/** A slot and a device with everything between them under a test's hand. */
class Bench {
  slot = new UsbSlot(firstUsbSlot(0));
  readonly disk: Uint8Array;
  readonly host: UsbHost;
  readonly toHost: Uint8Array[] = [];
  readonly toSlot: Uint8Array[] = [];
  readonly works: Extract<ReturnType<UsbHost["poll"]>, { type: "work" }>[] = [];
  now = 0;
  #granted = 0;

  constructor(kind: "stick" | "cd" | "keyboard", blocks: number) {
    this.disk = Uint8Array.from(
      { length: blocks * (kind === "cd" ? 2048 : 512) },
      (_, at) => at >> 3,
    );
    const medium = { size: this.disk.length, writable: kind === "stick" };
    this.host = new UsbHost(
      kind === "keyboard" ? new HidDevice(kind) : new StorageDevice({ kind, medium }),
    );
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
  it("hears each report of a keyboard once, wherever it is saved", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const bench = new Bench("keyboard", 0);
        let pressed = 0;
        for (let turn = 0; turn < 1_500; turn++) {
          bench.step(random.below(3), random);
          if (random.once(10)) {
            bench.host.handle({ type: "hid-key", usage: 4, down: pressed++ % 2 === 0 });
          }
          if (random.once(60)) bench.move();
        }
        for (let turn = 0; turn < 3_000; turn++) bench.step(turn, random);
        expect(bench.slot.state).toMatchObject({ plugged: 1, unplugged: 0, strangers: 0 });
        // More than are kept for a guest that does not listen are forgotten.
        expect(bench.slot.state.reports).toBe(pressed);
      }),
      { numRuns: 6 },
    );
  });

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

  it("holds no memory for a device that says anything and hears nothing", () => {
    const random = new Random(6);
    const capabilities = [
      UsbredirCapability.DEVICE_DISCONNECT_ACK,
      UsbredirCapability.IDS_64BITS,
      UsbredirCapability.BULK_LENGTH_32BITS,
    ];
    for (let round = 0; round < 20; round++) {
      const slot = new UsbSlot(firstUsbSlot(0));
      slot.describe();
      const { stream } = slot;
      let granted = usbWindow;
      const host = new PacketStream({ role: "host", version: "", capabilities });
      slot.hear({ type: "stream-open", stream, open: true }, 0);
      const say = (bytes: Uint8Array): void => {
        if (bytes.length > granted) return;
        granted -= bytes.length;
        slot.hear({ type: "stream-data", stream, bytes }, 0);
        slot.tick(0, (output) => {
          if (output.type === "stream-credit") granted += output.bytes;
          else if (output.type === "stream-data") host.push(output.bytes);
        });
      };
      slot.hear({ type: "stream-credit", stream, bytes: 200 }, 0);
      say(host.hello());
      while (host.next() !== null);
      const both = new Set(capabilities.filter((bit) => host.both(bit)));
      for (let count = 0; count < 3000; count++) {
        const isGone = random.once(2) && round % 2 === 0;
        const gone = { name: "DEVICE_DISCONNECT", id: 0n, body: {} } as const;
        const bytes = host.write(isGone ? gone : randomPacket("host", both, random)).slice();
        if (random.once(3)) bytes[random.below(bytes.length)] = random.u32();
        say(bytes);
      }
      expect(slot.state.outgoing.length).toBeLessThanOrEqual(1100);
      expect(slot.state.requests.length).toBeLessThanOrEqual(12);
    }
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
