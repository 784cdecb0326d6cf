import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapTargetThrough } from "@caraway/client";
import { defaultGatewayLimits } from "@caraway/gateway";
import { parseProxyUrl } from "@caraway/node";
import { ChannelType } from "@caraway/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { makeCertificate, UTF8 } from "../../../io/node/test/certificate.ts";
import { GatewayServer, type GatewayServerOptions, OriginRule, TokenFile } from "../src/index.ts";
import { Sealer } from "../src/sealer.ts";
import { EchoVm, mainFrame } from "./echo-vm.ts";
import { RawChannel, until } from "./raw-channel.ts";

const secret = Buffer.alloc(32, 1);
const commonName = "2.5.4.3";

let folder: string;
let vm: EchoVm;
let server: GatewayServer;
let port: number;
let lines: string[];
const channels: RawChannel[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "caraway-gateway-"));
  vm = await EchoVm.start();
  lines = [];
  tokens(`good: spice://127.0.0.1:${vm.port} password="vm secret" vm=one user=ann`);
});

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.close();
  await server?.close(0);
  await vm[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function tokens(text: string): void {
  writeFileSync(join(folder, "tokens"), `# token: server\n${text}\n`);
}

async function start(options: Partial<GatewayServerOptions> = {}): Promise<void> {
  const log = (level: string) => (fields: object, text: string) =>
    void lines.push(JSON.stringify({ level, text, ...fields }));
  server = new GatewayServer({
    listen: { host: "127.0.0.1", port: 0, unixPath: null },
    tls: null,
    source: new TokenFile(join(folder, "tokens")),
    needsToken: true,
    secrets: [secret],
    redeemedFolder: join(folder, "redeemed"),
    web: null,
    origins: new OriginRule([]),
    allowTarget: () => true,
    limits: defaultGatewayLimits,
    sessionLifetimeMs: 3_600_000,
    heartbeatMs: 0,
    serverTls: {},
    connectTimeoutMs: 5000,
    behindProxy: false,
    metrics: true,
    log: { info: log("info"), warn: log("warn"), error: log("error") },
    onFault: (error) => {
      throw error;
    },
    ...options,
  });
  port = (await server.listen())!;
}

const url = (path: string) => `http://127.0.0.1:${port}${path}`;
const webSocketUrl = (query: string) => `ws://127.0.0.1:${port}/spice?${query}`;

async function redeem(token: string, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ token });
  const response = await fetch(url("/session"), { method: "POST", body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function session(token = "good"): Promise<string> {
  const { body } = await redeem(token);
  return body["session"]!;
}

function open(query: string, channel: { type?: number; connectionId?: number } = {}): RawChannel {
  const opened = new RawChannel({ url: webSocketUrl(query) }, channel);
  channels.push(opened);
  return opened;
}

/** The HTTP status with which a WebSocket was refused; 101 where it was not. */
function statusOf(query: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(webSocketUrl(query), ["binary"], { headers });
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    socket.on("error", () => {});
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
  });
}

