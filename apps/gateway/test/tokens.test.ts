import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  parseVmLine,
  SignedTokens,
  SocketFolder,
  TokenFile,
  TokenService,
  TokenSourceError,
} from "../src/index.ts";
import { RedeemedTokens } from "../src/redeemed-tokens.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caraway-tokens-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("a line of a token file", () => {
  it.each([
    ["host:5900", { host: "host", port: 5900 }],
    ["[fe80::1]:5900", { host: "fe80::1", port: 5900 }],
    ["unix_socket:/run/vm one", { unixPath: "/run/vm" }],
    ["spice://host:5900", { host: "host", port: 5900 }],
    ["spice://host:5900?tls-port=5901", { host: "host", port: 5900, tlsPort: 5901 }],
    ["spice+tls://host:5901", { host: "host", port: null, tlsPort: 5901 }],
    ["spice+unix:///run/vm", { unixPath: "/run/vm" }],
    ["ws://host:5900/", { url: "ws://host:5900/" }],
  ])("names a server: %s", (line, server) => {
    const text = line.startsWith("unix_socket") ? "unix_socket:/run/vm" : line;
    expect(parseVmLine(text, "t").server).toMatchObject(server);
  });

  it("has settings behind the server", () => {
    write("pw", "from file\nnot this\n");
    const line =
      'host:1 user=ann vm="the VM" username=sasl once expires=2026-12-01T00:00:00Z ' +
      `host-subject="O=a b,CN=c" password-file=${join(folder, "pw")}`;
    expect(parseVmLine(line, "t")).toEqual({
      server: {
        host: "host",
        port: 1,
        tlsPort: null,
        unixPath: null,
        url: null,
        identity: { kind: "subject", subject: "O=a b,CN=c" },
      },
      vm: "the VM",
      user: "ann",
      username: "sasl",
      password: "from file",
      expiresAt: Date.UTC(2026, 11, 1),
      once: true,
    });
    expect(parseVmLine("host:1", "t")).toMatchObject({ vm: "t", user: "", once: false });
    expect(parseVmLine("host:1 expires=1795395471", "t").expiresAt).toBe(1795395471000);
  });

  it.each([
    "host",
    "host:0",
    "host:port",
    "",
    "gopher://host:1",
    "host:1 color=red",
    "host:1 user",
    "host:1 expires=soon",
    "host:1 password-file=/nonexistent/file",
  ])("that is wrong says what is: %j", (line) => {
    expect(() => parseVmLine(line, "t")).toThrow(TokenSourceError);
  });
});

describe("a token file", () => {
  it("is read as websockify reads it", async () => {
    const path = write(
      "tokens",
      "# a comment\n\nfirst: host1:5901\n  second:   host2:5902  \nfirst: host3:5903\nnospace:host:1\n",
    );
    const source = new TokenFile(path);
    expect((await source.find("first"))?.server).toMatchObject({ host: "host1", port: 5901 });
    expect((await source.find("second"))?.server).toMatchObject({ host: "host2", port: 5902 });
    for (const none of ["# a comment", "#", "nospace", "", "third", "__proto__"]) {
      expect(await source.find(none)).toBeNull();
    }
  });

  it("is read anew when it has changed", async () => {
    const path = write("tokens", "first: host1:5901\n");
    const source = new TokenFile(path);
    expect(await source.find("second")).toBeNull();
    write("tokens", "second: host2:5902\n");
    expect(await source.find("first")).toBeNull();
    expect(await source.find("second")).not.toBeNull();
  });

  it("may be a folder of such files", async () => {
    mkdirSync(join(folder, "d"));
    write("d/a", "first: host1:5901\n");
    write("d/b", "second: host2:5902\n");
    const source = new TokenFile(join(folder, "d"));
    expect((await source.find("second"))?.server.host).toBe("host2");
    write("d/c", "third: host3:5903\n");
    expect((await source.find("third"))?.server.host).toBe("host3");
  });

  it("spoils no token with the line of another", async () => {
    const source = new TokenFile(write("tokens", "bad: nothing at all\ngood: host:1\n"));
    expect(await source.find("good")).not.toBeNull();
    await expect(source.find("bad")).rejects.toThrow(TokenSourceError);
  });

  it("must be there", () => {
    expect(() => new TokenFile(join(folder, "missing"))).toThrow(/ENOENT/);
  });
});

