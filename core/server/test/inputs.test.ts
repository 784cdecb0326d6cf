import { MouseMode } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import type { GuestInput } from "../src/index.ts";
import { type RawChannel, RawClient } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

function setUp(options: ConstructorParameters<typeof ServerWorld>[0] = {}): ServerWorld {
  const world = new ServerWorld(options);
  world.begin();
  return world;
}

function inputsOf(world: ServerWorld, password = ""): RawChannel {
  return new RawClient(world, { password }).openAll("inputs").channel("inputs");
}

function keys(world: ServerWorld): string[] {
  return world
    .guestInputs("key")
    .map(({ code, down }) => `${down ? "+" : "-"}${code.toString(16)}`);
}

function devices(world: ServerWorld): GuestInput[] {
  return world.toGuest.filter(({ type }) => !type.startsWith("stream") && type !== "key");
}

function useClientMode(world: ServerWorld): void {
  const main = new RawClient(world).open("main");
  main.send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
}

describe("keys", () => {
  it("reach the guest by their codes, extended ones and Pause included", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    inputs.send({ name: "KEY_DOWN", body: { code: 0x1e } });
    inputs.send({ name: "KEY_UP", body: { code: 0x9e } });
    inputs.send({ name: "KEY_DOWN", body: { code: 0x4be0 } });
    inputs.send({ name: "KEY_UP", body: { code: 0xcbe0 } });
    const pause = Uint8Array.of(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    inputs.send({ name: "KEY_SCANCODE", body: { code: pause } });
    expect(keys(world)).toEqual(["+1e", "-1e", "+e04b", "-e04b", "+e11d45", "-e11d45"]);
  });

  it("are let go when their client leaves", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    inputs.send({ name: "KEY_DOWN", body: { code: 0x2a } });
    inputs.send({ name: "KEY_DOWN", body: { code: 0x1de0 } });
    inputs.close();
    expect(keys(world)).toEqual(["+2a", "+e01d", "-2a", "-e01d"]);
  });

  it("stay down while another client holds them", () => {
    const world = setUp();
    const [first, second] = [inputsOf(world), inputsOf(world)];
    first.send({ name: "KEY_DOWN", body: { code: 0x2a } });
    second.send({ name: "KEY_DOWN", body: { code: 0x2a } });
    first.close();
    expect(keys(world)).toEqual(["+2a", "+2a"]);
    second.send({ name: "KEY_UP", body: { code: 0xaa } });
    expect(keys(world)).toEqual(["+2a", "+2a", "-2a"]);
  });

  it("of who only looks on reach nobody", () => {
    const tickets = [{ password: "look", expiresAt: null, viewOnly: true }];
    const world = setUp({ tickets });
    const inputs = inputsOf(world, "look");
    inputs.send({ name: "KEY_DOWN", body: { code: 0x1e } });
    inputs.send({ name: "MOUSE_PRESS", body: { button: 1, buttonsState: 1 } });
    for (let times = 0; times < 4; times++) {
      inputs.send({ name: "MOUSE_MOTION", body: { dx: 1, dy: 1, buttonsState: 0 } });
    }
    expect(world.toGuest).toEqual([]);
    expect(inputs.names).toEqual(["INIT", "MOUSE_MOTION_ACK"]);
  });

  it("that lock are tapped until the LEDs are as wanted", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    world.guest({ type: "leds", modifiers: 4 });
    expect(inputs.ofName("KEY_MODIFIERS")).toEqual([{ modifiers: 4 }]);
    inputs.send({ name: "KEY_MODIFIERS", body: { modifiers: 2 } });
    expect(keys(world)).toEqual(["+45", "-45", "+3a", "-3a"]);
    inputs.send({ name: "KEY_MODIFIERS", body: { modifiers: 2 } });
    expect(keys(world)).toHaveLength(4);
  });

  it("that lock are left alone while somebody holds them", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    inputs.send({ name: "KEY_DOWN", body: { code: 0x3a } });
    inputs.send({ name: "KEY_MODIFIERS", body: { modifiers: 4 } });
    expect(keys(world)).toEqual(["+3a"]);
  });
});

