// The methods that change nothing: OPTIONS, GET, HEAD and PROPFIND.

import { encodeUtf8, joinBytes } from "@caraway/wire";
import { demandConditions, entryAt, isUnchanged } from "./conditions.ts";
import type { Exchange, Fields, Steps } from "./exchange.ts";
import { hrefOf, isShareable } from "./folder-url.ts";
import type { FolderEntry, FolderPath, NamedEntry } from "./folder-work.ts";
import { httpDate } from "./http-date.ts";
import { HttpFault } from "./http-fault.ts";
import { describeEntry, etagOf, type PropertyWish } from "./live-properties.ts";
import { escapeXml, readXml } from "./xml-reader.ts";

/** Bytes of a file that are read at once. */
const readSize = 64 << 10;
/** Entries of one folder that are listed. */
const entriesMax = 10_000;

const readAllow = "OPTIONS, GET, HEAD, PROPFIND, LOCK, UNLOCK";
const writeAllow = `${readAllow}, PUT, DELETE, MKCOL, COPY, MOVE, PROPPATCH`;

export function* options(exchange: Exchange): Steps {
  yield* exchange.answer(200, "", {
    DAV: "1, 2",
    Allow: exchange.share.readOnly ? readAllow : writeAllow,
    "MS-Author-Via": "DAV",
    "Accept-Ranges": "bytes",
  });
}

/** GET and HEAD. */
export function* get(exchange: Exchange): Steps {
  const { path } = exchange;
  const entry = (yield* exchange.do("entry", { kind: "stat", path })).entry;
  yield* demandConditions(exchange, entry);
  if (entry.kind === "folder") {
    yield* index(exchange);
    return;
  }
  if (isUnchanged(exchange, entry)) {
    yield* exchange.begin(304, 0, { ETag: etagOf(entry) });
    return;
  }
  if (exchange.head.method === "HEAD") {
    yield* exchange.begin(200, entry.size, fileFields(entry));
    return;
  }
  const opened = yield* exchange.do("file", { kind: "open", path });
  try {
    yield* sendFile(exchange, opened.handle, opened.entry);
  } finally {
    yield* exchange.try({ kind: "release", handle: opened.handle });
  }
}

function* sendFile(exchange: Exchange, handle: number, entry: FolderEntry): Steps {
  const range = rangeOf(exchange, entry);
  if (range === "outside") {
    yield* exchange.answer(416, "", { "Content-Range": `bytes */${entry.size}` });
    return;
  }
  const [from, to] = range ?? [0, entry.size];
  const partly = range === null ? {} : { "Content-Range": `bytes ${from}-${to - 1}/${entry.size}` };
  yield* exchange.begin(range === null ? 200 : 206, to - from, { ...fileFields(entry), ...partly });
  for (let at = from; at < to; ) {
    const length = Math.min(readSize, to - at);
    const { bytes } = yield* exchange.do("bytes", { kind: "read", handle, offset: at, length });
    // The length was promised: only the connection's end can say that it is not kept.
    if (bytes.length === 0) throw new HttpFault(500, "the file became shorter", { fatal: true });
    yield { wait: "send", bytes: bytes.subarray(0, length) };
    at += bytes.length;
  }
}

function fileFields(entry: FolderEntry): Fields {
  return {
    "Content-Type": "application/octet-stream",
    "X-Content-Type-Options": "nosniff",
    "Last-Modified": httpDate(entry.modifiedMs),
    ETag: etagOf(entry),
    "Accept-Ranges": "bytes",
  };
}

