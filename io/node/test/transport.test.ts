import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type { Address, TlsIdentity, TransportFailure } from "@caraway/channel";
import type { Transport } from "@caraway/driver";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { openTransport, type TransportOptions } from "../src/transport.ts";
import { ProxyUrlError, parseProxyUrl } from "../src/transport-proxy.ts";
import { makeCertificate, UTF8 } from "./certificate.ts";

const CN = "2.5.4.3";
const O = "2.5.4.10";
const authority = makeCertificate({ subject: [[CN, UTF8, "Test CA"]], authority: true });
const leaf = makeCertificate({
  subject: [
    [O, UTF8, "Example"],
    [CN, UTF8, "spice host"],
  ],
  names: ["localhost"],
  issuer: authority,
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Heard =
  | { readonly type: "connected" }
  | { readonly type: "closed"; readonly failure: TransportFailure | null };

/** A transport that remembers what it was told. */
class Probe {
  readonly transport: Transport;
  readonly heard: Heard[] = [];
  readonly backlogs: number[] = [];
  received = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(address: Address, tls: TlsIdentity | null = null, options: TransportOptions = {}) {
    this.transport = openTransport(address, tls, options, {
      connected: () => this.#note(() => this.heard.push({ type: "connected" })),
      received: (bytes) =>
        this.#note(() => {
          this.received = Buffer.concat([this.received, bytes]);
        }),
      backlog: (bytes) => this.#note(() => this.backlogs.push(bytes)),
      closed: (failure) => this.#note(() => this.heard.push({ type: "closed", failure })),
    });
    cleanups.push(() => this.transport.destroy());
  }

  #note(action: () => void): void {
    action();
    for (const wake of this.#wake.splice(0)) wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  async connected(): Promise<this> {
    await this.until(() => this.heard.length > 0);
    expect(this.heard).toEqual([{ type: "connected" }]);
    return this;
  }

  async failure(): Promise<TransportFailure | null> {
    await this.until(() => this.heard.some(({ type }) => type === "closed"));
    const last = this.heard.at(-1);
    expect(last?.type).toBe("closed");
    return last?.type === "closed" ? last.failure : null;
  }

  async text(expected: string): Promise<void> {
    await this.until(() => this.received.length >= expected.length);
    expect(this.received.toString("latin1")).toBe(expected);
  }
}

async function listen(server: Server, at: { port: number } | { path: string } = { port: 0 }) {
  server.listen("port" in at ? { port: 0, host: "127.0.0.1" } : at);
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === "string" ? 0 : ((address as AddressInfo).port ?? 0);
}

/** Says hello, then gives back what it gets. */
function echo(socket: Socket): void {
  socket.on("error", () => {});
  socket.write("hello ");
  socket.pipe(socket);
}

const tcp = (port: number, host = "127.0.0.1"): Address => ({ kind: "tcp", host, port });
const tlsEcho = () => {
  const server = createTlsServer({ key: leaf.keyPem, cert: leaf.pem }, echo);
  server.on("tlsClientError", () => {});
  return server;
};

