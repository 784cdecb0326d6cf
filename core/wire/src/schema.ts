// The vocabulary in which messages are declared. A schema is plain data: types, decoder, encoder,
// documentation, fuzz generator and inspector are functions over it and none of them is written by
// hand. Nothing here knows SPICE. Everything is packed and little endian unless a scalar says
// otherwise; a pointer is a u32 offset from the start of the message's body.

/** Carries the type of the decoded value; never present at run time. */
declare const valueType: unique symbol;

export interface Schema<T> {
  readonly kind: string;
  readonly [valueType]?: T;
}

/** The value that a schema, or a record of fields, decodes to. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

export type NumberScalar = "u8" | "u16" | "u32" | "i16" | "i32" | "u16be" | "u32be";
export type BigintScalar = "u64" | "i64" | "u64be";
export type ScalarType = NumberScalar | BigintScalar;

export interface ScalarSchema<T extends number | bigint> extends Schema<T> {
  readonly kind: "scalar";
  readonly type: ScalarType;
  /** What a number means, for documentation: `28.4 fixed point`, `ms`. */
  readonly unit?: string;
}

export interface EnumSchema<T extends number> extends Schema<T> {
  readonly kind: "enum";
  readonly name: string;
  readonly scalar: NumberScalar;
  readonly values: Readonly<Record<string, number>>;
  /** An open enum decodes values that it does not name, as the reference does for this field. */
  readonly open: boolean;
}

export interface FlagsSchema extends Schema<number> {
  readonly kind: "flags";
  readonly name: string;
  readonly scalar: NumberScalar;
  readonly bits: Readonly<Record<string, number>>;
}

/** A number on the wire that the value does not show: how many items field `of` has. */
export interface CountSchema extends Schema<never> {
  readonly kind: "count";
  readonly scalar: NumberScalar;
  readonly of: string;
}

/**
 * How many items a list has, or bytes a block. Names are fields that stand earlier in the same
 * struct (for a pointer's target: in the struct that holds the pointer).
 */
export type Length =
  | { readonly count: string }
  | { readonly fixed: number }
  | { readonly rest: true }
  | { readonly sum: readonly string[] }
  | { readonly product: readonly string[] }
  /** ceil(bitsPerPixel · width / 8) · height */
  | { readonly image: { bitsPerPixel: number; width: string; height: string } };

export interface ListSchema<T> extends Schema<readonly T[]> {
  readonly kind: "list";
  readonly item: AnySchema;
  readonly length: Length;
}

/** Decodes to a view into the message: keep it as long as you like, never write to it. */
export interface BytesSchema extends Schema<Uint8Array> {
  readonly kind: "bytes";
  readonly length: Length;
}

/** UTF-8. `zeroTerminated`: the size on the wire counts one NUL at the end, the value lacks it. */
export interface TextSchema extends Schema<string> {
  readonly kind: "text";
  readonly length: Length;
  readonly zeroTerminated: boolean;
}

export interface PointerSchema<T> extends Schema<T> {
  readonly kind: "pointer";
  readonly target: AnySchema;
  /**
   * What offset 0 means: `forbidden` is an error, `allowed` decodes to null, `empty` decodes to
   * the empty list, block or text (and an empty one is sent as 0).
   */
  readonly null: "forbidden" | "allowed" | "empty";
}

/** Present if (or, negated, unless) `bit` is set in the earlier field `flags`; else null. */
export interface WhenSchema<T> extends Schema<T | null> {
  readonly kind: "when";
  readonly flags: string;
  readonly bit: number;
  readonly negated: boolean;
  readonly schema: AnySchema;
}

/** Present if the peers agreed on `context` (a capability, an option); else null. */
export interface GivenSchema<T> extends Schema<T | null> {
  readonly kind: "given";
  readonly context: string;
  readonly schema: AnySchema;
}

export interface StructSchema<F extends Fields> extends Schema<StructValue<F>> {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: F;
}

/** `header` fields, one of which (`tag`, an enum) chooses the fields that follow. */
export interface TaggedSchema<T> extends Schema<T> {
  readonly kind: "tagged";
  readonly name: string;
  readonly header: Fields;
  readonly tag: string;
  readonly cases: Readonly<Record<number, Fields>>;
}

/** A file descriptor travels beside the message and takes no byte of it. */
export interface FileDescriptorSchema extends Schema<"fd"> {
  readonly kind: "fileDescriptor";
}

// biome-ignore lint/suspicious/noExplicitAny: the value type of "any schema" is truly any.
export type AnySchema = Schema<any>;

export type Fields = Readonly<Record<string, AnySchema>>;

/** Every shape that a schema can have: what functions over schemas switch on. */
export type SchemaNode =
  | ScalarSchema<number | bigint>
  | EnumSchema<number>
  | FlagsSchema
  | CountSchema
  | ListSchema<unknown>
  | BytesSchema
  | TextSchema
  | PointerSchema<unknown>
  | WhenSchema<unknown>
  | GivenSchema<unknown>
  | StructSchema<Fields>
  | TaggedSchema<unknown>
  | FileDescriptorSchema;

type Hidden = { readonly kind: "count" } | { readonly kind: "fileDescriptor" };

export type StructValue<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Hidden ? never : K]: Infer<F[K]>;
};

type Flat<T> = { readonly [K in keyof T]: T[K] };

