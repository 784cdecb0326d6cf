// A tree of what stands where in a message: every field with its name, value, offset and size. It
// watches the reference decoder, so it shows the part before an error too.

import { type Context, emptyContext } from "./context.ts";
import { type DecodeTrace, decodeFields, type NamedFields } from "./decode.ts";
import { WireError } from "./errors.ts";
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
