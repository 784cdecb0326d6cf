// Fuzz targets of the shared folder: damaged requests and damaged framing, at a folder that holds
// every path it is asked for to what may be named.

import {
  type FolderAnswer,
  type FolderEntry,
  FolderServer,
  type FolderWork,
  isShareable,
  muxBytes,
} from "@caraway/webdav";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";

const fileBytesMax = 10_000;
const file: FolderEntry = { kind: "file", size: 300, modifiedMs: 1e12 };
const folder: FolderEntry = { kind: "folder", size: 0, modifiedMs: 1e12 };
const lockBody =
  '<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>a &lt; b</D:owner></D:lockinfo>';
const findBody =
  '<propfind xmlns="DAV:"><prop><getetag/><x:y xmlns:x="urn:x"/><lockdiscovery/></prop></propfind>';
const patchBody =
  '<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:z"><D:set><D:prop><Z:a>1</Z:a></D:prop></D:set></D:propertyupdate>';
const token = "urn:uuid:00000000-0000-4000-8000-000000000001";

function request(line: string, fields: readonly string[] = [], body = ""): string {
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  return `${[`${line} HTTP/1.1`, "Host: h", ...fields, ...length].join("\r\n")}\r\n\r\n${body}`;
}

const conversations = [
  [
    request("OPTIONS /"),
    request("GET /file%20a", ["Range: bytes=10-20"]),
    request("HEAD /file", ['If-None-Match: "a", W/"b"']),
  ],
  [
    request("PUT /dir/file", ["Expect: 100-continue"], "0123456789"),
    "PUT /file HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\nA: b\r\n\r\n",
    request("DELETE /dir/../file"),
  ],
  [
    request("PROPFIND /dir", ["Depth: 1"], findBody),
    request("PROPPATCH /file", [], patchBody),
    request("MOVE /file", ["Destination: http://h/dir/%C3%A4", "Overwrite: F"]),
    request("COPY /dir", ["Destination: /new", "Depth: 0"]),
    request("MKCOL /new"),
  ],
  [
    request("LOCK /file", ["Timeout: Second-60, Infinite", "Depth: 0"], lockBody),
    request("PUT /file", [`If: (<${token}> ["x"]) (Not <a:b>)`], "x"),
    request("LOCK /file", [`If: </file> (<${token}>)`]),
    request("UNLOCK /file", [`Lock-Token: <${token}>`]),
  ],
].map((requests) => bytesOf(requests.join("")));

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Answers as a folder with two files and a folder would. */
function answer(work: FolderWork, written: { bytes: number }): FolderAnswer {
  const paths = "path" in work ? [work.path] : "from" in work ? [work.from, work.to] : [];
  for (const path of paths) {
    const wrong = path.find((name) => !isShareable(name));
    if (wrong !== undefined) throw new Error(`${work.kind} was asked for ${JSON.stringify(wrong)}`);
  }
  switch (work.kind) {
    case "stat": {
      const name = work.path.at(-1);
      if (name === undefined || name.startsWith("dir")) return { kind: "entry", entry: folder };
      if (name.startsWith("file")) return { kind: "entry", entry: file };
      return { kind: "failed", reason: "not-found", detail: "" };
    }
    case "list":
      return { kind: "entries", entries: [{ name: "file", ...file }] };
    case "open":
    case "create":
      return { kind: "file", handle: 1, entry: file };
    case "read":
      return { kind: "bytes", bytes: new Uint8Array(Math.min(work.length, 100)) };
    case "write":
      written.bytes += work.bytes.length;
      if (written.bytes > 100 * fileBytesMax) throw new Error("more was written than may be");
      return { kind: "done" };
    default:
      return { kind: "done" };
  }
}

function hear(framed: Uint8Array): FuzzVerdict {
  const seed = "00000000-0000-4000-8000-000000000000";
  const server = new FolderServer({ readOnly: false, seed, fileBytesMax });
  const written = { bytes: 0 };
  let verdict: FuzzVerdict = "taken";
  let taken = 0;
  const feed = (input: Parameters<FolderServer["handle"]>[0]): void => {
    server.handle(input, 0);
    const later: Parameters<FolderServer["handle"]>[0][] = [];
    for (let output = server.poll(); output !== null; output = server.poll()) {
      if (output.type === "work") {
        const { task, work } = output;
        later.push({ type: "done", task, answer: answer(work, written) });
      } else if (output.type === "flush") later.push({ type: "flushed" });
      else if (output.type === "taken") taken += output.bytes;
      else if (output.type === "answered" && output.request.detail !== null) verdict = "refused";
    }
    for (const next of later) feed(next);
  };
  for (let at = 0; at < framed.length; at += 97) {
    feed({ type: "received", bytes: framed.subarray(at, at + 97) });
  }
  feed({ type: "reset" });
  if (taken !== framed.length) throw new Error(`${taken} of ${framed.length} bytes were taken`);
  return verdict;
}

/** As one program's connection. */
function framed(bytes: Uint8Array): Uint8Array {
  const parts: number[] = [];
  for (let at = 0; at < bytes.length; at += 60) {
    parts.push(...muxBytes(7n, bytes.subarray(at, at + 60)));
  }
  return Uint8Array.from(parts);
}

const memoryBound = (size: number): number => 256 * size + (4 << 20);

export const webdavTargets: readonly FuzzTarget[] = [
  {
    name: "webdav: a folder hears programs",
    seeds: conversations,
    run: (bytes) => hear(framed(bytes)),
    weight: 30,
    memoryBound,
  },
  {
    name: "webdav: a folder hears its channel",
    seeds: conversations.map(framed),
    run: hear,
    weight: 10,
    memoryBound,
  },
];