describe("the pointer", () => {
  it("moves by motion in mode server, and each four motions are acknowledged", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    for (let times = 0; times < 9; times++) {
      inputs.send({ name: "MOUSE_MOTION", body: { dx: times, dy: -1, buttonsState: 0 } });
    }
    inputs.send({ name: "MOUSE_POSITION", body: { x: 1, y: 2, buttonsState: 0, displayId: 0 } });
    expect(world.guestInputs("mouse-motion")).toHaveLength(9);
    expect(world.guestInputs("tablet-position")).toEqual([]);
    expect(inputs.names.filter((name) => name === "MOUSE_MOTION_ACK")).toHaveLength(2);
  });

  it("moves to positions in mode client", () => {
    const world = setUp();
    useClientMode(world);
    const inputs = inputsOf(world);
    inputs.send({ name: "MOUSE_POSITION", body: { x: 10, y: 20, buttonsState: 1, displayId: 0 } });
    inputs.send({ name: "MOUSE_MOTION", body: { dx: 1, dy: 1, buttonsState: 1 } });
    expect(devices(world)).toEqual([
      { type: "tablet-position", display: 0, x: 10, y: 20, buttons: 1 },
    ]);
  });

  it("presses and releases buttons, and turns the wheel", () => {
    const world = setUp();
    const inputs = inputsOf(world);
    inputs.send({ name: "MOUSE_PRESS", body: { button: 3, buttonsState: 4 } });
    inputs.send({ name: "MOUSE_PRESS", body: { button: 4, buttonsState: 12 } });
    inputs.send({ name: "MOUSE_RELEASE", body: { button: 4, buttonsState: 4 } });
    inputs.send({ name: "MOUSE_PRESS", body: { button: 5, buttonsState: 20 } });
    inputs.send({ name: "MOUSE_RELEASE", body: { button: 5, buttonsState: 4 } });
    inputs.send({ name: "MOUSE_RELEASE", body: { button: 3, buttonsState: 0 } });
    expect(devices(world)).toEqual([
      { type: "buttons", buttons: 4 },
      { type: "wheel", steps: -1, buttons: 4 },
      { type: "wheel", steps: 1, buttons: 4 },
      { type: "buttons", buttons: 0 },
    ]);
  });

  it("lets its buttons go when the client leaves, and keeps those of others", () => {
    const world = setUp();
    const [first, second] = [inputsOf(world), inputsOf(world)];
    first.send({ name: "MOUSE_PRESS", body: { button: 1, buttonsState: 1 } });
    second.send({ name: "MOUSE_PRESS", body: { button: 3, buttonsState: 4 } });
    first.close();
    expect(devices(world)).toEqual([
      { type: "buttons", buttons: 1 },
      { type: "buttons", buttons: 5 },
      { type: "buttons", buttons: 4 },
    ]);
  });
});

describe("the mouse mode", () => {
  it("changes for all clients when one asks for it", () => {
    const world = setUp();
    const [first, second] = [new RawClient(world).open("main"), new RawClient(world).open("main")];
    first.send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
    for (const main of [first, second]) {
      expect(main.ofName("MOUSE_MODE")).toEqual([{ supportedModes: 3, currentMode: 2 }]);
    }
    second.send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.SERVER } });
    expect(first.ofName("MOUSE_MODE").at(-1)).toEqual({ supportedModes: 3, currentMode: 1 });
  });

  it("goes back when the tablet is taken away", () => {
    const world = setUp();
    const main = new RawClient(world).open("main");
    main.send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
    world.guest({ type: "detach", device: { kind: "tablet" } });
    expect(main.ofName("MOUSE_MODE").at(-1)).toEqual({ supportedModes: 1, currentMode: 1 });
    main.send({ name: "MOUSE_MODE_REQUEST", body: { mode: MouseMode.CLIENT } });
    expect(main.ofName("MOUSE_MODE")).toHaveLength(2);
  });
});
