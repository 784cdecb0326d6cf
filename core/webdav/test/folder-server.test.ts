// A guest's programs at a shared folder: what they may do, and what they are refused.

import { describe, expect, it } from "vitest";
import { muxBytes } from "../src/index.ts";
import { Guest, latin1 } from "./memory-folder.ts";

describe("a shared folder", () => {
  it("takes a file and gives it back, whole and in part", () => {
    const guest = new Guest();
    expect(guest.status("PUT /a%20file.txt", {}, "0123456789")).toBe(201);
    expect(guest.status("PUT /a%20file.txt", {}, "0123456789ab")).toBe(204);
    expect(guest.ask("GET /a%20file.txt")).toContain("\r\n\r\n0123456789ab");
    const part = guest.ask("GET /a%20file.txt", { Range: "bytes=2-4" });
    expect(part).toContain("206 Partial Content");
    expect(part).toContain("Content-Range: bytes 2-4/12");
    expect(part).toMatch(/\r\n\r\n234$/);
    expect(guest.ask("GET /a%20file.txt", { Range: "bytes=-2" })).toMatch(/\r\n\r\nab$/);
    expect(guest.status("GET /a%20file.txt", { Range: "bytes=12-" })).toBe(416);
    expect(guest.ask("HEAD /a%20file.txt")).toMatch(/Content-Length: 12\r\n(.+\r\n)*\r\n$/);
  });

  it("takes a body of chunks, cut anywhere", () => {
    const guest = new Guest();
    const request =
      "PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nabcde\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
    for (const char of request) guest.send(5n, char);
    expect(guest.heard(5n)).toContain("201 Created");
    expect(guest.folder.at(["c"])).toEqual({ kind: "file", bytes: latin1("abcde0123456789") });
  });

  it("answers requests of one connection in order, and those of others between", () => {
    const guest = new Guest();
    guest.folder.put(["a"], { kind: "file", bytes: latin1("AAA") });
    guest.folder.put(["b"], { kind: "file", bytes: latin1("BBB") });
    guest.isHeld = true;
    guest.send(1n, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    guest.send(2n, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(guest.heard(2n)).toContain("DAV: 1, 2");
    guest.isHeld = false;
    for (const output of guest.held.splice(0)) guest.perform(output);
    expect(guest.heard(1n)).toMatch(/AAAHTTP[\s\S]*BBB$/);
  });

  it("describes what is in a folder, and what is asked for but not there", () => {
    const guest = new Guest();
    guest.status("MKCOL /dir");
    guest.status("PUT /dir/%C3%BC%26.txt", {}, "xyz");
    const answer = guest.ask("PROPFIND /dir", { Depth: "1" });
    expect(answer).toContain("<D:href>/dir/</D:href>");
    expect(answer).toContain("<D:href>/dir/%C3%BC&#38;.txt</D:href>");
    expect(answer).toContain(
      "<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>",
    );
    const body =
      '<propfind xmlns="DAV:" xmlns:z="urn:z"><prop><getcontentlength/><z:q/></prop></propfind>';
    const some = guest.ask("PROPFIND /dir/%C3%BC%26.txt", { Depth: "0" }, body);
    expect(some).toContain("<D:getcontentlength>3</D:getcontentlength>");
    expect(some).toContain('<n:q xmlns:n="urn:z"/></D:prop><D:status>HTTP/1.1 404');
    expect(guest.status("PROPFIND /", { Depth: "infinity" })).toBe(403);
  });

  it("leaves no half file when a connection ends in the middle", () => {
    const guest = new Guest();
    guest.send(1n, "PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this");
    expect(guest.folder.open.size).toBe(1);
    guest.feed({ type: "received", bytes: muxBytes(1n, new Uint8Array(0)) });
    expect(guest.folder.at(["half"])).toBeNull();
    expect(guest.folder.open.size).toBe(0);
    guest.send(2n, "PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this");
    guest.feed({ type: "reset" });
    expect(guest.folder.at(["half"])).toBeNull();
    expect(guest.folder.open.size).toBe(0);
    expect(guest.server.snapshot()).toMatchObject({ connections: [], leaving: 0, untaken: 0 });
  });

  it("brings an open file in order although its connection ended while it was opened", () => {
    const guest = new Guest();
    guest.isHeld = true;
    guest.send(1n, "PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this");
    guest.feed({ type: "received", bytes: muxBytes(1n, new Uint8Array(0)) });
    guest.isHeld = false;
    for (const output of guest.held.splice(0)) guest.perform(output);
    expect(guest.folder.open.size).toBe(0);
    expect(guest.server.snapshot()).toMatchObject({ leaving: 0, tasks: 0, queued: 0 });
  });

  it("keeps others from changing what is locked, until the lock's time is over", () => {
    const guest = new Guest();
    guest.status("PUT /doc", {}, "1");
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>';
    const answer = guest.ask("LOCK /doc", { Timeout: "Second-60" }, body);
    const token = /Lock-Token: <([^>]+)>/.exec(answer)![1]!;
    expect(guest.status("PUT /doc", {}, "2")).toBe(423);
    expect(guest.status("MOVE /doc", { Destination: "/other" })).toBe(423);
    expect(guest.status("PUT /doc", { If: `(<${token}>)` }, "3")).toBe(204);
    guest.now = 61_000;
    expect(guest.status("PUT /doc", {}, "4")).toBe(204);
  });
});

describe("a hostile guest", () => {
  it.each([
    "/../etc/passwd",
    "/a/../../etc/passwd",
    "/%2e%2e/etc/passwd",
    "/%2E%2e%2fetc",
    "/a%2Fb",
    "/..%5c..%5cwindows",
    "/a%00b",
    "/./a",
    "http://localhost/../x",
    "/.caraway-part-1",
  ])("does not get out of the folder by %s", (path) => {
    const guest = new Guest();
    for (const method of ["GET", "PUT", "DELETE", "MKCOL", "PROPFIND", "LOCK"]) {
      expect(guest.status(`${method} ${path}`, {}, method === "PUT" ? "x" : "")).toBe(403);
    }
    guest.status("PUT /here", {}, "x");
    expect(guest.status("MOVE /here", { Destination: path.replace(/^http:..localhost/, "") })).toBe(
      403,
    );
    expect(guest.refused).toHaveLength(7);
    expect(guest.refused[0]!.detail).toContain("out of the folder");
  });

  it.each([
    ["/%zz", 400],
    ["/%ff", 400],
    ["/caf%C3", 400],
    ["relative", 400],
    [`/${"a/".repeat(100)}`, 414],
    [`/${"a".repeat(300)}`, 414],
  ])("is refused the path %s", (path, status) => {
    expect(new Guest().status(`GET ${path}`)).toBe(status);
  });

  it("writes nothing to a folder that is read-only", () => {
    const guest = new Guest({ readOnly: true });
    guest.folder.put(["a"], { kind: "file", bytes: latin1("A") });
    const methods = ["PUT", "DELETE", "MKCOL", "PROPPATCH"];
    for (const method of methods) expect(guest.status(`${method} /a`, {}, "x")).toBe(403);
    for (const method of ["COPY", "MOVE"]) {
      expect(guest.status(`${method} /a`, { Destination: "/b" })).toBe(403);
    }
    const lock =
      '<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>';
    expect(guest.status("LOCK /new", {}, lock)).toBe(403);
    expect([...guest.folder.root.children.keys()]).toEqual(["a"]);
    expect(guest.refused.map(({ detail }) => detail)).toContain("the folder is read-only");
    expect(guest.status("GET /a")).toBe(200);
  });

  it.each([
    [
      "two lengths",
      "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    [
      "two lengths of one kind",
      "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
    ["a folded line", "GET /a HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"],
    ["a space in front of a colon", "GET /a HTTP/1.1\r\nHost : x\r\n\r\n"],
    ["lines that end oddly", "GET /a HTTP/1.1\nHost: x\r\n\r\n"],
    ["no host", "GET /a HTTP/1.1\r\n\r\n"],
    ["another protocol", "\x16\x03\x01\x02\x00\x01\r\n\r\n"],
    [
      "a chunk without size",
      "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
  ])("is cut off for %s", (_what, text) => {
    const guest = new Guest();
    guest.send(9n, text);
    expect(guest.heard(9n)).toContain("400 Bad Request");
    expect(guest.closed.has(9n)).toBe(true);
    expect(guest.folder.open.size).toBe(0);
    expect(guest.refused).toHaveLength(1);
  });

  it("does not fill the memory: heads, bodies, files, connections", () => {
    const guest = new Guest({ fileBytesMax: 1000 });
    guest.send(3n, `GET /${"a".repeat(20_000)}`);
    expect(guest.heard(3n)).toContain("431");
    expect(guest.status("PROPFIND /", { Depth: "0" }, " ".repeat(70_000))).toBe(413);
    expect(guest.status("PUT /large", {}, "x".repeat(1001))).toBe(413);
    guest.send(4n, "PUT /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
    guest.send(4n, "x".repeat(0xfff));
    expect(guest.heard(4n)).toContain("413");
    expect(guest.folder.at(["large"])).toBeNull();
    expect(guest.folder.open.size).toBe(0);
    for (let id = 100n; id < 400n; id++) guest.send(id, "G");
    expect(guest.server.snapshot()).toMatchObject({ connections: { length: 128 } });
    expect(guest.closed.has(399n)).toBe(true);
  });

  it("does not get more ahead than there is room, nor sends more than is taken", () => {
    const guest = new Guest();
    guest.folder.put(["large"], { kind: "file", bytes: new Uint8Array(4 << 20) });
    guest.send(1n, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    guest.heard(1n);
    guest.isHeld = true;
    guest.send(1n, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    for (let turn = 0; turn < 100; turn++) {
      const work = guest.held.findIndex(({ type }) => type === "work");
      if (work < 0) break;
      guest.perform(guest.held.splice(work, 1)[0]!);
    }
    expect(guest.heard(1n).length).toBeLessThan(400 << 10);
    // Meanwhile nothing of what the connection goes on to say is taken.
    const before = guest.taken;
    guest.send(1n, "x".repeat(50_000));
    expect(guest.taken - before).toBeLessThan(100);
  });

  it("is not told of entities, and a body without end is refused", () => {
    const guest = new Guest();
    const bomb = '<!DOCTYPE a [<!ENTITY b "c">]><propfind xmlns="DAV:"><prop>&b;</prop></propfind>';
    expect(guest.status("PROPFIND /", { Depth: "0" }, bomb)).toBe(400);
    const deep = `<propfind xmlns="DAV:">${"<a>".repeat(50)}`;
    expect(guest.status("PROPFIND /", { Depth: "0" }, deep)).toBe(400);
    const wide = `<propfind xmlns="DAV:"><prop>${"<a/>".repeat(1000)}</prop></propfind>`;
    expect(guest.status("PROPFIND /", { Depth: "0" }, wide)).toBe(400);
  });
});
