// The reference encoder: one pass for the size, one exact allocation, one pass that writes. What
// pointers name follows the fixed part in the order in which the pointers were written, nested
// ones last, which is the order of the reference's marshaller.

import { type Context, emptyContext } from "./context.ts";
import type { NamedFields } from "./decode.ts";
import { WireError } from "./errors.ts";
import { countOf, isEmpty, node, resolveLength } from "./lengths.ts";
import { fits, scalarRange, scalarSize, writeScalar } from "./scalar.ts";
import type {
  AnySchema,
  Fields,
  GivenSchema,
  Infer,
  Length,
  PointerSchema,
  ScalarType,
  SchemaNode,
  StructValue,
  TaggedSchema,
  WhenSchema,
} from "./schema.ts";
import { utf8Size, writeUtf8 } from "./utf8.ts";

/** Encodes fields; counts are filled in from what they count. Throws `WireError`. */
export function encodeFields<F extends Fields>(
  schema: NamedFields<F>,
  value: StructValue<F>,
  context: Context = emptyContext,
): Uint8Array {
  const root: Root = { kind: "struct", name: schema.name, fields: schema.fields };
  return encodeRoot(root, schema.name, value, context);
}

/** As `encodeFields`, for any schema that stands alone. */
export function encodeValue<S extends AnySchema>(
  schema: S,
  name: string,
  value: Infer<S>,
  context: Context = emptyContext,
): Uint8Array {
  return encodeRoot(node(schema), name, value, context);
}

/** Bytes that a value takes on the wire, with everything it points to. */
export function sizeOf<S extends AnySchema>(
  schema: S,
  value: Infer<S>,
  context: Context = emptyContext,
): number {
  return size(node(schema), value, context);
}

type Root = SchemaNode;
type Scope = Record<string, unknown>;
type Values = Readonly<Record<string, unknown>>;

function encodeRoot(schema: Root, name: string, value: unknown, context: Context): Uint8Array {
  const encoder = new Encoder(size(schema, value, context), context);
  encoder.value(schema, value, name, {});
  return encoder.finish();
}

function size(schema: SchemaNode, value: unknown, context: Context): number {
  switch (schema.kind) {
    case "scalar":
      return scalarSize[schema.type];
    case "enum":
    case "flags":
    case "count":
      return scalarSize[schema.scalar];
    case "list": {
      const item = node(schema.item);
      return (value as unknown[]).reduce<number>((sum, v) => sum + size(item, v, context), 0);
    }
    case "bytes":
      return (value as Uint8Array).length;
    case "text":
      return utf8Size(value as string) + (schema.zeroTerminated ? 1 : 0);
    case "pointer": {
      const isNull = value === null || (schema.null === "empty" && isEmpty(value));
      return isNull ? 4 : 4 + size(node(schema.target), value, context);
    }
    case "when":
    case "given":
      return value === null ? 0 : size(node(schema.schema), value, context);
    case "struct":
      return sizeOfFields(schema.fields, value as Values, context);
    case "tagged": {
      const chosen = schema.cases[(value as Values)[schema.tag] as number] ?? {};
      const header = sizeOfFields(schema.header, value as Values, context);
      return header + sizeOfFields(chosen, value as Values, context);
    }
    case "fileDescriptor":
      return 0;
  }
}

function sizeOfFields(fields: Fields, values: Values, context: Context): number {
  let sum = 0;
  for (const [name, field] of Object.entries(fields)) {
    const schema = node(field);
    // A null pointer takes its place, an absent field does not.
    const isNullPointer = values[name] === null && isPresent(schema, values, context);
    sum += isNullPointer ? 4 : size(schema, values[name], context);
  }
  return sum;
}

/** True if a conditional field is wanted by the flags and context that stand before it. */
function isPresent(schema: SchemaNode, scope: Values, context: Context): boolean {
  if (schema.kind === "given") return context.has(schema.context);
  if (schema.kind !== "when") return true;
  return ((Number(scope[schema.flags]) & schema.bit) !== 0) !== schema.negated;
}

/** What a pointer names, to be written when the part before it is complete. */
interface Deferred {
  readonly pointerAt: number;
  readonly target: SchemaNode;
  readonly value: unknown;
  readonly path: string;
  readonly scope: Scope;
}

class Encoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #context: Context;
  readonly #deferred: Deferred[] = [];
  #at = 0;

  constructor(size: number, context: Context) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
    this.#context = context;
  }

  finish(): Uint8Array {
    // The queue grows while it is worked off: nested pointers come last.
    for (const { pointerAt, target, value, path, scope } of this.#deferred) {
      writeScalar(this.#view, "u32", pointerAt, this.#at);
      this.value(target, value, path, scope);
    }
    return this.#bytes;
  }

  value(schema: SchemaNode, value: unknown, path: string, scope: Scope): void {
    switch (schema.kind) {
      case "scalar":
        this.#scalar(schema.type, value, path);
        break;
      case "flags":
        this.#scalar(schema.scalar, value, path);
        break;
      case "enum":
        if (!schema.open && !Object.values(schema.values).includes(value as number)) {
          throw this.#invalid(path, `${value} is not a value of this field`);
        }
        this.#scalar(schema.scalar, value, path);
        break;
      case "list": {
        const items = value as readonly unknown[];
        this.#checkLength(schema.length, items.length, path, scope);
        const item = node(schema.item);
        for (const [index, each] of items.entries()) {
          this.value(item, each, `${path}[${index}]`, {});
        }
        break;
      }
      case "bytes": {
        const block = value as Uint8Array;
        this.#checkLength(schema.length, block.length, path, scope);
        this.#bytes.set(block, this.#at);
        this.#at += block.length;
        break;
      }
      case "text": {
        this.#checkLength(schema.length, countOf(schema, value), path, scope);
        this.#at = writeUtf8(value as string, this.#bytes, this.#at);
        if (schema.zeroTerminated) this.#at += 1;
        break;
      }
      case "pointer":
        this.#pointer(schema, value, path, scope);
        break;
      case "when":
      case "given":
        this.#optional(schema, value, path, scope);
        break;
      case "struct":
        this.#fields(schema.fields, value as Values, path, {});
        break;
      case "tagged":
        this.#tagged(schema, value as Values, path);
        break;
      case "count":
      case "fileDescriptor":
        break;
    }
  }

  #fields(fields: Fields, values: Values, path: string, scope: Scope): void {
    for (const [name, field] of Object.entries(fields)) {
      const schema = node(field);
      const fieldPath = `${path}.${name}`;
      if (schema.kind === "count") {
        const counted = countOf(fields[schema.of]!, values[schema.of]);
        if (!fits(schema.scalar, counted)) {
          const most = scalarRange[schema.scalar][1];
          const detail = `${counted} in ${schema.of}, at most ${most} can be counted`;
          throw new WireError("TOO_LARGE", fieldPath, this.#at, detail);
        }
        this.#scalar(schema.scalar, counted, fieldPath);
        scope[name] = counted;
      } else {
        this.value(schema, values[name], fieldPath, scope);
        scope[name] = values[name];
      }
    }
  }

  #scalar(type: ScalarType, value: unknown, path: string): void {
    if (!fits(type, value)) throw this.#invalid(path, `${value} does not fit ${type}`);
    writeScalar(this.#view, type, this.#at, value);
    this.#at += scalarSize[type];
  }

  #pointer(schema: PointerSchema<unknown>, value: unknown, path: string, scope: Scope): void {
    if (value === null && schema.null !== "allowed") {
      throw this.#invalid(path, "null is not allowed here");
    }
    const pointerAt = this.#at;
    this.#scalar("u32", 0, path);
    if (value === null || (schema.null === "empty" && isEmpty(value))) return;
    this.#deferred.push({ pointerAt, target: node(schema.target), value, path, scope });
  }

  #optional(
    schema: WhenSchema<unknown> | GivenSchema<unknown>,
    value: unknown,
    path: string,
    scope: Scope,
  ): void {
    const inner = node(schema.schema);
    const why = schema.kind === "given" ? schema.context : `bit ${schema.bit} of ${schema.flags}`;
    if (isPresent(schema, scope, this.#context)) {
      const isNullable = inner.kind === "pointer" && inner.null === "allowed";
      if (value === null && !isNullable) throw this.#invalid(path, `missing: ${why} asks for it`);
      this.value(inner, value, path, scope);
    } else if (value !== null) {
      throw this.#invalid(path, `present: ${why} excludes it`);
    }
  }

  #tagged(schema: TaggedSchema<unknown>, values: Values, path: string): void {
    const tag = values[schema.tag];
    const chosen = schema.cases[tag as number];
    if (chosen === undefined) {
      throw this.#invalid(`${path}.${schema.tag}`, `nothing is declared for ${tag}`);
    }
    const scope: Scope = {};
    this.#fields(schema.header, values, path, scope);
    this.#fields(chosen, values, path, scope);
  }

  /** A length that another field says too must be what that field says. */
  #checkLength(length: Length, actual: number, path: string, scope: Scope): void {
    const stated = resolveLength(length, scope);
    if (stated !== null && stated !== actual) {
      throw this.#invalid(path, `has ${actual} items or bytes, other fields say ${stated}`);
    }
  }

  #invalid(path: string, detail: string): WireError {
    return new WireError("INVALID_VALUE", path, this.#at, detail);
  }
}
