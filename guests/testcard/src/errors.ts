// What can be wrong with what the testcard is given.

import { CarawayError } from "@caraway/wire";

/** `TESTCARD_OPTIONS`: options out of range. `TESTCARD_STATE`: bytes that are no saved testcard. */
export class TestcardError extends CarawayError {
  readonly code: "TESTCARD_OPTIONS" | "TESTCARD_STATE";

  constructor(code: TestcardError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
