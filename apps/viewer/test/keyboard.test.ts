import type { InputCommand } from "@caraway/client";
import { describe, expect, it } from "vitest";
import { type HostSystem, hostSystem, Keyboard, type KeyEvent } from "../src/input/keyboard.ts";
import { codeOfKey, knownCodes, scancodeOf } from "../src/input/scancodes.ts";
import { StickyModifiers } from "../src/input/sticky-modifiers.ts";

interface Setting {
  readonly keyboard: Keyboard;
  readonly sent: string[];
  readonly typed: string[];
  readonly done: number;
  /** Lets so much time pass. */
  pass(ms: number): void;
}

function setting(system: HostSystem = "other"): Setting {
  const sent: string[] = [];
  const typed: string[] = [];
  let done = 0;
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const keyboard = new Keyboard({
    system,
    send: (command) => sent.push(nameOf(command)),
    type: (text) => typed.push(text),
    wake: (delayMs, run) => {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    onKeyDone: () => {
      done++;
    },
  });
  return {
    keyboard,
    sent,
    typed,
    get done() {
      return done;
    },
    pass(ms) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
    },
  };
}

function nameOf(command: InputCommand): string {
  if (command.kind === "lock-keys") return `locks ${command.modifiers}`;
  if (command.kind !== "key-down" && command.kind !== "key-up") return command.kind;
  return `${command.kind === "key-down" ? "+" : "-"}${command.scancode.toString(16)}`;
}

function key(code: string, parts: Partial<KeyEvent> & { locks?: string[] } = {}): KeyEvent {
  const { locks = [], ...rest } = parts;
  return {
    code,
    key: "a",
    keyCode: 65,
    isComposing: false,
    repeat: false,
    getModifierState: (name) => locks.includes(name),
    ...rest,
  };
}

describe("the keyboard", () => {
  it("sends a key by its place, whatever its layout makes of it", () => {
    const { keyboard, sent } = setting();
    expect(keyboard.down(key("KeyZ", { key: "y" }))).toBe(true);
    expect(keyboard.up(key("KeyZ", { key: "y" }))).toBe(true);
    keyboard.down(key("Equal", { key: "Dead" }));
    expect(sent).toEqual(["+2c", "-2c", "+d"]);
  });

  it("sends a held key again as often as it repeats, and its release once", () => {
    const { keyboard, sent } = setting();
    keyboard.down(key("KeyA"));
    keyboard.down(key("KeyA", { repeat: true }));
    keyboard.up(key("KeyA"));
    keyboard.up(key("KeyA"));
    expect(sent).toEqual(["+1e", "+1e", "-1e"]);
  });

  it("lets everything go when the keyboard goes elsewhere", () => {
    const { keyboard, sent } = setting();
    keyboard.down(key("ControlRight"));
    keyboard.down(key("ArrowLeft"));
    keyboard.releaseAll();
    expect(sent.slice(2).sort()).toEqual(["-e01d", "-e04b"]);
    expect(keyboard.heldCodes).toEqual([]);
  });

  it("leaves keys to an input method while it composes", () => {
    const { keyboard, sent } = setting();
    expect(keyboard.down(key("KeyA", { isComposing: true }))).toBe(false);
    expect(keyboard.down(key("KeyA", { key: "Process" }))).toBe(false);
    expect(keyboard.down(key("KeyA", { keyCode: 229 }))).toBe(false);
    expect(sent).toEqual([]);
  });

  it("types what a key without a place means", () => {
    const { keyboard, sent, typed } = setting();
    expect(keyboard.down(key("", { key: "ß" }))).toBe(true);
    expect(keyboard.down(key("", { key: "Enter" }))).toBe(true);
    expect(keyboard.down(key("", { key: "Unidentified" }))).toBe(false);
    expect(typed).toEqual(["ß"]);
    expect(sent).toEqual(["+1c"]);
  });

  it("sends AltGr of Windows without the Control that Windows puts before it", () => {
    const { keyboard, sent, pass } = setting("windows");
    keyboard.down(key("ControlLeft"));
    keyboard.down(key("AltRight", { locks: ["AltGraph"] }));
    keyboard.up(key("ControlLeft"));
    keyboard.up(key("AltRight"));
    pass(1000);
    expect(sent).toEqual(["+e038", "-e038"]);
  });

  it("sends a Control of Windows that is one, with or without a key behind it", () => {
    const { keyboard, sent, pass } = setting("windows");
    keyboard.down(key("ControlLeft"));
    keyboard.down(key("KeyC"));
    keyboard.up(key("KeyC"));
    keyboard.up(key("ControlLeft"));
    expect(sent).toEqual(["+1d", "+2e", "-2e", "-1d"]);
    keyboard.down(key("ControlLeft"));
    pass(60);
    expect(sent.slice(4)).toEqual(["+1d"]);
    keyboard.up(key("ControlLeft"));
    keyboard.down(key("ControlLeft"));
    keyboard.up(key("ControlLeft"));
    expect(sent.slice(5)).toEqual(["-1d", "+1d", "-1d"]);
  });

  it("lets a key go at once that a Mac tells no release of", () => {
    const { keyboard, sent } = setting("mac");
    keyboard.down(key("MetaLeft"));
    keyboard.down(key("KeyC"));
    keyboard.up(key("MetaLeft"));
    expect(sent).toEqual(["+e05b", "+2e", "-2e", "-e05b"]);
  });

  it("taps Caps Lock for both of its states that a Mac tells", () => {
    const { keyboard, sent } = setting("mac");
    keyboard.down(key("CapsLock"));
    keyboard.up(key("CapsLock"));
    expect(sent).toEqual(["+3a", "-3a", "+3a", "-3a"]);
  });

  it("taps PrintScreen where only its release is told", () => {
    const { keyboard, sent } = setting("windows");
    keyboard.up(key("PrintScreen"));
    expect(sent).toEqual(["+e037", "-e037"]);
  });

  it("gives the guest the locks of this keyboard before a key that depends on them", () => {
    const { keyboard, sent } = setting();
    keyboard.ledsAre({ scrollLock: false, numLock: false, capsLock: false });
    keyboard.down(key("ShiftLeft", { locks: ["CapsLock"] }));
    keyboard.down(key("KeyA", { locks: ["CapsLock"] }));
    expect(sent).toEqual(["+2a", "locks 4", "+1e"]);
  });

  it("leaves the locks alone while the guest's answer to a lock key is under way", () => {
    const { keyboard, sent, pass } = setting();
    keyboard.ledsAre({ scrollLock: false, numLock: false, capsLock: false });
    keyboard.down(key("CapsLock", { locks: ["CapsLock"] }));
    keyboard.up(key("CapsLock", { locks: ["CapsLock"] }));
    keyboard.down(key("KeyA", { locks: ["CapsLock"] }));
    expect(sent).toEqual(["+3a", "-3a", "+1e"]);
    keyboard.ledsAre({ scrollLock: false, numLock: false, capsLock: true });
    keyboard.down(key("KeyB", { locks: ["CapsLock"] }));
    expect(sent.slice(3)).toEqual(["+30"]);
    // A guest that ignores the key is given the locks when there was time enough.
    keyboard.down(key("NumLock", { locks: ["NumLock", "CapsLock"] }));
    pass(2000);
    keyboard.down(key("KeyB", { locks: ["NumLock", "CapsLock"] }));
    expect(sent.slice(4)).toEqual(["+45", "locks 6", "+30"]);
  });
});

