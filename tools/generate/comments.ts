// The words of the declarations: doc comments of structs and fields, read from their source. The
// declarations are plain lists, so looking at lines is enough.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Comments {
  /** Of the module as a whole: the comment that begins the file. */
  readonly module: string;
  /** Of an exported struct or constant. */
  ofExport(exportName: string): string | null;
  /** Of a field of an exported struct or of a message. */
  ofField(owner: string, field: string): string | null;
}

export function readComments(root: string, module: string): Comments {
  const text = readFileSync(join(root, `core/protocol/src/${module}.ts`), "utf8");
  const exports = new Map<string, string>();
  const fields = new Map<string, string>();
  // Fields that several declarations share stand in a constant of their own.
  const byName = new Map<string, string>();
  let owner = "";
  const step =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?(?:^(?:export )?const (\w+) =|^\s*(?:message\()?"([A-Z][A-Z0-9_]*)",|^\s*(\w+):)/gm;
  for (const [, comment, constant, message, field] of text.matchAll(step)) {
    const words = comment === undefined ? null : plain(comment);
    if (constant !== undefined) {
      owner = constant;
      if (words !== null) exports.set(constant, words);
    } else if (message !== undefined) {
      owner = message;
    } else if (field !== undefined && words !== null) {
      fields.set(`${owner}.${field}`, words);
      byName.set(field, byName.has(field) ? "" : words);
    }
  }
  const head = /^((?:\/\/.*\n)+)/.exec(text)?.[1] ?? "";
  return {
    module: head
      .replaceAll(/^\/\/ ?/gm, "")
      .replaceAll("\n", " ")
      .trim(),
    ofExport: (name) => exports.get(name) ?? null,
    ofField: (of, field) => fields.get(`${of}.${field}`) ?? (byName.get(field) || null),
  };
}

function plain(comment: string): string {
  return comment
    .replaceAll(/^\s*\* ?/gm, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
