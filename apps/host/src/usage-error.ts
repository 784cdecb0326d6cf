// The command, or a request, was made wrongly: the message says what to write instead.

export class HostUsageError extends Error {
  override readonly name = "HostUsageError";
}
