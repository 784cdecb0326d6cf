export * from "./agent-stream.ts";
export * from "./arbitrary.ts";
export * from "./capture.ts";
export * from "./capture-archive.ts";
export * from "./channel-codecs.ts";
export * from "./conversation.ts";
export * from "./mutation.ts";
export * from "./protocol-oracle.ts";
export { Random } from "./random.ts";
