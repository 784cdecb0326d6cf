// Our packets of USB redirection beside those of the real libusbredirparser: the same bytes for the same calls, and the same packets of
// the same bytes.

import {
  formatFilter,
  type Packet,
  PacketStream,
  parseFilter,
  UsbredirError,
  type UsbredirRole,
} from "@caraway/usbredir";
import { Random, randomPacket, usbredirCapabilities } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import { reported, startUsbredirPeer, type UsbredirPeer } from "../src/usbredir-peer.ts";

const roles: readonly UsbredirRole[] = ["host", "guest"];
const other = { host: "guest", guest: "host" } as const;
const seeds = [1, 2, 3, 4, 5, 6];

/** The real library in `role`, and two ends of ours: one in its place, and one that it talks with. */
async function meet(role: UsbredirRole, random: Random) {
  const capabilities = usbredirCapabilities.filter(() => !random.once(4));
  // The library's guest answers DEVICE_DISCONNECT by itself and says so.
  const all = role === "guest" ? [...new Set([...capabilities, 3 as const])] : capabilities;
  const peer = await startUsbredirPeer(role, capabilities);
  const version = "usbredir-peer";
  const twin = new PacketStream({ role, version, capabilities: all });
  const theirs = usbredirCapabilities.filter(() => !random.once(4));
  const far = new PacketStream({ role: other[role], version: "far", capabilities: theirs });
  const hello = await peer.flush();
  expect(Buffer.compare(twin.hello(), hello)).toBe(0);
  far.push(hello);
  twin.push(far.hello());
  far.next();
  twin.next();
  await peer.read(far.hello());
  const both = new Set(usbredirCapabilities.filter((bit) => far.both(bit)));
  return { peer, twin, far, both };
}

function facts(stream: PacketStream): (string | Packet)[] {
  const all: (string | Packet)[] = [];
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

/** Reports of the library; its answer to DEVICE_DISCONNECT is not asked for. */
async function read(peer: UsbredirPeer, bytes: Uint8Array) {
  const events = await peer.read(bytes);
  await peer.flush();
  return events;
}

describe.each(roles)("libusbredirparser as %s", (role) => {
  it.each(seeds)("writes the same bytes for the same calls (seed %i)", async (seed) => {
    const random = new Random(seed);
    const { peer, twin, far, both } = await meet(role, random);
    await using _ = peer;
    const seen = new Set<string>();
    for (let count = 0; count < 80; count++) {
      const packet = randomPacket(role, both, random);
      seen.add(packet.name);
      let bytes: Uint8Array;
      if (packet.name === "DEVICE_DISCONNECT_ACK") {
        // It has no call of its own: the library says it when it hears of the end.
        await peer.read(far.write({ name: "DEVICE_DISCONNECT", id: 0n, body: {} }));
        bytes = await peer.flush();
      } else bytes = await peer.write(packet);
      const ours = twin.write(packet);
      expect(Buffer.from(ours).toString("hex"), packet.name).toBe(
        Buffer.from(bytes).toString("hex"),
      );
    }
    expect(seen.size).toBeGreaterThan(8);
  });

  it.each(seeds)("reads our packets as we do (seed %i)", async (seed) => {
    const random = new Random(seed + 100);
    const { peer, twin, far, both } = await meet(role, random);
    await using _ = peer;
    for (let count = 0; count < 80; count++) {
      const packet = randomPacket(other[role], both, random);
      const bytes = far.write(packet);
      twin.push(bytes);
      expect(facts(twin)).toEqual([packet]);
      const cut = random.below(bytes.length + 1);
      const events = [...(cut > 0 ? await read(peer, bytes.subarray(0, cut)) : [])];
      if (cut < bytes.length) events.push(...(await read(peer, bytes.subarray(cut))));
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject(reported(packet));
    }
  });

  it.each(seeds)("refuses what we refuse, and takes what we take (seed %i)", async (seed) => {
    const random = new Random(seed + 200);
    const { peer, twin, far, both } = await meet(role, random);
    await using _ = peer;
    for (let count = 0; count < 120; count++) {
      const bytes = far.write(randomPacket(other[role], both, random)).slice();
      // The type, an id, a field or data; lengths that do not end here would leave the two apart.
      let at = random.below(bytes.length);
      while (at >= 4 && at < 8) at = random.below(bytes.length);
      bytes[at] = random.once(2) ? random.below(30) : bytes[at]! ^ (1 << random.below(8));
      twin.push(bytes);
      const [ours] = facts(twin);
      const [theirs] = await read(peer, bytes);
      const hex = Buffer.from(bytes).toString("hex");
      // Rules that do not parse are no packet of the library's, and ours to the one who asked.
      if (typeof ours === "object" && ours.name === "FILTER_FILTER") continue;
      if (typeof ours === "string" || ours === undefined) {
        // A second HELLO is passed over in silence there, and so is what is not text.
        expect(theirs?.event ?? "fault", hex).toBe("fault");
      } else expect(theirs, hex).toMatchObject(reported(ours));
    }
  });
});

it("filters are read and written alike", async () => {
  await using peer = await startUsbredirPeer("host", []);
  const texts = [
    "0x03,-1,-1,-1,0|-1,-1,-1,-1,1",
    "8,1234,010,0x0100,1",
    "|8,1,1,1,1||9,1,1,1,0|",
    "8,,1,1,1,1",
    "1,2,3,4",
    "1,2,3,4,5,6",
    "256,1,1,1,1",
    "255,65536,1,1,1",
    "-2,1,1,1,1",
    "x,1,1,1,1",
    "1x,1,1,1,1",
    "+1,1,1,1,7",
    "08,1,1,1,1",
  ];
  for (const text of texts) {
    const [event] = await peer.do(`filter ${text}`);
    let ours: string | null = null;
    try {
      ours = formatFilter(parseFilter(text));
    } catch (error) {
      if (!(error instanceof UsbredirError)) throw error;
    }
    expect(ours, text).toBe(event?.event === "rules" ? event["rules"] : null);
  }
});
