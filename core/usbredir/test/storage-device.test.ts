import type { PacketOf } from "@caraway/usbredir";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StorageGuest, transfer } from "./storage-guest.ts";

const READ = 0x28;
const WRITE = 0x2a;

function stick(blocks = 64, writable = true): StorageGuest {
  const guest = new StorageGuest("stick", blocks * 512, writable);
  guest.packets.length = 0;
  return guest;
}

describe("a storage device", () => {
  it("describes itself, then connects", () => {
    const guest = new StorageGuest("stick", 1024, true);
    expect(guest.packets.map(({ name }) => name)).toEqual([
      "HELLO",
      "INTERFACE_INFO",
      "EP_INFO",
      "DEVICE_CONNECT",
    ]);
    expect(guest.packets.at(-1)!.body).toMatchObject({ speed: 2, deviceVersionBcd: 0x100 });
    expect(guest.events).toEqual([{ type: "connected" }]);
  });

  it("does so for a guest of few capabilities", () => {
    const guest = new StorageGuest("cd", 4096, false, []);
    expect(guest.packets.at(-1)!.body).toMatchObject({ speed: 2, deviceVersionBcd: null });
    expect(guest.read(transfer(READ, 1, 1), 2048).data).toHaveLength(2048);
  });

  it("has descriptors, a configuration and one unit", () => {
    const guest = stick();
    const data = (value: number, length: number) =>
      (guest.control(6, 0x80, value, length) as PacketOf<"CONTROL_PACKET">).body.data;
    expect([...data(0x0100, 18)].slice(0, 2)).toEqual([18, 1]);
    expect(data(0x0200, 9)).toHaveLength(9);
    const whole = data(0x0200, 255);
    expect(whole).toHaveLength(whole[2]!);
    expect(String.fromCharCode(...data(0x0301, 255).filter((byte) => byte >= 32))).toBe("Caraway");
    expect(guest.control(6, 0x80, 0x0f00, 9).body).toMatchObject({ status: 4, length: 0 });
    expect(guest.control(0xfe, 0xa1, 0, 1).body).toMatchObject({ status: 0, length: 1 });
    guest.send({ name: "SET_CONFIGURATION", id: 99n, body: { configuration: 1 } });
    expect(guest.packets.map(({ name }) => name)).toEqual([
      "INTERFACE_INFO",
      "EP_INFO",
      "CONFIGURATION_STATUS",
    ]);
  });

  it("says who it is and how large", () => {
    const guest = stick(64);
    const inquiry = guest.read([0x12, 0, 0, 0, 255, 0], 255);
    expect(inquiry).toMatchObject({ status: 0, residue: 255 - 36 });
    expect(Buffer.from(inquiry.data).toString("latin1", 8, 32)).toBe("Caraway Stick           ");
    const capacity = guest.read([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8);
    expect([...capacity.data]).toEqual([0, 0, 0, 63, 0, 0, 2, 0]);
  });

  it("reads and writes what it is asked, in requests of any size and work of any order", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const guest = stick(256);
        guest.choose = (count) => random.below(count);
        const expected = guest.disk.slice();
        for (let turn = 0; turn < 12; turn++) {
          const block = random.below(200);
          const count = 1 + random.below(50);
          const piece = 512 * (1 + random.below(20));
          if (random.once(2)) {
            const { data, ...result } = guest.read(
              transfer(READ, block, count),
              count * 512,
              piece,
            );
            expect(result).toEqual({ status: 0, residue: 0 });
            const wanted = expected.subarray(block * 512, (block + count) * 512);
            expect(Buffer.compare(data, wanted)).toBe(0);
          } else {
            const data = Uint8Array.from({ length: count * 512 }, () => random.u32());
            const result = guest.write(transfer(WRITE, block, count), data, piece);
            expect(result).toMatchObject({ status: 0, residue: 0 });
            expected.set(data, block * 512);
          }
        }
        expect(Buffer.compare(guest.disk, expected)).toBe(0);
        expect(guest.packets).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it("answers the requests of a write in their order, in whatever order they are done", () => {
    const guest = stick();
    guest.choose = () => null;
    guest.command(transfer(WRITE, 0, 3), 1536, false);
    const ids = [1, 2, 3].map(() => guest.bulkOut(new Uint8Array(512)));
    const answered = () => guest.packets.map(({ id }) => id).filter((id) => ids.includes(id));
    let left = 2;
    guest.choose = () => (left-- > 0 ? 1 : null);
    guest.work();
    expect(answered()).toEqual([]);
    guest.choose = () => 0;
    guest.work();
    expect(answered()).toEqual(ids);
  });

  it("answers a write when it is done, and not before", () => {
    const guest = stick();
    guest.choose = () => null;
    guest.command(transfer(WRITE, 0, 1), 512, false);
    const id = guest.bulkOut(new Uint8Array(512));
    guest.work();
    const status = guest.bulkIn(13);
    expect(guest.packets).toEqual([]);
    guest.choose = () => 0;
    guest.work();
    expect(guest.answer(id)).toMatchObject({ status: 0, length: 512 });
    expect(guest.answer(status).data).toHaveLength(13);
  });

  it("refuses with a reason what cannot be", () => {
    const guest = stick(8, false);
    const failed = (result: object) => expect(result).toMatchObject({ status: 1 });
    failed(guest.read(transfer(READ, 7, 2), 1024));
    expect(guest.sense()).toBe("5/21/0");
    failed(guest.write(transfer(WRITE, 0, 1), new Uint8Array(512)));
    expect(guest.sense()).toBe("7/27/0");
    failed(guest.read([0xee], 0));
    expect(guest.sense()).toBe("5/20/0");
    guest.failsFrom = 1024;
    const result = guest.read(transfer(READ, 0, 8), 4096, 512);
    expect(result).toMatchObject({ status: 1, residue: 6 * 512 });
    expect(guest.sense()).toBe("3/11/0");
    expect(guest.sense()).toBe("0/0/0");
  });

  it("lets no command of one medium go on with the next", () => {
    const guest = stick();
    const before = guest.disk.slice();
    guest.choose = () => null;
    guest.command(transfer(READ, 0, 4), 2048, true);
    const first = guest.bulkIn(512);
    guest.work();
    guest.feed({ type: "insert", medium: { size: 32 * 512, writable: true } });
    const rest = guest.bulkIn(1536);
    guest.choose = () => 0;
    // What was read of the old one may come; of the new one nothing does.
    expect(guest.status(new Uint8Array(0))).toMatchObject({ status: 1 });
    expect(guest.answer(first).data).toHaveLength(512);
    expect(guest.answer(rest).data).toHaveLength(0);
    expect(guest.sense()).toBe("6/28/0");
    expect(guest.read([0, 0, 0, 0, 0, 0], 0).status).toBe(1);
    guest.command(transfer(WRITE, 0, 2), 1024, false);
    guest.bulkOut(new Uint8Array(512).fill(1));
    guest.feed({ type: "insert", medium: { size: 32 * 512, writable: true } });
    guest.bulkOut(new Uint8Array(512).fill(2));
    guest.work();
    expect(guest.status(new Uint8Array(0))).toMatchObject({ status: 1 });
    expect(guest.disk.subarray(512)).toEqual(before.subarray(512));
  });

  it("tells a change of its medium, and ejects it", () => {
    const guest = new StorageGuest("cd", 0, false);
    const ready = () => guest.read([0, 0, 0, 0, 0, 0], 0).status;
    expect(ready()).toBe(1);
    expect(guest.sense()).toBe("2/3a/0");
    guest.feed({ type: "insert", medium: { size: 8192, writable: false } });
    expect(ready()).toBe(1);
    expect(guest.sense()).toBe("6/28/0");
    expect(ready()).toBe(0);
    expect(guest.read([0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0], 20).data).toHaveLength(20);
    guest.read([0x1e, 0, 0, 0, 1, 0], 0);
    expect(guest.device.isLocked).toBe(true);
    expect(guest.read([0x1b, 0, 0, 0, 2, 0], 0).status).toBe(1);
    guest.read([0x1e, 0, 0, 0, 0, 0], 0);
    expect(guest.read([0x1b, 0, 0, 0, 2, 0], 0).status).toBe(0);
    expect(guest.events.at(-1)).toEqual({ type: "ejected" });
    expect(ready()).toBe(1);
  });

  it("answers a request that is cancelled once, whatever comes of its work", () => {
    const guest = stick();
    guest.choose = () => null;
    guest.command(transfer(READ, 0, 4), 2048, true);
    const ids = [guest.bulkIn(1024), guest.bulkIn(1024)];
    guest.send({ name: "CANCEL_DATA_PACKET", id: ids[0]!, body: {} });
    expect(guest.answer(ids[0]!)).toMatchObject({ status: 1, length: 0 });
    guest.choose = () => 0;
    guest.work();
    expect(guest.answer(ids[1]!)).toMatchObject({ status: 0, length: 1024 });
    expect(guest.packets).toEqual([]);
  });

  it("stalls what is no command until it is reset", () => {
    const guest = stick();
    expect(guest.answer(guest.bulkOut(new Uint8Array(31)))).toMatchObject({ status: 4 });
    expect(guest.answer(guest.bulkIn(13))).toMatchObject({ status: 4 });
    guest.control(0xff, 0x21, 0, 0);
    expect(guest.read([0, 0, 0, 0, 0, 0], 0).status).toBe(0);
  });

  it("goes when it is pulled out, and nothing is answered any more", () => {
    const guest = stick();
    guest.choose = () => null;
    guest.command(transfer(READ, 0, 1), 512, true);
    guest.bulkIn(512);
    guest.feed({ type: "unplug" });
    expect(guest.packets.map(({ name }) => name)).toEqual(["DEVICE_DISCONNECT"]);
    guest.choose = () => 0;
    guest.work();
    guest.bulkIn(13);
    guest.send({ name: "DEVICE_DISCONNECT_ACK", id: 0n, body: {} });
    expect(guest.packets).toHaveLength(1);
    expect(guest.events.at(-1)).toEqual({ type: "disconnected", reason: "unplugged" });
  });

  it("leaves by itself when the guest's filter does not want it", () => {
    const guest = stick();
    const filter = (rules: string) => {
      guest.send({ name: "FILTER_FILTER", id: 0n, body: { rules } });
    };
    filter("0x08,-1,-1,-1,1");
    expect(guest.events).toEqual([{ type: "connected" }]);
    filter("0x08,-1,-1,-1,0");
    expect(guest.events.at(-1)).toEqual({ type: "disconnected", reason: "filtered" });
    expect(guest.packets.at(-1)!.name).toBe("DEVICE_DISCONNECT");
  });
});
