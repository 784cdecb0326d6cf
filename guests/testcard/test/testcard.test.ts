import { BitmapFormat, BrushType, ClipType, CursorType, SurfaceFormat } from "@caraway/protocol";
import type { Drawing, GuestOutput, GuestPixels } from "@caraway/server";
import { createTestcard, loadTestcard, type TestcardOptions } from "@caraway/testcard";
import { describe, expect, test } from "vitest";
import { colorsOf, drawnWhole, firstDifference } from "./pixels.ts";
import { busyHands, digest, Player, randomSource } from "./player.ts";
import { Viewer } from "./viewer.ts";

const small: TestcardOptions = { width: 400, height: 300 };

function play(options: TestcardOptions = small): Player {
  return new Player(createTestcard(options));
}

/** Boots and does `count` things. */
function playBusily(player: Player, seed: number, count: number): GuestOutput[] {
  const random = randomSource(seed);
  const nextInput = busyHands(random, 400, 300);
  const outputs = player.boot();
  for (let i = 0; i < count; i++) {
    outputs.push(...player.send(nextInput()), ...player.wait(random(60)));
  }
  return outputs;
}

function drawingsOf(outputs: readonly GuestOutput[]): Drawing[] {
  return outputs.flatMap((output) => (output.type === "draw" ? [output.drawing] : []));
}

/** Every object in there, however deep. */
function* objectsIn(value: unknown): Generator<object> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  yield value;
  for (const part of Object.values(value)) yield* objectsIn(part);
}

