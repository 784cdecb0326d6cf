import { createTestcard, loadTestcard, type TestcardOptions } from "@caraway/testcard";
import { CarawayError } from "@caraway/wire";
import { describe, expect, test } from "vitest";
import { colorsOf, firstDifference } from "./pixels.ts";
import { busyHands, digest, Player, randomSource } from "./player.ts";

const small: TestcardOptions = { width: 480, height: 360 };

/** Stops two players at the same moment; the second one goes on as the first one's copy. */
function moveToCopy(original: Player, copy: Player): void {
  expect(digest(copy.send({ type: "stop" }))).toBe(digest(original.send({ type: "stop" })));
  const saved = original.card.save(original.now);
  // In another process, whose clock began at another time.
  const loaded = loadTestcard(saved, 0);
  copy.card = loaded;
  copy.drain();
  expect(digest(copy.card.save(0))).toBe(digest(saved));
  original.send({ type: "run" });
  copy.send({ type: "run" });
}

function stateOf(options: TestcardOptions, inputs: number): Uint8Array {
  const player = new Player(createTestcard(options));
  player.boot();
  const random = randomSource(3);
  const nextInput = busyHands(random, 480, 360);
  for (let i = 0; i < inputs; i++) {
    player.send(nextInput());
    player.wait(random(30));
  }
  player.send({ type: "stop" });
  player.press(0x1e);
  player.move(40, 50);
  player.send({ type: "wheel", steps: 1, buttons: 0 });
  return player.card.save(player.now);
}

describe("the state of a testcard", () => {
  test.each([
    [1, { ...small, batch: 1 }],
    [2, { ...small, batch: 4, monitors: 2 }],
    [3, { ...small, batch: 4, monitors: 2, layout: "heads" }],
    [4, { ...small, batch: 6, output: "framebuffer", speed: 3 }],
    [5, { ...small, batch: 6, sound: true, video: true }],
  ] as const)(
    "saved and loaded after every output leads to the same outputs (seed %i)",
    (seed, options) => {
      const original = new Player(createTestcard({ ...options, seed }));
      const copy = new Player(createTestcard({ ...options, seed }));
      expect(digest(copy.drain())).toBe(digest(original.drain()));
      const random = randomSource(seed);
      const nextInput = busyHands(random, 480, 360, 2);
      for (let step = 0; step < 80; step++) {
        moveToCopy(original, copy);
        if (step > 30 && random(2) === 0) {
          const input = nextInput();
          expect(digest(copy.send(input))).toBe(digest(original.send(input)));
        } else {
          const [due, dueCopy] = [original.card.deadline()!, copy.card.deadline()!];
          expect(dueCopy - copy.now).toBe(due - original.now);
          original.now = due;
          copy.now = dueCopy;
          const timeout = { type: "timeout" } as const;
          expect(digest(copy.send(timeout))).toBe(digest(original.send(timeout)));
        }
      }
      expect(firstDifference(colorsOf(copy.card), colorsOf(original.card), 480)).toBeNull();
      expect(copy.card.snapshot(copy.now)).toEqual(original.card.snapshot(original.now));
    },
  );

  test("can be saved in the middle of a picture, and the rest of it follows", () => {
    const options = { ...small, batch: 1, speed: 0 };
    const [player, whole] = [options, options].map((one) => {
      const player = new Player(createTestcard(one));
      player.boot();
      for (const [x, buttons] of [
        [100, 0],
        [100, 1],
        [130, 1],
      ] as const)
        player.move(x, 10, buttons);
      return player;
    }) as [Player, Player];
    expect(player.card.snapshot(player.now)).toMatchObject({ painting: { done: 1 } });
    player.send({ type: "stop" });
    const copy = new Player(loadTestcard(player.card.save(player.now), 0));
    copy.drain();
    copy.send({ type: "run" });
    copy.settle();
    whole.settle();
    expect(firstDifference(colorsOf(copy.card), colorsOf(whole.card), 480)).toBeNull();
  });

  test("holds what was heard while it was stopped", () => {
    const copy = new Player(loadTestcard(stateOf(small, 5), 0));
    copy.drain();
    const before = copy.card.snapshot(0) as { editor: { text: string }; waiting: unknown[] };
    expect(before.waiting.length).toBe(4);
    copy.send({ type: "run" });
    const after = copy.card.snapshot(0) as { editor: { text: string }; waiting: unknown[] };
    expect(after.waiting).toEqual([]);
    expect(after.editor.text.length).toBe(before.editor.text.length + 1);
  });

  test("of a testcard that has not run yet is one that boots", () => {
    const player = new Player(createTestcard(small));
    player.drain();
    const copy = new Player(loadTestcard(player.card.save(0), 0));
    copy.boot();
    player.boot();
    expect(firstDifference(colorsOf(copy.card), colorsOf(player.card), 480)).toBeNull();
  });

  test("is asked for only when the guest is stopped and drained", () => {
    const player = new Player(createTestcard(small));
    expect(() => player.card.save(0)).toThrow(/drained/);
    player.boot();
    expect(() => player.card.save(0)).toThrow(/stopped/);
  });

  test("takes less than half of the pixels' bytes, although there is a photo", () => {
    const player = new Player(createTestcard({ width: 1024, height: 768 }));
    player.boot();
    player.send({ type: "stop" });
    expect(player.card.save(player.now).length).toBeLessThan((1024 * 768 * 4) / 2);
  });
});

