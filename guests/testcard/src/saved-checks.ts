// What every part of a saved testcard is checked by when it is loaded.

import { TestcardError } from "./errors.ts";

export function wrongState(detail: string): TestcardError {
  return new TestcardError("TESTCARD_STATE", `a state that cannot be loaded: ${detail}`);
}

export function check(isRight: boolean, detail: string): asserts isRight {
  if (!isRight) throw wrongState(detail);
}

export function flag(value: number): boolean {
  check(value === 0 || value === 1, "a flag is neither set nor clear");
  return value === 1;
}
