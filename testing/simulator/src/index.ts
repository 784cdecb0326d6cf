export * from "./choices.ts";
export { explore } from "./explore.ts";
export * from "./run.ts";
export * from "./scenarios.ts";
export { Violation } from "./violation.ts";
export * from "./world.ts";
