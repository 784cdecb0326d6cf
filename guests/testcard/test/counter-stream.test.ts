import { counterBytes, createTestcard, loadTestcard } from "@caraway/testcard";
import { describe, expect, test } from "vitest";
import { Player } from "./player.ts";

const stream = { use: "usbredir", id: 0 } as const;

function boot(): Player {
  const player = new Player(
    createTestcard({ width: 240, height: 240, speed: 0, counters: ["usbredir", "port"] }),
  );
  player.boot();
  return player;
}

function said(outputs: ReturnType<Player["wait"]>): Uint8Array {
  return Buffer.concat(
    outputs.flatMap((output) => {
      return output.type === "stream-data" && output.stream.use === "usbredir"
        ? [output.bytes]
        : [];
    }),
  );
}

function granted(outputs: ReturnType<Player["wait"]>): number {
  return outputs.reduce((sum, output) => {
    const isOurs = output.type === "stream-credit" && output.stream.use === "usbredir";
    return isOurs ? sum + output.bytes : sum;
  }, 0);
}

describe("a counter of the testcard", () => {
  test("is described as a device that takes a window of bytes", () => {
    const outputs = new Player(createTestcard({ counters: ["port"] })).drain();
    const device = { kind: "stream", use: "port", id: 0, name: "org.caraway.counter.0" };
    expect(outputs).toContainEqual({ type: "attach", device });
    const port = { use: "port", id: 0 };
    expect(outputs).toContainEqual({ type: "stream-credit", stream: port, bytes: 1 << 16 });
    expect(outputs.at(-1)).toEqual({ type: "ready" });
  });

  test("says its sequence in time, as far as it has leave to and somebody is there", () => {
    const player = boot();
    expect(player.send({ type: "stream-credit", stream, bytes: 5000 })).toEqual([]);
    const outputs = player.send({ type: "stream-open", stream, open: true });
    outputs.push(...player.wait(25));
    expect(said(outputs)).toEqual(Buffer.from(counterBytes(0, 0, 3 * 1024)));
    expect(said(player.wait(1000))).toEqual(Buffer.from(counterBytes(0, 3 * 1024, 5000)));
    expect(player.card.deadline()).toBeNull();
    expect(player.card.counters[0]).toMatchObject({ said: 5000, heard: 0, wrongAt: null });
  });

  test("gives leave back for what it heard, and finds the first byte that is wrong", () => {
    const player = boot();
    player.send({ type: "stream-open", stream, open: true });
    const outputs = [
      ...player.send({ type: "stream-data", stream, bytes: counterBytes(0, 0, 700) }),
      ...player.wait(50),
    ];
    expect(granted(outputs)).toBe(700);
    player.send({ type: "stream-data", stream, bytes: counterBytes(0, 700, 900) });
    expect(player.card.counters[0]).toMatchObject({ heard: 900, wrongAt: null });
    const hangUp = { type: "stream-open", stream, open: false };
    const wrong = { type: "stream-data", stream, bytes: counterBytes(0, 901, 950) } as const;
    const hangUps = () => player.send(wrong).filter(({ type }) => type === "stream-open");
    expect(hangUps()).toEqual([hangUp]);
    expect(hangUps()).toEqual([]);
    expect(player.card.counters[0]).toMatchObject({ heard: 998, wrongAt: 900 });
  });

  test("counts anew for whoever comes next", () => {
    const player = boot();
    player.send({ type: "stream-credit", stream, bytes: 100 });
    player.send({ type: "stream-open", stream, open: true });
    player.send({ type: "stream-data", stream, bytes: counterBytes(0, 0, 7) });
    player.wait(20);
    player.send({ type: "stream-open", stream, open: false });
    player.send({ type: "stream-data", stream, bytes: counterBytes(0, 3, 8) });
    player.send({ type: "stream-open", stream, open: true });
    expect(player.card.counters[0]).toMatchObject({ said: 0, heard: 0, wrongAt: null });
  });

  test("goes on where it was saved, and asks for leave anew", () => {
    const player = boot();
    player.send({ type: "stream-credit", stream, bytes: 10_000 });
    const before = said([
      ...player.send({ type: "stream-open", stream, open: true }),
      ...player.wait(35),
    ]);
    player.send({ type: "stream-data", stream, bytes: counterBytes(0, 0, 30) });
    player.send({ type: "stop" });
    // On its way when the guest stopped.
    expect(player.send({ type: "stream-data", stream, bytes: counterBytes(0, 30, 40) })).toEqual(
      [],
    );
    const copy = new Player(loadTestcard(player.card.save(player.now), 0));
    const described = copy.drain();
    expect(granted(described)).toBe(1 << 16);
    copy.send({ type: "run" });
    expect(said(copy.wait(100))).toHaveLength(0);
    copy.send({ type: "stream-open", stream, open: true });
    const behind = said([
      ...copy.send({ type: "stream-credit", stream, bytes: 2000 }),
      ...copy.wait(100),
    ]);
    expect(Buffer.concat([before, behind])).toEqual(
      Buffer.from(counterBytes(0, 0, before.length + 2000)),
    );
    copy.send({ type: "stream-data", stream, bytes: counterBytes(0, 40, 60) });
    expect(copy.card.counters[0]).toMatchObject({ heard: 60, wrongAt: null });
  });
});
