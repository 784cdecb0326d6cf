// How a testcard comes to be: new, or from a saved state.

import type { Instant } from "@caraway/channel";
import { loadState } from "./load-state.ts";
import { readOptions, type TestcardOptions } from "./settings.ts";
import { Testcard } from "./testcard.ts";
import { firstState } from "./testcard-state.ts";

/**
 * A testcard that is about to boot: stopped, with a description that shows a black screen.
 *
 * @throws TestcardError TESTCARD_OPTIONS when an option is out of range.
 */
export function createTestcard(options: TestcardOptions = {}): Testcard {
  const { settings, sizes, ...devices } = readOptions(options);
  return new Testcard(firstState(settings, sizes, devices));
}

/**
 * A `LoadGuest`: the testcard that `save` was called on, stopped, about to describe itself.
 *
 * @throws CarawayError when the bytes are not the state of a testcard.
 */
export function loadTestcard(state: Uint8Array, _now: Instant): Testcard {
  return new Testcard(loadState(state));
}
