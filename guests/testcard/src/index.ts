export { createTestcard, loadTestcard } from "./create-testcard.ts";
export { TestcardError } from "./errors.ts";
export type { TestcardOptions } from "./settings.ts";
export type { Testcard } from "./testcard.ts";
