import type { GuestOutput } from "@caraway/server";
import { describe, expect, it } from "vitest";
import type { DbusMessage } from "../src/dbus-message.ts";
import type { DbusValue } from "../src/dbus-value.ts";
import { RecordListener } from "../src/record-listener.ts";

function setUp() {
  const outputs: GuestOutput[] = [];
  const clock = { ms: 0 };
  const say = (output: GuestOutput) => outputs.push(output);
  const listener = new RecordListener(0, say, () => clock.ms);
  const call = (member: string, ...body: readonly DbusValue[]) => {
    return listener.called({ member, body } as Partial<DbusMessage> as DbusMessage);
  };
  const init = (id: bigint, bits = 16) => {
    call("Init", id, bits, true, false, 1000, 2, 4, 4000, false);
  };
  return { outputs, listener, call, init, clock };
}

const answer = (...samples: number[]) => ({ signature: "ay", body: [Uint8Array.from(samples)] });

describe("a microphone of QEMU's", () => {
  it("is answered at once, by as much of what came as time has passed", () => {
    const { outputs, listener, call, init, clock } = setUp();
    init(1n);
    call("SetEnabled", 1n, true);
    expect(outputs).toEqual([
      { type: "record-start", device: 0, format: { channels: 2, frequency: 1000 } },
    ]);
    listener.push(Uint8Array.of(1, 2, 3, 4, 5, 6));
    listener.push(Uint8Array.of(7, 8, 9, 10, 11, 12));
    expect(call("Read", 1n, 400n)).toEqual(answer());
    clock.ms = 2;
    expect(call("Read", 1n, 400n)).toEqual(answer(1, 2, 3, 4, 5, 6, 7, 8));
    expect(call("Read", 1n, 400n)).toEqual(answer());
    clock.ms = 4;
    expect(call("Read", 1n, 4n)).toEqual(answer(9, 10, 11, 12));
    // Nothing has come that could be given.
    expect(call("Read", 1n, 400n)).toEqual(answer());
    call("SetEnabled", 1n, false);
    expect(outputs.at(-1)).toEqual({ type: "record-stop", device: 0 });
  });

  it("waits for what is late, then gives silence, and never more than time has passed", () => {
    const { listener, call, init, clock } = setUp();
    init(1n);
    call("SetEnabled", 1n, true);
    clock.ms = 100;
    expect(call("Read", 1n, 4000n)).toEqual(answer());
    clock.ms = 102;
    expect(call("Read", 1n, 4000n)).toEqual(answer(0, 0, 0, 0, 0, 0, 0, 0));
    listener.push(new Uint8Array(8000).fill(1));
    // 100 ms are due, and all of them are there.
    expect(call("Read", 1n, 4000n)).toEqual(answer(...new Array<number>(400).fill(1)));
    expect(call("Read", 1n, 4000n)).toEqual(answer());
    // Half a second at most, however long it has not asked.
    clock.ms = 60_000;
    const { body } = call("Read", 1n, 100_000n);
    expect((body[0] as Uint8Array).length).toBe(2000);
  });

  it("keeps the newest of what is not read", () => {
    const { listener, call, init, clock } = setUp();
    init(1n);
    call("SetEnabled", 1n, true);
    for (let part = 0; part < 40; part++) listener.push(new Uint8Array(4096).fill(part));
    clock.ms = 1;
    const { body } = call("Read", 1n, 4n);
    expect(body).toEqual([Uint8Array.of(24, 24, 24, 24)]);
  });

  it("gives silence to whom it does not know, and never more than is sane", () => {
    const { outputs, call, init } = setUp();
    init(2n, 32);
    call("SetEnabled", 2n, true);
    expect(outputs).toEqual([]);
    expect(call("Read", 2n, 3n)).toEqual(answer(0, 0, 0));
    const [huge] = call("Read", 9n, 1n << 40n).body;
    expect((huge as Uint8Array).length).toBe(1 << 20);
  });

  it("is described to a server that comes later", () => {
    const { listener, call, init } = setUp();
    expect(listener.describe()).toEqual([]);
    init(1n);
    call("SetEnabled", 1n, true);
    expect(listener.describe()).toMatchObject([{ type: "record-start" }]);
  });
});
