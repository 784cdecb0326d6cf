import { describe, expect, it } from "vitest";
import { box, draw, fill } from "./drawings.ts";
import { RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

describe.each([true, false])("a session with mini header %s", (miniHeader) => {
  it("opens with INIT, name, uuid and the pings of the network test", () => {
    const world = new ServerWorld();
    world.begin();
    const main = new RawClient(world, { miniHeader }).open("main");
    expect(main.agreement?.miniHeader).toBe(miniHeader);
    expect(main.names).toEqual(["INIT", "NAME", "UUID", "PING", "PING", "PING"]);
    expect(main.received[0]!.body).toMatchObject({
      displayChannelsHint: 1,
      supportedMouseModes: 3,
      currentMouseMode: 1,
      agentConnected: 0,
      agentTokens: 10,
    });
    expect(world.eventsOf("network-measured")).toHaveLength(1);
  });

  it("lists its channels when it is asked to", () => {
    const world = new ServerWorld();
    world.begin();
    const main = new RawClient(world, { miniHeader }).open("main");
    main.send({ name: "ATTACH_CHANNELS", body: {} });
    expect(main.ofName("CHANNELS_LIST")).toEqual([
      {
        channels: [
          { type: 2, id: 0 },
          { type: 4, id: 0 },
          { type: 3, id: 0 },
        ],
      },
    ]);
  });

  it("shows a display from its INIT on, in the order of the reference", () => {
    const world = new ServerWorld();
    world.begin();
    world.guest(draw(fill(box(0, 0, 64, 48), 0x123456)));
    const client = new RawClient(world, { miniHeader }).openAll("display");
    expect(client.channel("display").names).toEqual([
      "SET_ACK",
      "INVAL_ALL_PALETTES",
      "SURFACE_CREATE",
      "DRAW_COPY",
      "MONITORS_CONFIG",
      "MARK",
    ]);
    expect(client.colors()).toEqual(new Uint32Array(64 * 48).fill(0xff123456));
  });
});
