import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatewayUsageError, gatewayOptions } from "../src/index.ts";
import { OriginRule } from "../src/origin-rule.ts";
import { openState } from "../src/state-folder.ts";
import { StaticFiles } from "../src/static-files.ts";
import { targetRule } from "../src/target-rule.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caraway-doors-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("the rule of origins", () => {
  it("knows its own host, with and without port, behind TLS or not", () => {
    const rule = new OriginRule([]);
    expect(rule.allows("http://gw.example", "gw.example")).toBe(true);
    expect(rule.allows("https://gw.example", "gw.example")).toBe(true);
    expect(rule.allows("https://gw.example:8443", "gw.example:8443")).toBe(true);
    expect(rule.allows("https://GW.example", "gw.example")).toBe(true);
    expect(rule.allows("https://gw.example:8443", "gw.example")).toBe(false);
    expect(rule.allows("https://gw.example.evil", "gw.example")).toBe(false);
    expect(rule.allows("https://gw.example", undefined)).toBe(false);
    expect(rule.allows(undefined, "gw.example")).toBe(true);
  });

  it("takes no word that is not an origin", () => {
    expect(() => new OriginRule(["panel.example"])).toThrow(RangeError);
    expect(() => new OriginRule(["file:///x"])).toThrow(RangeError);
    expect(new OriginRule(["https://panel.example/"]).allows("https://panel.example", "x")).toBe(
      true,
    );
    expect(new OriginRule(["*"]).allows("https://any.example", "x")).toBe(true);
    for (const origin of ["null", "", "chrome-extension://abc", "javascript:x"]) {
      expect(new OriginRule([]).allows(origin, "x")).toBe(false);
    }
  });
});

describe("the rule of targets", () => {
  it("allows every host without rules, and the named ones with", () => {
    expect(targetRule([])("anything")).toBe(true);
    const rule = targetRule([
      "node1.example",
      "*.cluster.example",
      "10.0.0.0/8",
      "fd00::/8",
      "192.0.2.7",
    ]);
    const allowed = [
      "node1.example",
      "NODE1.example",
      "a.cluster.example",
      "a.b.cluster.example",
      "10.9.8.7",
      "192.0.2.7",
      "fd00::1",
    ];
    const refused = [
      "node2.example",
      "cluster.example",
      "xcluster.example",
      "11.0.0.1",
      "192.0.2.8",
      "::1",
      "",
      "10.0.0.1.evil",
      "node1.example.evil",
    ];
    expect(allowed.filter((host) => !rule(host))).toEqual([]);
    expect(refused.filter((host) => rule(host))).toEqual([]);
  });

  it("takes no rule that it does not understand", () => {
    for (const bad of ["", "a b", "*", "a.*.b", "10.0.0.0/33", "10.0.0.0/x", "http://host"]) {
      expect(() => targetRule([bad])).toThrow(RangeError);
    }
  });
});

describe("the state folder", () => {
  it("keeps one secret for all who use it, readable by its owner alone", () => {
    const first = openState(join(folder, "state"));
    expect(openState(join(folder, "state")).secrets).toEqual(first.secrets);
    expect(statSync(join(folder, "state", "secret")).mode & 0o077).toBe(0);
    expect(openState(null).secrets).not.toEqual(openState(null).secrets);
  });

  it("takes several secrets, and none that is too short", () => {
    const path = join(folder, "secret");
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(40, 2)];
    writeFileSync(path, `${a.toString("base64")}\n${b.toString("base64")}\n`);
    expect(openState(folder).secrets).toEqual([a, b]);
    writeFileSync(path, "c2hvcnQ=\n");
    expect(() => openState(folder)).toThrow(RangeError);
  });
});

