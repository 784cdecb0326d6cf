// What this browser withholds from the page, as a list that says why.

import type { Words } from "../locales/english.ts";
import { type MissingReason, missingParts } from "../missing-parts.ts";
import { make } from "./elements.ts";

const reasons: readonly MissingReason[] = ["insecure", "browser", "policy"];

/** Nothing where it has everything. `hasKernels`: the fast decoders run; null: that is not known. */
export function missingList(words: Words, hasKernels: boolean | null): HTMLElement[] {
  const all = missingParts(hasKernels);
  return reasons.flatMap((reason) => {
    const parts = all.filter((missing) => missing.reason === reason);
    if (parts.length === 0) return [];
    const items = parts.map(({ part }) => make("li", { text: words.missing.parts[part] }));
    return [
      make("p", { text: words.missing.reasons[reason] }),
      make("ul", { className: "missing" }, items),
    ];
  });
}
