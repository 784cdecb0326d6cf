// Output for scripts: one JSON object a line on standard output.

import { CarawayError } from "@caraway/wire";

/** An error as data: its stable code and its message. */
export function errorData(error: unknown): { code: string; message: string } {
  if (error instanceof CarawayError) return { code: error.code, message: error.message };
  return { code: "FAULT", message: error instanceof Error ? error.message : String(error) };
}

/** One line of JSON: 64-bit numbers as text, bytes as hexadecimal text, errors as data. */
export function jsonLine(value: object): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === "bigint") return field.toString();
    if (field instanceof Uint8Array) return Buffer.from(field).toString("hex");
    if (field instanceof Error) return errorData(field);
    return field;
  });
}
