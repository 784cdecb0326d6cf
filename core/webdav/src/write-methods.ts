// The methods that change the folder: PUT, DELETE, MKCOL, COPY, MOVE and PROPPATCH.

import { demandConditions, entryAt, submittedTokens } from "./conditions.ts";
import { type Exchange, element, type Steps } from "./exchange.ts";
import { hrefOf, isWithin } from "./folder-url.ts";
import type { FolderEntry, FolderPath } from "./folder-work.ts";
import { parseHttpDate } from "./http-date.ts";
import { HttpFault } from "./http-fault.ts";
import { emptyElement, liveNames, propertyStatus } from "./live-properties.ts";
import { readXml, writeXml, type XmlElement } from "./xml-reader.ts";

/** Namespace of the file times that Windows sets behind each file that it copies. */
const windows = "urn:schemas-microsoft-com:";

export function* put(exchange: Exchange): Steps {
  const { path, share } = exchange;
  if (exchange.field("content-range") !== null) throw new HttpFault(400, "parts are not written");
  const announced = Number(exchange.field("content-length") ?? 0);
  if (announced > share.fileBytesMax)
    throw new HttpFault(413, "the file is too large", { fatal: true });
  const before = yield* entryAt(exchange, path);
  if (before?.kind === "folder") throw new HttpFault(405, "a folder is there");
  yield* demandConditions(exchange, before);
  yield* demandParent(exchange, path);
  demandLocks(exchange, path, before === null, false);
  const { handle } = yield* exchange.do("file", { kind: "create", path });
  let isKept = false;
  try {
    let size = 0;
    for (let piece = yield* exchange.body(); piece !== null; piece = yield* exchange.body()) {
      size += piece.length;
      if (size > share.fileBytesMax)
        throw new HttpFault(413, "the file is too large", { fatal: true });
      yield* exchange.do("done", { kind: "write", handle, bytes: piece });
    }
    isKept = true;
    yield* exchange.do("done", { kind: "keep", handle });
  } finally {
    // The connection may have ended: half a file is no file.
    if (!isKept) yield* exchange.try({ kind: "release", handle });
  }
  yield* exchange.answer(before === null ? 201 : 204);
}

export function* remove(exchange: Exchange): Steps {
  const { path } = exchange;
  demandNotRoot(path);
  const depth = exchange.field("depth")?.toLowerCase() ?? "infinity";
  const entry = yield* entryAt(exchange, path);
  if (entry === null) throw new HttpFault(404, "nothing is there");
  if (entry.kind === "folder" && depth !== "infinity") throw new HttpFault(400, "part of a tree");
  yield* demandConditions(exchange, entry);
  demandLocks(exchange, path, true, true);
  yield* removeAt(exchange, path);
  yield* exchange.answer(204);
}

export function* makeFolder(exchange: Exchange): Steps {
  const { path } = exchange;
  if ((yield* exchange.wholeBody()).length > 0) throw new HttpFault(415, "a folder with a body");
  const entry = yield* entryAt(exchange, path);
  if (entry !== null) throw new HttpFault(405, "something is there already");
  yield* demandConditions(exchange, null);
  yield* demandParent(exchange, path);
  demandLocks(exchange, path, true, false);
  yield* exchange.do("done", { kind: "make-folder", path });
  yield* exchange.answer(201);
}

export function* copy(exchange: Exchange): Steps {
  yield* transfer(exchange, "copy");
}

export function* move(exchange: Exchange): Steps {
  yield* transfer(exchange, "move");
}

function* transfer(exchange: Exchange, kind: "copy" | "move"): Steps {
  const { path: from, destination: to, share } = exchange;
  if (kind === "move") demandNotRoot(from);
  demandNotRoot(to);
  const depth = exchange.field("depth")?.toLowerCase() ?? "infinity";
  if (depth !== "infinity" && (depth !== "0" || kind === "move")) {
    throw new HttpFault(400, "Depth is odd");
  }
  if (isWithin(to, from) || isWithin(from, to)) {
    throw new HttpFault(403, "one of the places lies in the other");
  }
  const entry = yield* entryAt(exchange, from);
  if (entry === null) throw new HttpFault(404, "nothing is there");
  yield* demandConditions(exchange, entry);
  const there = yield* entryAt(exchange, to);
  if (there !== null && exchange.field("overwrite")?.toUpperCase() === "F") {
    throw new HttpFault(412, "something is at the destination");
  }
  yield* demandParent(exchange, to);
  if (kind === "move") demandLocks(exchange, from, true, true);
  demandLocks(exchange, to, there === null, there !== null);
  if (there !== null) yield* removeAt(exchange, to);
  if (kind === "move") {
    yield* exchange.do("done", { kind, from, to });
    share.properties.copied(from, to);
    share.properties.removed(from);
    share.locks.removed(from);
  } else {
    yield* exchange.do("done", { kind, from, to, deep: depth === "infinity" });
    share.properties.copied(from, to);
  }
  yield* exchange.answer(there === null ? 201 : 204);
}