describe("a token", () => {
  it("is redeemed for a session that reaches its VM, without the VM's password", async () => {
    await start();
    const { status, body } = await redeem("good");
    expect(status).toBe(200);
    expect(body).toMatchObject({ vm: "one", user: "ann" });
    // As a host name, of which clients change capital letters.
    expect(body["session"]).toMatch(/^g1\.[a-z2-7]+$/);
    const main = await open(`session=${body["session"]}`).settled();
    expect(main.trouble).toBeNull();
    await until(() => main.data.length > 0);
    const display = await open(`session=${body["session"]}`, {
      type: ChannelType.DISPLAY,
      connectionId: 4711,
    }).settled();
    display.send("hello");
    await until(() => display.data.toString() === "hello");
  });

  it("may stand in the WebSocket's URL, as with websockify", async () => {
    await start();
    const main = await open("token=good").settled();
    expect(main.isLinked).toBe(true);
    await until(() => main.data.length > 0);
    const display = open("token=good", { type: ChannelType.DISPLAY, connectionId: 4711 });
    expect((await display.settled()).isLinked).toBe(true);
  });

  it("that nobody knows opens nothing", async () => {
    await start();
    expect((await redeem("bad")).status).toBe(401);
    expect(await statusOf("token=bad")).toBe(401);
    expect(await statusOf("")).toBe(401);
    expect(vm.requests).toEqual([]);
  });

  it("is good for its own VM only", async () => {
    await using other = await EchoVm.start("other secret");
    tokens(
      `good: 127.0.0.1:${vm.port} password="vm secret"\n` +
        `other: 127.0.0.1:${other.port} password="other secret"`,
    );
    await start();
    await open(`session=${await session("other")}`).settled();
    expect([vm.requests.length, other.requests.length]).toEqual([0, 1]);
    // Neither an address nor a name in the request leads anywhere else.
    const main = open(
      `session=${await session("other")}&host=127.0.0.1&port=${vm.port}&token=good`,
    );
    await main.settled();
    expect([vm.requests.length, other.requests.length]).toEqual([0, 2]);
  });

  it("is redeemed once where it says so, also by two at a time and after a restart", async () => {
    tokens(`one-time: 127.0.0.1:${vm.port} password="vm secret" once`);
    await start();
    const both = await Promise.all([redeem("one-time"), redeem("one-time")]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(await statusOf("token=one-time")).toBe(401);
    await server.close(0);
    await start();
    expect((await redeem("one-time")).status).toBe(401);
    // The session goes on all the same.
    const credential = both.find(({ status }) => status === 200)!.body["session"];
    expect((await open(`session=${credential}`).settled()).isLinked).toBe(true);
  });

  it("is worth nothing once it has expired", async () => {
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
    tokens(
      `old: 127.0.0.1:${vm.port} expires=${at(-1)}\n` +
        `new: 127.0.0.1:${vm.port} password="vm secret" expires=${at(60)}`,
    );
    await start();
    expect((await redeem("old")).status).toBe(401);
    expect(await statusOf("token=old")).toBe(401);
    expect((await redeem("new")).status).toBe(200);
  });

  it("is worth nothing once it is gone from the file", async () => {
    await start();
    expect((await redeem("good")).status).toBe(200);
    tokens(`another: 127.0.0.1:${vm.port}`);
    expect((await redeem("good")).status).toBe(401);
  });

  it("cannot be guessed at leisure", async () => {
    await start();
    for (let count = 0; count < 30; count++) await redeem(`guess ${count}`);
    expect((await redeem("guess")).status).toBe(429);
    expect((await redeem("good")).status).toBe(429);
  });
});

describe("a credential", () => {
  it("is worth nothing when it is changed, sealed elsewhere, or expired", async () => {
    await start();
    const credential = await session();
    const changed =
      credential.slice(0, 20) + (credential[20] === "a" ? "b" : "a") + credential.slice(21);
    expect(await statusOf(`session=${changed}`)).toBe(401);
    expect(await statusOf(`session=${credential}`)).toBe(101);
    await server.close(0);
    await start({ secrets: [Buffer.alloc(32, 2)] });
    expect(await statusOf(`session=${credential}`)).toBe(401);
    await server.close(0);
    await start({ sessionLifetimeMs: 0 });
    expect(await statusOf(`session=${await session()}`)).toBe(401);
  });

  it("is good at a gateway that was restarted, also with a new secret before the old one", async () => {
    await start();
    const credential = await session();
    await server.close(0);
    await start({ secrets: [Buffer.alloc(32, 9), Buffer.alloc(32, 1)] });
    expect((await open(`session=${credential}`).settled()).isLinked).toBe(true);
  });
});

describe("the target of a migration", () => {
  const dstInfo = (other: EchoVm) => ({
    port: other.port,
    sport: 0,
    host: "127.0.0.1",
    certSubject: "",
  });

  it("is reached by the name that the server's message has for it, and by that alone", async () => {
    await using other = await EchoVm.start();
    await start();
    const main = await open(`session=${await session()}`).settled();
    vm.say({ name: "MIGRATE_BEGIN", body: { dstInfo: dstInfo(other) } });
    await until(() => main.data.includes("g1."));
    const named = /g1\.[\w-]+/.exec(main.data.toString("latin1"))![0];
    expect(main.data.toString("latin1")).not.toContain("127.0.0.1");
    const endpoint = mapTargetThrough(`ws://127.0.0.1:${port}/spice`)({
      host: named,
      port: 1,
      tlsPort: null,
      unixPath: null,
      url: null,
      identity: null,
    });
    const moved = new RawChannel({ url: endpoint!.url! }, { connectionId: 4711 });
    channels.push(moved);
    expect((await moved.settled()).isLinked).toBe(true);
    expect(other.requests.map(({ connectionId }) => connectionId)).toEqual([4711]);
    // After a restart the session comes back to where its VM is now.
    await server.close(0);
    await start();
    const back = new RawChannel({ url: endpoint!.url!.replace(/:\d+\//, `:${port}/`) });
    channels.push(back);
    expect((await back.settled()).isLinked).toBe(true);
    expect(other.requests).toHaveLength(2);
  });

  it("is out of reach when the server calls the migration off", async () => {
    await using other = await EchoVm.start();
    await start();
    const main = await open(`session=${await session()}`).settled();
    vm.say({ name: "MIGRATE_BEGIN", body: { dstInfo: dstInfo(other) } });
    vm.say({ name: "MIGRATE_CANCEL", body: {} });
    await until(() => main.data.includes("g1."));
    const named = /g1\.[\w-]+/.exec(main.data.toString("latin1"))![0];
    await until(() => main.data.length > mainFrame({ name: "MIGRATE_CANCEL", body: {} }).length);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await statusOf(`session=${named}`)).toBe(403);
    expect(other.requests).toEqual([]);
  });

  it("is refused to a client that names an address itself", async () => {
    const named = { tlsPort: null, unixPath: null, url: null, identity: null, port: 5900 };
    expect(mapTargetThrough("ws://gateway/")({ ...named, host: "10.0.0.1" })).toBeNull();
    await start();
    const another = new Sealer([Buffer.alloc(32, 2)]);
    const credentialOfAnother = another.seal(new Sealer([secret]).open(await session())!);
    for (const name of [
      "127.0.0.1",
      `127.0.0.1:${vm.port}`,
      "localhost",
      "g1.aaaa",
      credentialOfAnother,
      "g1.",
    ]) {
      expect(await statusOf(`session=${encodeURIComponent(name)}`)).toBe(401);
    }
    expect(vm.requests).toEqual([]);
  });
});

describe("pages of other origins", () => {
  it("are refused, unless the operator names them", async () => {
    await start({ origins: new OriginRule(["https://panel.example"]) });
    const own = { origin: `http://127.0.0.1:${port}` };
    expect(await statusOf("token=good", own)).toBe(101);
    expect(await statusOf("token=good", { origin: "https://panel.example" })).toBe(101);
    expect(await statusOf("token=good")).toBe(101);
    for (const origin of [
      "https://evil.example",
      "null",
      "file://",
      "https://panel.example.evil",
    ]) {
      expect(await statusOf("token=good", { origin })).toBe(403);
    }
    expect(lines.some((line) => line.includes("bad-origin"))).toBe(true);
  });

  it("cannot redeem tokens either", async () => {
    await start({ origins: new OriginRule(["https://panel.example"]) });
    const post = (origin: string) =>
      fetch(url("/session"), { method: "POST", body: '{"token":"good"}', headers: { origin } });
    expect((await post("https://evil.example")).status).toBe(403);
    const allowed = await post("https://panel.example");
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://panel.example");
  });
});

describe("a native client", () => {
  it("comes through CONNECT with what a connection file gives it", async () => {
    await start();
    const response = await fetch(url("/connect.vv?token=good"));
    expect(response.headers.get("content-type")).toBe("application/x-virt-viewer");
    const file = await response.text();
    expect(file).toContain("title=one");
    expect(file).not.toContain("secret");
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(file)![1]!;
    const channel = new RawChannel({ host: value("host"), proxy: parseProxyUrl(value("proxy")) });
    channels.push(channel);
    expect((await channel.settled()).isLinked).toBe(true);
    await until(() => channel.data.length > 0);
  });

  it("reaches nothing by an address, and no VM by a name that is no token", async () => {
    await start();
    const proxy = parseProxyUrl(`http://127.0.0.1:${port}`);
    for (const host of ["127.0.0.1", "localhost", "g1.forged"]) {
      const channel = new RawChannel({ host, proxy });
      channels.push(channel);
      expect((await channel.settled()).trouble).toMatchObject({ kind: "proxy" });
    }
    expect(vm.requests).toEqual([]);
  });
});

describe("a gateway that is told to end", () => {
  it("lets sessions go on for a while, and nobody new in", async () => {
    await start();
    const credential = await session();
    const main = await open(`session=${credential}`).settled();
    await until(() => main.data.length > 0);
    const closed = server.close(400);
    expect((await fetch(url("/healthz"))).status).toBe(503);
    expect((await redeem("good")).status).toBe(503);
    expect(await statusOf("token=good")).toBe(503);
    const late = open(`session=${credential}`, { type: ChannelType.DISPLAY, connectionId: 4711 });
    expect((await late.settled()).isLinked).toBe(true);
    late.send("still here");
    await until(() => late.data.toString() === "still here");
    await closed;
    await until(() => main.trouble !== null && late.trouble !== null);
    expect(vm.sockets.size).toBe(0);
  });

  it("tells browsers that it is going away", async () => {
    await start();
    const socket = new WebSocket(webSocketUrl("token=good"), ["binary"]);
    await new Promise((resolve) => socket.once("open", resolve));
    const code = new Promise((resolve) => socket.once("close", resolve));
    await server.close(0);
    expect(await code).toBe(1001);
  });
});

it("serves plain and TLS clients on one port", async () => {
  const authority = makeCertificate({ subject: [[commonName, UTF8, "CA"]], authority: true });
  const { pem, keyPem } = makeCertificate({
    subject: [[commonName, UTF8, "gateway"]],
    names: ["localhost"],
    issuer: authority,
  });
  await start({ tls: { cert: pem, key: keyPem, only: false, verifyClient: false } });
  const secure = new RawChannel({
    url: `wss://localhost:${port}/spice?token=good`,
    ca: authority.pem,
  });
  channels.push(secure);
  expect((await secure.settled()).trouble).toBeNull();
  expect((await open("token=good").settled()).isLinked).toBe(true);
});

it("refuses plain clients where only TLS is allowed", async () => {
  const { pem, keyPem } = makeCertificate({ subject: [[commonName, UTF8, "gateway"]] });
  await start({ tls: { cert: pem, key: keyPem, only: true, verifyClient: false } });
  const plain = await open("token=good").settled();
  expect(plain.trouble).toMatchObject({ kind: expect.stringMatching(/reset|websocket|other/) });
  expect(vm.requests).toEqual([]);
});

it("tells how it is, and what it counts", async () => {
  await start();
  await open("token=good").settled();
  expect(await (await fetch(url("/healthz"))).json()).toEqual({ status: "serving" });
  const text = await (await fetch(url("/metrics"))).text();
  expect(text).toMatch(/caraway_gateway_connections 1\n/);
  expect(text).toContain('caraway_gateway_linked_total{channel="main",way="websocket"} 1');
});

it("writes nothing secret into its log", async () => {
  await start();
  const credential = await session();
  await open(`session=${credential}`).settled();
  await open("token=good").settled();
  await open("token=wrong-token").settled();
  const log = lines.join("\n");
  expect(log).toContain('"text":"channel linked"');
  for (const secret of ["vm secret", "good", "wrong-token", credential]) {
    expect(log).not.toContain(secret);
  }
});
