// Whether a request may happen at all: the conditions that its head names (RFC 9110, section 13, and
// the If header), and the locks in its way.

import { type Exchange, faultOf, type Steps } from "./exchange.ts";
import { samePath } from "./folder-url.ts";
import type { FolderEntry, FolderPath } from "./folder-work.ts";
import { parseHttpDate } from "./http-date.ts";
import { HttpFault } from "./http-fault.ts";
import { type IfCondition, parseIf, tokensOf } from "./if-header.ts";
import { etagOf } from "./live-properties.ts";

/** What is at a path; null when nothing is. */
export function* entryAt(exchange: Exchange, path: FolderPath): Steps<FolderEntry | null> {
  const answer = yield* exchange.try({ kind: "stat", path });
  if (answer.kind === "entry") return answer.entry;
  if (answer.kind === "failed" && answer.reason === "not-found") return null;
  // A file where the path has a folder.
  if (answer.kind === "failed" && answer.reason === "wrong-kind") return null;
  if (answer.kind === "failed") throw faultOf(answer);
  throw new HttpFault(500, `the folder answered ${answer.kind}`);
}

/** Whether the answer to a GET or HEAD would be what the client has. */
export function isUnchanged(exchange: Exchange, entry: FolderEntry): boolean {
  const tags = exchange.field("if-none-match");
  if (tags !== null) return hasTag(tags, etagOf(entry));
  const since = parseHttpDate(exchange.field("if-modified-since") ?? "");
  return since !== null && entry.modifiedMs < since + 1000;
}

/** Holds the request to its conditions; `entry` is what is there. Throws HttpFault 412. */
export function* demandConditions(exchange: Exchange, entry: FolderEntry | null): Steps {
  const match = exchange.field("if-match");
  if (match !== null && (entry === null || !hasTag(match, etagOf(entry)))) throw failed("If-Match");
  const since = parseHttpDate(exchange.field("if-unmodified-since") ?? "");
  if (since !== null && entry !== null && entry.modifiedMs >= since + 1000) {
    throw failed("If-Unmodified-Since");
  }
  const { method } = exchange.head;
  const none = exchange.field("if-none-match");
  const reads = method === "GET" || method === "HEAD";
  if (none !== null && !reads && entry !== null && hasTag(none, etagOf(entry))) {
    throw failed("If-None-Match");
  }
  const text = exchange.field("if");
  if (text === null) return;
  for (const { resource, conditions } of parseIf(text)) {
    const path = resource ?? exchange.path;
    const there = samePath(path, exchange.path) ? entry : yield* entryAt(exchange, path);
    if (conditions.every((condition) => holds(exchange, path, there, condition))) return;
  }
  throw failed("If");
}

/** Tokens of locks that the request names. */
export function submittedTokens(exchange: Exchange): Set<string> {
  const text = exchange.field("if");
  return text === null ? new Set() : tokensOf(parseIf(text));
}

function holds(
  { share, now }: Exchange,
  path: FolderPath,
  entry: FolderEntry | null,
  { isNot, kind, value }: IfCondition,
): boolean {
  const is =
    kind === "etag"
      ? entry?.kind === "file" && etagOf(entry) === value
      : share.locks.on(path, now).some(({ token }) => token === value);
  return is !== isNot;
}

function hasTag(list: string, tag: string): boolean {
  return list.split(",").some((part) => {
    const one = part.trim().replace(/^W\//, "");
    return one === "*" || one === tag;
  });
}

function failed(field: string): HttpFault {
  return new HttpFault(412, `${field} does not hold`);
}
