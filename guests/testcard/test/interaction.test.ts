import type { GuestOutput } from "@caraway/server";
import { createTestcard, type TestcardOptions } from "@caraway/testcard";
import { describe, expect, test } from "vitest";
import { colorsOf, firstDifference } from "./pixels.ts";
import { digest, Player } from "./player.ts";

interface Seen {
  readonly editor: { readonly text: string; readonly caret: number };
  readonly keyboard: { readonly held: readonly number[] };
  readonly counters: Readonly<Record<string, number>>;
  readonly pointer: { readonly x: number; readonly y: number; readonly monitor: number };
  readonly windows: readonly {
    readonly name: string;
    readonly left: number;
    readonly top: number;
  }[];
}

/** The default desktop, standing still. */
function boot(options: TestcardOptions = {}): Player {
  const player = new Player(createTestcard({ speed: 0, ...options }));
  player.boot();
  return player;
}

function seen(player: Player): Seen {
  return player.card.snapshot(player.now) as Seen;
}

function textOf(player: Player): string {
  return seen(player).editor.text.split("turns the photo.\n\n")[1]!;
}

const colorAt = (player: Player, x: number, y: number) =>
  colorsOf(player.card, 0, { left: x, top: y, right: x + 1, bottom: y + 1 })[0]! & 0xffffff;

const ink = 0x263440;
const paper = 0xfaf8f3;
const enter = 0x1c;
const backspace = 0x0e;
const shift = 0x2a;
const caps = 0x3a;
const ledsOf = (outputs: readonly GuestOutput[]) =>
  outputs.flatMap((out) => (out.type === "leds" ? [out.modifiers] : []));

describe("keys", () => {
  test("write letters that can be seen where the caret was", () => {
    const player = boot();
    // The sixth line of the notes, whose first letter begins 14 pixels into the window.
    const [left, top] = [13 + 14, 62 + 22 + 4 + 6 * 16 + 2];
    expect(colorAt(player, left, top)).toBe(paper);
    player.send({ type: "key", code: shift, down: true });
    player.press(0x23);
    player.settle();
    // An H: two stems and a bar.
    for (let y = 0; y < 9; y++) {
      expect(colorAt(player, left, top + y)).toBe(ink);
      expect(colorAt(player, left + 4, top + y)).toBe(ink);
      expect(colorAt(player, left + 2, top + y)).toBe(y === 4 ? ink : paper);
    }
    player.send({ type: "key", code: shift, down: false });
    player.press(backspace);
    player.settle();
    expect(colorAt(player, left, top)).toBe(paper);
  });

  test("write as a US keyboard does, with shift, caps lock and num lock", () => {
    const player = boot();
    player.press(0x1e, 0x02, 0x0d, 0x35);
    player.send({ type: "key", code: shift, down: true });
    player.press(0x1e, 0x02, 0x0d, 0x35);
    player.send({ type: "key", code: shift, down: false });
    expect(ledsOf(player.press(caps))).toEqual([4]);
    player.press(0x1e, 0x02);
    player.send({ type: "key", code: 0x36, down: true });
    player.press(0x1e);
    player.send({ type: "key", code: 0x36, down: false });
    expect(ledsOf(player.press(caps))).toEqual([0]);
    player.press(enter, 0x47);
    expect(ledsOf(player.press(0x45))).toEqual([2]);
    player.press(0x47, 0x53);
    expect(textOf(player)).toBe("a1=/A!+?A1a\n7.");
  });

  test("edit where the caret stands", () => {
    const player = boot();
    player.press(0x1e, 0x30, 0x2e, enter, 0x20, 0x12);
    player.press(0xe048, 0xe04b, 0x2d, 0xe04f, 0x15, 0xe047, 0xe053, 0xe050, 0x2c, backspace);
    expect(textOf(player)).toBe("xbcy\nde");
    player.press(0xe04d, 0xe04d, 0xe04d, backspace);
    expect(textOf(player)).toBe("xbcy\nd");
  });

  test("that repeat are one key that is held", () => {
    const player = boot();
    for (let i = 0; i < 3; i++) player.send({ type: "key", code: 0x1e, down: true });
    expect(seen(player).keyboard.held).toEqual([0x1e]);
    player.send({ type: "key", code: 0x1e, down: false });
    expect(seen(player).keyboard.held).toEqual([]);
    expect(seen(player).counters).toMatchObject({ presses: 1, repeats: 2, releases: 1 });
    expect(textOf(player)).toBe("aaa");
  });

  test("with control or alt write nothing", () => {
    const player = boot();
    for (const command of [0x1d, 0xe038]) {
      player.send({ type: "key", code: command, down: true });
      player.press(0x1e);
      player.send({ type: "key", code: command, down: false });
    }
    expect(textOf(player)).toBe("");
  });

  test("hide the pointer over the text until it moves", () => {
    const player = boot();
    player.move(100, 150);
    const shapes = (outputs: readonly GuestOutput[]) =>
      outputs.flatMap((out) => (out.type === "cursor-shape" ? [out.shape] : []));
    expect(shapes(player.press(0x1e))).toEqual([null]);
    expect(shapes(player.move(101, 150))).toEqual([expect.objectContaining({ type: 1 })]);
  });
});

