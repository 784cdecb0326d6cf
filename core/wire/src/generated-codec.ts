// Codecs on top of generated functions. A refusal is handed to the reference interpreter, which
// throws the typed error with path and offset: generated code carries no words.

import type { MessageCodec, StructCodec } from "./codec.ts";
import { type Context, emptyContext } from "./context.ts";
import { decodeFields, type NamedFields } from "./decode.ts";
import { encodeFields } from "./encode.ts";
import { Reader, refused } from "./reader.ts";
import type { AnyMessageSchema, Fields, MessageOf, StructSchema, StructValue } from "./schema.ts";
import { Writer } from "./writer.ts";

export interface MessageFunctions<M> {
  readonly read: (id: number, reader: Reader) => M | null;
  readonly size: (message: M) => number;
  /** Writes the body and returns the id. */
  readonly write: (message: M, writer: Writer) => number;
}

export function messageCodec<const M extends readonly AnyMessageSchema[]>(
  messages: M,
  functions: MessageFunctions<MessageOf<M>>,
): MessageCodec<MessageOf<M>> {
  const { read, size, write } = functions;
  return {
    decode(id, body, context = emptyContext) {
      try {
        return read(id, new Reader(body, context));
      } catch (fault) {
        const schema = messages.find((message) => message.id === id);
        throw explain(fault, schema, (known) => decodeFields(known, body, context));
      }
    },
    encode(message, context = emptyContext) {
      try {
        const writer = new Writer(size(message), context);
        const id = write(message, writer);
        return { id, body: writer.finish() };
      } catch (fault) {
        const schema = messages.find((each) => each.name === message.name);
        throw explain(fault, schema, (known) => encodeFields(known, message.body, context));
      }
    },
  };
}

export interface StructFunctions<T> {
  readonly read: (reader: Reader) => T;
  readonly size: (value: T) => number;
  readonly write: (writer: Writer, value: T) => void;
}

export function structCodec<F extends Fields>(
  schema: StructSchema<F>,
  functions: StructFunctions<StructValue<F>>,
): StructCodec<StructValue<F>> {
  const { read, size, write } = functions;
  return {
    decode(bytes, context: Context = emptyContext) {
      try {
        return read(new Reader(bytes, context));
      } catch (fault) {
        throw explain(fault, schema, (known) => decodeFields(known, bytes, context));
      }
    },
    encode(value, context: Context = emptyContext) {
      try {
        const writer = new Writer(size(value), context);
        write(writer, value);
        return writer.finish();
      } catch (fault) {
        throw explain(fault, schema, () => encodeFields(schema, value, context));
      }
    },
  };
}

/** Lets the reference throw what it finds; what generated code did not mean passes through. */
function explain<S extends NamedFields<Fields>>(
  fault: unknown,
  schema: S | undefined,
  interpret: (schema: S) => unknown,
): unknown {
  if (fault !== refused || schema === undefined) return fault;
  interpret(schema);
  return new Error(`generated code refuses a ${schema.name} that its schema allows`);
}
