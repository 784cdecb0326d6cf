// Questions that both halves of the generator ask of a schema: how large it is on the wire, and
// which TypeScript type its value has.

import { type AnySchema, type Fields, node, scalarSize } from "@caraway/wire";
import type { Declarations } from "./declarations.ts";

/** Bytes that every value takes where it stands, or null if values differ. */
export function fixedSize(schema: AnySchema): number | null {
  const s = node(schema);
  switch (s.kind) {
    case "scalar":
      return scalarSize[s.type];
    case "enum":
    case "flags":
    case "count":
      return scalarSize[s.scalar];
    case "pointer":
      return 4;
    case "fileDescriptor":
      return 0;
    case "struct":
      return fixedSizeOfFields(s.fields);
    case "bytes":
      return "fixed" in s.length ? s.length.fixed : null;
    case "list": {
      const item = fixedSize(s.item);
      return "fixed" in s.length && item !== null ? s.length.fixed * item : null;
    }
    default:
      return null;
  }
}

export function fixedSizeOfFields(fields: Fields): number | null {
  let sum = 0;
  for (const field of Object.values(fields)) {
    const size = fixedSize(field);
    if (size === null) return null;
    sum += size;
  }
  return sum;
}

/** True if a value has nothing outside the place where it stands. */
export function isFlat(schema: AnySchema): boolean {
  const s = node(schema);
  switch (s.kind) {
    case "pointer":
      return false;
    case "struct":
      return Object.values(s.fields).every(isFlat);
    case "list":
      return isFlat(s.item) && fixedSize(s) !== null;
    default:
      return fixedSize(s) !== null;
  }
}

/** The TypeScript type of a value. */
export function typeText(schema: AnySchema, declarations: Declarations): string {
  const s = node(schema);
  switch (s.kind) {
    case "scalar":
      return s.type === "u64" || s.type === "i64" || s.type === "u64be" ? "bigint" : "number";
    case "enum":
      return s.open ? "number" : [...new Set(Object.values(s.values))].join(" | ");
    case "flags":
    case "count":
      return "number";
    case "bytes":
      return "Uint8Array";
    case "text":
      return "string";
    case "list": {
      const item = typeText(s.item, declarations);
      return item.includes("|") ? `(${item})[]` : `${item}[]`;
    }
    case "pointer":
      return s.null === "allowed"
        ? `${typeText(s.target, declarations)} | null`
        : typeText(s.target, declarations);
    case "when":
    case "given":
      return `${typeText(s.schema, declarations)} | null`;
    case "struct":
    case "tagged":
      return nameOf(s, declarations);
    case "fileDescriptor":
      throw new Error("a file descriptor has no value");
  }
}

/** The export name of a struct, which generated functions and types carry too. */
export function nameOf(schema: AnySchema, declarations: Declarations): string {
  const found = declarations.named.get(schema);
  if (found === undefined) {
    throw new Error(`struct ${(schema as { name?: string }).name} is not exported by its module`);
  }
  return found.exportName;
}

/** `MIGRATE_BEGIN` as `MigrateBegin`. */
export function pascalCase(name: string): string {
  return name
    .toLowerCase()
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/** A local that holds an offset, and how far behind it something stands. */
export interface Place {
  readonly o: string;
  readonly offset: number;
}

export function atText({ o, offset }: Place): string {
  return offset === 0 ? o : `${o} + ${offset}`;
}