describe("the pointer", () => {
  test("drags a window by its title, and what it covered comes back", () => {
    const player = boot();
    const before = colorsOf(player.card);
    const part = { left: 20, top: 90, right: 340, bottom: 280 };
    const inside = colorsOf(player.card, 0, part);
    player.move(100, 70);
    player.move(100, 70, 1);
    player.move(143, 137, 1);
    player.settle();
    const moved = { left: 63, top: 157, right: 383, bottom: 347 };
    expect(firstDifference(colorsOf(player.card, 0, moved), inside, 320)).toBeNull();
    player.move(100, 70, 1);
    player.move(100, 70, 0);
    player.move(512, 30);
    player.settle();
    const status = (colors: Uint32Array) => colors.subarray(0, 1024 * 742);
    expect(firstDifference(status(colorsOf(player.card)), status(before), 1024)).toBeNull();
  });

  test("copies what it drags, and draws anew only what is uncovered", () => {
    const player = boot();
    player.move(100, 70);
    player.move(100, 70, 1);
    const outputs = [...player.move(105, 72, 1), ...player.settle()];
    const drawings = outputs.flatMap((out) => (out.type === "draw" ? [out.drawing] : []));
    expect(drawings[0]).toMatchObject({
      name: "COPY_BITS",
      body: { srcPos: { x: 12, y: 62 }, base: { box: { left: 17, top: 64 } } },
    });
    // The text of the notes was not drawn again.
    const texts = drawings.filter(({ name }) => name === "DRAW_TEXT");
    for (const { body } of texts)
      expect(body.base.box.top < 84 || body.base.box.top > 300).toBe(true);
  });

  test("raises the window that is clicked", () => {
    const player = boot();
    player.drag([100, 70], [330, 170]);
    const order = () => seen(player).windows.map(({ name }) => name);
    expect(order().at(-1)).toBe("editor");
    player.click(650, 150);
    player.settle();
    expect(order().at(-1)).toBe("photo");
    const covered = colorAt(player, 400, 200);
    player.click(300, 250);
    player.settle();
    expect(order().at(-1)).toBe("editor");
    expect(colorAt(player, 400, 200)).not.toBe(covered);
  });

  test("paints in the colour that was chosen, and not beside the paper", () => {
    const player = boot();
    const [x, y] = [250, 370];
    expect(colorAt(player, x, y)).not.toBe(0x4a86bd);
    // The third row of colours, on the right.
    player.click(13 + 6 + 15 + 6, 325 + 8 + 2 * 17 + 6);
    player.drag([x - 40, y], [x + 40, y]);
    player.settle();
    const painted = colorAt(player, x, y);
    const channel = (color: number, shift: number) => (color >> shift) & 255;
    for (const shift of [16, 8, 0]) {
      // The brush lets a tenth of the paper through.
      expect(Math.abs(channel(painted, shift) - channel(0x4a86bd, shift))).toBeLessThan(25);
    }
    const before = digest(colorsOf(player.card, 0, { left: 0, top: 60, right: 1024, bottom: 300 }));
    player.drag([x, y], [x, 200]);
    player.settle();
    const after = digest(colorsOf(player.card, 0, { left: 0, top: 60, right: 1024, bottom: 300 }));
    expect(after).toBe(before);
    // The button that clears.
    player.click(13 + 20, 325 + 190);
    player.settle();
    expect(colorAt(player, x, y)).not.toBe(painted);
  });

  test("turns the photo by wheel and by click, and counts both", () => {
    const player = boot();
    const photo = () =>
      digest(colorsOf(player.card, 0, { left: 370, top: 90, right: 680, bottom: 240 }));
    const first = photo();
    player.move(500, 150);
    player.send({ type: "wheel", steps: 1, buttons: 0 });
    player.settle();
    const second = photo();
    expect(second).not.toBe(first);
    player.send({ type: "wheel", steps: -1, buttons: 0 });
    player.settle();
    expect(photo()).toBe(first);
    player.click(500, 150);
    player.settle();
    expect(photo()).toBe(second);
    expect(seen(player).counters).toMatchObject({ wheel: 0, clicks: 1 });
  });

  test("moves by relative motion from monitor to monitor", () => {
    const player = boot({ width: 400, height: 300, monitors: 2 });
    const { x, y } = seen(player).pointer;
    const motion = (dx: number, dy: number) =>
      player.send({ type: "mouse-motion", dx, dy, buttons: 0 });
    motion(30, -5);
    expect(seen(player).pointer).toMatchObject({ x: x + 30, y: y - 5, monitor: 0 });
    const outputs = motion(400 - x - 30 + 12, 20);
    expect(seen(player).pointer).toMatchObject({ x: 12, y: y + 15, monitor: 1 });
    expect(outputs).toContainEqual({
      type: "cursor-move",
      display: 0,
      x: x + 30,
      y: y - 5,
      visible: false,
    });
    expect(outputs).toContainEqual({
      type: "cursor-move",
      display: 1,
      x: 12,
      y: y + 15,
      visible: true,
    });
    motion(5000, 5000);
    expect(seen(player).pointer).toMatchObject({ x: 399, y: 299, monitor: 1 });
    motion(-5000, -5000);
    expect(seen(player).pointer).toMatchObject({ x: 0, y: 0, monitor: 0 });
  });

  test("is not disturbed by a display that there is not", () => {
    const player = boot({ width: 400, height: 300 });
    expect(player.move(10, 10, 0, 7)).toEqual([]);
  });
});

