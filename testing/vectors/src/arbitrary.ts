// Valid values of any schema, chosen by a seed. Borders of number ranges, nulls and empty lists
// come far more often than chance would have them.

import {
  type AnySchema,
  type BigintScalar,
  type Context,
  emptyContext,
  type Fields,
  type Length,
  node,
  resolveLength,
  type ScalarType,
  type SchemaNode,
} from "@caraway/wire";
import { Random } from "./random.ts";

/** Most items of a list and bytes of a block, at the given size. */
export interface Arbitrary {
  readonly random: Random;
  readonly size: number;
  readonly context: Context;
}

export function arbitraryOf(seed: number, size = 6, context = emptyContext): Arbitrary {
  return { random: new Random(seed), size, context };
}

type Values = Record<string, unknown>;

/** A value of every field; counts are left to the encoder. */
export function arbitraryFields(fields: Fields, from: Arbitrary): Values {
  return shown(fields, arbitraryScope(fields, from, {}));
}

/** Every `context` name that a schema asks for. */
export function contextNames(fields: Fields): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (schema: AnySchema): void => {
    const s = node(schema);
    if (s.kind === "given") names.add(s.context);
    if (s.kind === "given" || s.kind === "when") visit(s.schema);
    else if (s.kind === "list") visit(s.item);
    else if (s.kind === "pointer") visit(s.target);
    else if (s.kind === "struct") Object.values(s.fields).forEach(visit);
    else if (s.kind === "tagged") {
      for (const each of [s.header, ...Object.values(s.cases)]) Object.values(each).forEach(visit);
    }
  };
  Object.values(fields).forEach(visit);
  return names;
}

/** A seeded choice among the names that a schema asks for. */
export function arbitraryContext(fields: Fields, random: Random): Context {
  return new Set([...contextNames(fields)].filter(() => random.once(2)));
}

function shown(fields: Fields, scope: Values): Values {
  const hidden = (schema: AnySchema) => ["count", "fileDescriptor"].includes(node(schema).kind);
  const entries = Object.entries(fields).filter(([, schema]) => !hidden(schema));
  return Object.fromEntries(entries.map(([name]) => [name, scope[name]]));
}

/** Values of all fields, the hidden counts included: later lengths need them. */
function arbitraryScope(fields: Fields, from: Arbitrary, outer: Values): Values {
  const scope: Values = { ...outer };
  const lengths = new Set(Object.values(fields).flatMap((schema) => lengthNames(node(schema))));
  for (const [name, schema] of Object.entries(fields)) {
    const s = node(schema);
    // Whatever tells a length is small, so that the list or block can be made to fit.
    if (s.kind === "count") scope[name] = from.random.below(from.size + 1);
    else if (lengths.has(name)) scope[name] = smallNumber(s, from);
    else scope[name] = arbitraryValue(s, from, scope);
  }
  return scope;
}

function smallNumber(s: SchemaNode, from: Arbitrary): number | bigint {
  const n = from.random.below(from.size + 1);
  return s.kind === "scalar" && isBig(s.type) ? BigInt(n) : n;
}

function lengthNames(s: SchemaNode): readonly string[] {
  switch (s.kind) {
    case "list":
    case "bytes":
    case "text":
      return namesOf(s.length);
    case "pointer":
      return lengthNames(node(s.target));
    case "when":
    case "given":
      return lengthNames(node(s.schema));
    default:
      return [];
  }
}

function namesOf(length: Length): readonly string[] {
  if ("count" in length) return [length.count];
  if ("sum" in length) return length.sum;
  if ("product" in length) return length.product;
  if ("image" in length) return [length.image.width, length.image.height];
  return [];
}

export function arbitraryValue(s: SchemaNode, from: Arbitrary, scope: Values): unknown {
  const { random } = from;
  switch (s.kind) {
    case "scalar":
      return arbitraryNumber(s.type, random);
    case "flags": {
      if (random.once(8)) return arbitraryNumber(s.scalar, random);
      return (
        Object.values(s.bits).reduce((sum, bit) => (random.once(2) ? sum | bit : sum), 0) >>> 0
      );
    }
    case "enum":
      return s.open && random.once(8)
        ? arbitraryNumber(s.scalar, random)
        : random.pick(Object.values(s.values));
    case "count":
    case "fileDescriptor":
      return null;
    case "list": {
      const length = resolveLength(s.length, scope) ?? random.below(from.size + 1);
      return Array.from({ length }, () => arbitraryValue(node(s.item), from, {}));
    }
    case "bytes": {
      const length = resolveLength(s.length, scope) ?? random.below(4 * from.size + 1);
      return Uint8Array.from({ length }, () => random.u32());
    }
    case "text": {
      const length = resolveLength(s.length, scope) ?? random.below(from.size + 1);
      // The count of a terminated text has its NUL; a count of 0 can only be an empty one.
      return arbitraryText(s.zeroTerminated ? Math.max(0, length - 1) : length, random);
    }
    case "pointer":
      if (s.null === "allowed" && random.once(3)) return null;
      return arbitraryValue(node(s.target), from, scope);
    case "when": {
      const set = (Number(scope[s.flags]) & s.bit) !== 0;
      return set === s.negated ? null : arbitraryValue(node(s.schema), from, scope);
    }
    case "given":
      return from.context.has(s.context) ? arbitraryValue(node(s.schema), from, scope) : null;
    case "struct":
      return arbitraryFields(s.fields, from);
    case "tagged": {
      const [tag, fields] = random.pick(Object.entries(s.cases));
      const header = { ...arbitraryScope(s.header, from, {}), [s.tag]: Number(tag) };
      const scopeOfCase = arbitraryScope(fields, from, header);
      return { ...shown(s.header, header), ...shown(fields, scopeOfCase) };
    }
  }
}

function isBig(type: ScalarType): type is BigintScalar {
  return type === "u64" || type === "i64" || type === "u64be";
}

function arbitraryNumber(type: ScalarType, random: Random): number | bigint {
  const bits = { u8: 8, u16: 16, u16be: 16, i16: 16, u32: 32, u32be: 32, i32: 32 };
  if (isBig(type)) {
    const value = random.pick([0n, 1n, 0xffffffffffffffffn, 1n << 63n, random.u64(), random.u64()]);
    return type === "i64" ? BigInt.asIntN(64, value) : value;
  }
  const width = bits[type];
  const most = 2 ** width - 1;
  const value =
    random.pick([0, 1, most, 2 ** (width - 1), random.u32(), random.u32()]) % (most + 1);
  return type.startsWith("i") && value >= 2 ** (width - 1) ? value - 2 ** width : value;
}

/** A text of exactly so many bytes of UTF-8. */
function arbitraryText(bytes: number, random: Random): string {
  const pieces = ["a", "7", " ", "\0", "é", "€", "😀"];
  const sizes = [1, 1, 1, 1, 2, 3, 4];
  let text = "";
  for (let left = bytes; left > 0; ) {
    const index = random.below(pieces.length);
    if (sizes[index]! > left) continue;
    text += pieces[index];
    left -= sizes[index]!;
  }
  return text;
}
