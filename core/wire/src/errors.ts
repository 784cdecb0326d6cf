// The errors that cross a public boundary of Caraway share one base, so that an embedder can
// tell them from its own faults and switch on a stable `code`. Messages are lower case without a
// full stop, so that they chain.

/** Base of every error that Caraway raises on purpose. `code` is stable, the message is for people. */
export abstract class CarawayError extends Error {
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** What is wrong with bytes or values on the wire. */
export type WireFault =
  /** Fewer bytes than the field needs. */
  | "TRUNCATED"
  /** A value that the field does not allow. */
  | "INVALID_VALUE"
  /** A count or size beyond the field's bound or beyond the bytes that are there. */
  | "TOO_LARGE"
  /** A pointer outside the message, or null where that is not allowed. */
  | "BAD_POINTER";

/** Bytes that do not decode, or a value that does not encode. */
export class WireError extends CarawayError {
  readonly code: `WIRE_${WireFault}`;
  /** Dotted path of the field, from the message's name: `DRAW_COPY.src.width`. */
  readonly path: string;
  /** Byte offset in the message body where the field starts. */
  readonly offset: number;

  constructor(fault: WireFault, path: string, offset: number, detail: string) {
    super(`${path} at offset ${offset}: ${detail}`);
    this.code = `WIRE_${fault}`;
    this.path = path;
    this.offset = offset;
  }
}
