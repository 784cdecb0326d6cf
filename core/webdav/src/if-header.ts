// The If header of WebDAV (RFC 4918, section 10.4): lists of lock tokens and entity tags, of which
// one list must hold for the request to happen.

import { pathOfTarget } from "./folder-url.ts";
import type { FolderPath } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";

export interface IfCondition {
  readonly isNot: boolean;
  readonly kind: "token" | "etag";
  /** Without brackets; an entity tag with its quotes. */
  readonly value: string;
}

export interface IfList {
  /** Null: what the request is about. */
  readonly resource: FolderPath | null;
  readonly conditions: readonly IfCondition[];
}

const listsMax = 100;
const resource = /\s*<([^>]*)>\s*/y;
const list = /\s*\(((?:\s*(?:Not\s*)?(?:<[^>]*>|\[(?:W\/)?"[^"]*"\]))+)\s*\)\s*/iy;
const condition = /(Not\s*)?(?:<([^>]*)>|\[((?:W\/)?"[^"]*")\])/gi;

/** @throws HttpFault 400 */
export function parseIf(text: string): IfList[] {
  const lists: IfList[] = [];
  let at = 0;
  let tagged: FolderPath | null = null;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    const tag = match(resource);
    if (tag !== null) tagged = pathOfTarget(tag[1]!);
    const found = match(list);
    if (found === null || lists.length === listsMax) throw new HttpFault(400, "If is malformed");
    const conditions = [...found[1]!.matchAll(condition)].map(
      ([, not, token, etag]): IfCondition => {
        const isNot = not !== undefined;
        if (token !== undefined) return { isNot, kind: "token", value: token };
        return { isNot, kind: "etag", value: etag! };
      },
    );
    lists.push({ resource: tagged, conditions });
  }
  if (lists.length === 0) throw new HttpFault(400, "If is empty");
  return lists;
}

/** Tokens that a header names, wherever it does. */
export function tokensOf(lists: readonly IfList[]): Set<string> {
  const tokens = new Set<string>();
  for (const { conditions } of lists) {
    for (const { kind, value, isNot } of conditions) {
      if (kind === "token" && !isNot) tokens.add(value);
    }
  }
  return tokens;
}