describe("the files of a page", () => {
  /** Sends the path as it stands, which fetch would tidy up. */
  async function get(path: string): Promise<{ status: number; head: string; body: string }> {
    const files = new StaticFiles(join(folder, "web"));
    const server = createServer((request, response) => {
      void files.serve(request.url ?? "", request, response).then((found) => {
        if (!found) response.writeHead(404).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.0\r\n\r\n`);
    let text = "";
    for await (const part of socket) text += String(part);
    server.close();
    const [head = "", body = ""] = text.split("\r\n\r\n");
    return { status: Number(head.split(" ")[1]), head, body };
  }

  beforeEach(() => {
    mkdirSync(join(folder, "web/sub"), { recursive: true });
    writeFileSync(join(folder, "web/index.html"), "index");
    writeFileSync(join(folder, "web/a b.js"), "script");
    writeFileSync(join(folder, "web/empty.css"), "");
    writeFileSync(join(folder, "web/.hidden"), "hidden");
    writeFileSync(join(folder, "web/sub/index.html"), "sub");
    writeFileSync(join(folder, "secret"), "secret");
    symlinkSync(join(folder, "secret"), join(folder, "web/link"));
  });

  it("are served with their type", async () => {
    expect(await get("/")).toMatchObject({ status: 200, body: "index" });
    const script = await get("/a%20b.js");
    expect(script.body).toBe("script");
    expect(script.head).toMatch(/content-type: text\/javascript/i);
    expect(script.head).toMatch(/nosniff/);
    expect(await get("/sub/")).toMatchObject({ status: 200, body: "sub" });
    expect(await get("/empty.css")).toMatchObject({ status: 200, body: "" });
  });

  it.each([
    "/../secret",
    "/..%2fsecret",
    "/%2e%2e/secret",
    "/sub/../../secret",
    "/link",
    "/.hidden",
    "/missing",
    "/sub",
    "/%00",
    "/%",
    "/..\\secret",
  ])("do not hold %s", async (path) => {
    const { status, body } = await get(path);
    expect([status, body]).toEqual([404, ""]);
  });
});

describe("flags", () => {
  it("listen everywhere where tokens are asked for, and here alone where one VM is for everybody", () => {
    writeFileSync(join(folder, "tokens"), "");
    const tokenSource = join(folder, "tokens");
    expect(gatewayOptions({ tokenSource }).listen).toEqual({
      host: null,
      port: 6080,
      unixPath: null,
    });
    expect(gatewayOptions({ target: "host:5900" }).listen.host).toBe("127.0.0.1");
    expect(gatewayOptions({ target: "host:5900", listen: "[::]:7" }).listen).toMatchObject({
      host: "::",
      port: 7,
    });
    expect(gatewayOptions({ target: "host:5900" }).needsToken).toBe(false);
  });

  it("name one VM as websockify does", async () => {
    writeFileSync(join(folder, "pw"), "pw\n");
    const { source } = gatewayOptions({
      target: "host:5901",
      sslTarget: true,
      hostSubject: "CN=x",
      passwordFile: join(folder, "pw"),
    });
    expect(await source.find("")).toMatchObject({
      server: { host: "host", port: null, tlsPort: 5901, identity: { subject: "CN=x" } },
      password: "pw",
    });
    const local = gatewayOptions({ unixTarget: "/run/vm 1" });
    expect(await local.source.find("")).toMatchObject({ server: { unixPath: "/run/vm 1" } });
  });

  it.each([
    {},
    { tokenSource: "/nonexistent" },
    { tokenSource: "x", tokenPlugin: "Redis" },
    { target: "host" },
    { target: "host:1", unixTarget: "/x" },
    { target: "host:1", listen: "x" },
    { target: "host:1", sslOnly: true },
    { target: "host:1", cert: "/nonexistent" },
    { target: "host:1", origin: ["nonsense"] },
    { target: "host:1", allowTarget: ["*"] },
  ])("that are wrong are told as such: %j", (flags) => {
    expect(() => gatewayOptions(flags)).toThrow(GatewayUsageError);
  });
});
