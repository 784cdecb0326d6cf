export {
  type EncodedMessage,
  interpretMessages,
  interpretStruct,
  type MessageCodec,
  type StructCodec,
} from "./codec.ts";
export { type Context, emptyContext } from "./context.ts";
export { type DecodeTrace, decodeFields, decodeValue, type NamedFields } from "./decode.ts";
export { encodeFields, encodeValue, sizeOf } from "./encode.ts";
export { CarawayError, WireError, type WireFault } from "./errors.ts";
export {
  type MessageFunctions,
  messageCodec,
  type StructFunctions,
  structCodec,
} from "./generated-codec.ts";
export { type FieldNode, type Inspection, inspectBody, valueText } from "./inspect.ts";
export { joinBytes } from "./join-bytes.ts";
export { leastSize, node, resolveLength } from "./lengths.ts";
export { Reader, refused } from "./reader.ts";
export { scalarSize } from "./scalar.ts";
export * from "./schema.ts";
export { decodeUtf8, encodeUtf8, utf8Size } from "./utf8.ts";
export {
  appendBlock,
  appendTerminatedText,
  appendText,
  sumOfSizes,
  terminatedSize,
  Writer,
} from "./writer.ts";