describe("a TCP transport", () => {
  test("carries bytes both ways and sees the peer's end", async () => {
    const port = await listen(createServer(echo));
    const probe = await new Probe(tcp(port)).connected();
    probe.transport.write(Buffer.from("one "));
    probe.transport.write(Buffer.from("two"));
    await probe.text("hello one two");
  });

  test("reports the peer's end as no failure", async () => {
    const port = await listen(createServer((socket) => socket.end("bye")));
    const probe = new Probe(tcp(port));
    expect(await probe.failure()).toBeNull();
    expect(probe.heard).toEqual([{ type: "connected" }, { type: "closed", failure: null }]);
    expect(probe.received.toString()).toBe("bye");
  });

  test("reports a reset as one", async () => {
    const server = createServer((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const probe = await new Probe(tcp(await listen(server))).connected();
    probe.transport.write(Buffer.from("x"));
    expect(await probe.failure()).toMatchObject({ kind: "reset" });
  });

  test("says that nothing listens", async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    const failure = await new Probe(tcp(port)).failure();
    expect(failure?.kind).toBe("refused");
    expect(failure?.detail).toContain(`127.0.0.1:${port}`);
  });

  test("says that a name is unknown", async () => {
    const failure = await new Probe(tcp(5900, "no-such-host.invalid")).failure();
    expect(failure).toMatchObject({ kind: "name-not-found" });
  });

  test("delivers what was written before it was closed, and is silent afterwards", async () => {
    const heard: Promise<string> = new Promise((resolve) => {
      const server = createServer((socket) => {
        let text = "";
        socket.on("data", (bytes) => {
          text += bytes.toString();
        });
        socket.on("end", () => resolve(text));
      });
      void listen(server).then(async (port) => {
        const probe = await new Probe(tcp(port)).connected();
        probe.transport.write(Buffer.from("last words"));
        probe.transport.close();
        probe.transport.write(Buffer.from("too late"));
        await new Promise((wait) => setImmediate(wait));
        expect(probe.heard).toEqual([{ type: "connected" }]);
      });
    });
    expect(await heard).toBe("last words");
  });

  test("tells of its backlog as it grows and empties", async () => {
    let reader: Socket | undefined;
    const server = createServer((socket) => {
      reader = socket;
      socket.pause();
    });
    const probe = await new Probe(tcp(await listen(server))).connected();
    const megabyte = Buffer.alloc(1 << 20);
    for (let written = 0; written < 32; written++) probe.transport.write(megabyte);
    await probe.until(() => Math.max(0, ...probe.backlogs) > 1 << 20);
    reader?.resume();
    await probe.until(() => probe.backlogs.at(-1) === 0);
  });

  test("reads nothing while paused", async () => {
    const server = createServer((socket) => {
      socket.on("data", (bytes) => socket.write(bytes));
    });
    const probe = await new Probe(tcp(await listen(server))).connected();
    probe.transport.pause();
    probe.transport.write(Buffer.from("question"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(probe.received).toHaveLength(0);
    probe.transport.resume();
    await probe.text("question");
  });

  test("can be closed before it is connected", async () => {
    const port = await listen(createServer(echo));
    const probe = new Probe(tcp(port));
    probe.transport.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(probe.heard).toEqual([]);
  });
});

describe("a unix socket transport", () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), "caraway-"));
    cleanups.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  };

  test("carries bytes both ways", async () => {
    const path = join(folder(), "spice.sock");
    await listen(createServer(echo), { path });
    const probe = await new Probe({ kind: "unix", path }).connected();
    probe.transport.write(Buffer.from("there"));
    await probe.text("hello there");
  });

  test("says that the socket does not exist", async () => {
    const path = join(folder(), "absent.sock");
    const failure = await new Probe({ kind: "unix", path }).failure();
    expect(failure).toMatchObject({ kind: "unreachable" });
    expect(failure?.detail).toContain("absent.sock");
  });
});

