import { KeyboardModifier, MouseButton } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import type { InputCommand } from "../src/index.ts";
import { connected, expectNoBreach, type Setting } from "./setting.ts";

function input(setting: Setting, ...inputs: InputCommand[]): void {
  for (const command of inputs) setting.world.command({ name: "input", input: command });
  setting.world.run();
}

function sent(setting: Setting) {
  return setting.source.channel("inputs 0").messages;
}

function names(setting: Setting): string[] {
  return setting.source.channel("inputs 0").names();
}

const position = (x: number, y = 0): InputCommand => ({ kind: "position", x, y, display: 0 });
const motion = (dx: number, dy = 0): InputCommand => ({ kind: "motion", dx, dy });
const press = (button: number): InputCommand => ({ kind: "button-down", button });
const release = (button: number): InputCommand => ({ kind: "button-up", button });

describe("keys", () => {
  it("are set 1 codes, extended ones with their prefix first", () => {
    const setting = connected();
    setting.world.type(0x1e, 0xe048);
    setting.world.run();
    expect(sent(setting)).toEqual([
      { name: "KEY_DOWN", body: { code: 0x1e } },
      { name: "KEY_UP", body: { code: 0x9e } },
      { name: "KEY_DOWN", body: { code: 0x48e0 } },
      { name: "KEY_UP", body: { code: 0xc8e0 } },
    ]);
  });

  it("in a burst go as fast as a guest's keyboard takes them, in order, and none is dropped", () => {
    const setting = connected();
    const { world, source } = setting;
    const typed = Array.from({ length: 100 }, (_, index) => (index % 60) + 2);
    world.type(...typed);
    world.run();
    expect(names(setting).length).toBeLessThanOrEqual(12);
    let before = names(setting).length;
    for (let count = 0; count < 2000 && names(setting).length < 200; count++) {
      world.advance(4);
      // A keyboard of 16 bytes that gives its guest a byte each 8 ms never overflows.
      expect(names(setting).length - before).toBeLessThanOrEqual(1);
      before = names(setting).length;
    }
    expect(source.keys).toEqual(typed.flatMap((code) => [`+${code}`, `-${code}`]));
    expect(world.session.deadline()).toBeNull();
  });

  it("typed by hand are never held back", () => {
    const setting = connected();
    for (let count = 0; count < 50; count++) {
      setting.world.type(30);
      setting.world.run();
      expect(names(setting)).toHaveLength(2 * count + 2);
      setting.world.advance(30);
    }
  });

  it("Ctrl, Alt and Del go at once", () => {
    const setting = connected();
    const keys = [0x1d, 0x38, 0xe053];
    for (const scancode of keys) input(setting, { kind: "key-down", scancode });
    for (const scancode of keys.reverse()) input(setting, { kind: "key-up", scancode });
    expect(names(setting)).toHaveLength(6);
  });

  it("that lock are set as wanted, and told as they are", () => {
    const setting = connected();
    input(setting, { kind: "lock-keys", modifiers: KeyboardModifier.CAPS_LOCK });
    expect(sent(setting)).toEqual([{ name: "KEY_MODIFIERS", body: { modifiers: 4 } }]);
    setting.source.channel("inputs 0").send("INIT", { keyboardModifiers: 2 });
    setting.source.channel("inputs 0").send("KEY_MODIFIERS", { modifiers: 4 });
    setting.world.run();
    expect(setting.world.named("lock-leds")).toMatchObject([
      { numLock: true, capsLock: false },
      { numLock: false, capsLock: true, scrollLock: false },
    ]);
  });

  it("beyond what a queue should hold are dropped and told; releases are not", () => {
    const setting = connected();
    const down = Array.from({ length: 1100 }, (): InputCommand => {
      return { kind: "key-down", scancode: 30 };
    });
    for (const command of down) setting.world.command({ name: "input", input: command });
    expect(setting.world.named("input-dropped").at(-1)?.count).toBe(1100 - 1024 - 12);
    input(setting, { kind: "key-up", scancode: 30 });
    setting.world.advance(10_000);
    expect(names(setting).at(-1)).toBe("KEY_UP");
    expectNoBreach(setting);
  });
});

describe("the pointer", () => {
  it("is merged while eight motions are under way, and goes on with each acknowledgement", () => {
    const setting = connected();
    for (let count = 0; count < 20; count++) input(setting, motion(1, 2));
    expect(names(setting)).toHaveLength(8);
    setting.source.channel("inputs 0").send("MOUSE_MOTION_ACK");
    setting.world.run();
    expect(sent(setting)).toHaveLength(9);
    expect(sent(setting)[8]).toEqual({
      name: "MOUSE_MOTION",
      body: { dx: 12, dy: 24, buttonsState: 0 },
    });
  });

  it("has its newest place when it is in a hurry", () => {
    const setting = connected();
    for (let x = 0; x < 20; x++) input(setting, position(x));
    setting.source.channel("inputs 0").send("MOUSE_MOTION_ACK");
    setting.world.run();
    expect(sent(setting).at(-1)).toMatchObject({ body: { x: 19 } });
    expect(sent(setting)).toHaveLength(9);
  });

  it("is moved before a button goes down, so that a click lands where it was made", () => {
    const setting = connected();
    for (let x = 0; x < 20; x++) input(setting, position(x));
    input(setting, press(MouseButton.LEFT));
    expect(sent(setting).slice(-2)).toEqual([
      { name: "MOUSE_POSITION", body: { x: 19, y: 0, buttonsState: 0, displayId: 0 } },
      { name: "MOUSE_PRESS", body: { button: 1, buttonsState: 1 } },
    ]);
  });

  it("carries the buttons that are held, and the wheel is none of them", () => {
    const setting = connected();
    input(setting, press(MouseButton.RIGHT), press(MouseButton.DOWN), release(MouseButton.DOWN));
    input(setting, motion(1), release(MouseButton.RIGHT));
    expect(
      sent(setting).map(({ body }) => (body as { buttonsState: number }).buttonsState),
    ).toEqual([4, 4, 4, 4, 0]);
  });

  it("is placed again when the server takes places again", () => {
    const setting = connected();
    const { world, source } = setting;
    input(setting, position(70, 80));
    world.command({ name: "mouse-mode", mode: "server" });
    world.run();
    world.command({ name: "mouse-mode", mode: "client" });
    world.run();
    expect(source.channel("inputs 0").names()).toEqual(["MOUSE_POSITION", "MOUSE_POSITION"]);
    expect(sent(setting)[1]).toMatchObject({ body: { x: 70, y: 80 } });
  });
});