it("takes a unix socket's name for a token, and nothing outside of the folder", async () => {
  const server = createNetServer().listen(join(folder, "vm1"));
  await once(server, "listening");
  mkdirSync(join(folder, "inner"));
  symlinkSync(join(folder, "vm1"), join(folder, "inner", "link"));
  write("file", "");
  const source = new SocketFolder(folder);
  expect((await source.find("vm1"))?.server.unixPath).toBe(join(folder, "vm1"));
  for (const name of ["file", "inner", "../vm1", "..", ".", "", "missing"]) {
    expect(await source.find(name)).toBeNull();
  }
  expect(await new SocketFolder(join(folder, "inner")).find("link")).toBeNull();
  expect(await new SocketFolder(join(folder, "inner")).find("../vm1")).toBeNull();
  server.close();
});

describe("a token service", () => {
  let server: Server;
  let answer: { status: number; body: string };
  let asked: string[];
  let source: TokenService;
  beforeEach(async () => {
    asked = [];
    answer = { status: 200, body: "{}" };
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const headers = answer.status === 302 ? { location: "/elsewhere" } : {};
      response.writeHead(answer.status, headers).end(answer.body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    source = new TokenService(`http://127.0.0.1:${port}/find?token=%s&by=gateway`);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("is asked for each token, and believed", async () => {
    answer.body = JSON.stringify({
      host: "host",
      port: "5900",
      tls_port: 5901,
      host_subject: "CN=x",
      vm: "one",
      user: "ann",
      password: "pw",
      expires: 1795395471,
      once: true,
      unknown: [1],
    });
    expect(await source.find("a b&c")).toMatchObject({
      server: { host: "host", port: 5900, tlsPort: 5901, identity: { subject: "CN=x" } },
      vm: "one",
      user: "ann",
      password: "pw",
      expiresAt: 1795395471000,
      once: true,
    });
    expect(asked).toEqual(["/find?token=a%20b%26c&by=gateway"]);
  });

  it.each([401, 403, 404, 410])("says with %i that there is no such token", async (status) => {
    answer.status = status;
    expect(await source.find("t")).toBeNull();
  });

  it.each<[string, number, string]>([
    ["fails", 500, "{}"],
    ["sends elsewhere", 302, ""],
    ["answers no JSON", 200, "<html>"],
    ["answers no object", 200, "[]"],
    ["names no server", 200, "{}"],
    ["names no port", 200, '{"host":"h","port":0}'],
    ["names a strange host", 200, '{"host":5,"port":1}'],
    ["answers without end", 200, `"${"x".repeat(70_000)}"`],
  ])("that %s is a typed error without the token in it", async (_what, status, body) => {
    answer = { status, body };
    const failure = await source.find("secret-token").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TokenSourceError);
    expect(String(failure)).not.toContain("secret-token");
  });

  it("that is not there is a typed error, too", async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(source.find("t")).rejects.toThrow(TokenSourceError);
    server.listen(0);
  });

  it("needs a URL with a place for the token", () => {
    for (const url of ["", "http://host/", "file:///%s", "host/%s"]) {
      expect(() => new TokenService(url)).toThrow(TokenSourceError);
    }
  });
});

describe("a signed token", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const now = 1_700_000_000_000;
  const exp = now / 1000 + 60;
  const claims = { host: "host", port: 5900, sub: "ann", exp };

  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  function token(
    payload: object,
    { alg = "HS256", hash = "sha256", key = secret, header = {} } = {},
  ): string {
    const signed = `${encode({ alg, typ: "JWT", ...header })}.${encode(payload)}`;
    const mac = createHmac(hash, key).update(signed).digest("base64url");
    return `${signed}.${mac}`;
  }

  const source = new SignedTokens(secret, null, () => now);

  it("tells server, user and expiry", async () => {
    expect(await source.find(token({ ...claims, once: true }))).toMatchObject({
      server: { host: "host", port: 5900 },
      user: "ann",
      expiresAt: exp * 1000,
      once: true,
    });
    const strong = token(claims, { alg: "HS512", hash: "sha512" });
    expect(await source.find(strong)).not.toBeNull();
  });

  it("never brings a password", async () => {
    expect((await source.find(token({ ...claims, password: "pw" })))?.password).toBeNull();
  });

  it("names a VM of the operator's list, and then no address of its own", async () => {
    const vms = new TokenFile(write("vms", "web1: inner-host:5999 password=pw\n"));
    const named = new SignedTokens(secret, vms, () => now);
    expect(await named.find(token({ ...claims, vm: "web1" }))).toMatchObject({
      server: { host: "inner-host", port: 5999 },
      password: "pw",
      user: "ann",
    });
    expect(await named.find(token({ ...claims, vm: "other" }))).toBeNull();
    expect(await named.find(token(claims))).toBeNull();
  });

  it.each<[string, string]>([
    [
      "that was changed",
      token(claims).replace(/\.[^.]+\./, `.${encode({ ...claims, sub: "eve" })}.`),
    ],
    ["with another key", token(claims, { key: secret.toUpperCase() })],
    ["without a signature", `${encode({ alg: "none" })}.${encode(claims)}.`],
    ["with no algorithm", token(claims, { alg: "none" })],
    ["with an algorithm that objects have by nature", token(claims, { alg: "constructor" })],
    ["with another algorithm than its signature", token(claims, { alg: "HS512" })],
    ["that has expired", token({ ...claims, exp: now / 1000 })],
    ["that never expires", token({ host: "host", port: 5900 })],
    ["whose expiry is a text", token({ ...claims, exp: `${exp}` })],
    ["that is not good yet", token({ ...claims, nbf: now / 1000 + 1 })],
    ["that is none", "a.b"],
    ["that is empty", ""],
    ["that is too long", `${token(claims)}${"A".repeat(20_000)}`],
  ])("%s is not believed", async (_what, given) => {
    expect(await source.find(given)).toBeNull();
  });

  it.each([
    ["RS256", () => generateKeyPairSync("rsa", { modulusLength: 2048 }), "sha256"],
    ["ES256", () => generateKeyPairSync("ec", { namedCurve: "P-256" }), "sha256"],
    ["EdDSA", () => generateKeyPairSync("ed25519"), null],
  ] as const)("may be signed with a private key: %s", async (alg, make, hash) => {
    const { privateKey, publicKey } = make();
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const keyed = new SignedTokens(pem, null, () => now);
    const signed = `${encode({ alg })}.${encode(claims)}`;
    const key = { key: privateKey, dsaEncoding: "ieee-p1363" as const };
    const signature = sign(hash, Buffer.from(signed), key).toString("base64url");
    expect(await keyed.find(`${signed}.${signature}`)).not.toBeNull();
    // The public key is known to everybody: it must not serve as a secret.
    expect(await keyed.find(token(claims, { key: pem }))).toBeNull();
    expect(await keyed.find(token(claims, { alg, key: pem }))).toBeNull();
  });

  it("needs a key that is worth it", () => {
    expect(() => new SignedTokens("short", null)).toThrow(TokenSourceError);
    const broken = "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----";
    expect(() => new SignedTokens(broken, null)).toThrow(TokenSourceError);
  });
});

