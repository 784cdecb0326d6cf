export * from "./choices.ts";
export { password } from "./client-process.ts";
export { explore } from "./explore.ts";
export * from "./run.ts";
export * from "./scenarios.ts";
export { type AnyServer, type MakeServer, realServer } from "./seat.ts";
export { Violation } from "./violation.ts";
export * from "./world.ts";
