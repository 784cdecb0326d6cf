// What users of declared messages hold: a codec for the messages of one direction of a channel,
// and a codec for a struct that stands alone; here on top of the reference interpreter.

import type { Context } from "./context.ts";
import { decodeFields } from "./decode.ts";
import { encodeFields } from "./encode.ts";
import type { AnyMessageSchema, Fields, MessageOf, StructSchema, StructValue } from "./schema.ts";

/** `M` is a union of `{ name, body }`. */
export interface MessageCodec<M> {
  /** null: this id is not declared. Throws `WireError`. */
  decode(id: number, body: Uint8Array, context?: Context): M | null;
  encode(message: M, context?: Context): EncodedMessage;
}

export interface EncodedMessage {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface StructCodec<T> {
  /** Bytes behind the struct are ignored. Throws `WireError`. */
  decode(bytes: Uint8Array, context?: Context): T;
  encode(value: T, context?: Context): Uint8Array;
}

export function interpretMessages<const M extends readonly AnyMessageSchema[]>(
  messages: M,
): MessageCodec<MessageOf<M>> {
  const byId = new Map<number, AnyMessageSchema>();
  const byName = new Map<string, AnyMessageSchema>();
  for (const schema of messages) {
    byId.set(schema.id, schema);
    byName.set(schema.name, schema);
  }
  return {
    decode(id, body, context) {
      const schema = byId.get(id);
      if (schema === undefined) return null;
      return { name: schema.name, body: decodeFields(schema, body, context) } as MessageOf<M>;
    },
    encode(message, context) {
      const schema = byName.get(message.name)!;
      return { id: schema.id, body: encodeFields(schema, message.body, context) };
    },
  };
}

export function interpretStruct<F extends Fields>(
  schema: StructSchema<F>,
): StructCodec<StructValue<F>> {
  return {
    decode: (bytes, context) => decodeFields(schema, bytes, context),
    encode: (value, context) => encodeFields(schema, value, context),
  };
}