function* removeAt(exchange: Exchange, path: FolderPath): Steps {
  yield* exchange.do("done", { kind: "remove", path });
  exchange.share.properties.removed(path);
  exchange.share.locks.removed(path);
}

/** The folder in which something is to be. Throws HttpFault 409. */
function* demandParent(exchange: Exchange, path: FolderPath): Steps {
  if (path.length === 0) throw new HttpFault(405, "the folder itself cannot be made");
  const parent = yield* entryAt(exchange, path.slice(0, -1));
  if (parent?.kind !== "folder") throw new HttpFault(409, "there is no folder for it");
}

function demandNotRoot(path: FolderPath): void {
  if (path.length === 0) throw new HttpFault(403, "the shared folder itself stays as it is");
}

/** `isMember`: something comes into its folder or goes from there. */
export function demandLocks(
  exchange: Exchange,
  path: FolderPath,
  isMember: boolean,
  isTree: boolean,
): void {
  const tokens = submittedTokens(exchange);
  const { locks } = exchange.share;
  locks.demand(path, isTree, tokens, exchange.now);
  if (isMember) locks.demand(path.slice(0, -1), false, tokens, exchange.now);
}

/** Sets dead properties; of live ones only the time of the last change, as Windows names it. */
export function* proppatch(exchange: Exchange): Steps {
  const { path, share } = exchange;
  const root = readXml(yield* exchange.wholeBody());
  if (root.namespace !== "DAV:" || root.name !== "propertyupdate") {
    throw new HttpFault(400, "the body is no propertyupdate");
  }
  const entry = yield* entryAt(exchange, path);
  if (entry === null) throw new HttpFault(404, "nothing is there");
  yield* demandConditions(exchange, entry);
  demandLocks(exchange, path, false, false);
  const changes = root.children.flatMap(({ namespace, name, children }) => {
    if (namespace !== "DAV:" || (name !== "set" && name !== "remove")) return [];
    return children
      .filter((child) => child.namespace === "DAV:" && child.name === "prop")
      .flatMap((child) => child.children.map((property) => ({ isSet: name === "set", property })));
  });
  const fixed = changes.filter(({ property }) => isLive(property));
  const names = (list: typeof changes) => list.map(({ property }) => emptyElement(property));
  let result: string;
  if (fixed.length > 0) {
    // All or nothing.
    const others = changes.filter((change) => !fixed.includes(change));
    result = propertyStatus(names(fixed), "403 Forbidden");
    if (others.length > 0) result += propertyStatus(names(others), "424 Failed Dependency");
  } else {
    for (const { isSet, property } of changes) {
      if (isSet) yield* setProperty(exchange, entry, property);
      else share.properties.remove(path, property);
    }
    result = propertyStatus(names(changes), "200 OK");
  }
  const href = element("href", hrefOf(path, entry.kind === "folder"));
  yield* exchange.answer(
    207,
    `<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:"><D:response>${href}${result}</D:response></D:multistatus>`,
  );
}

function isLive({ namespace, name }: XmlElement): boolean {
  return namespace === "DAV:" && liveNames.some((live) => live === name);
}

function* setProperty(exchange: Exchange, entry: FolderEntry, property: XmlElement): Steps {
  const { path, share } = exchange;
  const { namespace, name } = property;
  if (namespace === windows && name === "Win32LastModifiedTime" && entry.kind === "file") {
    const modifiedMs = parseHttpDate(property.text.trim());
    if (modifiedMs !== null) yield* exchange.try({ kind: "touch", path, modifiedMs });
  }
  share.properties.set(path, { namespace, name, source: writeXml(property) });
}
