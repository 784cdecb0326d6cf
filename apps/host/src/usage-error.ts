// What whoever commands a host can do wrong. Messages are for people.

/** The command, or a request, was made wrongly: the message says what to write instead. */
export class HostUsageError extends Error {
  override readonly name: string = "HostUsageError";
}

/** There is no such guest, session or migration here. */
export class NotHere extends Error {
  override readonly name = "NotHere";
}

/** Not in this state. */
export class HostConflict extends Error {
  override readonly name = "HostConflict";
}
