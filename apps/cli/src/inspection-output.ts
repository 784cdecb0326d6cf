// How inspected messages are written: trees for people, one JSON object a line for scripts.

import type { Finding } from "@caraway/channel";
import type { FieldNode, Inspection } from "@caraway/wire";
import type { InspectedInner, InspectedMessage } from "./inspected-channel.ts";
import { jsonLine } from "./json-lines.ts";

/** Bytes of a block that are shown. */
const shownBytes = 32;

export interface Place {
  /** Capture file, or number of the live connection. */
  readonly source: string;
  /** `display 0`. */
  readonly channel: string;
}

type Message = Extract<Finding, { type: "message" }>;

export function messageText(
  place: Place,
  { from, offset, frame }: Message,
  message: InspectedMessage,
): string {
  const arrow = from === "client" ? "C→S" : "S→C";
  const title = message.name ?? "unknown message";
  const head = `${place.channel} ${arrow} #${frame.serial} @${offset} ${title} (${message.id}) ${message.size} bytes`;
  const lines = [head];
  if (message.inspection !== null) lines.push(...inspectionLines(message.inspection, "  "));
  for (const inner of message.inner) lines.push(...innerLines(inner));
  return lines.join("\n");
}

export function messageJson(
  place: Place,
  { from, offset, frame }: Message,
  message: InspectedMessage,
): string {
  const { inspection } = message;
  return jsonLine({
    ...place,
    from,
    serial: frame.serial,
    offset,
    message: message.name,
    id: message.id,
    size: message.size,
    fields: inspection === null ? [] : inspection.fields.map(fieldData),
    ...(inspection?.error && { error: inspection.error }),
    ...(message.inner.length > 0 && { inner: message.inner.map(innerData) }),
  });
}

function inspectionLines(inspection: Inspection, indent: string): string[] {
  const lines = inspection.fields.flatMap((field) => fieldLines(field, indent));
  for (const [start, end] of inspection.uncovered) {
    lines.push(`${indent}@${start} ${end - start} bytes that no field covers`);
  }
  if (inspection.error !== null) lines.push(`${indent}! ${inspection.error.message}`);
  return lines;
}

function fieldLines(field: FieldNode, indent: string): string[] {
  const leaf = field.children.length === 0;
  const value = leaf ? ` = ${valueText(field)}` : "";
  const own = `${indent}@${field.offset} ${field.name}${value}`;
  return [own, ...field.children.flatMap((child) => fieldLines(child, `${indent}  `))];
}

function innerLines(inner: InspectedInner): string[] {
  if (inner.kind === "migration-data") {
    const inspection = inner.value as Inspection;
    return [`  holds ${inner.name}`, ...inspectionLines(inspection, "    ")];
  }
  if (inner.kind === "error") return [`  ! ${inner.name}: ${inner.value}`];
  return [`  completes agent message ${inner.name} ${jsonLine(shorten(inner.value) as object)}`];
}

function innerData({ kind, name, value }: InspectedInner): object {
  if (kind === "migration-data") {
    const { fields, error } = value as Inspection;
    return { kind, name, fields: fields.map(fieldData), ...(error && { error }) };
  }
  return { kind, name, value: shorten(value) };
}

function fieldData(field: FieldNode): object {
  const { name, offset, size, children } = field;
  const place = { name, offset, size };
  if (children.length > 0) return { ...place, fields: children.map(fieldData) };
  return { ...place, value: shorten(field.value) ?? null };
}

/** Named values with their number; blocks by size and first bytes. */
function valueText(field: FieldNode): string {
  const { schema, value } = field;
  if (schema.kind === "enum") {
    const name = Object.keys(schema.values).find((key) => schema.values[key] === value);
    return name === undefined ? `${value}` : `${name} (${value})`;
  }
  if (schema.kind === "flags" && typeof value === "number") {
    const set = Object.entries(schema.bits).filter(([, bit]) => (value & bit) !== 0);
    return set.length === 0 ? `${value}` : `${set.map(([name]) => name).join("|")} (${value})`;
  }
  if (value instanceof Uint8Array) return `${value.length} bytes ${hex(value)}`;
  if (value === undefined) return "?";
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}

function shorten(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: value.length, hex: hex(value) };
  if (Array.isArray(value)) return value.map(shorten);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shorten(field)]));
}

function hex(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, shownBytes)).toString("hex");
  return bytes.length > shownBytes ? `${text}…` : text;
}
