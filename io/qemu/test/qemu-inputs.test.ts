import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { readLeftovers, writeLeftovers } from "../src/guest-leftovers.ts";
import { type QemuInput, QemuInputs } from "../src/qemu-inputs.ts";

/** A QEMU that takes inputs while it runs. */
class Monitor {
  isRunning = true;
  readonly taken: unknown[] = [];
  readonly inputs = new QemuInputs({
    send: (events) => {
      if (!this.isRunning) return Promise.reject(new Error("input-send-event: VM not running"));
      this.taken.push(...events);
      return Promise.resolve();
    },
    sizeOf: () => ({ width: 100, height: 50 }),
  });

  constructor() {
    this.inputs.setRunning(true);
  }
}

const key = (code: number): QemuInput => ({ type: "key", code, down: true });
const press = (data: number) => {
  return { type: "key", data: { down: true, key: { type: "number", data } } };
};
const rest = async () => {
  for (let turns = 0; turns < 30; turns++) await turn();
};

describe("keys and pointer", () => {
  it("go to QEMU in their order", async () => {
    const monitor = new Monitor();
    monitor.inputs.push(key(0x1e));
    monitor.inputs.push({ type: "tablet-position", display: 0, x: 99, y: 500, buttons: 1 });
    monitor.inputs.push({ type: "wheel", steps: -1, buttons: 0 });
    await rest();
    expect(monitor.taken).toEqual([
      press(0x1e),
      { type: "abs", data: { axis: "x", value: Math.floor((99.5 * 0x8000) / 100) } },
      { type: "abs", data: { axis: "y", value: Math.floor((49.5 * 0x8000) / 50) } },
      { type: "btn", data: { down: true, button: "left" } },
      { type: "btn", data: { down: true, button: "wheel-up" } },
      { type: "btn", data: { down: false, button: "wheel-up" } },
      { type: "btn", data: { down: false, button: "left" } },
    ]);
  });

  it("that a stopped VM refuses are kept, and go on in another one", async () => {
    const source = new Monitor();
    source.inputs.push(key(1));
    await rest();
    source.isRunning = false;
    source.inputs.push(key(2));
    source.inputs.push({ type: "buttons", buttons: 4 });
    await rest();
    const { waiting, held } = source.inputs;
    expect(source.taken).toEqual([press(1)]);
    const left = { leds: 2, inputs: waiting, buttons: held, streams: [] };
    const carried = readLeftovers(writeLeftovers(left));
    expect(carried).toEqual(left);
    const target = new Monitor();
    target.inputs.setRunning(false);
    target.inputs.push(key(3));
    target.inputs.take(carried.inputs, carried.buttons);
    target.inputs.setRunning(true);
    await rest();
    expect(target.taken).toEqual([
      press(2),
      { type: "btn", data: { down: true, button: "right" } },
      press(3),
    ]);
  });

  it("for which there is no device are for nobody", async () => {
    const monitor = new Monitor();
    const refused = new QemuInputs({
      send: () => Promise.reject(new Error("Input handler not found for event type key")),
      sizeOf: () => ({ width: 1, height: 1 }),
    });
    refused.setRunning(true);
    refused.push(key(1));
    refused.push(key(2));
    await rest();
    expect([refused.waiting, monitor.taken]).toEqual([[], []]);
  });

  it.each([
    "",
    "[]",
    "{}",
    '{"leds":0,"inputs":[{"type":"key","code":"a"}],"buttons":0,"streams":[]}',
  ])("are not taken from damaged papers: %s", (text) => {
    expect(() => readLeftovers(new TextEncoder().encode(text))).toThrow(/came with the VM/);
  });
});
