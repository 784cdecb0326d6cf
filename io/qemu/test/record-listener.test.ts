import type { GuestOutput } from "@caraway/server";
import { describe, expect, it } from "vitest";
import type { DbusMessage } from "../src/dbus-message.ts";
import type { DbusValue } from "../src/dbus-value.ts";
import { RecordListener } from "../src/record-listener.ts";

function setUp() {
  const outputs: GuestOutput[] = [];
  const listener = new RecordListener(0, (output) => outputs.push(output));
  const call = (member: string, ...body: readonly DbusValue[]) => {
    return listener.called({ member, body } as Partial<DbusMessage> as DbusMessage);
  };
  const init = (id: bigint, bits = 16) => {
    call("Init", id, bits, true, false, 44_100, 2, 4, 176_400, false);
  };
  return { outputs, listener, call, init };
}

const answer = (...samples: number[]) => ({ signature: "ay", body: [Uint8Array.from(samples)] });

describe("a microphone of QEMU's", () => {
  it("is answered at once: by what came, and by silence where nothing did", () => {
    const { outputs, listener, call, init } = setUp();
    init(1n);
    call("SetEnabled", 1n, true);
    expect(outputs).toEqual([
      { type: "record-start", device: 0, format: { channels: 2, frequency: 44_100 } },
    ]);
    expect(call("Read", 1n, 2n)).toEqual(answer(0, 0));
    listener.push(Uint8Array.of(1, 2, 3));
    listener.push(Uint8Array.of(4, 5));
    expect(call("Read", 1n, 4n)).toEqual(answer(1, 2, 3, 4));
    expect(call("Read", 1n, 4n)).toEqual(answer(5, 0, 0, 0));
    call("SetEnabled", 1n, false);
    expect(outputs.at(-1)).toEqual({ type: "record-stop", device: 0 });
  });

  it("keeps the newest of what is not read", () => {
    const { listener, call, init } = setUp();
    init(1n);
    call("SetEnabled", 1n, true);
    for (let part = 0; part < 40; part++) listener.push(new Uint8Array(4096).fill(part));
    const { body } = call("Read", 1n, 1n);
    expect(body).toEqual([Uint8Array.of(24)]);
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