/** The one range that is asked for; null: all of the file. */
function rangeOf(
  exchange: Exchange,
  { size, ...entry }: FolderEntry,
): [number, number] | "outside" | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(exchange.field("range")?.trim() ?? "");
  if (match === null) return null;
  const onlyIf = exchange.field("if-range");
  const current = [etagOf({ size, ...entry }), httpDate(entry.modifiedMs)];
  if (onlyIf !== null && !current.includes(onlyIf)) return null;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return null;
  if (first === "")
    return Number(last) === 0 ? "outside" : [Math.max(0, size - Number(last)), size];
  if (Number(first) >= size) return "outside";
  if (last === "") return [Number(first), size];
  if (Number(last) < Number(first)) return null;
  return [Number(first), Math.min(Number(last) + 1, size)];
}

/** A folder for somebody who came with a browser. */
function* index(exchange: Exchange): Steps {
  const { path } = exchange;
  const fields = { "Content-Type": "text/html; charset=utf-8" };
  if (exchange.head.method === "HEAD") {
    yield* exchange.begin(200, 0, fields);
    return;
  }
  const entries = yield* listed(exchange, path);
  const links = entries.map(({ name, kind }) => {
    const slash = kind === "folder" ? "/" : "";
    const href = hrefOf([...path, name], kind === "folder");
    return `<li><a href="${escapeXml(href)}">${escapeXml(name)}${slash}</a></li>\n`;
  });
  const title = escapeXml(hrefOf(path, true));
  const page = `<!DOCTYPE html>\n<title>${title}</title>\n<ul>\n${links.join("")}</ul>\n`;
  yield* exchange.answer(200, page, fields);
}

export function* propfind(exchange: Exchange): Steps {
  const { path, share } = exchange;
  const depth = exchange.field("depth")?.toLowerCase() ?? "infinity";
  const wish = wishOf(yield* exchange.wholeBody());
  const entry = yield* entryAt(exchange, path);
  if (entry === null) throw new HttpFault(404, "nothing is there");
  if (depth !== "0" && depth !== "1") {
    throw new HttpFault(403, "a whole tree is asked for", { condition: "propfind-finite-depth" });
  }
  const isListed = depth === "1" && entry.kind === "folder";
  const entries = isListed ? yield* listed(exchange, path) : [];
  const fields = { "Content-Type": "application/xml; charset=utf-8" };
  yield* exchange.begin(207, null, fields);
  const describe = (place: FolderPath, what: FolderEntry) => {
    return describeEntry(share, place, what, wish, exchange.now);
  };
  let text = `<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">${describe(path, entry)}`;
  for (const child of entries) {
    text += describe([...path, child.name], child);
    if (text.length < readSize / 4) continue;
    yield { wait: "send", bytes: chunk(text) };
    text = "";
  }
  yield { wait: "send", bytes: chunk(`${text}</D:multistatus>`) };
  yield { wait: "send", bytes: encodeUtf8("0\r\n\r\n") };
}

function chunk(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  const head = encodeUtf8(`${bytes.length.toString(16)}\r\n`);
  return joinBytes([head, bytes, [13, 10]]);
}

/** What is in a folder and can be spoken of, in the order of names. */
function* listed(exchange: Exchange, path: FolderPath): Steps<NamedEntry[]> {
  const { entries } = yield* exchange.do("entries", { kind: "list", path, most: entriesMax });
  const shown = entries.filter(({ name }) => isShareable(name));
  return shown.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws HttpFault */
function wishOf(body: Uint8Array): PropertyWish {
  if (body.length === 0) return { kind: "all" };
  const root = readXml(body);
  if (root.namespace !== "DAV:" || root.name !== "propfind") {
    throw new HttpFault(400, "the body is no propfind");
  }
  const [first] = root.children.filter(({ namespace, name }) => {
    return namespace === "DAV:" && ["prop", "allprop", "propname"].includes(name);
  });
  switch (first?.name) {
    case "prop":
      return {
        kind: "some",
        names: first.children.map(({ namespace, name }) => ({ namespace, name })),
      };
    case "propname":
      return { kind: "names" };
    case "allprop":
      return { kind: "all" };
    default:
      throw new HttpFault(400, "the propfind asks for nothing");
  }
}
