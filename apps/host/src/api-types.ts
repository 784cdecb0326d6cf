// The JSON of the HTTP API. `openapi.ts` says the same for machines; a test holds the two together.

import type { MoveOwner, SourcePhase, TargetPhase } from "@caraway/migration";
import type { ChannelOutcome, ChannelPolicies, MoveMode } from "@caraway/server";
import type { VmAdoption, VmDescription } from "caraway-keeper";
import type { GuestKind } from "./guest-flags.ts";

export interface ApiHost {
  readonly name: string;
  readonly version: string;
  /** Where other hosts reach this one: `host:port`; null when guests cannot move. */
  readonly peerAddress: string | null;
  readonly guests: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export type ApiGuestState =
  | "running"
  /** Stopped by an operator. */
  | "stopped"
  /** A move brings it; it does not run here yet. */
  | "arriving"
  /** A move takes it away, and it stands still. */
  | "leaving"
  /** It is not known whether it is ours: see the migration. */
  | "in-doubt";

export interface ApiGuest {
  readonly name: string;
  readonly kind: GuestKind;
  readonly state: ApiGuestState;
  /** Where clients come in: `spice://host:port` and the like. */
  readonly addresses: readonly string[];
  readonly sessions: readonly ApiSession[];
  /** The move that is under way. */
  readonly migration: string | null;
  /** Bytes since the server began. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** What the guest counts of itself, such as `usb0.answered`; empty for most. */
  readonly facts: Readonly<Record<string, number>>;
}

export interface ApiSession {
  readonly client: number;
  /** For people: `192.0.2.7:40312`. */
  readonly peer: string;
  readonly user: string | null;
  readonly viewOnly: boolean;
  /** `display 0`. */
  readonly channels: readonly string[];
  readonly since: string;
}

export interface ApiNewGuest {
  readonly name: string;
  readonly kind?: GuestKind;
  readonly width?: number;
  readonly height?: number;
  readonly monitors?: number;
  readonly framebuffer?: boolean;
  readonly sound?: boolean;
  readonly video?: boolean;
  /** USB slots. */
  readonly usb?: number;
  readonly seed?: number;
  readonly freezeAtMs?: number;
  /** Of kind `qemu`. */
  readonly vm?: VmDescription;
  /** The VM runs already. */
  readonly adopt?: VmAdoption;
  /** The VM comes from a QEMU with SPICE of its own, which brings its clients along. */
  readonly expect?: { readonly incoming: string };
}

export interface ApiTicket {
  readonly password: string;
  readonly expiresInS?: number;
  readonly viewOnly?: boolean;
}

/** What may be said of a move; the rest has defaults. */
export interface ApiNewMigration {
  /** Peer address of the other host: `host[:port]`. */
  readonly to: string;
  /** The best that clients are offered. */
  readonly mode?: MoveMode;
  /** By type of channel, such as `{"display": "rebuild"}`. */
  readonly policies?: ChannelPolicies;
  /** How long clients are waited for before the guest stops. */
  readonly waitClientsMs?: number;
  /** How long the guest is held at the target for state that does not come. */
  readonly deadlineMs?: number;
  readonly holdMaxMs?: number;
  readonly lateMaxMs?: number;
  /**
   * Count what is sent to clients for so long before the guest stops, and for so long behind the
   * hold; the move takes as much longer. Without, only until every channel has its outcome.
   */
  readonly measureMs?: number;
  /** Of a VM: the most bytes a second. */
  readonly bandwidth?: number;
  /** Of a VM: how long it may stand still for its last memory; 300. */
  readonly downtimeLimitMs?: number;
  /** Slow a VM down when its memory changes faster than it can be sent. */
  readonly autoConverge?: boolean;
  /**
   * Let a VM go behind the first pass over its memory; what has changed since follows while it runs there. From then on
   * the move cannot be called off.
   */
  readonly postcopy?: boolean;
  /** The most bytes a second from then on. */
  readonly postcopyBandwidth?: number;
  /** The other host is a process on this machine with the same --state-dir: VMs stay where they are. */
  readonly handOver?: boolean;
}

/** A VM is to leave for a QEMU with SPICE of its own. */
export interface ApiDeparture {
  /** Where clients find it; one port at least. */
  readonly host: string;
  readonly port?: number;
  readonly tlsPort?: number;
  readonly certSubject?: string;
  /** Where that QEMU awaits the VM: `unix:PATH` or `tcp:HOST:PORT`. */
  readonly uri: string;
}

export type ApiClientState = "announced" | "linking" | "ready" | "failed" | "left";

/** A client before it has moved. */
export interface ApiMovingClient {
  readonly client: number;
  readonly peer: string;
  readonly state: ApiClientState;
  readonly mode: MoveMode;
  readonly detail: string;
}

/** A client that has moved, as the target tells it. */
export interface ApiMovedClient {
  /** Its number at the target. */
  readonly client: number;
  readonly peer: string;
  readonly mode: MoveMode;
  readonly channels: readonly ApiMovedChannel[];
}

export interface ApiMovedChannel {
  readonly channel: string;
  readonly outcome: ChannelOutcome;
  /** Empty where it was kept. */
  readonly reason: string;
  /** From the beginning of the hold until the channel went on. */
  readonly gapMs: number;
  /** What the target has sent on it until everything was settled, or measured. */
  readonly sentBytes: number;
}

export interface ApiMoveOutcome {
  /** How long the guest was held at the target, and what ended it. */
  readonly holdMs: number;
  readonly holdReason: string;
  /** What the target's server has sent to all clients by then. */
  readonly sentBytes: number;
  readonly clients: readonly ApiMovedClient[];
}

/** Memory of a VM that goes over, in bytes. */
export interface ApiMemoryProgress {
  readonly remaining: number;
  /** How often all of it was looked through. */
  readonly iteration: number;
  readonly bytesPerS: number;
  /** What the VM changes. */
  readonly dirtyBytesPerS: number;
  readonly expectedDowntimeMs: number | null;
  /** Pages for which the target has asked, in post-copy. */
  readonly requests: number;
}

/** `paused`: the way is lost, and the VM stands still where it needs what has not come. */
export type ApiPostcopyState = "active" | "paused" | "recovering" | "completed" | "failed";

export interface ApiMigration {
  readonly id: string;
  readonly guest: string;
  readonly direction: "out" | "in";
  /** The other host. */
  readonly peer: string;
  readonly phase: SourcePhase | TargetPhase | "waiting";
  readonly mode: MoveMode;
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Bytes of the guest's state; null before it is known. */
  readonly progress: { readonly sent: number; readonly total: number } | null;
  /** Of a VM that leaves. */
  readonly memory: ApiMemoryProgress | null;
  /** Whether the rest of its memory goes over behind it; null where all of it went before. */
  readonly postcopy: ApiPostcopyState | null;
  readonly clients: readonly ApiMovingClient[];
  /** From the guest's stop at the source to COMMITTED; null before. */
  readonly stoppedMs: number | null;
  /** What QEMU says of a VM: how long it stood still for its last memory. */
  readonly downtimeMs: number | null;
  /** What the source has sent to all clients in `measureMs` before the stop; null: not measured. */
  readonly sentBeforeBytes: number | null;
  readonly outcome: ApiMoveOutcome | null;
  /** Whose the guest is, once that is decided. */
  readonly owner: MoveOwner | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What an operator should know: why it is in doubt, or that the link is lost. */
  readonly detail: string | null;
}

export interface ApiError {
  readonly error: { readonly code: string; readonly message: string };
}

/** A line of `/v1/events`. `seq` counts up by one; `at` is ISO 8601. */
export interface ApiEvent {
  readonly seq: number;
  readonly at: string;
  readonly event: string;
  readonly guest: string | null;
  readonly migration: string | null;
  /** What the event itself says. */
  readonly [field: string]: unknown;
}
