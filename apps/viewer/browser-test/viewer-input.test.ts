// Keyboard, mouse and fingers in a real Chromium, told by the X server of a real guest.

import { startSavedVm, type Vm } from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf, type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;

describe("what a user does in the viewer (smoke)", () => {
  let vm: Vm;
  let world: ViewerWorld;
  let viewer: ViewerPage;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    vm = await startSavedVm("qxl-vga", { spice: { password: "secret" } });
    await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
    await vm.events.waitFor(/READY/);
    viewer = await world.open(addressOf(vm));
    await viewer.untilShown();
    await viewer.until(({ capabilities }) => capabilities.agent);
    await viewer.hideControls();
    // The agent brings absolute positions.
    await viewer.page.waitForTimeout(500);
  }, setUpMs);

  afterAll(async () => {
    await viewer?.[Symbol.asyncDispose]();
    await vm?.close();
    await world?.[Symbol.asyncDispose]();
  });

  /** What the guest saw while `act` ran, and until the last of `wanted` came, without numbers. */
  async function seen(act: () => Promise<unknown>, last: RegExp): Promise<string[]> {
    const since = vm.events.lines.length;
    await act();
    await vm.events.waitFor(last, { since });
    return vm.events.lines.slice(since).map((line) => line.replace(/^\d+ /, ""));
  }

  const keys = (lines: string[]) =>
    lines
      .filter((line) => line.startsWith("KEY"))
      .map((line) => line.replace(/^KEY (down|up) \d+ (.*)$/, "$1 $2"));

  it("types by the places of keys", async () => {
    const { page } = viewer;
    await viewer.run((element) => element.focus());
    const lines = await seen(async () => {
      await page.keyboard.press("KeyA");
      await page.keyboard.press("Shift+Digit2");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("NumpadEnter");
      // Playwright has no name for the key beside the left Shift of European keyboards.
      const devtools = await page.context().newCDPSession(page);
      const key = { code: "IntlBackslash", key: "<", windowsVirtualKeyCode: 226 };
      await devtools.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key });
      await devtools.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
    }, /KEY up 94 /);
    expect(keys(lines)).toEqual([
      "down a",
      "up a",
      "down Shift_L",
      "down 2",
      "up 2",
      "up Shift_L",
      "down Left",
      "up Left",
      "down KP_Enter",
      "up KP_Enter",
      "down less",
      "up less",
    ]);
  });

  it("lets held keys go when the window loses the focus", async () => {
    const { page } = viewer;
    await viewer.run((element) => element.focus());
    const lines = await seen(async () => {
      await page.keyboard.down("ControlRight");
      await page.keyboard.down("KeyX");
      await page.evaluate(() => window.dispatchEvent(new Event("blur")));
    }, /KEY up .* x$/);
    expect(keys(lines).sort()).toEqual(["down Control_R", "down x", "up Control_R", "up x"]);
    await page.keyboard.up("KeyX");
    await page.keyboard.up("ControlRight");
  });

  it("types what an input method composes, and its keys not", async () => {
    const { page } = viewer;
    await viewer.run((element) => element.focus());
    const devtools = await page.context().newCDPSession(page);
    const lines = await seen(async () => {
      await devtools.send("Input.imeSetComposition", {
        text: "ni",
        selectionStart: 2,
        selectionEnd: 2,
      });
      await devtools.send("Input.insertText", { text: "ok" });
    }, /KEY up .* k$/);
    expect(keys(lines)).toEqual(["down o", "up o", "down k", "up k"]);
  });

  it("types what the keyboard of a phone composes while it grows", async () => {
    const { page } = viewer;
    await viewer.run((element) => {
      element.onScreenKeyboard = true;
    });
    const devtools = await page.context().newCDPSession(page);
    const compose = (text: string) =>
      devtools.send("Input.imeSetComposition", {
        text,
        selectionStart: text.length,
        selectionEnd: text.length,
      });
    const lines = await seen(async () => {
      await compose("t");
      await compose("th");
      await compose("to");
      await devtools.send("Input.insertText", { text: "to" });
    }, /KEY up .* o$/);
    const downs = keys(lines).filter((key) => key.startsWith("down"));
    expect(downs).toEqual(["down t", "down h", "down BackSpace", "down o"]);
    // A phone's Backspace deletes text rather than to press a key.
    const back = await seen(async () => {
      const key = { key: "Unidentified", windowsVirtualKeyCode: 229 };
      const commands = ["DeleteBackward"];
      await devtools.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key, commands });
      await devtools.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
    }, /KEY up .* BackSpace/);
    expect(keys(back)).toEqual(["down BackSpace", "up BackSpace"]);
    await viewer.run((element) => {
      element.onScreenKeyboard = false;
    });
  });

  it("says which text it could not type", async () => {
    let refused = "";
    const lines = await seen(async () => {
      refused = await viewer.run((element) => {
        return new Promise<string>((resolve) => {
          element.addEventListener("textrefused", ({ detail }) => resolve(detail.text));
          element.typeText("x語");
        });
      });
    }, /KEY up .* x$/);
    expect(refused).toBe("語");
    expect(keys(lines)).toEqual(["down x", "up x"]);
  });

  it("sends combinations that browsers keep for themselves", async () => {
    const lines = await seen(
      () => viewer.run((element) => element.sendKeys(["AltLeft", "Tab"])),
      /KEY up .* Alt_L/,
    );
    expect(keys(lines)).toEqual(["down Alt_L", "down Tab", "up Tab", "up Alt_L"]);
  });

  it("moves the pointer to the pixel, presses five buttons and turns the wheel", async () => {
    const { page } = viewer;
    const devtools = await page.context().newCDPSession(page);
    // A tablet counts 32,768 steps across the screen, so that a pixel may be rounded down.
    const near = (x: number, y: number) => new RegExp(`POINTER (${x - 1}|${x}) (${y - 1}|${y})`);
    for (const [x, y] of [
      [700, 300],
      [1023, 767],
      [1, 1],
    ] as const) {
      const lines = await seen(() => page.mouse.click(x, y), /BUTTON up 1/);
      expect(lines.join("; ")).toMatch(near(x, y));
    }
    await page.mouse.move(400, 300);
    const lines = await seen(async () => {
      await page.mouse.click(400, 300, { button: "right" });
      await page.mouse.click(400, 300, { button: "middle" });
      for (const button of ["back", "forward"] as const) {
        for (const type of ["mousePressed", "mouseReleased"] as const) {
          const at = { x: 400, y: 300, clickCount: 1 };
          await devtools.send("Input.dispatchMouseEvent", { type, button, ...at });
        }
      }
    }, /BUTTON up 9/);
    lines.push(
      ...(await seen(async () => {
        await page.mouse.wheel(0, 120);
        await page.mouse.wheel(0, -60);
      }, /BUTTON up 4/)),
    );
    const buttons = lines.filter((line) => line.startsWith("BUTTON"));
    const pairs = [3, 2, 8, 9, 5, 5, 4].flatMap((n) => [`BUTTON down ${n}`, `BUTTON up ${n}`]);
    expect(buttons).toEqual(pairs);
  });

  it("drags with the button held, beyond the edge of the page too", async () => {
    const { page } = viewer;
    await page.mouse.move(300, 300);
    expect(await seen(() => page.mouse.down(), /BUTTON down 1/)).toContain("BUTTON down 1");
    await page.mouse.move(500, 400);
    await page.mouse.move(2000, 400);
    const lines = await seen(() => page.mouse.up(), /BUTTON up 1/);
    expect(lines.join("; ")).toMatch(/POINTER (1022|1023) (399|400); BUTTON up 1/);
  });

  it("gives the guest this keyboard's Caps Lock, and takes it back", async () => {
    const { page } = viewer;
    await viewer.run((element) => element.focus());
    const lines = await seen(() => page.keyboard.press("CapsLock"), /KEY up .* Caps_Lock/);
    expect(keys(lines)).toEqual(["down Caps_Lock", "up Caps_Lock"]);
    await vm.events.waitFor(/LEDS 1/);
    await seen(() => page.keyboard.press("CapsLock"), /LEDS 0/);
  });

  it("sends nothing while it is only to be looked at", async () => {
    const { page } = viewer;
    await viewer.run((element) => {
      element.viewOnly = true;
    });
    const lines = await seen(async () => {
      await viewer.run((element) => element.focus());
      await page.keyboard.press("KeyQ");
      await page.mouse.click(500, 500);
      await viewer.run((element) => {
        element.viewOnly = false;
        element.sendKey("KeyW");
      });
    }, /KEY up .* w$/);
    expect(lines).toEqual(expect.not.arrayContaining([expect.stringMatching(/ q$|BUTTON/)]));
  });

  it("understands fingers: taps of one and two, drags, scrolling", async () => {
    const { page } = viewer;
    const devtools = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...points: [number, number][]) =>
      devtools.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: points.map(([x, y], id) => ({ x, y, id })),
      });
    const tap = await seen(async () => {
      await touch("touchStart", [600, 500]);
      await touch("touchEnd");
    }, /BUTTON up 1/);
    expect(tap.join("; ")).toMatch(/POINTER (599|600) (499|500); BUTTON down 1/);
    const second = await seen(async () => {
      await touch("touchStart", [600, 500], [640, 500]);
      await touch("touchEnd");
    }, /BUTTON up/);
    expect(second).toContain("BUTTON down 3");
    // The guest tells of places with buttons only: where the button went down, and where it went up.
    const down = await seen(async () => {
      await touch("touchStart", [300, 300]);
      await touch("touchMove", [320, 300]);
    }, /BUTTON down 1/);
    expect(down.join("; ")).toMatch(/BUTTON down 1/);
    const up = await seen(async () => {
      await touch("touchMove", [400, 350]);
      await touch("touchEnd");
    }, /BUTTON up 1/);
    expect(up.join("; ")).toMatch(/POINTER (399|400) (349|350); BUTTON up 1/);
    const scroll = await seen(async () => {
      await touch("touchStart", [300, 300], [360, 300]);
      for (let y = 300; y >= 180; y -= 20) await touch("touchMove", [300, y], [360, y]);
      await touch("touchEnd");
    }, /BUTTON up 5/);
    expect(scroll.filter((line) => /BUTTON down [1-3]/.test(line))).toEqual([]);
  });
});
