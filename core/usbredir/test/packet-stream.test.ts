import {
  bulkLengthFields,
  type Packet,
  PacketStream,
  UsbredirCapability,
  UsbredirError,
} from "@caraway/usbredir";
import { metStreams, Random, randomPacket, usbredirCapabilities } from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const none = new Uint8Array(0);

function faultOf(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (!(error instanceof UsbredirError)) throw error;
    return error.code;
  }
}

/** All that a stream makes of what it has; faults as their codes. */
function drain(stream: PacketStream): (Packet | string)[] {
  const all: (Packet | string)[] = [];
  for (;;) {
    try {
      const packet = stream.next();
      if (packet === null) return all;
      all.push(packet);
    } catch (error) {
      if (!(error instanceof UsbredirError)) throw error;
      all.push(error.code);
    }
  }
}

function bulk(length: number, data: Uint8Array, endpoint = 0x81): Packet {
  const lengths = bulkLengthFields(length);
  return {
    name: "BULK_PACKET",
    id: 1n,
    body: { endpoint, status: 0, streamId: 0, ...lengths, data },
  };
}

describe("two ends of a usbredir connection", () => {
  it("understand each other's packets, whatever both can and however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const some = () => usbredirCapabilities.filter(() => !random.once(4));
        const ends = metStreams(some(), some());
        const both = new Set(usbredirCapabilities.filter((bit) => ends.host.both(bit)));
        for (const [sender, receiver] of [
          ["host", "guest"],
          ["guest", "host"],
        ] as const) {
          const packets = Array.from({ length: 20 }, () => randomPacket(sender, both, random));
          const bytes = Uint8Array.from(
            packets.flatMap((packet) => [...ends[sender].write(packet)]),
          );
          const received: (Packet | string)[] = [];
          for (let at = 0; at < bytes.length; ) {
            const end = at + 1 + random.below(random.once(3) ? 400 : 20);
            ends[receiver].push(bytes.subarray(at, end));
            received.push(...drain(ends[receiver]));
            at = end;
          }
          expect(received).toEqual(packets);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("use ids of 64 bits when both can, from the second packet on", () => {
    const long = [UsbredirCapability.IDS_64BITS];
    for (const [guest, size] of [
      [long, 16],
      [[], 12],
    ] as const) {
      const ends = metStreams(long, guest);
      expect(ends.host.hello()).toHaveLength(12 + 64 + 4);
      const packet = { name: "GET_CONFIGURATION", id: 5n, body: {} } as const;
      expect(ends.guest.write(packet)).toHaveLength(size);
    }
    const short = metStreams([], []);
    const packet = { name: "GET_CONFIGURATION", id: 1n << 32n, body: {} } as const;
    expect(faultOf(() => short.guest.write(packet))).toBe("USBREDIR_BAD_SEND");
  });

  it("know each other by name, and bulk streams only with sizes of packets", () => {
    const ends = metStreams([UsbredirCapability.BULK_STREAMS], usbredirCapabilities);
    expect(ends.guest.peer).toEqual({ version: "caraway", capabilities: new Set() });
    expect(ends.host.both(UsbredirCapability.BULK_STREAMS)).toBe(false);
  });
});

describe("a packet that makes no sense", () => {
  const packet = (type: number, body: number[], length = body.length): Uint8Array => {
    const bytes = new Uint8Array(16 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, length, true);
    bytes.set(body, 16);
    return bytes;
  };
  const good: Packet = { name: "GET_CONFIGURATION", id: 9n, body: {} };

  it.each([
    ["of no type", packet(77, [1, 2, 3])],
    ["that only a host sends", packet(2, [])],
    ["too short for its fields", packet(6, [])],
    ["too long for its fields", packet(6, [1, 2])],
    ["to receive from an output", packet(15, [1])],
    ["with data that is due elsewhere", packet(101, [0x81, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])],
    ["with less data than it says", packet(101, [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7])],
    ["with an isochronous answer", packet(102, [0x81, 0, 0, 0])],
    ["with an interrupt that is asked for", packet(103, [0x81, 0, 0, 0])],
    ["of rules that do not end", packet(23, [49])],
    ["that says HELLO again", packet(0, [...new Array(68).fill(0)])],
  ])("%s is refused, and the next one is taken", (_, bytes) => {
    const { host, guest } = metStreams(usbredirCapabilities, usbredirCapabilities);
    host.push(bytes);
    host.push(guest.write(good));
    expect(drain(host)).toEqual(["USBREDIR_BAD_PACKET", good]);
  });

  it("is passed over without a copy when it is too large", () => {
    const { host, guest } = metStreams(usbredirCapabilities, usbredirCapabilities);
    host.push(packet(101, [], 40 << 20));
    expect(drain(host)).toEqual(["USBREDIR_PACKET_TOO_LARGE"]);
    for (let count = 0; count < 40; count++) host.push(new Uint8Array(1 << 20));
    host.push(guest.write(good));
    expect(drain(host)).toEqual([good]);
  });

  it("is not sent either", () => {
    const { host, guest } = metStreams(usbredirCapabilities, []);
    const send = (end: PacketStream, what: Packet) => faultOf(() => end.write(what));
    expect(send(host, bulk(3, Uint8Array.of(1, 2, 3)))).toBeNull();
    expect(send(host, bulk(4, Uint8Array.of(1, 2, 3)))).toBe("USBREDIR_BAD_SEND");
    expect(send(guest, bulk(3, Uint8Array.of(1, 2, 3)))).toBe("USBREDIR_BAD_SEND");
    expect(send(guest, bulk(3, none))).toBeNull();
    const filter = { name: "FILTER_FILTER", id: 0n, body: { rules: "-1,-1,-1,-1,1" } } as const;
    expect(send(host, filter)).toBe("USBREDIR_BAD_SEND");
    const fresh = new PacketStream({ role: "host", version: "", capabilities: [] });
    expect(send(fresh, bulk(0, none))).toBe("USBREDIR_BAD_SEND");
  });
});
