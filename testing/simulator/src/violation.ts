// What a run is stopped by: something that must not happen did.

export class Violation extends Error {
  /** Which rule: the name of a check, or `fault` for an exception inside a machine. */
  readonly rule: string;

  constructor(rule: string, detail: string, options?: ErrorOptions) {
    super(`${rule}: ${detail}`, options);
    this.rule = rule;
  }
}