describe("used tokens", () => {
  it("are remembered in the folder, by all who share it, and hold no token", () => {
    const path = join(folder, "redeemed");
    const first = new RedeemedTokens(path);
    const second = new RedeemedTokens(path);
    expect(first.redeem("t", null, 0)).toBe(true);
    expect(first.redeem("t", null, 0)).toBe(false);
    expect(second.redeem("t", null, 0)).toBe(false);
    expect(new RedeemedTokens(path).redeem("t", null, 0)).toBe(false);
    expect(second.redeem("other", null, 0)).toBe(true);
  });

  it("are forgotten only when they have expired", () => {
    const path = join(folder, "redeemed");
    const tokens = new RedeemedTokens(path);
    const hour = 3600_000;
    tokens.redeem("soon", hour, 0);
    tokens.redeem("late", 10 * hour, 0);
    tokens.redeem("another", null, 3 * hour);
    expect(tokens.redeem("late", 10 * hour, 3 * hour)).toBe(false);
    expect(tokens.redeem("soon", hour, 3 * hour)).toBe(true);
  });

  it("let nobody in when that cannot be written down", () => {
    const path = join(folder, "redeemed");
    const tokens = new RedeemedTokens(path);
    rmSync(path, { recursive: true });
    chmodSync(folder, 0o700);
    expect(() => tokens.redeem("t", null, 0)).toThrow();
  });
});
