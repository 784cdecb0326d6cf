// What is read off a wire, from memory: the same bytes behind the same bytes are the same messages.

import { ConversationTap, type Finding } from "@caraway/channel";
import { type ChannelName, channelLabel, channelNameOf } from "@caraway/client";
import { markOf } from "./fingerprint.ts";
import type { Side } from "./network.ts";
import type { WireView } from "./views.ts";

/** How far a wire has been read. */
export interface TapPoint {
  /** What was read since the point before it; null at the beginning. */
  readonly origin: {
    readonly before: TapPoint;
    readonly from: Side;
    readonly bytes: Uint8Array;
  } | null;
  readonly next: Map<string, Reading>;
  /** The point between two messages at which it all came together first. */
  readonly anchor: TapPoint | null;
}

export interface Reading {
  readonly to: TapPoint;
  readonly findings: readonly Finding[];
}

/** Where nothing has been read yet. */
export function newTapPoint(): TapPoint {
  return { origin: null, next: new Map(), anchor: null };
}

export function readOn(before: TapPoint, from: Side, bytes: Uint8Array): Reading {
  const key = `${from} ${markOf(bytes)}`;
  const known = before.next.get(key);
  if (known !== undefined) return known;
  const tap = tapAt(before);
  tap.push(from, bytes);
  const findings: Finding[] = [];
  for (let finding = tap.poll(); finding !== null; finding = tap.poll()) findings.push(finding);
  const reading = { to: pointBehind(tap, before, from, bytes), findings };
  before.next.set(key, reading);
  return reading;
}

/** Between two messages nothing of what came before matters any more but the link stage. */
function pointBehind(
  tap: ConversationTap,
  before: TapPoint,
  from: Side,
  bytes: Uint8Array,
): TapPoint {
  const isAtRest = tap.isBetweenMessages;
  if (isAtRest && before.anchor !== null) return before.anchor;
  const next = new Map<string, Reading>();
  const origin = { before, from, bytes };
  if (!isAtRest) return { origin, next, anchor: before.anchor };
  const anchor: { -readonly [name in keyof TapPoint]: TapPoint[name] } = {
    origin,
    next,
    anchor: null,
  };
  anchor.anchor = anchor;
  return anchor;
}

function tapAt(point: TapPoint): ConversationTap {
  const pushes: { readonly from: Side; readonly bytes: Uint8Array }[] = [];
  for (let { origin } = point; origin !== null; { origin } = origin.before) pushes.push(origin);
  const tap = new ConversationTap();
  for (const { from, bytes } of pushes.reverse()) tap.push(from, bytes);
  while (tap.poll() !== null);
  return tap;
}

/** What a finding says of its connection as a whole. */
export function learned(
  finding: Finding,
): Partial<Pick<WireView, "purpose" | "isLinked" | "isRestored">> {
  switch (finding.type) {
    case "link-message": {
      const { channelType, channelId } = finding.value;
      const name: ChannelName | null = channelNameOf(channelType);
      return { purpose: name === null ? "?" : channelLabel({ name, id: channelId }) };
    }
    case "link-result":
      return finding.result === 0 ? { isLinked: true } : {};
    case "message":
      return isMigrateData(finding) ? { isRestored: true } : {};
    default:
      return {};
  }
}

const clientMigrateData = 5;

function isMigrateData({ from, frame }: Extract<Finding, { type: "message" }>): boolean {
  return from === "client" && frame.id === clientMigrateData;
}
