// The reference decoder: walks a schema beside the bytes. Generated code is tested against it and
// calls it to explain a refusal; the inspector watches it. Nothing is allocated before its bytes
// are known to be there.

import { type Context, emptyContext } from "./context.ts";
import { WireError } from "./errors.ts";
import { leastSize, node, resolveLength } from "./lengths.ts";
import { readScalar, scalarSize } from "./scalar.ts";
import type {
  AnySchema,
  BytesSchema,
  Fields,
  Infer,
  Length,
  ListSchema,
  NumberScalar,
  PointerSchema,
  ScalarType,
  SchemaNode,
  StructValue,
  TaggedSchema,
  TextSchema,
} from "./schema.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Sees every field go by, outer ones before and after their parts. */
export interface DecodeTrace {
  enter(name: string, schema: SchemaNode, offset: number): void;
  /** `end` is the offset behind the field where it stands, not behind what it points to. */
  leave(value: unknown, end: number): void;
}

/** A struct, a message, or whatever else is a name with fields. */
export interface NamedFields<F extends Fields> {
  readonly name: string;
  readonly fields: F;
}

/**
 * Decodes fields from the start of `bytes`. Bytes that no field covers are ignored, as the
 * reference ignores them. Throws `WireError`.
 */
export function decodeFields<F extends Fields>(
  schema: NamedFields<F>,
  bytes: Uint8Array,
  context: Context = emptyContext,
  trace?: DecodeTrace,
): StructValue<F> {
  const decoder = new Decoder(bytes, context, trace);
  return decoder.fields(schema.fields, schema.name, {}) as StructValue<F>;
}

/** As `decodeFields`, for any schema that stands alone. */
export function decodeValue<S extends AnySchema>(
  schema: S,
  name: string,
  bytes: Uint8Array,
  context: Context = emptyContext,
  trace?: DecodeTrace,
): Infer<S> {
  return new Decoder(bytes, context, trace).value(node(schema), name, {}) as Infer<S>;
}

