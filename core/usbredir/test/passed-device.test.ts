import {
  type DeviceWork,
  PassedDevice,
  readConfiguration,
  readDevice,
  type TransferResult,
  UsbredirError,
  UsbStatus,
} from "@caraway/usbredir";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { camera } from "./camera.ts";
import { DeviceGuest } from "./device-guest.ts";

const none = new Uint8Array(0);

function guestOfCamera(): DeviceGuest {
  return new DeviceGuest(new PassedDevice({ description: camera, configuration: 1 }));
}

/** Ends the oldest work, which it gives. */
function end(guest: DeviceGuest, result: Partial<TransferResult> = {}): DeviceWork {
  const { work } = guest.works[0]!;
  const data = result.data ?? none;
  const full = { status: 0, data, length: data.length, ...result };
  guest.done((task) => ({ type: "transferred", task, result: full }));
  return work;
}

const kinds = (guest: DeviceGuest) => guest.works.map(({ work }) => work.kind);

describe("a real device", () => {
  it("is described as it is", () => {
    const guest = guestOfCamera();
    const [endpoints] = guest.take("EP_INFO");
    expect([...endpoints!.body.type].map((type, index) => [index, type])).toEqual(
      expect.arrayContaining([
        [2, 2],
        [4, 3],
        [6, 1],
        [17, 2],
        [19, 3],
        [21, 1],
        [1, 255],
      ]),
    );
    expect(endpoints!.body.maxPacketSize![21]).toBe(100 | (1 << 11));
    expect(guest.take("DEVICE_CONNECT")[0]!.body).toMatchObject({
      vendorId: 0x1234,
      deviceClass: 255,
    });
  });

  it("is asked for one control request at a time, in their order", () => {
    const guest = guestOfCamera();
    guest.say({ name: "RESET", body: {} });
    guest.control(0x80, 6, 0x0100, 18);
    guest.control(0x02, 1, 0, none);
    expect(kinds(guest)).toEqual(["reset"]);
    end(guest);
    expect(kinds(guest)).toEqual(["control-in"]);
    end(guest, { data: new Uint8Array(18).fill(7) });
    expect(kinds(guest)).toEqual(["clear-halt"]);
    end(guest, { status: UsbStatus.STALL });
    const answers = guest.take("CONTROL_PACKET").map(({ body }) => [body.status, body.length]);
    expect(answers).toEqual([
      [0, 18],
      [4, 0],
    ]);
  });

  it("says how it is behind another configuration", () => {
    const guest = guestOfCamera();
    guest.packets = [];
    guest.say({ name: "SET_CONFIGURATION", body: { configuration: 2 } });
    expect(guest.packets).toEqual([]);
    const description = { ...camera, interfaces: [] };
    end(guest, { state: { description, configuration: 2 } });
    expect(guest.packets.map(({ name }) => name)).toEqual([
      "INTERFACE_INFO",
      "EP_INFO",
      "CONFIGURATION_STATUS",
    ]);
    expect(guest.packets[2]!.body).toEqual({ status: 0, configuration: 2 });
    guest.bulk(0x81, 512);
    expect(guest.take("BULK_PACKET")[0]!.body.status).toBe(UsbStatus.INVAL);
  });

  it("gives bulk data in its order, each byte once, whatever is called off", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const guest = guestOfCamera();
        const [given, heard, said, written] = [[], [], [], []] as number[][];
        const asked: bigint[] = [];
        let next = 0;
        for (let turn = 0; turn < 150; turn++) {
          if (random.once(2)) asked.push(guest.bulk(0x81, 512));
          if (random.once(3)) {
            const data = Uint8Array.from({ length: random.below(20) }, () => next++ & 0xff);
            said!.push(...data);
            guest.bulk(0x02, data);
          }
          if (random.once(5) && asked.length > 0) guest.cancel(asked[random.below(asked.length)]!);
          if (random.once(2) && guest.works.length > 0) {
            const { work } = guest.works[0]!;
            if (work.kind === "transfer-in") {
              const data = Uint8Array.from({ length: random.below(30) }, () => next++ & 0xff);
              given!.push(...data);
              end(guest, { data });
            } else if (work.kind === "transfer-out") {
              written!.push(...work.data);
              end(guest, { length: work.data.length });
            }
          }
          for (const { body } of guest.take("BULK_PACKET")) {
            if (body.endpoint === 0x81) heard!.push(...body.data);
          }
        }
        expect(heard).toEqual(given!.slice(0, heard!.length));
        expect(given!.length - heard!.length).toBeLessThan(30 * 9);
        // What was called off before it began was not written.
        let at = 0;
        for (const byte of written!) {
          while (said![at] !== byte) at++;
          at++;
        }
        expect(at).toBeLessThanOrEqual(said!.length);
      }),
      { numRuns: 30 },
    );
  });

  it("reads interrupts by itself, and keeps what comes between two listeners", () => {
    const guest = guestOfCamera();
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x83 } });
    expect(guest.works[0]!.work).toEqual({ kind: "transfer-in", endpoint: 0x83, length: 16 });
    end(guest, { data: Uint8Array.of(1) });
    guest.say({ name: "STOP_INTERRUPT_RECEIVING", body: { endpoint: 0x83 } });
    end(guest, { data: Uint8Array.of(2) });
    expect(guest.works).toEqual([]);
    expect(guest.take("INTERRUPT_PACKET").map(({ body }) => [...body.data])).toEqual([[1]]);
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x83 } });
    expect(guest.take("INTERRUPT_PACKET").map(({ body }) => [...body.data])).toEqual([[2]]);
    end(guest, { status: UsbStatus.STALL });
    const statuses = guest.take("INTERRUPT_RECEIVING_STATUS").map(({ body }) => body.status);
    expect(statuses).toEqual([0, 0, 0, UsbStatus.STALL]);
    expect(guest.works).toEqual([]);
  });

  it("writes interrupts", () => {
    const guest = guestOfCamera();
    const body = { endpoint: 0x04, status: 0, length: 3, data: Uint8Array.of(1, 2, 3) };
    guest.say({ name: "INTERRUPT_PACKET", body });
    expect(end(guest, { length: 3 })).toMatchObject({ kind: "transfer-out", endpoint: 0x04 });
    expect(guest.take("INTERRUPT_PACKET")[0]!.body).toMatchObject({ status: 0, length: 3 });
  });

  it("reads bulk data ahead of the guest", () => {
    const guest = guestOfCamera();
    const start = { streamId: 0, bytesPerTransfer: 1024, endpoint: 0x81, noTransfers: 3 };
    guest.say({ name: "START_BULK_RECEIVING", body: start });
    expect(kinds(guest)).toEqual(["transfer-in", "transfer-in", "transfer-in"]);
    end(guest, { data: Uint8Array.of(5, 6) });
    expect(guest.works).toHaveLength(3);
    expect(guest.take("BUFFERED_BULK_PACKET")[0]!.body).toMatchObject({
      ...{ streamId: 0, length: 2, endpoint: 0x81, status: 0 },
      data: Uint8Array.of(5, 6),
    });
    guest.say({ name: "STOP_BULK_RECEIVING", body: { streamId: 0, endpoint: 0x81 } });
    end(guest);
    expect(guest.works).toHaveLength(2);
    expect(guest.take("BULK_RECEIVING_STATUS").map(({ body }) => body.status)).toEqual([0, 0]);
    guest.say({ name: "START_BULK_RECEIVING", body: { ...start, bytesPerTransfer: 1000 } });
    guest.say({ name: "START_BULK_RECEIVING", body: { ...start, noTransfers: 200 } });
    expect(guest.take("BULK_RECEIVING_STATUS").map(({ body }) => body.status)).toEqual([2, 2]);
  });

  it("streams isochronous packets to the guest", () => {
    const guest = guestOfCamera();
    guest.say({ name: "START_ISO_STREAM", body: { endpoint: 0x85, pktsPerUrb: 2, noUrbs: 3 } });
    expect(guest.works).toHaveLength(3);
    // Two packets of a microframe each.
    expect(guest.works[0]!.work).toEqual({ kind: "iso-in", endpoint: 0x85, lengths: [200, 200] });
    const packets = [
      { status: 0, data: Uint8Array.of(1) },
      { status: UsbStatus.BABBLE, data: none },
    ];
    end(guest, { packets });
    expect(guest.works).toHaveLength(3);
    const seen = guest.take("ISO_PACKET").map(({ id, body }) => [id, body.status, body.length]);
    expect(seen).toEqual([
      [0n, 0, 1],
      [1n, 6, 0],
    ]);
    end(guest, { status: UsbStatus.IOERROR });
    expect(guest.take("ISO_STREAM_STATUS").map(({ body }) => body.status)).toEqual([0, 3]);
    guest.say({ name: "STOP_ISO_STREAM", body: { endpoint: 0x85 } });
    end(guest, { packets });
    expect(guest.take("ISO_PACKET")).toEqual([]);
  });

  it("streams isochronous packets to the device, and drops what comes in a flood", () => {
    const guest = guestOfCamera();
    guest.say({ name: "START_ISO_STREAM", body: { endpoint: 0x06, pktsPerUrb: 2, noUrbs: 2 } });
    for (let count = 0; count < 1000; count++) {
      const body = { endpoint: 0x06, status: 0, length: 1, data: Uint8Array.of(count) };
      guest.say({ name: "ISO_PACKET", body });
    }
    expect(guest.works.map(({ work }) => work)).toEqual([
      { kind: "iso-out", endpoint: 0x06, data: Uint8Array.of(0, 1), lengths: [1, 1] },
      { kind: "iso-out", endpoint: 0x06, data: Uint8Array.of(2, 3), lengths: [1, 1] },
    ]);
    end(guest);
    expect(guest.works[1]!.work).toMatchObject({ data: Uint8Array.of(996 & 255, 997 & 255) });
    guest.say({ name: "START_ISO_STREAM", body: { endpoint: 0x06, pktsPerUrb: 200, noUrbs: 2 } });
    expect(guest.take("ISO_STREAM_STATUS").at(-1)!.body.status).toBe(UsbStatus.INVAL);
  });

  it("loses what is under way in a reset", () => {
    const guest = guestOfCamera();
    guest.bulk(0x81, 512);
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x83 } });
    guest.say({ name: "RESET", body: {} });
    expect(kinds(guest)).toEqual(["transfer-in", "transfer-in", "reset"]);
    end(guest, { data: Uint8Array.of(1) });
    end(guest, { data: Uint8Array.of(2) });
    end(guest);
    expect(guest.works).toEqual([]);
    expect([...guest.take("BULK_PACKET"), ...guest.take("INTERRUPT_PACKET")]).toEqual([]);
  });
});

