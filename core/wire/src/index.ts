export { CarawayError, WireError, type WireFault } from "./errors.ts";
export * from "./schema.ts";
