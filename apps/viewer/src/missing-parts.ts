// What this browser does not give this page, and why. The viewer works without; its user is told.

/** Names are those of the words for them. */
export type MissingPart =
  | "keyboardLock"
  | "clipboard"
  | "logins"
  | "microphone"
  | "opus"
  | "usb"
  | "folders"
  | "workers"
  | "wasm";

/**
 * `insecure`: browsers keep it from pages that came over plain http. `browser`: this one does not
 * have it. `policy`: the page's security policy forbids it.
 */
export type MissingReason = "insecure" | "browser" | "policy";

export interface Missing {
  readonly part: MissingPart;
  readonly reason: MissingReason;
}

/** What of a page's global scope is asked for. */
export interface PageScope {
  readonly isSecureContext: boolean;
  readonly crypto?: { readonly subtle?: unknown };
  readonly navigator?: {
    readonly keyboard?: { readonly lock?: unknown };
    readonly clipboard?: { readonly read?: unknown };
    readonly mediaDevices?: unknown;
    readonly usb?: unknown;
  };
  readonly AudioDecoder?: unknown;
  readonly showDirectoryPicker?: unknown;
  readonly Worker?: unknown;
}

/** In the order in which people would miss it. `hasKernels`: the fast decoders run; null: unknown. */
export function missingParts(
  hasKernels: boolean | null = null,
  scope: PageScope = globalThis,
): readonly Missing[] {
  const { navigator } = scope;
  const missing: Missing[] = [];
  // Of these none is there on a page that is not secure.
  const secure: readonly [MissingPart, unknown][] = [
    ["keyboardLock", navigator?.keyboard?.lock],
    ["clipboard", navigator?.clipboard?.read],
    ["logins", scope.crypto?.subtle],
    ["microphone", navigator?.mediaDevices],
    ["opus", scope.AudioDecoder],
    ["usb", navigator?.usb],
    ["folders", scope.showDirectoryPicker],
  ];
  for (const [part, value] of secure) {
    if (value !== undefined) continue;
    missing.push({ part, reason: scope.isSecureContext ? "browser" : "insecure" });
  }
  if (scope.Worker === undefined) missing.push({ part: "workers", reason: "browser" });
  if (hasKernels === false) missing.push({ part: "wasm", reason: "policy" });
  return missing;
}
