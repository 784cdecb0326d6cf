import { CursorFlag, CursorType } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import type { GuestCursor, GuestOutput } from "../src/index.ts";
import { RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

function shape(key: bigint | null, color = 0): GuestCursor {
  const data = new Uint8Array(2 * 2 * 4).fill(color);
  return { key, type: CursorType.ALPHA, width: 2, height: 2, hotSpotX: 1, hotSpotY: 0, data };
}

function set(cursor: GuestCursor | null): GuestOutput {
  return { type: "cursor-shape", display: 0, shape: cursor };
}

function move(x: number, y: number, visible = true): GuestOutput {
  return { type: "cursor-move", display: 0, x, y, visible };
}

interface WireCursor {
  readonly flags: number;
  readonly header: { readonly unique: bigint } | null;
  readonly data: Uint8Array;
}

function setUp() {
  const world = new ServerWorld();
  world.begin();
  return world;
}

describe("the cursor channel", () => {
  it("begins with the pointer as it is", () => {
    const world = setUp();
    world.guest(set(shape(5n)), move(3, 4));
    const cursor = new RawClient(world).openAll("cursor").channel("cursor");
    expect(cursor.names).toEqual(["SET_ACK", "INIT"]);
    expect(cursor.received[1]!.body).toMatchObject({
      position: { x: 3, y: 4 },
      visible: 1,
      cursor: { flags: CursorFlag.CACHE_ME, header: { unique: 5n, hotSpotX: 1 } },
    });
  });

  it("sends shapes, places and that it is hidden", () => {
    const world = setUp();
    const cursor = new RawClient(world).openAll("cursor").channel("cursor");
    world.guest(set(shape(null, 7)), move(1, 1), move(2, 1), move(2, 1, false), set(null));
    expect(cursor.names.slice(2)).toEqual(["SET", "SET", "MOVE", "HIDE", "SET"]);
    const [first, , last] = cursor.ofName<{ cursor: WireCursor }>("SET");
    expect(first!.cursor).toMatchObject({ flags: 0, data: new Uint8Array(16).fill(7) });
    expect(last!.cursor).toMatchObject({ flags: CursorFlag.NONE, header: null });
  });

  it("refers to shapes that the client has, and makes room after 256", () => {
    const world = setUp();
    const cursor = new RawClient(world).openAll("cursor").channel("cursor");
    for (let key = 1n; key <= 256n; key++) world.guest(set(shape(key)));
    world.guest(set(shape(1n)));
    const last = () => cursor.ofName<{ cursor: WireCursor }>("SET").at(-1)!.cursor;
    expect(last()).toMatchObject({ flags: CursorFlag.FROM_CACHE, header: { unique: 1n } });
    expect(cursor.names).not.toContain("INVAL_ONE");
    world.guest(set(shape(300n)));
    expect(cursor.ofName("INVAL_ONE")).toEqual([{ id: 2n }]);
    world.guest(set(shape(2n)));
    expect(last()).toMatchObject({ flags: CursorFlag.CACHE_ME });
  });

  it("sends a client that is slow the newest place only", () => {
    const world = setUp();
    world.guest(set(shape(null)), move(0, 0));
    const client = new RawClient(world, { acks: false }).openAll("cursor");
    for (let x = 0; x < 500; x++) world.guest(move(x, 1));
    const cursor = client.channel("cursor");
    expect(cursor.names.length).toBeLessThan(45);
    cursor.send({ name: "ACK_SYNC", body: { generation: 1 } });
    for (let times = 0; times < 3; times++) cursor.send({ name: "ACK", body: {} });
    expect(cursor.ofName("MOVE").at(-1)).toEqual({ position: { x: 499, y: 1 } });
  });

  it("does not move the pointer that the client moves", () => {
    const world = setUp();
    const client = new RawClient(world).openAll("cursor");
    client.channel("main").send({ name: "MOUSE_MODE_REQUEST", body: { mode: 2 } });
    world.guest(set(shape(null)), move(1, 1), move(9, 9));
    expect(client.channel("cursor").names).not.toContain("MOVE");
  });

  it("leaves out shapes that are none", () => {
    const world = setUp();
    const cursor = new RawClient(world).openAll("cursor").channel("cursor");
    world.guest(set({ ...shape(1n), width: 400, height: 400 }), set({ ...shape(2n), hotSpotX: 9 }));
    expect(cursor.names).toEqual(["SET_ACK", "INIT"]);
    expect(world.eventsOf("guest-fault")).toHaveLength(2);
  });

  it("takes no message of its own", () => {
    const world = setUp();
    const client = new RawClient(world).openAll("cursor");
    client.channel("cursor").sendRaw(Uint8Array.of(101, 0, 0, 0, 0, 0));
    expect(client.channel("cursor").isClosed).toBe(true);
    expect(client.channel("main").isClosed).toBe(false);
  });
});
