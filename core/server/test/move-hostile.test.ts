// A target and what may come to it: sessions that nobody announced, state that is early, late,
// forged, cut or said twice, and a source that talks nonsense. Nobody else's session notices.

import { FrameWriter } from "@caraway/channel";
import {
  baseCodec,
  inputsMigrationDataCodec,
  LinkError,
  MainCapability,
  MigrationMagic,
  PeerMode,
  PeerPolicy,
  PeerProof,
  peerCodec,
  peerVersion,
} from "@caraway/protocol";
import { encodeUtf8 } from "@caraway/wire";
import { describe, expect, it } from "vitest";
import { mainMigrationData } from "../src/agent-migration.ts";
import { encodeDisplayData } from "../src/display-migration-data.ts";
import { defaultTargetMove, type ServerOptions, type TargetMove } from "../src/index.ts";
import type { PeerMessage } from "../src/peer-link.ts";
import { type RawChannelName, RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const session = 0x5e55;
const channelTypes = { main: 1, display: 2, inputs: 3, cursor: 4 } as const;
const movable = [
  MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
  MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
  MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
];

/** A target, and a source that a test plays. */
class Target {
  readonly world: ServerWorld;
  readonly #writer = new FrameWriter(true, 1n);

  constructor(move: Partial<TargetMove> = {}, options: Partial<ServerOptions> = {}) {
    this.world = new ServerWorld(options);
    this.world.command({
      name: "migrate-expect",
      move: { ...defaultTargetMove, peer: true, ...move },
    });
  }

  say(message: PeerMessage): void {
    this.world.peer(this.#writer.write(peerCodec.encode(message)));
    this.world.settle();
  }

  announce(more: object = {}): this {
    const secret = encodeUtf8("open sesame");
    const proof = PeerProof.PASSWORD;
    const body = {
      version: peerVersion,
      round: 1,
      session,
      proof,
      secret,
      viewOnly: 0,
      miniHeader: 1,
      mediaTime: 77_000,
      ...more,
    };
    this.say({ name: "ANNOUNCE", body });
    return this;
  }

  /** The guest is there, and the client on its way with these. */
  hand(names: readonly (keyof typeof channelTypes)[] = ["main", "display", "inputs"]): void {
    this.world.begin();
    this.world.command({ name: "migrate-hold" });
    const channels = names.map((name) => {
      return { channel: { type: channelTypes[name], id: 0 }, policy: PeerPolicy.KEEP };
    });
    const mode = PeerMode.SEAMLESS;
    this.say({ name: "SWITCH", body: { mouseMode: 1, sessions: [{ session, mode, channels }] } });
    for (const { channel } of channels) {
      const state = new Uint8Array(0);
      this.say({ name: "CHANNEL_STATE", body: { session, channel, state } });
    }
  }

  client(password = "open sesame", id = session): RawClient {
    const options = { password, mainCapabilities: movable, sendsInit: false };
    const client = new RawClient(this.world, options);
    client.sessionId = id;
    return client;
  }

  /** One that has agreed, with these channels. */
  arriving(...names: RawChannelName[]): RawClient {
    const client = this.client();
    client.open("main").send({ name: "MIGRATE_DST_DO_SEAMLESS", body: { srcVersion: 1 } });
    for (const name of names) client.open(name);
    return client;
  }

  outcomes(): string[] {
    const all = this.world.eventsOf("move-channel");
    return all.map(({ channel, outcome }) => `${channel} ${outcome}`).sort();
  }
}

function bring(client: RawClient, name: RawChannelName, data: Uint8Array): void {
  const message = baseCodec.client.encode({ name: "MIGRATE_DATA", body: { data } });
  client.channel(name).sendRaw(new FrameWriter(true, 1n).write(message));
}

const mainData = mainMigrationData(null);
const inputsData = inputsMigrationDataCodec.encode({
  magic: MigrationMagic.INPUTS,
  version: 1,
  motionCount: 3,
});

describe("a target", () => {
  it("lets in the sessions that were announced, with what they showed, and no others", () => {
    const tickets = [{ password: "another", expiresAt: null, viewOnly: false }];
    const target = new Target({}, { tickets }).announce();
    expect(target.client("another", 77).open("main").failure?.code).toBe("LINK_BAD_CONNECTION_ID");
    expect(target.client("wrong").open("main").failure?.code).toBe("LINK_PERMISSION_DENIED");
    expect(target.client().open("main").failure).toBeNull();
    const refused = target.world.eventsOf("link-refused").map(({ error }) => error.error);
    expect(refused).toContain(LinkError.BAD_CONNECTION_ID);
  });

  it("lets in nobody who was announced once the move is off", () => {
    const target = new Target().announce();
    const client = target.arriving("display");
    target.world.command({ name: "migrate-abandon" });
    expect(client.channels.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    expect(target.client().open("main").failure?.code).toBe("LINK_BAD_CONNECTION_ID");
  });

  it("says nothing but its word to a client that is on its way", () => {
    const target = new Target().announce();
    const client = target.arriving("display", "inputs", "cursor");
    expect(client.channel("main").names).toEqual(["MIGRATE_DST_SEAMLESS_ACK"]);
    for (const name of ["display", "inputs", "cursor"] as const) {
      expect(client.channel(name).agreement).not.toBeNull();
      expect(client.channel(name).names).toEqual([]);
    }
  });

  it("answers a version that it does not know, or does not want, with NACK", () => {
    const target = new Target().announce();
    const main = target.client().open("main");
    main.send({ name: "MIGRATE_DST_DO_SEAMLESS", body: { srcVersion: 2 } });
    expect(main.names).toEqual(["MIGRATE_DST_SEAMLESS_NACK"]);
  });

  it("sees a parked link end, and takes it again", () => {
    const target = new Target().announce();
    const client = target.arriving("display");
    client.channel("display").close();
    client.open("display");
    client.channel("main").close();
    expect(client.channel("display").isClosed).toBe(true);
    const again = target.arriving("display", "inputs");
    target.hand();
    expect(again.channel("display").isClosed).toBe(false);
  });
});

describe("MIGRATE_DATA", () => {
  it.each([
    ["no body", new Uint8Array(0)],
    ["a body of another channel", inputsData],
    ["half a body", mainData.subarray(0, 40)],
    ["a body of another version", withByte(mainData, 4, 2)],
    ["a pointer outside", withByte(withByte(withByte(mainData, 12, 1), 21, 9), 30, 9)],
    ["too many tokens", withByte(withByte(mainData, 12, 1), 13, 11)],
  ])("of main with %s ends this client only", (_name, data) => {
    const target = new Target().announce();
    const client = target.arriving("display", "inputs");
    target.hand();
    const other = new RawClient(target.world).openAll("display", "inputs");
    bring(client, "main", data);
    expect(client.channels.every(({ isClosed }) => isClosed)).toBe(true);
    expect(other.channels.some(({ isClosed }) => isClosed)).toBe(false);
    expect(target.outcomes()).toContain("main 0 lost");
    expect(target.world.eventsOf("hold-ended")).toHaveLength(1);
    expect(target.world.eventsOf("move-settled")).toHaveLength(1);
  });

  it.each([
    ["no body", new Uint8Array(0)],
    ["a body of another channel", mainData],
    ["a byte too few", inputsData.subarray(0, 9)],
    ["a body of another version", withByte(inputsData, 4, 2)],
  ])("of inputs with %s ends this channel only", (_name, data) => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    target.hand(["main", "inputs"]);
    bring(client, "inputs", data);
    expect(client.channel("inputs").isClosed).toBe(true);
    bring(client, "main", mainData);
    expect(client.channel("main").isClosed).toBe(false);
    expect(target.outcomes()).toEqual(["inputs 0 lost", "main 0 kept"]);
  });

  it("of a display with surfaces that cannot be ends this channel only", () => {
    const target = new Target().announce();
    const client = target.arriving("display");
    target.hand(["main", "display"]);
    const data = encodeDisplayData(
      {
        messageSerial: 9n,
        init: {
          pixmapCacheId: 1,
          pixmapCacheSize: 1000n,
          glzDictionaryId: 1,
          glzDictionaryWindowSize: 1000,
        },
        isSlow: false,
        isFreezer: true,
        cacheUses: [0n, 0n, 0n, 0n],
        nextGlzId: 1n,
        surfaces: new Map([[0, null]]),
      },
      false,
    );
    // Three surfaces are said, and one is there.
    data[80] = 3;
    bring(client, "display", data);
    expect(client.channel("display").isClosed).toBe(true);
    expect(target.outcomes()).toEqual(["display 0 lost"]);
  });

  it("that is too early ends the channel: nobody agreed to take it", () => {
    const target = new Target().announce();
    const client = target.client();
    client.open("main");
    client.open("inputs");
    bring(client, "inputs", inputsData);
    expect(client.channel("inputs").isClosed).toBe(true);
    expect(client.channel("main").isClosed).toBe(false);
    const [lost] = target.world.eventsOf("channel-lost");
    expect(lost?.error?.code).toBe("UNEXPECTED_MESSAGE");
  });

  it("that comes twice ends the channel", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    target.hand(["main", "inputs"]);
    bring(client, "main", mainData);
    bring(client, "inputs", inputsData);
    bring(client, "inputs", inputsData);
    expect(client.channel("inputs").isClosed).toBe(true);
    expect(target.outcomes()).toEqual(["inputs 0 kept", "main 0 kept"]);
    expect(target.world.eventsOf("channel-lost").at(-1)?.error?.code).toBe("UNEXPECTED_MESSAGE");
  });

  it("before the guest is there waits for it", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    bring(client, "inputs", inputsData);
    bring(client, "main", mainData);
    expect(target.outcomes()).toEqual([]);
    target.hand(["main", "inputs"]);
    expect(target.outcomes()).toEqual(["inputs 0 kept", "main 0 kept"]);
  });

  it("larger than anything that a channel has ends it before it is there", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    const header = Uint8Array.from([5, 0, 0xff, 0xff, 0xff, 0x7f]);
    client.channel("inputs").sendRaw(header);
    expect(client.channel("inputs").isClosed).toBe(true);
  });

  it("toward a server that expects nobody ends the channel", () => {
    const world = new ServerWorld();
    world.begin();
    const client = new RawClient(world).openAll("inputs");
    bring(client, "inputs", inputsData);
    expect(client.channel("inputs").isClosed).toBe(true);
    expect(client.channel("main").isClosed).toBe(false);
    const mark = baseCodec.client.encode({ name: "MIGRATE_FLUSH_MARK", body: {} });
    client.channel("main").sendRaw(new FrameWriter(true, 1n).write(mark));
    expect(client.channel("main").isClosed).toBe(true);
    expect(world.eventsOf("channel-lost")).toHaveLength(1);
  });

  it("is answered with acks for the motions that it counts", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    target.hand(["main", "inputs"]);
    const data = inputsMigrationDataCodec.encode({
      magic: MigrationMagic.INPUTS,
      version: 1,
      motionCount: 9,
    });
    bring(client, "inputs", data);
    const acks = client.channel("inputs").names.filter((name) => name === "MOUSE_MOTION_ACK");
    expect(acks).toHaveLength(2);
  });
});

