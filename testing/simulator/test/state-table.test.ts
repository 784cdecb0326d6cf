import { describe, expect, it } from "vitest";
import { Random } from "../src/index.ts";
import { nameVector, StateTable } from "../src/state-table.ts";
import { VectorQueue } from "../src/vector-queue.ts";

function someVector(random: Random, length: number): Int32Array {
  const vector = new Int32Array(length);
  for (let count = random.below(20); count > 0; count--) {
    vector[random.below(length)] = random.below(2 ** (1 + random.below(30)));
  }
  return vector;
}

describe("a table of states", () => {
  it("knows each vector that it was given, and no other one", () => {
    const random = new Random(1);
    const table = new StateTable();
    const texts = new Set<string>();
    const name = { high: 0, low: 0 };
    for (let count = 0; count < 50_000; count++) {
      const vector = someVector(random, 40);
      nameVector(vector, name);
      expect(table.add(name, -1, 0)).toBe(!texts.has(vector.join()));
      texts.add(vector.join());
    }
    expect(table.size).toBe(texts.size);
  });

  it("takes a name that is nothing but zeros", () => {
    const table = new StateTable();
    expect(table.add({ high: 0, low: 0 }, -1, 0)).toBe(true);
    expect(table.add({ high: 0, low: 0 }, -1, 0)).toBe(false);
  });

  it("tells the steps that led to a state", () => {
    const table = new StateTable();
    table.add({ high: 1, low: 1 }, -1, 0);
    table.add({ high: 2, low: 1 }, 0, 7);
    table.add({ high: 3, low: 1 }, 0, 9);
    table.add({ high: 4, low: 1 }, 2, 3);
    expect(table.path(3, 5)).toEqual([9, 3, 5]);
  });
});

describe("a queue of vectors", () => {
  it("hands out what was put into it, first in, first out", () => {
    const random = new Random(2);
    const queue = new VectorQueue(300);
    const waiting: Int32Array[] = [];
    const out = new Int32Array(300);
    for (let count = 0; count < 60_000; count++) {
      if (waiting.length > 0 && random.below(5) < 2) {
        queue.shift(out);
        const wanted = waiting.shift()!;
        if (!out.every((number, at) => number === wanted[at])) expect(out).toEqual(wanted);
      } else {
        const vector = someVector(random, 300);
        queue.push(vector);
        waiting.push(vector);
      }
    }
    expect(waiting.length).toBeGreaterThan(1000);
  });
});
