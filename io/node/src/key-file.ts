// Key files (INI) as GLib reads them: groups, `key=value`, comments with `#`, and the escapes
// `\s \n \t \r \\` in values. Messages name lines, never what stands in them.

import { CarawayError } from "@caraway/wire";

/** A text that is no key file. */
export class KeyFileError extends CarawayError {
  readonly code = "KEY_FILE";
  /** Counted from 1. */
  readonly line: number;

  constructor(line: number, detail: string) {
    super(`line ${line}: ${detail}`);
    this.line = line;
  }
}

/** Groups by name, each with its raw values by key. A later line of the same key wins. */
export type KeyFile = ReadonlyMap<string, ReadonlyMap<string, string>>;

export function parseKeyFile(text: string): KeyFile {
  const groups = new Map<string, Map<string, string>>();
  let group: Map<string, string> | null = null;
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (const [index, raw] of lines.entries()) {
    const line = raw.trimStart();
    if (line.trim() === "" || line.startsWith("#")) continue;
    const name = /^\[([^[\]]+)\]\s*$/.exec(line)?.[1];
    if (name !== undefined) {
      group = groups.get(name) ?? new Map<string, string>();
      groups.set(name, group);
      continue;
    }
    const equals = line.indexOf("=");
    const key = line.slice(0, Math.max(0, equals)).trim();
    if (key === "") throw new KeyFileError(index + 1, "neither a [group] nor key=value");
    if (group === null) throw new KeyFileError(index + 1, "a key before the first [group]");
    group.set(key, line.slice(equals + 1).trimStart());
  }
  return groups;
}

const escapes: Readonly<Record<string, string>> = {
  s: " ",
  n: "\n",
  t: "\t",
  r: "\r",
  "\\": "\\",
};

/** The text that a raw value stands for; null where it has an escape that does not exist. */
export function unescapeValue(raw: string): string | null {
  let isGood = true;
  const text = raw.replace(/\\(.?)/gs, (_match, escaped: string) => {
    const character = escapes[escaped];
    if (character === undefined) isGood = false;
    return character ?? "";
  });
  return isGood ? text : null;
}

/** A list of values with `;` between them, and perhaps behind the last one. */
export function splitList(raw: string): string[] {
  return raw
    .split(/(?<!\\);/)
    .map((item) => item.replaceAll("\\;", ";").trim())
    .filter((item) => item !== "");
}
