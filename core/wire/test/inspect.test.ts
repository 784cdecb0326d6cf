// The inspector must show where everything stands, also in a message that breaks off.

import { expect, test } from "vitest";
import {
  bytes,
  count,
  enumOf,
  type FieldNode,
  flagsOf,
  inspectBody,
  list,
  nullable,
  openEnumOf,
  pointer,
  struct,
  text,
  u8,
  u16,
  unit,
  valueText,
  when,
} from "../src/index.ts";

const Point = struct("Point", { x: u8, y: u8 });
const Message = struct("MESSAGE", {
  nameSize: count(u8, "name"),
  name: pointer(text({ count: "nameSize" }, true)),
  n: count(u8, "points"),
  points: list(Point, { count: "n" }),
});
// 02 | 0b 00 00 00 | 02 | 01 02 03 04 | ff | "a" 0
const body = Uint8Array.of(2, 11, 0, 0, 0, 2, 1, 2, 3, 4, 0xff, 0x61, 0);

function outline(node: FieldNode, depth = 0): string[] {
  const line = `${"  ".repeat(depth)}${node.name} @${node.offset}+${node.size}`;
  return [line, ...node.children.flatMap((child) => outline(child, depth + 1))];
}

test("every field has its offset and size, hidden counts and targets of pointers included", () => {
  const { fields, error } = inspectBody(Message, body);
  expect(error).toBeNull();
  expect(fields.flatMap((field) => outline(field))).toEqual([
    "nameSize @0+1",
    "name @1+4",
    "  * @11+2",
    "n @5+1",
    "points @6+4",
    "  [0] @6+2",
    "    x @6+1",
    "    y @7+1",
    "  [1] @8+2",
    "    x @8+1",
    "    y @9+1",
  ]);
  expect(fields.map((field) => field.value)).toEqual([
    2,
    "a",
    2,
    [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ],
  ]);
});

test("bytes that no field covers are listed", () => {
  expect(inspectBody(Message, body).uncovered).toEqual([[10, 11]]);
  const Short = struct("SHORT", { a: u16 });
  expect(inspectBody(Short, Uint8Array.of(1, 2, 3)).uncovered).toEqual([[2, 3]]);
});

test("a message that breaks off is shown up to the error", () => {
  const { fields, error, uncovered } = inspectBody(Message, body.subarray(0, 9));
  expect(error).toMatchObject({ code: "WIRE_BAD_POINTER", path: "MESSAGE.name", offset: 1 });
  expect(fields.map(({ name, value }) => [name, value])).toEqual([
    ["nameSize", 2],
    ["name", undefined],
  ]);
  expect(uncovered).toEqual([[1, 9]]);
});

test("values are told by the names of their schema", () => {
  const Told = struct("TOLD", {
    kind: enumOf(u8, "Kind", { ONE: 1, TWO: 2 }),
    other: openEnumOf(u8, "Kind", { ONE: 1 }),
    flags: flagsOf(u8, "Flag", { A: 1, B: 2 }),
    none: flagsOf(u8, "Flag", { A: 1 }),
    time: unit(u16, "ms"),
    absent: when("flags", 4, u8),
    present: when("flags", 2, u8),
    point: nullable(Point),
    size: count(u8, "items"),
    items: list(u8, { count: "size" }),
    text: text({ fixed: 2 }, false),
    rest: bytes({ rest: true }),
  });
  const told = [2, 9, 0x43, 0, 7, 0, 5, 0, 0, 0, 0, 1, 8, 0x61, 0x22, 1, 2, 3];
  const { fields } = inspectBody(Told, Uint8Array.from(told));
  expect(Object.fromEntries(fields.map((field) => [field.name, valueText(field)]))).toEqual({
    kind: "TWO (2)",
    other: "9",
    flags: "A | B | 0x40 (67)",
    none: "0",
    time: "7 ms",
    absent: "none",
    present: "5",
    point: "none",
    size: "1",
    items: "1 item",
    text: '"a\\""',
    rest: "3 bytes",
  });
  expect(inspectBody(Message, body).fields.map(valueText)).toEqual(["2", "to 11", "2", "2 items"]);
});

test("an empty block at the end covers nothing", () => {
  const { uncovered } = inspectBody(struct("S", { a: bytes({ rest: true }) }), new Uint8Array(0));
  expect(uncovered).toEqual([]);
});