type Scope = Record<string, unknown>;

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #context: Context;
  readonly #trace: DecodeTrace | undefined;
  #at = 0;

  constructor(bytes: Uint8Array, context: Context, trace: DecodeTrace | undefined) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#context = context;
    this.#trace = trace;
  }

  /** Adds every number to `scope`, for the lengths and conditions of later fields. */
  fields(fields: Fields, path: string, scope: Scope): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const schema = node(field);
      this.#trace?.enter(name, schema, this.#at);
      const decoded = this.value(schema, `${path}.${name}`, scope);
      this.#trace?.leave(decoded, this.#at);
      scope[name] = decoded;
      if (schema.kind !== "count" && schema.kind !== "fileDescriptor") value[name] = decoded;
    }
    return value;
  }

  value(schema: SchemaNode, path: string, scope: Scope): unknown {
    switch (schema.kind) {
      case "scalar":
        return this.#scalar(schema.type, path);
      case "flags":
      case "count":
        return this.#scalar(schema.scalar, path);
      case "enum":
        return this.#enum(schema.scalar, schema.open ? null : schema.values, path);
      case "list":
        return this.#list(schema, path, scope);
      case "bytes": {
        const [start, end] = this.#block(schema, path, scope);
        return this.#bytes.subarray(start, end);
      }
      case "text": {
        const [start, end] = this.#block(schema, path, scope);
        const terminated = schema.zeroTerminated && end > start && this.#bytes[end - 1] === 0;
        return decodeUtf8(this.#bytes, start, terminated ? end - 1 : end);
      }
      case "pointer":
        return this.#pointer(schema, path, scope);
      case "when": {
        const set = (Number(scope[schema.flags]) & schema.bit) !== 0;
        return set === schema.negated ? null : this.value(node(schema.schema), path, scope);
      }
      case "given":
        return this.#context.has(schema.context)
          ? this.value(node(schema.schema), path, scope)
          : null;
      case "struct":
        return this.fields(schema.fields, path, {});
      case "tagged":
        return this.#tagged(schema, path);
      case "fileDescriptor":
        return null;
    }
  }

  #scalar(type: ScalarType, path: string): number | bigint {
    const start = this.#take(scalarSize[type], path, "TRUNCATED");
    return readScalar(this.#view, type, start);
  }

  #enum(
    scalar: NumberScalar,
    allowed: Readonly<Record<string, number>> | null,
    path: string,
  ): number {
    const start = this.#at;
    const value = Number(this.#scalar(scalar, path));
    if (allowed !== null && !Object.values(allowed).includes(value)) {
      throw new WireError("INVALID_VALUE", path, start, `${value} is not a value of this field`);
    }
    return value;
  }

  #list(schema: ListSchema<unknown>, path: string, scope: Scope): unknown[] {
    const item = node(schema.item);
    const items: unknown[] = [];
    const length = resolveLength(schema.length, scope);
    if (length !== null) this.#require(length * leastSize(item), path, schema.length);
    while (length === null ? this.#at < this.#bytes.length : items.length < length) {
      const index = `[${items.length}]`;
      this.#trace?.enter(index, item, this.#at);
      const decoded = this.value(item, path + index, {});
      this.#trace?.leave(decoded, this.#at);
      items.push(decoded);
    }
    return items;
  }

  #block(
    schema: BytesSchema | TextSchema,
    path: string,
    scope: Scope,
  ): readonly [start: number, end: number] {
    const length = resolveLength(schema.length, scope) ?? this.#bytes.length - this.#at;
    this.#require(length, path, schema.length);
    const start = this.#at;
    this.#at += length;
    return [start, this.#at];
  }

  #pointer(schema: PointerSchema<unknown>, path: string, scope: Scope): unknown {
    const start = this.#at;
    const offset = Number(this.#scalar("u32", path));
    if (offset === 0) {
      if (schema.null === "allowed") return null;
      if (schema.null === "empty") return emptyValue(node(schema.target));
      throw new WireError("BAD_POINTER", path, start, "null is not allowed here");
    }
    if (offset > this.#bytes.length) {
      const detail = `points to ${offset} in ${this.#bytes.length} bytes`;
      throw new WireError("BAD_POINTER", path, start, detail);
    }
    const back = this.#at;
    this.#at = offset;
    const target = node(schema.target);
    this.#trace?.enter("*", target, offset);
    const value = this.value(target, path, scope);
    this.#trace?.leave(value, this.#at);
    this.#at = back;
    return value;
  }

  #tagged(schema: TaggedSchema<unknown>, path: string): Record<string, unknown> {
    const scope: Scope = {};
    const start = this.#at;
    const value = this.fields(schema.header, path, scope);
    const chosen = schema.cases[scope[schema.tag] as number];
    if (chosen === undefined) {
      const detail = `nothing is declared for ${scope[schema.tag]}`;
      throw new WireError("INVALID_VALUE", `${path}.${schema.tag}`, start, detail);
    }
    return Object.assign(value, this.fields(chosen, path, scope));
  }

  #take(size: number, path: string, fault: "TRUNCATED" | "TOO_LARGE"): number {
    const start = this.#at;
    const left = this.#bytes.length - start;
    if (size > left) {
      throw new WireError(fault, path, start, `needs ${size} bytes, ${left} are left`);
    }
    this.#at += size;
    return start;
  }

  /** Checks that bytes are there without taking them. */
  #require(size: number, path: string, length: Length): void {
    const start = this.#take(size, path, "fixed" in length ? "TRUNCATED" : "TOO_LARGE");
    this.#at = start;
  }
}

/** What a null pointer of kind "empty" stands for. */
function emptyValue(target: SchemaNode): unknown {
  if (target.kind === "text") return "";
  return target.kind === "bytes" ? new Uint8Array(0) : [];
}