describe("a testcard", () => {
  test("describes itself before it runs: devices, surfaces, monitors, cursor, LEDs, ready", () => {
    const player = play();
    const outputs = player.drain();
    const types = outputs.map(({ type }) => type);
    expect(types[0]).toBe("identity");
    expect(types.at(-1)).toBe("ready");
    const devices = outputs.flatMap((out) => (out.type === "attach" ? [out.device.kind] : []));
    expect(devices).toEqual(["display", "keyboard", "mouse", "tablet", "stream"]);
    expect(types).toContain("monitors");
    expect(types).toContain("cursor-shape");
    expect(types).toContain("leds");
    const formats = outputs.flatMap((out) => (out.type === "surface-create" ? [out.format] : []));
    expect(new Set(formats)).toEqual(new Set(Object.values(SurfaceFormat)));
    expect(player.card.deadline()).toBeNull();
  });

  test("says the same for the same inputs at the same times", () => {
    const options = { ...small, seed: 5, monitors: 2 };
    const [one, two] = [play(options), play(options)];
    expect(digest(playBusily(one, 1, 40))).toBe(digest(playBusily(two, 1, 40)));
    expect(digest(one.card.snapshot(one.now))).toBe(digest(two.card.snapshot(two.now)));
  });

  test("looks different for another seed", () => {
    const [one, two] = [play({ ...small, seed: 1 }), play({ ...small, seed: 2 })];
    one.boot();
    two.boot();
    expect(digest(colorsOf(one.card))).not.toBe(digest(colorsOf(two.card)));
  });

  test("draws with every command, brush, clip, surface format, bitmap format and pointer", () => {
    const player = play({ width: 1024, height: 768 });
    const outputs = [...player.boot(), ...player.wait(1500)];
    // Over every window and the titles, and one window before another.
    for (const [x, y] of [
      [100, 150],
      [450, 150],
      [800, 150],
      [100, 72],
      [450, 400],
      [300, 400],
    ]) {
      outputs.push(...player.move(x!, y!));
    }
    outputs.push(...player.drag([200, 400], [220, 420]));
    outputs.push(...player.drag([450, 312], [470, 330]), ...player.settle());
    const drawings = drawingsOf(outputs);
    expect(new Set(drawings.map(({ name }) => name))).toEqual(
      new Set([
        "COPY_BITS",
        "DRAW_FILL",
        "DRAW_OPAQUE",
        "DRAW_COPY",
        "DRAW_BLEND",
        "DRAW_BLACKNESS",
        "DRAW_WHITENESS",
        "DRAW_INVERS",
        "DRAW_ROP3",
        "DRAW_STROKE",
        "DRAW_TEXT",
        "DRAW_TRANSPARENT",
        "DRAW_ALPHA_BLEND",
        "DRAW_COMPOSITE",
      ]),
    );
    const objects = [...objectsIn(drawings)] as Record<string, unknown>[];
    const images = objects.filter((one) => one["kind"] === "pixels") as unknown as GuestPixels[];
    expect(new Set(images.map(({ format }) => format))).toEqual(
      new Set(Object.values(BitmapFormat)),
    );
    expect(new Set(images.map(({ topDown }) => topDown))).toEqual(new Set([true, false]));
    const brushes = objects.filter((one) => "brush" in one).map((one) => one["brush"]);
    expect(new Set(brushes.map((brush) => (brush as { type: number }).type))).toEqual(
      new Set([BrushType.SOLID, BrushType.PATTERN]),
    );
    const clips = drawings.map(({ body }) => body.base.clip.type);
    expect(new Set(clips)).toEqual(new Set([ClipType.NONE, ClipType.RECTS]));
    const dashed = drawings.filter((one) => one.name === "DRAW_STROKE" && one.body.attr.styled);
    expect(dashed.length).toBeGreaterThan(0);
    for (const glyphs of ["glyphsA1", "glyphsA4", "glyphsA8"]) {
      expect(objects.some((one) => Array.isArray(one[glyphs]))).toBe(true);
    }
    const scaleModes = objects.filter((one) => "scaleMode" in one).map((one) => one["scaleMode"]);
    expect(new Set(scaleModes)).toEqual(new Set([0, 1]));
    const surfaces = outputs.filter((out) => out.type === "surface-create");
    const drawnOn = new Set(drawings.map(({ body }) => body.base.surfaceId));
    for (const { surface } of surfaces) expect(drawnOn).toContain(surface);
    const used = new Set(
      objects.filter((one) => one["kind"] === "surface").map((one) => one["surface"]),
    );
    for (const { surface } of surfaces) if (surface !== 0) expect(used).toContain(surface);
    const shapes = outputs.flatMap((out) => (out.type === "cursor-shape" ? [out.shape?.type] : []));
    expect(new Set(shapes)).toEqual(new Set(Object.values(CursorType)));
  });

  test("has different images under different keys, and the same image under one key", () => {
    const player = play({ width: 1024, height: 768, speed: 0 });
    const drawings = drawingsOf(player.boot());
    // All photos, one after the other.
    for (let turn = 0; turn < 5; turn++) {
      drawings.push(...drawingsOf([...player.click(500, 150), ...player.settle()]));
    }
    const byKey = new Map<bigint, string>();
    const byContent = new Map<string, bigint>();
    const known = new Set<Uint8Array>();
    for (const one of objectsIn(drawings)) {
      if (!("kind" in one) || one.kind !== "pixels") continue;
      const { key, ...content } = one as GuestPixels;
      if (key === null || known.has(content.data)) continue;
      known.add(content.data);
      const seen = digest(content);
      expect(byKey.get(key) ?? seen).toBe(seen);
      expect(byContent.get(seen) ?? key).toBe(key);
      byKey.set(key, seen);
      byContent.set(seen, key);
    }
    expect(byKey.size).toBeGreaterThan(30);
  });

  test.each([1, 2, 3, 4])("is painted in parts as it would be painted whole (seed %i)", (seed) => {
    const player = play({ width: 560, height: 400, monitors: 2, layout: "heads" });
    const random = randomSource(seed);
    const nextInput = busyHands(random, 1120, 400);
    player.boot();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 12; i++) {
        player.send(nextInput());
        player.wait(random(40));
      }
      player.settle();
      player.send({ type: "stop" });
      const whole = drawnWhole(player.card.save(player.now));
      expect(firstDifference(colorsOf(player.card), whole, 1120)).toBeNull();
      player.send({ type: "run" });
    }
  });

  test.each([1, 2])("shows clients with caches what it shows itself (seed %i)", (seed) => {
    const player = play({ ...small, seed, monitors: 2 });
    const viewer = new Viewer();
    player.listen((output) => viewer.take(output));
    playBusily(player, seed, 40);
    for (const display of [0, 1]) {
      const [ours, theirs] = [colorsOf(player.card, display), viewer.colors(display)];
      expect(firstDifference(ours, theirs, 400)).toBeNull();
    }
  });

  test("shows the same pixels as a framebuffer", () => {
    const drawn = play({ width: 1024, height: 768 });
    const plain = play({ width: 1024, height: 768, output: "framebuffer" });
    const viewer = new Viewer();
    const outputs: GuestOutput[] = [];
    plain.listen((output) => {
      viewer.take(output);
      outputs.push(output);
    });
    for (const player of [drawn, plain]) {
      player.boot();
      player.drag([500, 72], [300, 200]);
      player.press(0x23, 0x17);
      player.drag([200, 400], [260, 420]);
      player.wait(1000);
    }
    // The title names the kind of output, and all else is equal.
    const below = { left: 0, top: 60, right: 1024, bottom: 768 };
    const [a, b] = [colorsOf(drawn.card, 0, below), colorsOf(plain.card, 0, below)];
    expect(firstDifference(a, b, 1024)).toBeNull();
    expect(firstDifference(colorsOf(plain.card), viewer.colors(0), 1024)).toBeNull();
    expect(outputs.some(({ type }) => type === "draw")).toBe(false);
    const created = outputs.flatMap((out) => (out.type === "surface-create" ? [out.surface] : []));
    expect(created).toEqual([0]);
  });

  test("says nothing while it is stopped, and remembers what it heard", () => {
    const player = play();
    player.boot();
    const before = player.card.snapshot(player.now) as { editor: { text: string } };
    expect(player.send({ type: "stop" })).toEqual([{ type: "running", running: false }]);
    const shown = digest(colorsOf(player.card));
    expect(player.card.deadline()).toBeNull();
    expect(player.press(0x23, 0x17)).toEqual([]);
    expect(player.drag([200, 10], [100, 50])).toEqual([]);
    expect(player.send({ type: "monitors-wish", monitors: [] })).toEqual([]);
    expect(player.wait(5000)).toEqual([]);
    expect(digest(colorsOf(player.card))).toBe(shown);
    const [first] = player.send({ type: "run" });
    expect(first).toEqual({ type: "running", running: true });
    const after = player.card.snapshot(player.now) as { editor: { text: string } };
    expect(after.editor.text).toBe(`${before.editor.text}hi`);
  });

  test("does not count the time for which it was stopped", () => {
    const player = play();
    player.boot();
    player.wait(3000);
    const { shown } = player.card.snapshot(player.now) as { shown: { second: number } };
    player.send({ type: "stop" });
    player.now += 60_000;
    player.send({ type: "run" });
    player.wait(1000);
    const later = player.card.snapshot(player.now) as { shown: { second: number } };
    expect(later.shown.second).toBe(shown.second + 1);
  });

  test("holds a moment, whichever way time came there, and still hears keys", () => {
    const options = { ...small, freezeAtMs: 2345 };
    const [even, late] = [play(options), play(options)];
    even.boot();
    even.wait(6000);
    late.boot();
    for (const ms of [700, 1, 333, 1500, 4000]) {
      late.now += ms;
      late.send({ type: "timeout" });
      late.settle();
    }
    late.wait(100);
    expect(firstDifference(colorsOf(even.card), colorsOf(late.card), 400)).toBeNull();
    expect(even.card.deadline()).toBeNull();
    expect(late.card.deadline()).toBeNull();
    even.press(0x1e);
    expect(digest(colorsOf(even.card))).not.toBe(digest(colorsOf(late.card)));
  });

  test("stands still at speed 0", () => {
    const player = play({ ...small, speed: 0 });
    player.boot();
    expect(player.card.deadline()).toBeNull();
    expect(player.wait(60_000)).toEqual([]);
  });

  test("has snapshots that tell paintings apart, and moments only where something moves", () => {
    const paint = (player: Player, y: number) => {
      player.drag([200, 400], [260, y]);
      player.move(5, 5);
      player.settle();
      return player.card.snapshot(player.now);
    };
    const [one, two, other] = [420, 420, 421].map((y) => {
      const player = play({ width: 1024, height: 768, speed: 0 });
      player.boot();
      if (y === 421) player.wait(5000);
      return paint(player, y);
    });
    expect(one).toEqual(two);
    expect(other).not.toEqual(one);
    const late = play({ width: 1024, height: 768, speed: 0 });
    late.boot();
    late.wait(5000);
    expect(paint(late, 420)).toEqual(one);
  });

  test("refuses options that are out of range, and says which", () => {
    expect(() => createTestcard({ width: 10 })).toThrow(/width/);
    expect(() => createTestcard({ monitors: 5 })).toThrow(/monitors/);
    expect(() => createTestcard({ width: 4096, height: 4096, monitors: 4 })).toThrow(/pixels/);
    expect(() => createTestcard({ speed: -1 })).toThrow(/speed/);
    expect(() => createTestcard({ batch: 0.5 })).toThrow(/batch/);
  });

  test("goes on in the picture from where it was saved", () => {
    const player = play({ ...small, batch: 5 });
    player.drain();
    player.send({ type: "run" });
    player.wait(8);
    player.send({ type: "stop" });
    const halfway = colorsOf(player.card);
    const loaded = loadTestcard(player.card.save(player.now), 0);
    const viewer = new Viewer();
    const other = new Player(loaded);
    other.listen((output) => viewer.take(output));
    other.drain();
    expect(firstDifference(viewer.colors(0), halfway, 400)).toBeNull();
    other.send({ type: "run" });
    other.settle();
    player.send({ type: "run" });
    player.settle();
    expect(digest(halfway)).not.toBe(digest(viewer.colors(0)));
    expect(firstDifference(viewer.colors(0), colorsOf(player.card), 400)).toBeNull();
  });
});
