// The number types of the wire: their sizes, their ranges, and one reader and one writer for them.

import type { ScalarType } from "./schema.ts";

export const scalarSize: Readonly<Record<ScalarType, number>> = {
  u8: 1,
  u16: 2,
  u16be: 2,
  i16: 2,
  u32: 4,
  u32be: 4,
  i32: 4,
  u64: 8,
  u64be: 8,
  i64: 8,
};

type Range = readonly [number | bigint, number | bigint];

/** Smallest and largest value; the type of the bounds is the type of the value. */
export const scalarRange: Readonly<Record<ScalarType, Range>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u16be: [0, 0xffff],
  i16: [-0x8000, 0x7fff],
  u32: [0, 0xffffffff],
  u32be: [0, 0xffffffff],
  i32: [-0x80000000, 0x7fffffff],
  u64: [0n, 0xffffffffffffffffn],
  u64be: [0n, 0xffffffffffffffffn],
  i64: [-0x8000000000000000n, 0x7fffffffffffffffn],
};

/** True if `value` can stand in a field of this type without losing anything. */
export function fits(type: ScalarType, value: unknown): value is number | bigint {
  const [lowest, highest] = scalarRange[type];
  if (typeof lowest === "bigint") {
    return typeof value === "bigint" && value >= lowest && value <= highest;
  }
  return (
    typeof value === "number" && Number.isInteger(value) && value >= lowest && value <= highest
  );
}

export function readScalar(view: DataView, type: ScalarType, at: number): number | bigint {
  switch (type) {
    case "u8":
      return view.getUint8(at);
    case "u16":
      return view.getUint16(at, true);
    case "u16be":
      return view.getUint16(at);
    case "i16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "u32be":
      return view.getUint32(at);
    case "i32":
      return view.getInt32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "u64be":
      return view.getBigUint64(at);
    case "i64":
      return view.getBigInt64(at, true);
  }
}

/** `value` must fit the type. */
export function writeScalar(
  view: DataView,
  type: ScalarType,
  at: number,
  value: number | bigint,
): void {
  switch (type) {
    case "u8":
      view.setUint8(at, Number(value));
      break;
    case "u16":
      view.setUint16(at, Number(value), true);
      break;
    case "u16be":
      view.setUint16(at, Number(value));
      break;
    case "i16":
      view.setInt16(at, Number(value), true);
      break;
    case "u32":
      view.setUint32(at, Number(value), true);
      break;
    case "u32be":
      view.setUint32(at, Number(value));
      break;
    case "i32":
      view.setInt32(at, Number(value), true);
      break;
    case "u64":
      view.setBigUint64(at, BigInt(value), true);
      break;
    case "u64be":
      view.setBigUint64(at, BigInt(value));
      break;
    case "i64":
      view.setBigInt64(at, BigInt(value), true);
      break;
  }
}