describe("monitors", () => {
  const wish = (id: number, width: number, height: number) => ({ id, x: 0, y: 0, width, height });

  test("take the size that is wished for, and windows stay on them", () => {
    const player = boot();
    const outputs = player.send({ type: "monitors-wish", monitors: [wish(0, 700, 500)] });
    const types = outputs.map(({ type }) => type);
    const destroyed = types.indexOf("surface-destroy");
    expect(types.slice(destroyed, destroyed + 3)).toEqual([
      "surface-destroy",
      "surface-create",
      "monitors",
    ]);
    expect(outputs[destroyed + 2]).toMatchObject({ heads: [{ width: 700, height: 500 }] });
    player.settle();
    for (const { left, top } of seen(player).windows) {
      expect(left).toBeLessThan(700 - 300 + 1);
      expect(top).toBeLessThan(500 - 190);
    }
    const grown = player.send({ type: "monitors-wish", monitors: [wish(0, 1024, 768)] });
    expect(grown).toContainEqual(expect.objectContaining({ type: "surface-create", width: 1024 }));
  });

  test("keep the size that they have when nothing new is wished for", () => {
    const player = boot({ width: 400, height: 300 });
    const wishes = [wish(0, 400, 300), wish(3, 800, 600)];
    expect(player.send({ type: "monitors-wish", monitors: wishes })).toEqual([]);
    expect(player.send({ type: "monitors-wish", monitors: [wish(0, 0, 0)] })).toEqual([]);
    expect(player.send({ type: "monitors-wish", monitors: [] })).toEqual([]);
  });

  test("are bounded, whatever is wished for", () => {
    const player = boot({ width: 400, height: 300 });
    player.send({ type: "monitors-wish", monitors: [wish(0, 1, 1e9)] });
    expect(player.card.surface(0, 0)).toMatchObject({ width: 240, height: 4096 });
  });

  test("side by side on one display move and grow together", () => {
    const player = boot({ width: 400, height: 300, monitors: 2, layout: "heads" });
    expect(player.card.surface(0, 0)).toMatchObject({ width: 800, height: 300 });
    player.send({ type: "monitors-wish", monitors: [wish(0, 500, 300), wish(1, 300, 350)] });
    player.settle();
    expect(player.card.surface(0, 0)).toMatchObject({ width: 800, height: 350 });
    // Below the first monitor the shared surface is black.
    expect(colorAt(player, 100, 340)).toBe(0);
    expect(colorAt(player, 600, 340)).not.toBe(0);
  });

  test("of two displays each have their own picture", () => {
    const player = boot({ width: 500, height: 400, monitors: 2 });
    expect(digest(colorsOf(player.card, 0))).not.toBe(digest(colorsOf(player.card, 1)));
    player.send({ type: "monitors-wish", monitors: [wish(1, 640, 480)] });
    expect(player.card.surface(0, 0)).toMatchObject({ width: 500, height: 400 });
    expect(player.card.surface(1, 0)).toMatchObject({ width: 640, height: 480 });
  });
});
