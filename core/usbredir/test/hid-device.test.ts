import { HidDevice, scancodeUsage } from "@caraway/usbredir";
import { describe, expect, it } from "vitest";
import { DeviceGuest } from "./device-guest.ts";

const report = 0x22;

function listening(kind: ConstructorParameters<typeof HidDevice>[0]): DeviceGuest {
  const guest = new DeviceGuest(new HidDevice(kind));
  guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
  return guest;
}

function reports(guest: DeviceGuest): number[][] {
  return guest.take("INTERRUPT_PACKET").map(({ body }) => [...body.data]);
}

/** Sizes of the reports that a report descriptor tells of, in bits: input and output. */
function reportBits(descriptor: Uint8Array): { readonly inputs: number; readonly outputs: number } {
  let [count, size, inputs, outputs] = [0, 0, 0, 0];
  for (let at = 0; at < descriptor.length; ) {
    const head = descriptor[at]!;
    const length = [0, 1, 2, 4][head & 3]!;
    const value = descriptor[at + 1]!;
    if ((head & 0xfc) === 0x94) count = value;
    if ((head & 0xfc) === 0x74) size = value;
    if ((head & 0xfc) === 0x80) inputs += count * size;
    if ((head & 0xfc) === 0x90) outputs += count * size;
    at += 1 + length;
  }
  return { inputs, outputs };
}

describe.each([
  ["keyboard", 8, 8],
  ["mouse", 4, 0],
  ["tablet", 6, 0],
] as const)("a %s", (kind, size, outputBits) => {
  it("describes reports of the size that it sends", () => {
    const guest = new DeviceGuest(new HidDevice(kind));
    const descriptor = guest.control(0x81, 6, report << 8, 0xff)!.data;
    expect(reportBits(descriptor)).toEqual({ inputs: size * 8, outputs: outputBits });
    // Where the HID descriptor in the configuration says how long it is.
    const configuration = guest.control(0x80, 6, 0x0200, 0xff)!.data;
    expect(configuration).toHaveLength(configuration[2]!);
    const hid = configuration.subarray(18);
    expect([hid[0], hid[1], hid[6]]).toEqual([9, 0x21, report]);
    expect(hid[7]! | (hid[8]! << 8)).toBe(descriptor.length);
    expect(guest.packets.find(({ name }) => name === "INTERFACE_INFO")!.body).toMatchObject({
      interfaceCount: 1,
    });
  });
});

describe("a keyboard", () => {
  it("tells keys in the order in which they are pressed and released", () => {
    const guest = listening("keyboard");
    expect(reports(guest)).toEqual([]);
    for (const [usage, down] of [
      [0xe1, true],
      [4, true],
      [5, true],
      [4, false],
      [0xe1, false],
    ] as const) {
      guest.feed({ type: "hid-key", usage, down });
    }
    expect(reports(guest)).toEqual([
      [2, 0, 0, 0, 0, 0, 0, 0],
      [2, 0, 4, 0, 0, 0, 0, 0],
      [2, 0, 4, 5, 0, 0, 0, 0],
      [2, 0, 5, 0, 0, 0, 0, 0],
      [0, 0, 5, 0, 0, 0, 0, 0],
    ]);
  });

  it("keeps what nobody has heard, and says what is held to whoever begins to listen", () => {
    const guest = new DeviceGuest(new HidDevice("keyboard"));
    guest.feed({ type: "hid-key", usage: 4, down: true });
    expect(reports(guest)).toEqual([]);
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    expect(reports(guest)).toEqual([[0, 0, 4, 0, 0, 0, 0, 0]]);
    guest.say({ name: "STOP_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    expect(reports(guest)).toEqual([[0, 0, 4, 0, 0, 0, 0, 0]]);
  });

  it("says that it cannot tell when more than six keys are held", () => {
    const guest = listening("keyboard");
    for (let usage = 4; usage < 11; usage++) guest.feed({ type: "hid-key", usage, down: true });
    expect(reports(guest).at(-1)).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
    guest.feed({ type: "hid-key", usage: 4, down: false });
    expect(reports(guest).at(-1)).toEqual([0, 0, 5, 6, 7, 8, 9, 10]);
  });

  it("tells of its lamps", () => {
    const guest = listening("keyboard");
    expect(guest.control(0x21, 9, 0x0200, Uint8Array.of(2))).toMatchObject({
      status: 0,
      length: 1,
    });
    expect(guest.events.at(-1)).toEqual({ type: "leds", leds: 2 });
  });

  it("has all keys of a PC keyboard", () => {
    expect(scancodeUsage(0x1e)).toBe(4);
    expect(scancodeUsage(0x0b)).toBe(0x27);
    expect(scancodeUsage(0x0e)).toBe(0x2a);
    expect(scancodeUsage(0x1c)).toBe(0x28);
    expect(scancodeUsage(0x39)).toBe(0x2c);
    expect(scancodeUsage(0x44)).toBe(0x43);
    expect(scancodeUsage(0x53)).toBe(0x63);
    expect(scancodeUsage(0x58)).toBe(0x45);
    expect(scancodeUsage(0xe01d)).toBe(0xe4);
    expect(scancodeUsage(0xe048)).toBe(0x52);
    expect(scancodeUsage(0xe053)).toBe(0x4c);
    expect(scancodeUsage(0xe05d)).toBe(0x65);
    expect(scancodeUsage(0x200)).toBeNull();
  });
});

describe("a pointer", () => {
  it("goes far in several steps as a mouse", () => {
    const guest = listening("mouse");
    guest.feed({ type: "hid-pointer", x: 200, y: -300, buttons: 1, wheel: 1 });
    expect(reports(guest)).toEqual([
      [1, 127, 0x81, 1],
      [1, 73, 0x81, 0],
      [1, 0, 256 - 46, 0],
    ]);
    // A second listener hears of the button, and is not moved.
    guest.say({ name: "STOP_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    expect(reports(guest)).toEqual([[1, 0, 0, 0]]);
  });

  it("is at a place as a tablet", () => {
    const guest = listening("tablet");
    guest.feed({ type: "hid-pointer", x: 0x1234, y: 99_999, buttons: 4, wheel: -1 });
    expect(reports(guest)).toEqual([[4, 0x34, 0x12, 0xff, 0x7f, 0xff]]);
  });
});
