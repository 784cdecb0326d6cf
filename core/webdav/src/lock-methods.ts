// LOCK and UNLOCK: what programs need that write files while they are open, davfs2 and Windows among
// them.

import { demandConditions, entryAt } from "./conditions.ts";
import type { Exchange, Steps } from "./exchange.ts";
import { HttpFault } from "./http-fault.ts";
import { parseIf, tokensOf } from "./if-header.ts";
import { lockDiscovery } from "./live-properties.ts";
import type { Lock } from "./lock-table.ts";
import { demandLocks } from "./write-methods.ts";
import { escapeXml, readXml, writeXml, type XmlElement } from "./xml-reader.ts";

const ownerMax = 4096;

export function* lock(exchange: Exchange): Steps {
  const { path, share } = exchange;
  const { locks, readOnly } = share;
  const body = yield* exchange.wholeBody();
  const timeoutMs = timeoutOf(exchange.field("timeout"));
  if (body.length === 0) {
    const refreshed = locks.refresh(namedLock(exchange), timeoutMs, exchange.now);
    yield* answer(exchange, 200, refreshed);
    return;
  }
  if (readOnly) throw new HttpFault(403, "the folder is read-only");
  const depth = exchange.field("depth")?.toLowerCase() ?? "infinity";
  if (depth !== "0" && depth !== "infinity") throw new HttpFault(400, "Depth is odd");
  const { isShared, owner } = wishOf(body);
  const entry = yield* entryAt(exchange, path);
  yield* demandConditions(exchange, entry);
  if (entry === null) demandLocks(exchange, path, true, false);
  const wish = { root: path, isDeep: depth === "infinity", isShared, owner };
  const made = locks.lock(wish, timeoutMs, exchange.now);
  try {
    // A name is reserved by an empty file.
    if (entry === null) {
      const { handle } = yield* exchange.do("file", { kind: "create", path });
      yield* exchange.do("done", { kind: "keep", handle });
    }
  } catch (error) {
    locks.unlock(made.token);
    throw error;
  }
  yield* answer(exchange, entry === null ? 201 : 200, made, { "Lock-Token": `<${made.token}>` });
}

export function* unlock(exchange: Exchange): Steps {
  const token = /^<([^>]+)>$/.exec(exchange.field("lock-token") ?? "")?.[1];
  if (token === undefined) throw new HttpFault(400, "there is no Lock-Token");
  const { locks } = exchange.share;
  const isHere = locks.on(exchange.path, exchange.now).some((lock) => lock.token === token);
  if (!isHere) {
    throw new HttpFault(409, "no such lock", { condition: "lock-token-matches-request-uri" });
  }
  locks.unlock(token);
  yield* exchange.answer(204);
}

function* answer(
  exchange: Exchange,
  status: number,
  made: Lock,
  fields: Readonly<Record<string, string>> = {},
): Steps {
  const discovery = lockDiscovery([made], exchange.now);
  yield* exchange.answer(
    status,
    `<?xml version="1.0" encoding="utf-8"?><D:prop xmlns:D="DAV:">${discovery}</D:prop>`,
    fields,
  );
}

/** The lock that a refresh is about. */
function namedLock(exchange: Exchange): Lock {
  const tokens = tokensOf(parseIf(exchange.field("if") ?? ""));
  const { locks } = exchange.share;
  const found = locks.on(exchange.path, exchange.now).find(({ token }) => tokens.has(token));
  if (found === undefined) throw new HttpFault(412, "the lock to be refreshed is gone");
  return found;
}

function wishOf(body: Uint8Array): Pick<Lock, "isShared" | "owner"> {
  const root = readXml(body);
  if (root.namespace !== "DAV:" || root.name !== "lockinfo") {
    throw new HttpFault(400, "the body is no lockinfo");
  }
  const scope = child(root, "lockscope");
  const isWrite = child(root, "locktype")?.children.some(({ name }) => name === "write") ?? false;
  const isShared = scope?.children.some(({ name }) => name === "shared") ?? false;
  const isExclusive = scope?.children.some(({ name }) => name === "exclusive") ?? false;
  if (!isWrite || isShared === isExclusive) throw new HttpFault(400, "such locks are not known");
  const said = child(root, "owner");
  const owner = said === undefined ? "" : contentOf(said);
  if (owner.length > ownerMax) throw new HttpFault(413, "the owner is too long");
  return { isShared, owner };
}

function contentOf({ children, text }: XmlElement): string {
  return children.length > 0 ? children.map(writeXml).join("") : escapeXml(text);
}

function child(parent: XmlElement, name: string): XmlElement | undefined {
  return parent.children.find((one) => one.namespace === "DAV:" && one.name === name);
}

/** Null: as long as possible. */
function timeoutOf(field: string | null): number | null {
  const seconds = /^\s*Second-(\d{1,10})/i.exec(field ?? "")?.[1];
  return seconds === undefined ? null : 1000 * Number(seconds);
}
