import type { StreamCommand, StreamEvent } from "@caraway/client";
import {
  type AttachedUsb,
  ClientStream,
  PassedUsb,
  type SerialLine,
  type UsbDeviceEvent,
  UsbDevices,
  UsbHid,
  UsbSerial,
  UsbWithheldError,
} from "@caraway/driver";
import {
  HidDevice,
  type Packet,
  PacketStream,
  StorageDevice,
  UsbredirCapability,
} from "@caraway/usbredir";
import { describe, expect, it } from "vitest";
import { EmulatedWebUsb } from "./web-usb.ts";

const none = new Uint8Array(0);

/** A guest's slot for redirected devices, and what it hears there. */
class GuestSlot {
  readonly stream: ClientStream;
  readonly packets: Packet[] = [];
  readonly #packets = new PacketStream({
    role: "guest",
    version: "guest",
    capabilities: Object.values(UsbredirCapability).filter((bit) => bit !== 0),
  });
  #nextId = 1n;

  constructor(key = 1) {
    const opened = { stream: key, channel: "usbredir", id: 0, portName: null, guestOpen: true };
    this.stream = new ClientStream({ name: "stream-opened", ...opened } as never, (command) => {
      this.#hear(command);
    });
  }

  greet(): void {
    this.#tell(this.#packets.hello());
  }

  say(packet: Omit<Packet, "id">): bigint {
    const id = this.#nextId++;
    this.#tell(this.#packets.write({ ...packet, id } as Packet));
    return id;
  }

  bulk(endpoint: number, data: Uint8Array | number): bigint {
    const bytes = typeof data === "number" ? none : data;
    const lengths = { length: typeof data === "number" ? data : data.length, lengthHigh: 0 };
    const body = { endpoint, status: 0, streamId: 0, ...lengths, data: bytes };
    return this.say({ name: "BULK_PACKET", body });
  }

  close(): void {
    this.stream.handle({ name: "stream-closed", stream: 1 } as StreamEvent);
  }

  named<N extends Packet["name"]>(name: N): Extract<Packet, { name: N }>[] {
    return this.packets.filter((each) => each.name === name) as Extract<Packet, { name: N }>[];
  }

  #tell(bytes: Uint8Array): void {
    this.stream.handle({ name: "stream-data", stream: 1, bytes } as StreamEvent);
  }

  #hear(command: StreamCommand): void {
    if (command.name !== "stream-send") return;
    this.#packets.push(command.bytes);
    for (let packet = this.#packets.next(); packet !== null; packet = this.#packets.next()) {
      this.packets.push(packet);
    }
  }
}

function plugged(device: AttachedUsb): { readonly slot: GuestSlot; readonly devices: UsbDevices } {
  const devices = new UsbDevices([device]);
  const slot = new GuestSlot();
  devices.offer(slot.stream);
  slot.greet();
  return { slot, devices };
}

describe("a serial line", () => {
  class Line implements SerialLine {
    readonly written: number[] = [];
    readonly readers: ((data: Uint8Array) => void)[] = [];

    read(): Promise<Uint8Array> {
      return new Promise((resolve) => this.readers.push(resolve));
    }

    async write(data: Uint8Array): Promise<void> {
      this.written.push(...data);
    }

    async close(): Promise<void> {}
  }

  it("carries what both ends say, and keeps what comes between two slots", async () => {
    const line = new Line();
    const device = new UsbSerial(line);
    const { slot, devices } = plugged(device);
    slot.bulk(0x03, Uint8Array.of(1, 2, 3));
    await expect.poll(() => line.written).toEqual([1, 2, 3]);
    slot.bulk(0x82, 10);
    expect(line.readers).toHaveLength(1);
    // The session is over, and so is the request; the byte that comes is the next session's.
    slot.close();
    const next = new GuestSlot();
    devices.offer(next.stream);
    next.greet();
    next.bulk(0x82, 1);
    next.bulk(0x82, 10);
    line.readers[0]!(Uint8Array.of(7, 8));
    await expect
      .poll(() => next.named("BULK_PACKET").map(({ body }) => [...body.data]))
      .toEqual([[7], [8]]);
  });
});

describe("a keyboard", () => {
  it("has the keys that SPICE names", () => {
    const keyboard = new UsbHid("keyboard");
    const { slot } = plugged(keyboard);
    slot.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    expect(keyboard.key(0x1e, true)).toBe(true);
    expect(keyboard.key(0x5555, true)).toBe(false);
    expect(slot.named("INTERRUPT_PACKET").map(({ body }) => body.data[2])).toEqual([4]);
  });
});