describe("descriptors", () => {
  const device = Uint8Array.of(
    18,
    1,
    0,
    2,
    0xef,
    2,
    1,
    64,
    0x34,
    0x12,
    0x78,
    0x56,
    0,
    1,
    1,
    2,
    3,
    1,
  );
  const configuration = Uint8Array.of(
    ...[9, 2, 41, 0, 1, 3, 0, 0x80, 50],
    ...[9, 4, 0, 0, 1, 255, 1, 2, 0],
    ...[7, 5, 0x81, 2, 0, 2, 0],
    ...[9, 4, 0, 1, 1, 255, 1, 2, 0],
    ...[7, 5, 0x81, 1, 0, 4, 1],
  );

  it("are read, in the alternate settings that are asked for", () => {
    expect(readDevice(device)).toEqual({
      ...{ deviceClass: 0xef, deviceSubclass: 2, deviceProtocol: 1 },
      ...{ vendorId: 0x1234, productId: 0x5678, version: 0x0100 },
    });
    const first = readConfiguration(configuration);
    expect(first.configuration).toBe(3);
    expect(first.interfaces[0]!.endpoints).toEqual([
      { address: 0x81, type: 2, packetSize: 512, interval: 0 },
    ]);
    const second = readConfiguration(configuration, new Map([[0, 1]]));
    expect(second.interfaces[0]).toMatchObject({
      alternate: 1,
      endpoints: [{ address: 0x81, type: 1, packetSize: 1024, interval: 1 }],
    });
  });

  it("of a device that lies are refused, or mean little", () => {
    const random = new Random(1);
    for (let round = 0; round < 5000; round++) {
      const bytes = configuration.slice(0, random.below(configuration.length + 1));
      for (let count = random.below(4); count > 0 && bytes.length > 0; count--) {
        bytes[random.below(bytes.length)] = random.u32();
      }
      try {
        expect(readConfiguration(bytes).interfaces.length).toBeLessThanOrEqual(32);
      } catch (error) {
        expect(error).toBeInstanceOf(UsbredirError);
      }
    }
  });
});
