import { describe, expect, it } from "vitest";
import { RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

function worldWith(options: ConstructorParameters<typeof ServerWorld>[0] = {}): ServerWorld {
  const world = new ServerWorld(options);
  world.begin();
  return world;
}

describe("who comes in", () => {
  it("is anybody where there are no tickets", () => {
    const main = new RawClient(worldWith(), { password: "whatever" }).open("main");
    expect(main.names).toContain("INIT");
  });

  it("is who knows a password that has not expired", () => {
    const tickets = [
      { password: "first", expiresAt: 2000, viewOnly: false },
      { password: "second", expiresAt: null, viewOnly: false },
    ];
    const world = worldWith({ tickets });
    const code = (password: string) =>
      new RawClient(world, { password }).open("main").failure?.code;
    expect(code("first")).toBeUndefined();
    expect(code("wrong")).toBe("LINK_PERMISSION_DENIED");
    expect(code("")).toBe("LINK_PERMISSION_DENIED");
    world.advance(1500);
    expect(code("first")).toBe("LINK_PERMISSION_DENIED");
    expect(code("second")).toBeUndefined();
  });

  it("needs the password again for every channel", () => {
    const world = worldWith({ tickets: [{ password: "a", expiresAt: 5000, viewOnly: false }] });
    const client = new RawClient(world, { password: "a" }).openAll("inputs");
    expect(client.channel("inputs").names).toEqual(["INIT"]);
    world.advance(6000);
    expect(client.open("cursor").failure?.code).toBe("LINK_PERMISSION_DENIED");
    expect(client.channel("inputs").isClosed).toBe(false);
  });

  it("is nobody while there is an empty password only, or no ticket", () => {
    const world = worldWith({ tickets: [{ password: "", expiresAt: null, viewOnly: false }] });
    expect(new RawClient(world).open("main").failure?.code).toBe("LINK_PERMISSION_DENIED");
    world.command({ name: "set-tickets", tickets: [] });
    expect(new RawClient(world).open("main").failure?.code).toBe("LINK_PERMISSION_DENIED");
    const tickets = [{ password: "new", expiresAt: null, viewOnly: false }];
    world.command({ name: "set-tickets", tickets });
    expect(new RawClient(world, { password: "new" }).open("main").failure).toBeNull();
  });

  it("is nobody before the guest has described itself", () => {
    const world = new ServerWorld();
    expect(new RawClient(world).open("main").failure?.code).toBe("LINK_ERROR");
    world.begin();
    expect(new RawClient(world).open("main").failure).toBeNull();
  });

  it("has a session for its channels", () => {
    const world = worldWith();
    const client = new RawClient(world);
    client.sessionId = 4711;
    expect(client.open("display").failure?.code).toBe("LINK_BAD_CONNECTION_ID");
    expect(client.open("main").failure?.code).toBe("LINK_BAD_CONNECTION_ID");
  });

  it("finds no channel that the guest does not have", () => {
    const client = new RawClient(worldWith()).openAll();
    const display = client.open("display", 3);
    expect(display.isClosed).toBe(true);
    expect(display.failure?.code).toBe("LINK_CLOSED");
  });

  it("reaches channels as they must be reached", () => {
    const world = worldWith({ security: { inputs: "tls", display: "plain" } });
    const plain = new RawClient(world).openAll("display", "inputs");
    expect(plain.channel("inputs").failure?.code).toBe("LINK_NEED_SECURED");
    expect(plain.channel("display").failure).toBeNull();
    const secure = new RawClient(world, { tls: true }).openAll("display", "inputs");
    expect(secure.channel("inputs").failure).toBeNull();
    expect(secure.channel("display").failure?.code).toBe("LINK_NEED_UNSECURED");
  });

  it("is warned when its keys travel in plain, and not on a unix socket", () => {
    const world = worldWith();
    const notified = (options: object) => {
      return new RawClient(world, options)
        .openAll("inputs")
        .channel("main")
        .names.includes("NOTIFY");
    };
    expect(notified({})).toBe(true);
    expect(notified({ tls: true })).toBe(false);
    expect(notified({ local: true })).toBe(false);
  });

  it("has to go when the link stage takes too long", () => {
    const world = worldWith({ linkTimeoutMs: 5000 });
    let isClosed = false;
    const arrival = { tls: false, local: false, peer: "stranger" };
    world.accept(arrival, { received: () => {}, closed: () => (isClosed = true) });
    world.advance(4999);
    expect(isClosed).toBe(false);
    world.advance(1);
    expect(isClosed).toBe(true);
    expect(world.eventsOf("link-refused")).toHaveLength(1);
  });

  it("displaces the oldest stranger when there are too many", () => {
    const world = worldWith({ pendingLinksMax: 2 });
    const closed: number[] = [];
    for (const index of [0, 1, 2]) {
      const arrival = { tls: false, local: false, peer: `stranger ${index}` };
      world.accept(arrival, { received: () => {}, closed: () => closed.push(index) });
    }
    world.settle();
    expect(closed).toEqual([0]);
  });
});

describe("several clients", () => {
  it("share the guest up to a number", () => {
    const world = worldWith({ clientsMax: 2 });
    const clients = [1, 2, 3].map(() => new RawClient(world).openAll("display"));
    expect(clients.map((client) => client.channel("main").failure?.code)).toEqual([
      undefined,
      undefined,
      "LINK_ERROR",
    ]);
    expect(new Set(clients.slice(0, 2).map(({ sessionId }) => sessionId)).size).toBe(2);
  });

  it("take over from each other where that is the policy", () => {
    const world = worldWith({ sharing: "take-over" });
    const first = new RawClient(world).openAll("display");
    const second = new RawClient(world).openAll("display");
    expect(first.channels.every(({ isClosed }) => isClosed)).toBe(true);
    expect(second.channels.every(({ isClosed }) => isClosed)).toBe(false);
    expect(world.eventsOf("client-left")).toMatchObject([{ client: 1, error: null }]);
  });

  it("do not come in where one is enough", () => {
    const world = worldWith({ sharing: "refuse" });
    const first = new RawClient(world).openAll("display");
    expect(new RawClient(world).open("main").failure?.code).toBe("LINK_ERROR");
    first.channel("main").close();
    expect(new RawClient(world).open("main").failure).toBeNull();
  });

  it("leave with all their channels when main ends, and lose one when it ends", () => {
    const world = worldWith();
    const client = new RawClient(world).openAll("display", "inputs");
    client.channel("inputs").close();
    expect(world.eventsOf("channel-lost")).toMatchObject([{ channel: "inputs 0", error: null }]);
    expect(client.channel("display").isClosed).toBe(false);
    client.channel("main").close();
    expect(client.channel("display").isClosed).toBe(true);
    expect(world.eventsOf("client-left")).toHaveLength(1);
  });

  it("can be sent away", () => {
    const world = worldWith();
    const client = new RawClient(world).openAll("display");
    world.command({ name: "disconnect", client: 1 });
    expect(client.channels.every(({ isClosed }) => isClosed)).toBe(true);
    world.command({ name: "close" });
    const late = new RawClient(world).open("main");
    expect(late.isClosed).toBe(true);
  });

  it("go when the guest is over", () => {
    const world = worldWith();
    const client = new RawClient(world).openAll("display");
    world.guest({ type: "ended", error: null });
    expect(client.channels.every(({ isClosed }) => isClosed)).toBe(true);
    expect(world.eventsOf("guest-ended")).toHaveLength(1);
  });

  it("go when they do not answer, and stay when they do", () => {
    const world = worldWith();
    const mute = new RawClient(world).openAll();
    const awake = new RawClient(world).openAll();
    mute.answersPings = false;
    world.advance(60_000);
    expect(mute.channel("main").isClosed).toBe(true);
    expect(awake.channel("main").isClosed).toBe(false);
    expect(world.eventsOf("client-left")[0]?.error?.code).toBe("CLIENT_TOO_SLOW");
  });

  it("learn of displays that come, and lose those that go", () => {
    const world = worldWith();
    const client = new RawClient(world).openAll();
    const main = client.channel("main");
    main.send({ name: "ATTACH_CHANNELS", body: {} });
    const count = () =>
      main.ofName<{ channels: object[] }>("CHANNELS_LIST").at(-1)!.channels.length;
    expect(count()).toBe(3);
    world.guest({ type: "attach", device: { kind: "display", id: 1 } });
    // Whoever is told of a channel again opens it again.
    expect(count()).toBe(2);
    const display = client.open("display", 1);
    world.guest({ type: "detach", device: { kind: "display", id: 1 } });
    main.send({ name: "ATTACH_CHANNELS", body: {} });
    expect(count()).toBe(3);
    expect(display.isClosed).toBe(true);
    expect(main.isClosed).toBe(false);
  });
});
