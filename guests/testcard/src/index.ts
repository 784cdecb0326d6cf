export { type CounterState, type CounterUse, counterBytes } from "./counter-stream.ts";
export { createTestcard, loadTestcard } from "./create-testcard.ts";
export { TestcardError } from "./errors.ts";
export type { TestcardOptions } from "./settings.ts";
export type { Testcard } from "./testcard.ts";