describe("a TLS transport", () => {
  const ca = { tls: { ca: authority.pem } };
  const localhost: TlsIdentity = { kind: "hostname", host: "localhost" };

  test.each<[string, TlsIdentity, TransportOptions]>([
    ["its host name", localhost, ca],
    ["its subject", { kind: "subject", subject: "O=Example,CN=spice host" }, ca],
    ["its pinned key, whatever its CA", { kind: "public-key", key: leaf.publicKey }, {}],
    ["nothing where that was asked for", localhost, { tls: { insecure: true } }],
  ])("accepts a peer by %s", async (_by, identity, options) => {
    const port = await listen(tlsEcho());
    const probe = await new Probe(tcp(port), identity, options).connected();
    probe.transport.write(Buffer.from("secret"));
    await probe.text("hello secret");
  });

  test.each<[string, TlsIdentity, TransportOptions, string]>([
    ["another host name", { kind: "hostname", host: "other" }, ca, "not for other"],
    [
      "another subject",
      { kind: "subject", subject: "CN=spice host" },
      ca,
      "O=Example,CN=spice host",
    ],
    ["another key", { kind: "public-key", key: authority.publicKey }, ca, "pinned"],
    ["a CA that is not trusted", localhost, {}, "CA"],
    [
      "a subject whose CA is not trusted",
      { kind: "subject", subject: "O=Example,CN=spice host" },
      {},
      "CA",
    ],
    ["a CA that is no certificate", localhost, { tls: { ca: "nonsense" } }, "CA"],
  ])("refuses a peer with %s", async (_with, identity, options, detail) => {
    const port = await listen(tlsEcho());
    const probe = new Probe(tcp(port), identity, options);
    const failure = await probe.failure();
    expect(failure?.kind).toBe("tls");
    expect(failure?.detail).toContain(detail);
    expect(probe.heard).toHaveLength(1);
  });

  test("refuses a certificate that has expired", async () => {
    const stale = makeCertificate({
      subject: [[CN, UTF8, "localhost"]],
      issuer: authority,
      days: [-3, -2],
    });
    const server = createTlsServer({ key: stale.keyPem, cert: stale.pem }, echo);
    const failure = await new Probe(tcp(await listen(server)), localhost, ca).failure();
    expect(failure).toMatchObject({ kind: "tls", detail: expect.stringContaining("expired") });
  });

  test("accepts an address as common name only where there are no alternative names", async () => {
    const address: TlsIdentity = { kind: "hostname", host: "127.0.0.1" };
    const subject = [[CN, UTF8, "127.0.0.1"]] as const;
    for (const [names, accepted] of [
      [undefined, true],
      [["localhost"], false],
    ] as const) {
      const made = makeCertificate({ subject, issuer: authority, ...(names ? { names } : {}) });
      const server = createTlsServer({ key: made.keyPem, cert: made.pem }, echo);
      const probe = new Probe(tcp(await listen(server)), address, ca);
      await probe.until(() => probe.heard.length > 0);
      expect(probe.heard[0]?.type).toBe(accepted ? "connected" : "closed");
    }
  });

  test("hints at the plain port when the peer does not speak TLS", async () => {
    const server = createServer((socket) => socket.end("REDQ and more bytes of a plain reply"));
    const failure = await new Probe(tcp(await listen(server)), localhost, ca).failure();
    expect(failure).toMatchObject({ kind: "tls", detail: expect.stringContaining("plain port") });
    const silent = createServer((socket) => socket.end());
    const other = await new Probe(tcp(await listen(silent)), localhost, ca).failure();
    expect(other).toMatchObject({ kind: "tls", detail: expect.stringContaining("plain port") });
  });

  test("gives up on a peer that never answers", async () => {
    const port = await listen(createServer(() => {}));
    const probe = new Probe(tcp(port), localhost, { ...ca, connectTimeoutMs: 100 });
    expect(await probe.failure()).toMatchObject({ kind: "timeout" });
  });
});