describe("a client on its way", () => {
  it.each([
    ["keys", "inputs", { name: "KEY_DOWN", body: { code: 0x1e } }],
    ["a second INIT", "display", initMessage()],
  ] as const)("that says more than it may (%s) loses the channel", (_name, channel, message) => {
    const target = new Target().announce();
    const client = target.arriving(channel);
    client.channel(channel).send(message);
    expect(client.channel(channel).isClosed).toBe(true);
    expect(client.channel("main").isClosed).toBe(false);
    expect(target.world.toGuest).toEqual([]);
  });

  it("that ends the move on its own begins anew, though state was agreed (abort on 109)", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    target.hand(["main", "inputs"]);
    client.channel("main").send({ name: "MIGRATE_END", body: {} });
    expect(client.channel("main").names).toContain("INIT");
    expect(target.outcomes()).toEqual(["inputs 0 rebuilt", "main 0 rebuilt"]);
  });
});

describe("a source that talks nonsense", () => {
  it("is not heard any more", () => {
    const target = new Target().announce();
    const client = target.arriving("inputs");
    target.world.peer(Uint8Array.from([0xff, 0xff, 1, 0, 0, 0, 0]));
    target.announce({ session: 78 });
    expect(target.world.eventsOf("peer-fault")).toHaveLength(1);
    expect(target.client("open sesame", 78).open("main").failure?.code).toBe(
      "LINK_BAD_CONNECTION_ID",
    );
    expect(client.channel("main").isClosed).toBe(false);
  });

  it("cannot announce a session that is here already", () => {
    const target = new Target();
    target.world.begin();
    const here = new RawClient(target.world).openAll("inputs");
    const answers: Uint8Array[] = [];
    target.world.onPeer = (bytes) => answers.push(bytes);
    target.announce({ session: here.sessionId });
    const answer = peerCodec.decode(2, answers[0]!.subarray(6));
    expect(answer).toMatchObject({ name: "ANNOUNCED", body: { accepted: 0 } });
    const thief = target.client("open sesame", here.sessionId).open("main");
    expect(thief.failure?.code).toBe("LINK_BAD_CONNECTION_ID");
    expect(here.channel("main").isClosed).toBe(false);
  });
});

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

function initMessage() {
  const body = {
    pixmapCacheId: 1,
    pixmapCacheSize: 1n << 20n,
    glzDictionaryId: 1,
    glzDictionaryWindowSize: 1 << 20,
  };
  return { name: "INIT", body } as const;
}
