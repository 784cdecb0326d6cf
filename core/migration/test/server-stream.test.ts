// What the servers say to each other, over links that break at any moment: once, whole, in order.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunkSizeMax, windowSize } from "../src/peer-messages.ts";
import { type ServerPart, ServerStreamIn, ServerStreamOut } from "../src/server-stream.ts";

function message(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = at * 31 + (at >> 8) + seed;
  return bytes;
}

describe("the stream of the servers", () => {
  it("brings each message once and in order, wherever links break", () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: chunkSizeMax - 2, max: chunkSizeMax * 3 }),
    );
    const step = fc.constantFrom("push", "send", "arrive", "arrive", "seen", "break");
    fc.assert(
      fc.property(fc.array(size, { maxLength: 6 }), fc.array(step, { maxLength: 80 }), run),
      { numRuns: 100 },
    );
  });

  function run(sizes: readonly number[], steps: readonly string[]): void {
    const [out, into] = [new ServerStreamOut(), new ServerStreamIn()];
    const messages = sizes.map(message);
    const arrived: Uint8Array[] = [];
    let pushed = 0;
    let underway: ServerPart[] = [];
    let answers: number[] = [];
    const send = (): void => {
      for (let part = out.next(); part !== null; part = out.next()) underway.push(part);
    };
    const arrive = (): void => {
      const part = underway.shift();
      if (part === undefined) return;
      const whole = into.take(part);
      answers.push(into.seen);
      if (whole !== null) arrived.push(whole);
    };
    const seen = (): void => {
      const answer = answers.shift();
      if (answer !== undefined) out.acknowledge(answer);
    };
    const breakLink = (): void => {
      underway = [];
      answers = [];
      out.rewind(into.seen);
    };
    for (const what of steps) {
      if (what === "push" && pushed < messages.length) out.push(messages[pushed++]!);
      else if (what === "send") send();
      else if (what === "arrive") arrive();
      else if (what === "seen") seen();
      else if (what === "break") breakLink();
    }
    while (pushed < messages.length) out.push(messages[pushed++]!);
    breakLink();
    while (out.size > 0 || arrived.length < messages.length) {
      send();
      arrive();
      seen();
    }
    expect(arrived).toHaveLength(messages.length);
    expect(arrived.every((bytes, at) => Buffer.compare(bytes, messages[at]!) === 0)).toBe(true);
  }

  it("has no more on its way than the window, and no more waiting than its bound", () => {
    const out = new ServerStreamOut();
    expect(out.push(message(windowSize * 3, 0))).toBe(true);
    let underway = 0;
    for (let part = out.next(); part !== null; part = out.next()) underway += part.part.length;
    expect(underway).toBe(windowSize);
    expect(out.push(new Uint8Array(64 << 20))).toBe(false);
    expect(out.size).toBe(windowSize * 3);
  });

  it("takes nothing that was left out, invented or has no end", () => {
    const part = new Uint8Array(4);
    expect(() => new ServerStreamIn().take({ sequence: 2, last: 1, part })).toThrow(/missing/);
    const out = new ServerStreamOut();
    out.push(part);
    expect(() => out.acknowledge(1)).toThrow(/never sent/);
    expect(() => out.rewind(2)).toThrow(/never sent/);
    out.next();
    out.acknowledge(1);
    expect(() => out.rewind(0)).toThrow(/lost parts/);
    const endless = new ServerStreamIn();
    const chunk = new Uint8Array(1 << 20);
    expect(() => {
      for (let sequence = 1; ; sequence++) endless.take({ sequence, last: 0, part: chunk });
    }).toThrow(/no end/);
  });
});
