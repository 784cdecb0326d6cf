export * from "./arbitrary.ts";
export * from "./mutation.ts";
export * from "./protocol-oracle.ts";
export { Random } from "./random.ts";