describe("a state from a hostile network", () => {
  const state = stateOf(small, 30);

  function load(bytes: Uint8Array): void {
    const player = new Player(loadTestcard(bytes, 0));
    // What is accepted is a testcard, and goes on as one.
    player.drain();
    player.send({ type: "run" });
    player.wait(60);
    player.press(0x1e);
    player.drag([10, 10], [100, 90]);
    player.send({ type: "stop" });
    player.card.save(player.now);
  }

  function tryLoad(bytes: Uint8Array): "loaded" | "refused" {
    try {
      load(bytes);
      return "loaded";
    } catch (error) {
      expect(error).toBeInstanceOf(CarawayError);
      return "refused";
    }
  }

  test("is refused when it is cut off or something follows", () => {
    for (let size = 0; size < 600; size += 7) {
      expect(tryLoad(state.subarray(0, size))).toBe("refused");
    }
    expect(tryLoad(state.subarray(0, state.length - 1))).toBe("refused");
    const longer = new Uint8Array(state.length + 1);
    longer.set(state);
    expect(tryLoad(longer)).toBe("refused");
  });

  test("is refused or is a testcard, whichever byte is changed", () => {
    const random = randomSource(11);
    const outcomes = { loaded: 0, refused: 0 };
    for (let round = 0; round < 160; round++) {
      const changed = state.slice();
      const reach = round % 8 === 0 ? state.length : 900;
      for (let count = 1 + random(2); count > 0; count--) {
        const at = random(reach);
        changed[at] = [0, 255, changed[at]! ^ (1 << random(8)), random(256)][random(4)]!;
      }
      outcomes[tryLoad(changed)]++;
    }
    expect(outcomes.refused).toBeGreaterThan(40);
    expect(outcomes.loaded).toBeGreaterThan(10);
  });

  test("is refused before memory is taken when its monitors are too large", () => {
    const changed = state.slice();
    const view = new DataView(changed.buffer);
    // Behind magic, version, five flags, speed, freeze, seed, batch, time, one flag and the count.
    const at = 4 + 2 + 5 + 2 + 4 + 4 + 2 + 8 + 1 + 1;
    expect(view.getUint16(at, true)).toBe(480);
    view.setUint16(at, 0xffff, true);
    expect(() => loadTestcard(changed, 0)).toThrow(/width/);
  });

  test("of another version is refused as such", () => {
    const changed = state.slice();
    changed[4] = 99;
    expect(() => loadTestcard(changed, 0)).toThrow(/version/);
  });
});
