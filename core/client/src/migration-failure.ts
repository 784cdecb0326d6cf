// Why a migration, or the session with it, did not succeed.

import { CarawayError } from "@caraway/wire";

export type MigrationFailureCode =
  /** The links to the target were not there in time. */
  | "MIGRATION_NOT_LINKED"
  /** The embedder's address mapping refused the target. */
  | "MIGRATION_TARGET_REFUSED"
  /** The source named a target without a usable port. */
  | "MIGRATION_NO_ADDRESS"
  /** The source went away before it had handed everything over. */
  | "MIGRATION_SOURCE_LOST"
  /** The hand-over took too long. */
  | "MIGRATION_TIMEOUT"
  /** The target went away in the middle of the switch. */
  | "MIGRATION_TARGET_LOST"
  /** The source began another migration, or the switch, before this one was ready. */
  | "MIGRATION_SUPERSEDED";

export class MigrationFailure extends CarawayError {
  readonly code: MigrationFailureCode;

  constructor(code: MigrationFailureCode, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.code = code;
  }
}