describe("a device of WebUSB", () => {
  it("is what it is to the guest, which reads and writes it", async () => {
    const disk = Uint8Array.from({ length: 8192 }, (_, at) => at * 7);
    const web = new EmulatedWebUsb({
      device: new StorageDevice({ kind: "stick", medium: { size: disk.length, writable: true } }),
      productName: "Stick",
      work: async (task, work) => {
        if (work.kind === "read") {
          return { type: "done", task, data: disk.slice(work.offset, work.offset + work.length) };
        }
        if (work.kind === "write") disk.set(work.data, work.offset);
        return { type: "done", task, data: none };
      },
    });
    const passed = await PassedUsb.open(web);
    expect(passed.withheld).toEqual([]);
    const { slot } = plugged(passed);
    expect(slot.named("DEVICE_CONNECT")[0]!.body).toMatchObject({ vendorId: 0x1209, speed: 2 });
    expect(slot.named("INTERFACE_INFO")[0]!.body.interfaceClass[0]).toBe(8);
    slot.say({ name: "RESET", body: {} });
    slot.say({ name: "SET_CONFIGURATION", body: { configuration: 1 } });
    await expect.poll(() => slot.named("CONFIGURATION_STATUS")).toHaveLength(1);
    const command = (operation: number, tag: number, isInput: boolean, length: number) => {
      const view = new DataView(new ArrayBuffer(31));
      view.setUint32(0, 0x43425355, true);
      view.setUint32(4, tag, true);
      view.setUint32(8, length, true);
      view.setUint8(12, isInput ? 0x80 : 0);
      view.setUint8(14, 10);
      const bytes = new Uint8Array(view.buffer);
      bytes.set([operation, 0, 0, 0, 0, 4, 0, 0, length / 512, 0], 15);
      return bytes;
    };
    const answer = async (id: bigint) => {
      await expect.poll(() => slot.packets.some((each) => each.id === id)).toBe(true);
      return slot.packets.find((each) => each.id === id) as Extract<
        Packet,
        { name: "BULK_PACKET" }
      >;
    };
    slot.bulk(0x02, command(0x28, 1, true, 1024));
    const read = slot.bulk(0x81, 1024);
    const status = slot.bulk(0x81, 13);
    expect((await answer(read)).body.data).toEqual(disk.slice(2048, 3072));
    expect((await answer(status)).body.data[12]).toBe(0);
    const data = new Uint8Array(512).fill(9);
    slot.bulk(0x02, command(0x2a, 2, false, 512));
    const written = slot.bulk(0x02, data);
    const second = slot.bulk(0x81, 13);
    expect((await answer(written)).body).toMatchObject({ status: 0, length: 512 });
    expect((await answer(second)).body.data[12]).toBe(0);
    expect(disk.slice(2048, 2560)).toEqual(data);
    // A command that makes no sense stalls both ways, until the halts are cleared.
    const bad = slot.bulk(0x02, Uint8Array.of(1, 2, 3));
    expect((await answer(bad)).body.status).toBe(4);
    await passed.close();
    expect(web.opened).toBe(false);
  });

  it("tells by itself what an interrupt endpoint says", async () => {
    const web = new EmulatedWebUsb({ device: new HidDevice("keyboard"), productName: "Keys" });
    const { slot } = plugged(await PassedUsb.open(web));
    slot.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    web.feed({ type: "hid-key", usage: 4, down: true });
    web.feed({ type: "hid-key", usage: 4, down: false });
    await expect
      .poll(() => slot.named("INTERRUPT_PACKET").map(({ body }) => body.data[2]))
      .toEqual([4, 0]);
  });

  it("is refused, in words, where a browser withholds all of it", async () => {
    const web = new EmulatedWebUsb({
      ...{ device: new HidDevice("mouse"), productName: "Mouse", withheld: [3] },
    });
    const opened = PassedUsb.open(web);
    await expect(opened).rejects.toBeInstanceOf(UsbWithheldError);
    await expect(opened).rejects.toThrow("Caraway Mouse is withheld");
    expect(web.opened).toBe(false);
  });

  it("whose transfers fail answers so, and tells its owner", async () => {
    const events: UsbDeviceEvent[] = [];
    const web = new EmulatedWebUsb({ device: new HidDevice("tablet"), productName: "Tablet" });
    const { slot } = plugged(await PassedUsb.open(web, (event) => events.push(event)));
    web.selectAlternateInterface = () => Promise.reject(new Error("pulled out"));
    slot.say({ name: "SET_ALT_SETTING", body: { interface: 0, alt: 1 } });
    await expect.poll(() => slot.named("ALT_SETTING_STATUS")[0]?.body.status).toBe(3);
    expect(events.map(({ type }) => type)).toEqual(["connected", "io-error"]);
  });
});
