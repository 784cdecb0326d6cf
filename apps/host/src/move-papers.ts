// What two hosts tell each other of a move, inside the movers' opaque fields: JSON, which comes from
// a network and is checked.

import type { ChannelPolicies, MoveMode, MoveTarget, Ticket } from "@caraway/server";
import type { VmDescription } from "caraway-keeper";
import type { ApiMoveOutcome, ApiNewMigration } from "./api-types.ts";
import { faultIn } from "./api-validate.ts";
import type { GuestKind } from "./guest-flags.ts";
import { apiSchemas, guestFields, migrationFields } from "./openapi.ts";

/** With PREPARE: who would like to come, and how. */
export interface MovePapers {
  readonly guest: string;
  readonly kind: GuestKind;
  readonly mode: MoveMode;
  readonly policies: ChannelPolicies;
  readonly deadlineMs: number;
  readonly holdMaxMs: number;
  readonly lateMaxMs: number;
  readonly measureMs: number;
  /** Of kind `qemu`: how the QEMU is started to which it goes. */
  readonly vm: VmDescription | null;
  /** The rest of its memory may come while it runs there. */
  readonly postcopy: boolean;
  /** The VM stays with this keeper, and only another process serves it. */
  readonly keeper: string | null;
  /** Null: anybody comes in, there as here. `expiresInMs` counts from now; null for never. */
  readonly tickets:
    | readonly {
        readonly password: string;
        readonly viewOnly: boolean;
        readonly expiresInMs: number | null;
      }[]
    | null;
}

/** With PREPARED: where clients link. `host` null: where the source's host has found us. */
export interface TargetPapers extends Omit<MoveTarget, "host"> {
  readonly host: string | null;
}

const whole = { type: "integer", minimum: 0, maximum: 3_600_000 } as const;
const orNull = (schema: object) => ({ oneOf: [schema, { type: "null" }] });
const port = orNull({ type: "integer", minimum: 1, maximum: 65_535 });
const papersSchema = object({
  guest: guestFields.name,
  kind: guestFields.kind,
  mode: migrationFields.mode,
  policies: migrationFields.policies,
  deadlineMs: whole,
  holdMaxMs: whole,
  lateMaxMs: whole,
  measureMs: whole,
  vm: orNull(guestFields.vm),
  postcopy: { type: "boolean" },
  keeper: orNull({ type: "string" }),
  tickets: orNull({
    type: "array",
    items: object({
      password: { type: "string" },
      viewOnly: { type: "boolean" },
      expiresInMs: orNull({ type: "number" }),
    }),
  }),
});

const targetSchema = object({
  host: orNull({ type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" }),
  port,
  tlsPort: port,
  certSubject: orNull({ type: "string" }),
});

function object(properties: Readonly<Record<string, object>>): object {
  return { type: "object", properties, required: Object.keys(properties) };
}

export function writePapers(papers: MovePapers | TargetPapers | ApiMoveOutcome): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(papers));
}

/** @throws Error that says what is wrong. */
export function readMovePapers(bytes: Uint8Array): MovePapers {
  return read<MovePapers>(papersSchema, bytes);
}

/** @throws Error that says what is wrong. */
export function readTargetPapers(bytes: Uint8Array): TargetPapers {
  return read<TargetPapers>(targetSchema, bytes);
}

/** @throws Error that says what is wrong. */
export function readOutcome(bytes: Uint8Array): ApiMoveOutcome {
  return read<ApiMoveOutcome>(apiSchemas.MoveOutcome, bytes);
}

function read<T>(schema: object, bytes: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("the other host's papers are no JSON");
  }
  const fault = faultIn(schema, value, "");
  if (fault !== null) throw new Error(`the other host's papers: ${fault}`);
  return value as T;
}

/** Tickets that are still good, with the time that they have left. */
export function ticketPapers(
  tickets: readonly Ticket[] | null,
  now: number,
): MovePapers["tickets"] {
  if (tickets === null) return null;
  return tickets
    .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
    .map(({ password, viewOnly, expiresAt }) => {
      return { password, viewOnly, expiresInMs: expiresAt === null ? null : expiresAt - now };
    });
}

export function ticketsOf(papers: MovePapers["tickets"], now: number): readonly Ticket[] | null {
  if (papers === null) return null;
  return papers.map(({ password, viewOnly, expiresInMs }) => {
    return { password, viewOnly, expiresAt: expiresInMs === null ? null : now + expiresInMs };
  });
}

/** What is wanted of a move, with what was not said filled in. */
export function completeMigration(
  asked: ApiNewMigration,
): Required<Omit<ApiNewMigration, "to" | "bandwidth" | "downtimeLimitMs" | "postcopyBandwidth">> {
  return {
    mode: asked.mode ?? "seamless",
    policies: asked.policies ?? {},
    waitClientsMs: asked.waitClientsMs ?? 10_000,
    deadlineMs: asked.deadlineMs ?? 5000,
    holdMaxMs: asked.holdMaxMs ?? 15_000,
    lateMaxMs: asked.lateMaxMs ?? 60_000,
    measureMs: asked.measureMs ?? 0,
    autoConverge: asked.autoConverge ?? false,
    postcopy: asked.postcopy ?? false,
    handOver: asked.handOver ?? false,
  };
}
