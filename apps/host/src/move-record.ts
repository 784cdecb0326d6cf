// What is known of one move, as the API shows it.

import type { MoveOwner, SourcePhase, TargetPhase } from "@caraway/migration";
import type { MoveMode } from "@caraway/server";
import type {
  ApiMemoryProgress,
  ApiMigration,
  ApiMoveOutcome,
  ApiMovingClient,
  ApiPostcopyState,
} from "./api-types.ts";

export class MoveRecord {
  readonly id: string;
  readonly guest: string;
  readonly direction: "out" | "in";
  readonly peer: string;
  readonly mode: MoveMode;
  readonly startedAt = new Date().toISOString();
  endedAt: string | null = null;
  phase: SourcePhase | TargetPhase | "waiting";
  progress: { readonly sent: number; readonly total: number } | null = null;
  memory: ApiMemoryProgress | null = null;
  postcopy: ApiPostcopyState | null = null;
  readonly clients = new Map<number, ApiMovingClient>();
  stoppedMs: number | null = null;
  downtimeMs: number | null = null;
  sentBeforeBytes: number | null = null;
  outcome: ApiMoveOutcome | null = null;
  owner: MoveOwner | null = null;
  error: { readonly code: string; readonly message: string } | null = null;
  detail: string | null = null;

  constructor(
    what: Pick<ApiMigration, "id" | "guest" | "direction" | "peer" | "mode">,
    phase: MoveRecord["phase"],
  ) {
    this.id = what.id;
    this.guest = what.guest;
    this.direction = what.direction;
    this.peer = what.peer;
    this.mode = what.mode;
    this.phase = phase;
  }

  end(owner: MoveOwner, error: { readonly code: string; readonly message: string } | null): void {
    if (this.endedAt !== null) return;
    this.endedAt = new Date().toISOString();
    this.owner = owner;
    this.error = error === null ? null : { code: error.code, message: error.message };
    this.detail = null;
  }

  toJSON(): ApiMigration {
    const { id, guest, direction, peer, mode, startedAt, endedAt, phase, progress } = this;
    const { stoppedMs, downtimeMs, sentBeforeBytes, outcome, owner, error, detail } = this;
    const { memory, postcopy } = this;
    return {
      ...{ id, guest, direction, peer, phase, mode, startedAt, endedAt, progress },
      ...{ memory, postcopy },
      clients: [...this.clients.values()],
      ...{ stoppedMs, downtimeMs, sentBeforeBytes, outcome, owner, error, detail },
    };
  }
}
