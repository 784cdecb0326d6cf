// One request on its way to its answer. A method is a generator: it yields what it waits for (work
// on the folder, the next piece of the body, room to send) and goes on when that is there, so that
// its course reads from top to bottom although nothing in the core ever waits.

import type { Instant } from "@caraway/channel";
import { encodeUtf8, joinBytes } from "@caraway/wire";
import { authorityOf, pathOfTarget } from "./folder-url.ts";
import type { FolderAnswer, FolderFailure, FolderPath, FolderWork } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";
import type { LockTable } from "./lock-table.ts";
import type { PropertyStore } from "./property-store.ts";
import type { RequestHead } from "./request-head.ts";
import { escapeXml } from "./xml-reader.ts";

export type Step =
  | { readonly wait: "work"; readonly work: FolderWork }
  /** The next piece of the body; null behind the last one. */
  | { readonly wait: "body" }
  /** Room to send, then what is sent. */
  | { readonly wait: "send"; readonly bytes: Uint8Array };

export type StepResult = FolderAnswer | Uint8Array | null | undefined;

/** A part of a method. */
export type Steps<T = void> = Generator<Step, T, StepResult>;

/** What all requests share. */
export interface Share {
  readonly readOnly: boolean;
  readonly fileBytesMax: number;
  readonly locks: LockTable;
  readonly properties: PropertyStore;
}

/** The connection ended before the request was done. */
export class ConnectionGone extends Error {}

/** Bytes of a body that is read whole. */
const smallBodyMax = 64 << 10;

const failureStatus: Readonly<Record<FolderFailure, number>> = {
  "not-found": 404,
  exists: 405,
  "wrong-kind": 409,
  forbidden: 403,
  "no-space": 507,
  "too-many": 507,
  broken: 500,
};

export const reasons: Readonly<Record<number, string>> = {
  100: "Continue",
  200: "OK",
  201: "Created",
  204: "No Content",
  206: "Partial Content",
  207: "Multi-Status",
  304: "Not Modified",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  423: "Locked",
  424: "Failed Dependency",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  507: "Insufficient Storage",
};

export type Fields = Readonly<Record<string, string | number>>;

export class Exchange {
  readonly share: Share;
  readonly head: RequestHead;
  readonly path: FolderPath;
  /** When the request's last input came. */
  now: Instant;
  /** Null until the answer's head was sent. */
  status: number | null = null;
  /** The connection goes on behind this exchange. */
  keepAlive: boolean;
  #mayContinue: boolean;

  /** @throws HttpFault */
  constructor(share: Share, head: RequestHead, now: Instant) {
    this.share = share;
    this.head = head;
    this.now = now;
    this.keepAlive = head.keepAlive;
    this.#mayContinue = head.fields.get("expect")?.toLowerCase() === "100-continue";
    this.path = head.target === "*" ? [] : pathOfTarget(head.target);
  }

  field(name: string): string | null {
    return this.head.fields.get(name) ?? null;
  }

  /** Does the work; a failure is an answer. */
  *try(work: FolderWork): Steps<FolderAnswer> {
    return (yield { wait: "work", work }) as FolderAnswer;
  }

  /** @throws HttpFault when the work failed. */
  *do<K extends FolderAnswer["kind"]>(
    kind: K,
    work: FolderWork,
  ): Steps<Extract<FolderAnswer, { readonly kind: K }>> {
    const answer = yield* this.try(work);
    if (answer.kind === "failed") throw faultOf(answer);
    if (answer.kind !== kind) throw new HttpFault(500, `the folder answered ${answer.kind}`);
    return answer as Extract<FolderAnswer, { readonly kind: K }>;
  }

  /** The next piece of the body; null behind the last one. */
  *body(): Steps<Uint8Array | null> {
    if (this.#mayContinue) {
      this.#mayContinue = false;
      yield { wait: "send", bytes: encodeUtf8("HTTP/1.1 100 Continue\r\n\r\n") };
    }
    return (yield { wait: "body" }) as Uint8Array | null;
  }

  /** @throws HttpFault 413 when it is too long to be read whole. */
  *wholeBody(): Steps<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (let piece = yield* this.body(); piece !== null; piece = yield* this.body()) {
      size += piece.length;
      if (size > smallBodyMax) throw new HttpFault(413, "the body is too long");
      pieces.push(piece);
    }
    return joinBytes(pieces);
  }

  /** Sends the answer's head. `length` null: the body is chunked. */
  *begin(status: number, length: number | null, fields: Fields = {}): Steps {
    this.status = status;
    // A client that still waits for leave to send its body will not send it.
    if (this.#mayContinue) this.keepAlive = false;
    const hasBody = status >= 200 && status !== 204 && status !== 304;
    const lines = [`HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}`];
    for (const [name, value] of Object.entries(fields)) lines.push(`${name}: ${value}`);
    if (hasBody) {
      lines.push(length === null ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`);
    }
    if (!this.keepAlive) lines.push("Connection: close");
    yield { wait: "send", bytes: encodeUtf8(`${lines.join("\r\n")}\r\n\r\n`) };
  }

  /** An answer whose body is small. */
  *answer(status: number, body = "", fields: Fields = {}): Steps {
    const bytes = encodeUtf8(body);
    const type = body === "" ? {} : { "Content-Type": "application/xml; charset=utf-8" };
    yield* this.begin(status, bytes.length, { ...type, ...fields });
    if (bytes.length > 0 && this.head.method !== "HEAD") yield { wait: "send", bytes };
  }

  *fault(fault: HttpFault): Steps {
    const body =
      fault.condition === null
        ? ""
        : `<?xml version="1.0" encoding="utf-8"?><D:error xmlns:D="DAV:"><D:${fault.condition}/></D:error>`;
    yield* this.answer(fault.status, body);
  }

  /** Where a COPY or MOVE goes. */
  get destination(): FolderPath {
    const target = this.field("destination");
    if (target === null) throw new HttpFault(400, "there is no Destination");
    const authority = authorityOf(target);
    const host = this.field("host")?.toLowerCase() ?? null;
    if (authority !== null && authority !== host) {
      throw new HttpFault(502, "the destination is another server");
    }
    return pathOfTarget(target);
  }
}

export function faultOf(answer: Extract<FolderAnswer, { kind: "failed" }>): HttpFault {
  return new HttpFault(failureStatus[answer.reason], `${answer.reason}: ${answer.detail}`);
}

/** An element of an answer. */
export function element(name: string, text: string): string {
  return `<D:${name}>${escapeXml(text)}</D:${name}>`;
}
