// Checks what a request says against the published schema: only the parts of JSON Schema that the
// schema uses.

import { apiSchemas } from "./openapi.ts";
import { HostUsageError } from "./usage-error.ts";

interface Node {
  readonly $ref?: string;
  readonly oneOf?: readonly Node[];
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Node;
}

/** @throws HostUsageError that names the field. */
export function validated<T>(name: keyof typeof apiSchemas, value: unknown): T {
  const fault = faultIn(apiSchemas[name] as Node, value, "");
  if (fault !== null) throw new HostUsageError(fault);
  return value as T;
}

/** What is wrong with a value, in words; null if nothing is. */
export function faultIn(schema: Node, value: unknown, path: string): string | null {
  const where = path === "" ? "the body" : path;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1) as keyof typeof apiSchemas;
    return faultIn(apiSchemas[name] as Node, value, path);
  }
  if (schema.oneOf !== undefined) {
    const found = schema.oneOf.map((one) => faultIn(one, value, path));
    return found.includes(null) ? null : found[0]!;
  }
  if (!isOfType(schema.type, value)) return `${where}: not ${article(schema.type)}`;
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return `${where}: one of ${schema.enum.join(", ")}`;
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value as string)) {
    return `${where}: does not match ${schema.pattern}`;
  }
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (typeof value === "number" && (value < minimum || value > maximum)) {
    return `${where}: not from ${minimum} to ${maximum}`;
  }
  if (schema.type === "array") return faultInItems(schema, value as readonly unknown[], path);
  if (schema.type === "object") return faultInFields(schema, value as Fields, path);
  return null;
}

type Fields = Readonly<Record<string, unknown>>;

function faultInItems({ items }: Node, values: readonly unknown[], path: string): string | null {
  for (const [at, value] of values.entries()) {
    const fault = items === undefined ? null : faultIn(items, value, `${path}[${at}]`);
    if (fault !== null) return fault;
  }
  return null;
}

function faultInFields(schema: Node, fields: Fields, path: string): string | null {
  const dotted = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const missing = schema.required?.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) return `${dotted(missing)}: missing`;
  for (const [name, value] of Object.entries(fields)) {
    const known = schema.properties?.[name];
    if (known === undefined) {
      if (schema.additionalProperties === false) return `${dotted(name)}: not known`;
      continue;
    }
    const fault = faultIn(known, value, dotted(name));
    if (fault !== null) return fault;
  }
  return null;
}

function isOfType(type: string | undefined, value: unknown): boolean {
  switch (type) {
    case undefined:
      return true;
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function article(type: string | undefined): string {
  return type === "integer" ? "a whole number" : `a ${type}`;
}