type TaggedValue<H extends Fields, T extends string, C extends Record<number, Fields>> = {
  [K in keyof C]: C[K] extends Fields
    ? Flat<Omit<StructValue<H>, T> & { readonly [P in T]: K } & StructValue<C[K]>>
    : never;
}[keyof C];

const numberScalar = (type: NumberScalar): ScalarSchema<number> => ({ kind: "scalar", type });
const bigintScalar = (type: BigintScalar): ScalarSchema<bigint> => ({ kind: "scalar", type });

export const u8 = numberScalar("u8");
export const u16 = numberScalar("u16");
export const u32 = numberScalar("u32");
export const i16 = numberScalar("i16");
export const i32 = numberScalar("i32");
export const u16be = numberScalar("u16be");
export const u32be = numberScalar("u32be");
export const u64 = bigintScalar("u64");
export const i64 = bigintScalar("i64");
export const u64be = bigintScalar("u64be");

/** The same number with a meaning for the reader of the documentation. */
export function unit<T extends number | bigint>(
  schema: ScalarSchema<T>,
  unit: string,
): ScalarSchema<T> {
  return { ...schema, unit };
}

type NumberName = ScalarSchema<number>;

function scalarName(schema: NumberName): NumberScalar {
  return schema.type as NumberScalar;
}

export function enumOf<E extends Readonly<Record<string, number>>>(
  scalar: NumberName,
  name: string,
  values: E,
): EnumSchema<E[keyof E]> {
  return { kind: "enum", name, scalar: scalarName(scalar), values, open: false };
}

/** An enum whose unknown values decode too. */
export function openEnumOf(
  scalar: NumberName,
  name: string,
  values: Readonly<Record<string, number>>,
): EnumSchema<number> {
  return { kind: "enum", name, scalar: scalarName(scalar), values, open: true };
}

export function flagsOf(
  scalar: NumberName,
  name: string,
  bits: Readonly<Record<string, number>>,
): FlagsSchema {
  return { kind: "flags", name, scalar: scalarName(scalar), bits };
}

export function count(scalar: NumberName, of: string): CountSchema {
  return { kind: "count", scalar: scalarName(scalar), of };
}

export function list<S extends AnySchema>(item: S, length: Length): ListSchema<Infer<S>> {
  return { kind: "list", item, length };
}

export function bytes(length: Length): BytesSchema {
  return { kind: "bytes", length };
}

export function text(length: Length, zeroTerminated: boolean): TextSchema {
  return { kind: "text", length, zeroTerminated };
}

/** A pointer that may not be null. */
export function pointer<S extends AnySchema>(target: S): PointerSchema<Infer<S>> {
  return { kind: "pointer", target, null: "forbidden" };
}

/** A pointer whose null decodes to null. */
export function nullable<S extends AnySchema>(target: S): PointerSchema<Infer<S> | null> {
  return { kind: "pointer", target, null: "allowed" };
}

/** A pointer whose null is the empty list, block or text. */
export function emptyable<S extends AnySchema>(target: S): PointerSchema<Infer<S>> {
  return { kind: "pointer", target, null: "empty" };
}

export function when<S extends AnySchema>(
  flags: string,
  bit: number,
  schema: S,
): WhenSchema<Infer<S>> {
  return { kind: "when", flags, bit, negated: false, schema };
}

export function unless<S extends AnySchema>(
  flags: string,
  bit: number,
  schema: S,
): WhenSchema<Infer<S>> {
  return { kind: "when", flags, bit, negated: true, schema };
}

export function given<S extends AnySchema>(context: string, schema: S): GivenSchema<Infer<S>> {
  return { kind: "given", context, schema };
}

export function struct<const F extends Fields>(name: string, fields: F): StructSchema<F> {
  return { kind: "struct", name, fields };
}

export function tagged<
  const H extends Fields,
  const T extends string & keyof H,
  const C extends Record<number, Fields>,
>(name: string, header: H, tag: T, cases: C): TaggedSchema<TaggedValue<H, T, C>> {
  return { kind: "tagged", name, header, tag, cases };
}

export const fileDescriptor: FileDescriptorSchema = { kind: "fileDescriptor" };

/** What documentation and the inspector say of a message. */
export interface MessageNotes {
  /** One or more sentences: meaning, what answers it, limits. */
  readonly doc: string;
  /** C name of the capability that the receiver must have announced. */
  readonly needs?: string;
}

export interface MessageSchema<N extends string, F extends Fields> extends Schema<StructValue<F>> {
  readonly kind: "message";
  readonly name: N;
  readonly id: number;
  readonly fields: F;
  readonly notes: MessageNotes;
}

export type AnyMessageSchema = MessageSchema<string, Fields>;

export function message<const N extends string, const F extends Fields>(
  name: N,
  id: number,
  fields: F,
  doc: string,
  needs?: string,
): MessageSchema<N, F> {
  const notes = needs === undefined ? { doc } : { doc, needs };
  return { kind: "message", name, id, fields, notes };
}

/** `{ name, body }` of every message in a list: a union to switch on `name` exhaustively. */
export type MessageOf<M extends readonly AnyMessageSchema[]> = {
  [I in keyof M]: { readonly name: M[I]["name"]; readonly body: StructValue<M[I]["fields"]> };
}[number];

/** The body of the message `N` in the union `M`. */
export type MessageBody<
  M extends { readonly name: string; readonly body: unknown },
  N extends M["name"],
> = Extract<M, { readonly name: N }>["body"];
