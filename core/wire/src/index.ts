export { CarawayError, WireError, type WireFault } from "./errors.ts";
