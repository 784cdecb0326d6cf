import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, messageSize } from "../src/dbus-message.ts";
import { DbusError, DbusReader, DbusWriter, firstType, typesOf } from "../src/dbus-value.ts";
import { MessageReader } from "../src/message-reader.ts";

function written(signature: string, ...values: Parameters<DbusWriter["writeAll"]>[1]): number[] {
  const writer = new DbusWriter();
  writer.writeAll(signature, values);
  return [...writer.bytes];
}

describe("D-Bus values", () => {
  it("lie as the specification says, each at a multiple of its size", () => {
    expect(written("yu", 7, 1)).toEqual([7, 0, 0, 0, 1, 0, 0, 0]);
    expect(written("s", "hi")).toEqual([2, 0, 0, 0, 104, 105, 0]);
    expect(written("g", "ii")).toEqual([2, 105, 105, 0]);
    expect(written("yt", 1, 2n)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    expect(written("ay", Uint8Array.of(9, 8))).toEqual([2, 0, 0, 0, 9, 8]);
    expect(written("v", { signature: "b", value: true })).toEqual([1, 98, 0, 0, 1, 0, 0, 0]);
    // An array is aligned to its elements, also when it is empty.
    expect(written("a(yy)", [])).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(written("ua{ys}", 5, [[1, "x"]])).toEqual([
      ...[5, 0, 0, 0, 10, 0, 0, 0],
      ...[1, 0, 0, 0, 1, 0, 0, 0, 120, 0],
    ]);
  });

  it("come back as they were", () => {
    const values = fc.tuple(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.string(),
      fc.array(fc.tuple(fc.string(), fc.boolean())),
      fc.uint8Array(),
      fc.double({ noNaN: true }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    const signature = "yisa{sb}aydt";
    fc.assert(
      fc.property(values, (all) => {
        const clean = all.map((value) => {
          return typeof value === "string" ? value.replaceAll("\0", "") : value;
        }) as unknown as typeof all;
        const writer = new DbusWriter();
        writer.writeAll(signature, clean);
        const read = new DbusReader(writer.bytes).readAll(signature);
        const plain = read.map((value) => (value instanceof Uint8Array ? value.slice() : value));
        expect(plain).toEqual(clean);
      }),
    );
  });

  it("have types that end where they end", () => {
    expect(typesOf("a{oa{sa{sv}}}(ii)h")).toEqual(["a{oa{sa{sv}}}", "(ii)", "h"]);
    for (const bad of ["a", "(i", "{sv", "z", "a".repeat(100)]) {
      expect(() => firstType(bad)).toThrow(DbusError);
    }
  });
});

describe("D-Bus messages", () => {
  const call = encodeMessage({
    kind: "call",
    serial: 3,
    path: "/org/qemu/Display1/Console_0",
    interface: "org.qemu.Display1.Console",
    member: "RegisterListener",
    sender: ":1.1",
    signature: "h",
    body: [0],
    fdCount: 1,
  });

  it("come back as they were, however they are cut", () => {
    const signal = encodeMessage({
      kind: "signal",
      serial: 4,
      path: "/",
      interface: "a.b",
      member: "c",
    });
    const bytes = Buffer.concat([call, signal]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new MessageReader();
      const messages = [
        ...reader.push(bytes.subarray(0, cut)),
        ...reader.push(bytes.subarray(cut)),
      ];
      expect(messages).toMatchObject([
        { kind: "call", serial: 3, member: "RegisterListener", body: [0], fdCount: 1 },
        { kind: "signal", serial: 4, path: "/", body: [] },
      ]);
    }
  });

  it("are refused before memory is taken when they are too large, or no D-Bus", () => {
    const large = call.slice();
    new DataView(large.buffer).setUint32(4, 0xffffffff, true);
    expect(() => messageSize(large)).toThrow(DbusError);
    const foreign = call.slice();
    foreign[0] = 0x42;
    expect(() => messageSize(foreign)).toThrow(DbusError);
  });

  it("that are damaged end in an error of ours or in some message, never in anything else", () => {
    const damage = fc.tuple(
      fc.integer({ min: 16, max: call.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
    );
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 4 }), (changes) => {
        const bytes = call.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DbusError);
        }
      }),
    );
  });
});
