// The head of an HTTP/1.1 request (RFC 9112), read strictly: what two programs could understand in
// two ways is refused. A parser of our own, because those of Node and npm stand on sockets, and the
// core runs in pages too.

import { HttpFault } from "./http-fault.ts";

export interface RequestHead {
  readonly method: string;
  /** As it came: a path with percent signs, or a whole URL. */
  readonly target: string;
  /** By name in lower case; fields that came several times are joined with commas. */
  readonly fields: ReadonlyMap<string, string>;
  /** Whether the connection goes on behind the answer. */
  readonly keepAlive: boolean;
}

/** How long a body is. */
export type BodyLength = number | "chunked";

const fieldsMax = 100;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const requestLine = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
/** A tab and all that is no control character; bytes beyond ASCII mean nothing in particular. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** A second one of these would be an attack or a fault. */
const single = new Set(["host", "content-length", "transfer-encoding", "destination", "depth"]);

/**
 * @param text all up to the empty line, each byte a character.
 * @throws HttpFault
 */
export function parseRequestHead(text: string): RequestHead {
  const [first = "", ...lines] = text.split("\r\n");
  const match = requestLine.exec(first);
  if (match === null) throw bad("the first line is no request");
  const [, method = "", target = "", minor] = match;
  if (lines.length > fieldsMax) {
    throw new HttpFault(431, `${lines.length} header fields`, { fatal: true });
  }
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (!token.test(name) || !fieldValue.test(value)) throw bad("a header field is malformed");
    const key = name.toLowerCase();
    const before = fields.get(key);
    if (before !== undefined && single.has(key)) throw bad(`there are two fields ${key}`);
    fields.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  if (minor === "1" && !fields.has("host")) throw bad("there is no Host");
  const options = (fields.get("connection") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
  const keepAlive = minor === "1" ? !options.includes("close") : options.includes("keep-alive");
  return { method, target, fields, keepAlive };
}

/** @throws HttpFault */
export function bodyLength({ fields }: RequestHead): BodyLength {
  const encoding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (encoding !== undefined) {
    if (length !== undefined) throw bad("the body has two lengths");
    if (encoding.toLowerCase() !== "chunked") {
      throw new HttpFault(501, "a transfer coding is not known", { fatal: true });
    }
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw bad("the length of the body is no number");
  return Number(length);
}

function bad(detail: string): HttpFault {
  return new HttpFault(400, detail, { fatal: true });
}
