// The state that real servers handed to real clients: read, gone on with, and handed on as the same
// bytes.

import { FrameWriter } from "@caraway/channel";
import { baseCodec, MainCapability } from "@caraway/protocol";
import { archivedCaptures, dissect } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import { mainMigrationData, readMainMigrationData } from "../src/agent-migration.ts";
import { decodeDisplayData, encodeDisplayData } from "../src/display-migration-data.ts";
import { defaultSourceMove, defaultTargetMove } from "../src/index.ts";
import { decodeInputsData, encodeInputsData } from "../src/inputs-state.ts";
import { RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const migrateDataId = 2;
const agentTokens = 10;

/** Bodies of MIGRATE_DATA by channel, each once. */
function goldens(): Map<string, Uint8Array[]> {
  const found = new Map<string, Map<string, Uint8Array>>();
  for (const { capture } of archivedCaptures()) {
    const { channel, server } = dissect(capture);
    for (const { id, body } of server) {
      if (id !== migrateDataId) continue;
      const bodies = found.get(channel.toLowerCase()) ?? new Map();
      bodies.set(Buffer.from(body).toString("hex"), body);
      found.set(channel.toLowerCase(), bodies);
    }
  }
  return new Map([...found].map(([channel, bodies]) => [channel, [...bodies.values()]]));
}

const bodies = goldens();
const of = (channel: string) => bodies.get(channel) ?? [];

describe("MIGRATE_DATA of spice-server", () => {
  it("is there for the channels that have it", () => {
    expect([...bodies.keys()].sort()).toEqual(["display", "inputs", "main", "usbredir", "webdav"]);
  });

  it("of main is read and written as the same bytes", () => {
    for (const body of of("main")) {
      const agent = readMainMigrationData(body, agentTokens);
      expect(agent?.isStarted).toBe(true);
      expect(mainMigrationData(agent)).toEqual(new Uint8Array(body));
    }
  });

  it("of inputs is read and written as the same bytes", () => {
    for (const body of of("inputs")) {
      expect(encodeInputsData(decodeInputsData(body))).toEqual(new Uint8Array(body));
    }
  });

  it("of a display is read and written as the same bytes", () => {
    for (const body of of("display")) {
      expect(encodeDisplayData(decodeDisplayData(body), false)).toEqual(new Uint8Array(body));
    }
  });

  it("is what a client brings, and takes along again when nothing has happened between", () => {
    const world = new ServerWorld();
    const move = { ...defaultTargetMove, strangers: "accept" } as const;
    world.command({ name: "migrate-expect", move });
    const client = arriving(world);
    const agent = { use: "agent", id: 0 } as const;
    world.guest({ type: "attach", device: { kind: "stream", ...agent, name: "agent" } });
    world.begin();
    world.guest({ type: "stream-open", stream: agent, open: true });
    world.command({ name: "migrate-hold" });
    const [main, inputs] = [of("main")[0]!, of("inputs")[0]!];
    bring(client, "main", main);
    bring(client, "inputs", inputs);
    expect(world.eventsOf("move-channel").map(({ outcome }) => outcome)).toEqual(["kept", "kept"]);
    expect(client.channel("main").names).not.toContain("AGENT_DISCONNECTED");

    const target = { host: "there", port: 1, tlsPort: null, certSubject: null };
    world.command({ name: "migrate-begin", move: { ...defaultSourceMove, target } });
    client.channel("main").send({ name: "MIGRATE_CONNECTED_SEAMLESS", body: {} });
    world.guest({ type: "running", running: false });
    world.command({ name: "migrate-switch" });
    for (const [name, golden] of [
      ["main", main],
      ["inputs", inputs],
    ] as const) {
      const mark = baseCodec.client.encode({ name: "MIGRATE_FLUSH_MARK", body: {} });
      client.channel(name).sendRaw(new FrameWriter(true, 1n).write(mark));
      expect(client.channel(name).names.slice(-2)).toEqual(["MIGRATE", "MIGRATE_DATA"]);
      const [{ data }] = client.channel(name).ofName<{ data: Uint8Array }>("MIGRATE_DATA") as [
        { data: Uint8Array },
      ];
      expect(data).toEqual(new Uint8Array(golden));
    }
  });
});

function arriving(world: ServerWorld): RawClient {
  const mainCapabilities = [
    MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE,
    MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
    MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE,
  ];
  const client = new RawClient(world, { mainCapabilities });
  client.sessionId = 4711;
  client.open("main").send({ name: "MIGRATE_DST_DO_SEAMLESS", body: { srcVersion: 1 } });
  client.open("inputs");
  return client;
}

function bring(client: RawClient, name: "main" | "inputs", data: Uint8Array): void {
  const message = baseCodec.client.encode({ name: "MIGRATE_DATA", body: { data } });
  client.channel(name).sendRaw(new FrameWriter(true, 1n).write(message));
}