describe("a WebSocket transport", () => {
  function webSocketEcho(options: { protocol?: string | false } = {}) {
    const server = createHttpServer();
    const webSockets = new WebSocketServer({
      server,
      handleProtocols: () => options.protocol ?? "binary",
    });
    webSockets.on("connection", (socket) => {
      socket.on("error", () => {});
      socket.send(Buffer.from("hel"));
      socket.send(Buffer.from("lo "));
      socket.on("message", (bytes) => {
        if (bytes.toString() === "leave") socket.close(4000, "told to");
        else if (bytes.toString() === "bye") socket.close();
        else socket.send(bytes);
      });
    });
    cleanups.push(() => webSockets.close());
    return server;
  }
  const ws = (port: number, scheme = "ws", host = "127.0.0.1"): Address => ({
    kind: "websocket",
    url: `${scheme}://${host}:${port}/spice?token=secret`,
  });

  test.each([["binary" as const], [false as const]])(
    "carries bytes when the server names %s as sub-protocol",
    async (protocol) => {
      const port = await listen(webSocketEcho({ protocol }));
      const probe = await new Probe(ws(port)).connected();
      probe.transport.write(Buffer.from("there"));
      await probe.text("hello there");
    },
  );

  test("verifies a wss peer like any TLS peer", async () => {
    const server = tlsEcho();
    server.removeAllListeners("secureConnection");
    const upgrading = webSocketEcho();
    server.on("secureConnection", (socket) => upgrading.emit("connection", socket));
    const port = await listen(server);
    const trusted = { tls: { ca: authority.pem } };
    const good = await new Probe(ws(port, "wss", "localhost"), null, trusted).connected();
    await good.text("hello ");
    const wrongName = await new Probe(ws(port, "wss"), null, trusted).failure();
    expect(wrongName?.kind).toBe("tls");
    const pin: TlsIdentity = { kind: "public-key", key: leaf.publicKey };
    const pinned = await new Probe(ws(port, "wss"), pin).connected();
    await pinned.text("hello ");
  });

  test("reports a close with a reason as a failure, and a plain close as none", async () => {
    const port = await listen(webSocketEcho());
    const told = await new Probe(ws(port)).connected();
    told.transport.write(Buffer.from("leave"));
    expect(await told.failure()).toMatchObject({
      kind: "websocket",
      detail: expect.stringContaining("4000: told to"),
    });
    const plain = await new Probe(ws(port)).connected();
    plain.transport.write(Buffer.from("bye"));
    expect(await plain.failure()).toBeNull();
  });

  test("says what a server answered that takes no WebSocket, without the query", async () => {
    const server = createHttpServer((_request, response) => response.writeHead(403).end());
    const failure = await new Probe(ws(await listen(server))).failure();
    expect(failure).toMatchObject({ kind: "websocket", detail: expect.stringContaining("403") });
    expect(failure?.detail).not.toContain("secret");
  });

  test("refuses an address that is no WebSocket URL", async () => {
    const failure = await new Probe({ kind: "websocket", url: "http://host/" }).failure();
    expect(failure?.kind).toBe("websocket");
  });

  test("delivers what was written before it was closed", async () => {
    const heard: string[] = [];
    const server = createHttpServer();
    const webSockets = new WebSocketServer({ server });
    const closed = new Promise<void>((resolve) => {
      webSockets.on("connection", (socket) => {
        socket.on("message", (bytes) => heard.push(bytes.toString()));
        socket.on("close", () => resolve());
      });
    });
    const probe = await new Probe(ws(await listen(server))).connected();
    probe.transport.write(Buffer.from("last words"));
    probe.transport.close();
    await closed;
    expect(heard).toEqual(["last words"]);
    expect(probe.heard).toEqual([{ type: "connected" }]);
  });
});