describe("the table of keys", () => {
  it("has a code of its own for every key", () => {
    const codes = knownCodes().filter((code) => !/^(OS|Volume|LaunchMediaPlayer)/.test(code));
    const scancodes = codes.map(scancodeOf);
    expect(new Set(scancodes).size).toBe(codes.length);
    expect(codes.length).toBeGreaterThan(140);
  });

  it.each([
    ["Escape", 0x01],
    ["Digit0", 0x0b],
    ["BracketRight", 0x1b],
    ["Backquote", 0x29],
    ["ShiftRight", 0x36],
    ["F10", 0x44],
    ["F12", 0x58],
    ["NumpadDecimal", 0x53],
    ["IntlBackslash", 0x56],
    ["IntlRo", 0x73],
    ["IntlYen", 0x7d],
    ["Convert", 0x79],
    ["NonConvert", 0x7b],
    ["NumpadEnter", 0xe01c],
    ["ControlRight", 0xe01d],
    ["NumpadDivide", 0xe035],
    ["PrintScreen", 0xe037],
    ["AltRight", 0xe038],
    ["Delete", 0xe053],
    ["ContextMenu", 0xe05d],
    ["AudioVolumeUp", 0xe030],
    ["BrowserBack", 0xe06a],
  ])("knows %s", (code, scancode) => {
    expect(scancodeOf(code)).toBe(scancode);
  });

  it("knows keys without a place by their meaning", () => {
    expect(codeOfKey("ArrowUp")).toBe("ArrowUp");
    expect(codeOfKey("F5")).toBe("F5");
    expect(codeOfKey("a")).toBeNull();
    expect(scancodeOf("Unknown")).toBeNull();
  });

  it("knows the systems whose keyboards have habits", () => {
    expect(hostSystem("MacIntel")).toBe("mac");
    expect(hostSystem("Win32")).toBe("windows");
    expect(hostSystem("Linux x86_64")).toBe("other");
  });
});

describe("sticky modifiers", () => {
  function sticky() {
    const { keyboard, sent } = setting();
    let changes = 0;
    const modifiers = new StickyModifiers(keyboard, () => {
      changes++;
    });
    return { keyboard, sent, modifiers, changes: () => changes };
  }

  it("hold for one key, or until they are let go", () => {
    const { keyboard, sent, modifiers } = sticky();
    modifiers.toggle("ControlLeft");
    expect(modifiers.state("ControlLeft")).toBe("once");
    keyboard.press("KeyC");
    keyboard.release("KeyC");
    modifiers.keyDone();
    expect(sent).toEqual(["+1d", "+2e", "-2e", "-1d"]);
    modifiers.toggle("AltLeft");
    modifiers.toggle("AltLeft");
    modifiers.keyDone();
    expect(modifiers.state("AltLeft")).toBe("locked");
    modifiers.toggle("AltLeft");
    expect(sent.slice(4)).toEqual(["+38", "-38"]);
  });

  it("are told when they change, and only then", () => {
    const { modifiers, changes } = sticky();
    modifiers.keyDone();
    modifiers.releaseAll();
    expect(changes()).toBe(0);
    modifiers.toggle("ShiftLeft");
    modifiers.keyDone();
    expect(changes()).toBe(2);
  });
});
