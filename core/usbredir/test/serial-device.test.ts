import { SerialDevice } from "@caraway/usbredir";
import { Random } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeviceGuest } from "./device-guest.ts";

const none = new Uint8Array(0);

describe("a serial line", () => {
  it("is a modem of two interfaces to drivers", () => {
    const guest = new DeviceGuest(new SerialDevice());
    const configuration = guest.control(0x80, 6, 0x0200, 0xff)!.data;
    expect(configuration).toHaveLength(configuration[2]!);
    expect(configuration[4]).toBe(2);
    expect(guest.take("INTERFACE_INFO")[0]!.body.interfaceCount).toBe(2);
    guest.say({ name: "START_INTERRUPT_RECEIVING", body: { endpoint: 0x81 } });
    expect(guest.take("INTERRUPT_PACKET")[0]!.body.data[8]).toBe(3);
  });

  it("is set up by the guest", () => {
    const guest = new DeviceGuest(new SerialDevice());
    const coding = Uint8Array.of(0, 0xc2, 1, 0, 2, 2, 7);
    expect(guest.control(0x21, 0x20, 0, coding)).toMatchObject({ status: 0, length: 7 });
    expect(guest.control(0xa1, 0x21, 0, 7)!.data).toEqual(coding);
    guest.control(0x21, 0x22, 3, none);
    expect(guest.events.at(-1)).toEqual({
      type: "line",
      line: { baud: 115_200, stopBits: 2, parity: "even", dataBits: 7, dtr: true, rts: true },
    });
    expect(guest.control(0x21, 0x20, 0, coding.subarray(1))).toMatchObject({ status: 4 });
  });

  it("carries bytes both ways in their order, once, whatever the guest calls off", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const guest = new DeviceGuest(new SerialDevice());
        const [heard, written, said, lineSaid] = [[], [], [], []] as number[][];
        const asked: bigint[] = [];
        const cancelled = new Set<bigint>();
        let next = 0;
        for (let turn = 0; turn < 200; turn++) {
          if (random.once(3)) asked.push(guest.bulk(0x82, 1 + random.below(20)));
          if (random.once(4)) {
            const data = Uint8Array.from({ length: random.below(9) }, () => next++ & 0xff);
            said!.push(...data);
            guest.bulk(0x03, data);
          }
          if (random.once(6) && asked.length > 0) {
            const id = asked[random.below(asked.length)]!;
            cancelled.add(id);
            guest.cancel(id);
          }
          if (random.once(2) && guest.works.length > 0) {
            guest.done((task, work) => {
              if (work.kind === "serial-write") {
                written!.push(...work.data);
                return { type: "done", task, data: none };
              }
              // A line may bring more than the request has room for that is answered in the end.
              const data = Uint8Array.from({ length: 1 + random.below(30) }, () => next++ & 0xff);
              lineSaid!.push(...data);
              return { type: "done", task, data };
            });
          }
          for (const { id, body } of guest.take("BULK_PACKET")) {
            if (body.endpoint === 0x82) heard!.push(...body.data);
            if (body.status === 1) expect(cancelled.has(id)).toBe(true);
          }
        }
        expect(heard).toEqual(lineSaid!.slice(0, heard!.length));
        expect(written).toEqual(said!.slice(0, written!.length));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses endpoints that it has not", () => {
    const guest = new DeviceGuest(new SerialDevice());
    guest.bulk(0x85, 10);
    expect(guest.take("BULK_PACKET")[0]!.body.status).toBe(2);
  });
});