describe("a proxy", () => {
  interface Asked {
    readonly target: string;
    readonly authorization: string | undefined;
  }

  async function startProxy(
    answer: number | "tunnel",
    target: number,
    head = "",
  ): Promise<{ port: number; asked: Asked[] }> {
    const asked: Asked[] = [];
    const server = createHttpServer();
    server.on("connect", (request, socket: Socket) => {
      asked.push({
        target: request.url ?? "",
        authorization: request.headers["proxy-authorization"],
      });
      socket.on("error", () => {});
      if (answer !== "tunnel") {
        socket.end(`HTTP/1.1 ${answer} Because\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const onward = connect(target, "127.0.0.1", () => {
        socket.write(`HTTP/1.1 200 OK\r\n\r\n${head}`);
        onward.pipe(socket);
        socket.pipe(onward);
      });
      onward.on("error", () => socket.destroy());
    });
    return { port: await listen(server), asked };
  }

  test("tunnels a connection by name and authenticates", async () => {
    const target = await listen(createServer(echo));
    const { port, asked } = await startProxy("tunnel", target, "head ");
    const proxy = parseProxyUrl(`http://user:p%40ss@127.0.0.1:${port}`);
    const address = tcp(target, "pvespiceproxy:ticket:100:node");
    const probe = await new Probe(address, null, { proxy }).connected();
    await probe.text("head hello ");
    expect(asked).toEqual([
      {
        target: `pvespiceproxy:ticket:100:node:${target}`,
        authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
      },
    ]);
  });

  test("carries TLS with the peer inside the tunnel", async () => {
    const target = await listen(tlsEcho());
    const { port } = await startProxy("tunnel", target);
    const options = { proxy: parseProxyUrl(`127.0.0.1:${port}`), tls: { ca: authority.pem } };
    const identity: TlsIdentity = { kind: "subject", subject: "O=Example,CN=spice host" };
    const probe = await new Probe(tcp(target, "a-ticket"), identity, options).connected();
    probe.transport.write(Buffer.from("there"));
    await probe.text("hello there");
  });

  test("may itself speak TLS", async () => {
    const target = await listen(tlsEcho());
    const plain = createHttpServer();
    plain.on("connect", (_request, socket: Socket) => {
      const onward = connect(target, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket);
        socket.pipe(onward);
      });
      onward.on("error", () => {});
      socket.on("error", () => {});
    });
    const server = tlsEcho();
    server.removeAllListeners("secureConnection");
    server.on("secureConnection", (socket) => plain.emit("connection", socket));
    const port = await listen(server);
    const options = {
      proxy: parseProxyUrl(`https://localhost:${port}`),
      tls: { ca: authority.pem },
    };
    const identity: TlsIdentity = { kind: "subject", subject: "O=Example,CN=spice host" };
    const probe = await new Probe(tcp(target, "peer"), identity, options).connected();
    probe.transport.write(Buffer.from("there"));
    await probe.text("hello there");
  });

  test.each([
    [407, "user and password"],
    [403, "does not allow"],
    [502, "could not reach"],
    [418, "418"],
  ])("that answers %i is a failure of the proxy", async (status, detail) => {
    const { port } = await startProxy(status, 0);
    const proxy = parseProxyUrl(`http://user:secret@127.0.0.1:${port}`);
    const failure = await new Probe(tcp(5900, "peer"), null, { proxy }).failure();
    expect(failure).toMatchObject({ kind: "proxy", detail: expect.stringContaining(detail) });
    expect(failure?.detail).not.toContain("secret");
  });

  test("that is not there is a failure of the proxy", async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    const proxy = parseProxyUrl(`http://127.0.0.1:${port}`);
    const failure = await new Probe(tcp(5900, "peer"), null, { proxy }).failure();
    expect(failure).toMatchObject({ kind: "proxy", detail: expect.stringContaining("refused") });
  });

  test.each([
    ["proxy.example", "http", "proxy.example", 3128, null, null],
    ["http://proxy.example/", "http", "proxy.example", 3128, null, null],
    ["https://proxy.example", "https", "proxy.example", 3129, null, null],
    ["HTTP://[::1]:8080", "http", "::1", 8080, null, null],
    ["http://me@h:1", "http", "h", 1, "me", null],
    ["http://me:a:b@h", "http", "h", 3128, "me", "a:b"],
  ])("is read from %s", (text, scheme, host, port, user, password) => {
    expect(parseProxyUrl(text)).toEqual({ scheme, host, port, user, password });
  });

  test.each(["socks5://h", "http://", "http://h:0", "http://h:x", "http://user:secret@h:99999"])(
    "is not read from %s, and the error holds no password",
    (text) => {
      expect(() => parseProxyUrl(text)).toThrow(ProxyUrlError);
      expect(() => parseProxyUrl(text)).not.toThrow(/secret/);
    },
  );
});
