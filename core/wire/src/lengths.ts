// How long lists, blocks and texts are, and how few bytes a schema can take: what decoder, encoder
// and generator need to know before they touch bytes.

import { scalarSize } from "./scalar.ts";
import type { AnySchema, Fields, Length, SchemaNode } from "./schema.ts";
import { utf8Size } from "./utf8.ts";

/** Numbers of the fields that stand earlier in the same struct, the hidden ones included. */
export type Scope = Readonly<Record<string, unknown>>;

/** Turns "any schema" into the union that a switch over `kind` can narrow. */
export function node(schema: AnySchema): SchemaNode {
  return schema as SchemaNode;
}

/**
 * Items or bytes that `length` stands for; null means "to the end of the message". The result may
 * be larger than any message, so bounds are checked against it before anything is allocated.
 */
export function resolveLength(length: Length, scope: Scope): number | null {
  if ("rest" in length) return null;
  if ("fixed" in length) return length.fixed;
  if ("count" in length) return Number(scope[length.count]);
  if ("sum" in length) return length.sum.reduce((sum, name) => sum + Number(scope[name]), 0);
  if ("product" in length) {
    return length.product.reduce((product, name) => product * Number(scope[name]), 1);
  }
  const { bitsPerPixel, width, height } = length.image;
  return Math.ceil((bitsPerPixel * Number(scope[width])) / 8) * Number(scope[height]);
}

/** The fewest bytes that a value takes where it stands (behind a pointer nothing is counted). */
export function leastSize(schema: AnySchema): number {
  const s = node(schema);
  switch (s.kind) {
    case "scalar":
      return scalarSize[s.type];
    case "enum":
    case "flags":
    case "count":
      return scalarSize[s.scalar];
    case "pointer":
      return 4;
    case "list":
      return "fixed" in s.length ? s.length.fixed * leastSize(s.item) : 0;
    case "bytes":
    case "text":
      return "fixed" in s.length ? s.length.fixed : 0;
    case "struct":
      return leastSizeOfFields(s.fields);
    case "tagged": {
      const cases = Object.values(s.cases).map(leastSizeOfFields);
      return leastSizeOfFields(s.header) + Math.min(...cases);
    }
    case "when":
    case "given":
    case "fileDescriptor":
      return 0;
  }
}

export function leastSizeOfFields(fields: Fields): number {
  return Object.values(fields).reduce((sum, field) => sum + leastSize(field), 0);
}

/** What a count field says of `value`: items of a list, bytes of a block or text, 0 for null. */
export function countOf(schema: AnySchema, value: unknown): number {
  const s = node(schema);
  if (value === null || value === undefined) return 0;
  switch (s.kind) {
    case "pointer":
      return s.null === "empty" && isEmpty(value) ? 0 : countOf(s.target, value);
    case "when":
    case "given":
      return countOf(s.schema, value);
    case "list":
    case "bytes":
      return (value as ArrayLike<unknown>).length;
    case "text":
      return utf8Size(value as string) + (s.zeroTerminated ? 1 : 0);
    default:
      throw new TypeError(`a ${s.kind} has no length to count`);
  }
}

export function isEmpty(value: unknown): boolean {
  return (value as ArrayLike<unknown>).length === 0;
}
