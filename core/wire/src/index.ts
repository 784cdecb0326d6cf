export {
  type EncodedMessage,
  interpretMessages,
  interpretStruct,
  type MessageCodec,
  type StructCodec,
} from "./codec.ts";
export {
  type Context,
  type DecodeTrace,
  decodeFields,
  decodeValue,
  emptyContext,
  type NamedFields,
} from "./decode.ts";
export { encodeFields, encodeValue, sizeOf } from "./encode.ts";
export { CarawayError, WireError, type WireFault } from "./errors.ts";
export * from "./schema.ts";
export { decodeUtf8, encodeUtf8, utf8Size } from "./utf8.ts";
