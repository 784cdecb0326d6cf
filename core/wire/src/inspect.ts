// A tree of what stands where in a message: every field with its name, value, offset and size. It
// watches the reference decoder, so it shows the part before an error too.

import { type Context, emptyContext } from "./context.ts";
import { type DecodeTrace, decodeFields, type NamedFields } from "./decode.ts";
import { WireError } from "./errors.ts";
import { node } from "./lengths.ts";
import type { Fields, SchemaNode } from "./schema.ts";

export interface FieldNode {
  /** Field name; `[3]` for an item of a list, `*` for what a pointer names. */
  readonly name: string;
  readonly schema: SchemaNode;
  /** From the start of the body. */
  readonly offset: number;
  /** Bytes where the field stands; what a pointer names is counted in its own node. */
  readonly size: number;
  /** Undefined if the field was not decoded to its end. */
  readonly value: unknown;
  readonly children: readonly FieldNode[];
}

export interface Inspection {
  readonly name: string;
  readonly fields: readonly FieldNode[];
  /** Bytes that no field covers, as [start, end): padding, sub-messages, what others appended. */
  readonly uncovered: readonly (readonly [start: number, end: number])[];
  /** What stopped the decoder, if something did. */
  readonly error: WireError | null;
}

/** Describes a body by its schema; never throws for what the bytes hold. */
export function inspectBody(
  schema: NamedFields<Fields>,
  body: Uint8Array,
  context: Context = emptyContext,
): Inspection {
  const tree = new Tree();
  let error: WireError | null = null;
  try {
    decodeFields(schema, body, context, tree);
  } catch (fault) {
    if (!(fault instanceof WireError)) throw fault;
    error = fault;
  }
  const fields = tree.close();
  return { name: schema.name, fields, uncovered: uncovered(fields, body.length), error };
}

/**
 * A field's value for people, by its schema: enums and flags by name, blocks by size. Empty for
 * what has children, which say it themselves.
 */
export function valueText({ schema, value, children }: FieldNode): string {
  if (value === undefined) return "?";
  if (value === null) return schema.kind === "fileDescriptor" ? "beside the message" : "none";
  switch (schema.kind) {
    case "enum": {
      const name = Object.entries(schema.values).find(([, number]) => number === value)?.[0];
      return name === undefined ? `${value}` : `${name} (${value})`;
    }
    case "flags":
      return flagsText(schema.bits, value as number);
    case "when":
    case "given":
      return valueText({ schema: node(schema.schema), value, children } as FieldNode);
    case "bytes":
      return `${(value as Uint8Array).length} bytes`;
    case "text":
      return JSON.stringify(value);
    case "list": {
      const { length } = value as unknown[];
      return length === 1 ? "1 item" : `${length} items`;
    }
    case "pointer":
      return children.length === 0 ? "none" : `to ${children[0]!.offset}`;
    case "struct":
    case "tagged":
      return "";
    default: {
      const unit = schema.kind === "scalar" && schema.unit !== undefined ? ` ${schema.unit}` : "";
      return `${value}${unit}`;
    }
  }
}

function flagsText(bits: Readonly<Record<string, number>>, value: number): string {
  if (value === 0) return "0";
  const set = Object.entries(bits).filter(([, bit]) => (value & bit) !== 0);
  const unnamed = set.reduce((left, [, bit]) => left & ~bit, value) >>> 0;
  const names = set.map(([name]) => name);
  if (unnamed !== 0) names.push(`0x${unnamed.toString(16)}`);
  return `${names.join(" | ")} (${value})`;
}

interface OpenNode {
  name: string;
  schema: SchemaNode;
  offset: number;
  size: number;
  value: unknown;
  children: OpenNode[];
}

class Tree implements DecodeTrace {
  readonly #top: OpenNode[] = [];
  readonly #open: OpenNode[] = [];

  enter(name: string, schema: SchemaNode, offset: number): void {
    const made = { name, schema, offset, size: 0, value: undefined, children: [] };
    (this.#open.at(-1)?.children ?? this.#top).push(made);
    this.#open.push(made);
  }

  leave(value: unknown, end: number): void {
    const done = this.#open.pop()!;
    done.value = value;
    done.size = end - done.offset;
  }

  close(): readonly FieldNode[] {
    return this.#top;
  }
}

function uncovered(
  fields: readonly FieldNode[],
  length: number,
): readonly (readonly [number, number])[] {
  const covered: (readonly [number, number])[] = [];
  const visit = (field: FieldNode): void => {
    covered.push([field.offset, field.offset + field.size]);
    field.children.forEach(visit);
  };
  fields.forEach(visit);
  covered.sort(([a], [b]) => a - b);
  const gaps: (readonly [number, number])[] = [];
  let at = 0;
  for (const [start, end] of covered) {
    if (start > at) gaps.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < length) gaps.push([at, length]);
  return gaps;
}
