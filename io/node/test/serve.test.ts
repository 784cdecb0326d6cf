import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { defaultSessionOptions, type Endpoint, type SessionEvent } from "@caraway/client";
import type { Guest, GuestInput, GuestOutput, ServerEvent, ServerOptions } from "@caraway/server";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import {
  decodeJpeg,
  encodeJpeg,
  GuestServer,
  type ServeOptions,
  SpiceClient,
} from "../src/index.ts";
import { makeCertificate, UTF8 } from "./certificate.ts";

const width = 160;
const height = 120;

/** A guest with one display that shows a slope, and keeps what it is told. */
class StillGuest implements Guest {
  readonly inputs: GuestInput[] = [];
  readonly #outputs: GuestOutput[];

  constructor() {
    const pixels = new Uint32Array(width * height).map((_zero, at) => at * 3);
    const content = { stride: width * 4, data: new Uint8Array(pixels.buffer) };
    this.#outputs = [
      { type: "identity", name: "still", uuid: null },
      { type: "attach", device: { kind: "display", id: 0 } },
      { type: "attach", device: { kind: "keyboard" } },
      { type: "surface-create", display: 0, surface: 0, width, height, format: 32, content },
      { type: "ready" },
    ];
  }

  handle(input: GuestInput): void {
    this.inputs.push(input);
    if (input.type === "run") this.#outputs.push({ type: "running", running: true });
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): null {
    return null;
  }

  snapshot(): unknown {
    return null;
  }
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(options: Partial<ServeOptions> = {}, server: Partial<ServerOptions> = {}) {
  const guest = new StillGuest();
  const events: ServerEvent[] = [];
  const served = await GuestServer.start({
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
    ...options,
    server,
    guest,
    onEvent: (event) => events.push(event),
  });
  closers.push(() => served.close());
  const ports = served.addresses.map((address) => (address.kind === "tcp" ? address.port : 0));
  return { served, guest, events, port: ports[0]! };
}

const nowhere: Endpoint = {
  host: "127.0.0.1",
  port: null,
  tlsPort: null,
  unixPath: null,
  url: null,
  identity: null,
};

interface Visit {
  readonly username?: string;
  readonly password?: string;
  readonly ca?: string;
}

/** Connects, and gives the picture or why there is none. */
async function visit(endpoint: Partial<Endpoint>, { username, password = "", ca }: Visit = {}) {
  const events: SessionEvent[] = [];
  const client = new SpiceClient({
    session: { ...defaultSessionOptions, endpoint: { ...nowhere, ...endpoint } },
    credentials: username === undefined ? { password } : { username, password },
    ...(ca === undefined ? {} : { transport: { tls: { ca } } }),
    onEvent: (event) => events.push(event),
  });
  closers.push(() => client.close());
  for (let times = 0; times < 1000; times++) {
    const end = events.find((event) => event.name === "ended");
    if (end !== undefined) return { client, error: end.error, pixels: null };
    if (client.screens.isShown(0)) {
      const pixels = client.renderer.primary(0)!.pixmap.pixels;
      return { client, error: null, pixels };
    }
    await delay(10);
  }
  throw new Error("no picture and no end");
}

const slope = new Uint32Array(width * height).map((_zero, at) => at * 3);

function certificate() {
  return makeCertificate({
    subject: [["2.5.4.3", UTF8, "localhost"]],
    names: ["localhost"],
    addresses: [[127, 0, 0, 1]],
    authority: true,
  });
}

async function ask(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  closers.push(() => socket.destroy());
  await once(socket, "connect");
  socket.write(request);
  let answer = "";
  for await (const bytes of socket) answer += (bytes as Buffer).toString("latin1");
  return answer;
}

describe("a guest's server", () => {
  it("shows its picture over plain TCP, TLS, a unix socket and both kinds of WebSocket", async () => {
    const directory = mkdtempSync(join(tmpdir(), "caraway-serve-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "spice.sock");
    const { pem, keyPem } = certificate();
    const { served } = await serve({
      tls: { cert: pem, key: keyPem },
      listen: [
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: false },
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: true },
        { kind: "unix", path },
      ],
    });
    const [plain, secure] = served.addresses.map((address) => {
      return address.kind === "tcp" ? address.port : 0;
    });
    const ways: [Partial<Endpoint>, Visit][] = [
      [{ port: plain! }, {}],
      [{ tlsPort: secure! }, { ca: pem }],
      [{ unixPath: path }, {}],
      [{ url: `ws://127.0.0.1:${plain}/` }, {}],
      [{ url: `wss://127.0.0.1:${secure}/` }, { ca: pem }],
    ];
    for (const [endpoint, how] of ways) {
      const { pixels, error } = await visit(endpoint, how);
      expect(error).toBeNull();
      expect(pixels).toEqual(slope);
    }
    await served.close();
    expect(existsSync(path)).toBe(false);
  });

  it("asks for a ticket", async () => {
    const tickets = [{ password: "open sesame", expiresAt: null, viewOnly: false }];
    const { port, events } = await serve({}, { tickets });
    const stranger = await visit({ port }, { password: "knock" });
    expect(stranger.error?.code).toBe("LINK_PERMISSION_DENIED");
    const friend = await visit({ port }, { password: "open sesame" });
    expect(friend.pixels).toEqual(slope);
    const refused = events.find((event) => event.name === "link-refused");
    expect(refused?.error.message).toBe("the password is wrong");
  });

  it("asks for a user by SASL, with PLAIN where nobody listens and SCRAM anywhere", async () => {
    const { pem, keyPem } = certificate();
    const { served, events } = await serve(
      {
        tls: { cert: pem, key: keyPem },
        listen: [
          { kind: "tcp", host: "127.0.0.1", port: 0, tls: false },
          { kind: "tcp", host: "127.0.0.1", port: 0, tls: true },
        ],
        saslPasswords: async (user) => (user === "ann" ? "pa55 wörd" : null),
      },
      { sasl: true },
    );
    const [plain, secure] = served.addresses.map((address) => {
      return address.kind === "tcp" ? address.port : 0;
    });
    const ann = { username: "ann", password: "pa55 wörd" };
    expect((await visit({ port: plain! }, ann)).pixels).toEqual(slope);
    expect((await visit({ tlsPort: secure! }, { ...ann, ca: pem })).pixels).toEqual(slope);
    const denied = async (how: Visit) => (await visit({ port: plain! }, how)).error?.code;
    expect(await denied({ username: "ann", password: "wrong" })).toBe("LINK_PERMISSION_DENIED");
    expect(await denied({ username: "bob", password: "pa55 wörd" })).toBe("LINK_PERMISSION_DENIED");
    const joined = events.filter((event) => event.name === "client-joined");
    expect(joined.map(({ user }) => user)).toEqual(["ann", "ann"]);
  });

  it("hands the guest what is typed", async () => {
    const { port, guest } = await serve();
    const { client } = await visit({ port });
    client.command({ name: "input", input: { kind: "key-down", scancode: 0x1e } });
    client.command({ name: "input", input: { kind: "key-up", scancode: 0x1e } });
    while (guest.inputs.length < 3) await delay(10);
    expect(guest.inputs).toEqual([
      { type: "run" },
      { type: "key", code: 0x1e, down: true },
      { type: "key", code: 0x1e, down: false },
    ]);
  });

  it("ends its sessions when it closes", async () => {
    const { served, port } = await serve();
    const { client } = await visit({ port });
    await served.close();
    let isRefused = false;
    for (let times = 0; times < 500 && !isRefused; times++) {
      isRefused = (await visit({ port }).catch(() => null))?.error !== null;
    }
    expect(isRefused).toBe(true);
    expect(client.renderer.primary(0)).not.toBeNull();
  });

  it("cannot listen where something else is", async () => {
    const { port } = await serve();
    const listen = [{ kind: "tcp", host: "127.0.0.1", port, tls: false } as const];
    await expect(serve({ listen })).rejects.toThrow("EADDRINUSE");
    const directory = mkdtempSync(join(tmpdir(), "caraway-serve-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "file");
    writeFileSync(path, "precious");
    await expect(serve({ listen: [{ kind: "unix", path }] })).rejects.toThrow();
    expect(existsSync(path)).toBe(true);
  });

  it("answers browsers that are no WebSocket, and those that are from elsewhere", async () => {
    const { port } = await serve();
    const host = `Host: 127.0.0.1:${port}\r\n`;
    expect(await ask(port, `GET / HTTP/1.1\r\n${host}\r\n`)).toMatch(/^HTTP\/1.1 426 /);
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n";
    const evil = await ask(
      port,
      `GET / HTTP/1.1\r\n${host}${upgrade}Origin: https://evil.example\r\n\r\n`,
    );
    expect(evil).toMatch(/^HTTP\/1.1 403 /);
  });

  it.each([
    ["any", "https://evil.example", true],
    ["same-host", "http://127.0.0.1:8080", true],
    ["same-host", "https://evil.example", false],
    ["same-host", "null", false],
    [["https://console.example"], "https://console.example", true],
    [["https://console.example"], "http://console.example", false],
  ] as const)("lets origins in by the rule %j: %s", async (origins, origin, isAllowed) => {
    const { port } = await serve({ origins });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["binary"], { headers: { origin } });
    socket.on("error", () => {});
    closers.push(() => socket.terminate());
    const answer = await new Promise<number>((resolve) => {
      socket.once("upgrade", (response) => resolve(response.statusCode ?? 0));
      socket.once("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    });
    expect(answer).toBe(isAllowed ? 101 : 403);
  });

  it("tells whoever speaks something else", async () => {
    const { port } = await serve();
    const answer = await ask(port, "SSH-2.0-OpenSSH\r\n");
    expect(answer.slice(0, 4)).toBe("REDQ");
    expect(answer.charCodeAt(16)).toBe(2);
  });

  it("survives clients that come and go at once", async () => {
    const { port } = await serve();
    const sockets: Socket[] = [];
    for (let index = 0; index < 50; index++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      if (index % 2 === 0) socket.write("REDQ");
      if (index % 3 === 0) socket.destroy();
    }
    await delay(50);
    for (const socket of sockets) socket.destroy();
    expect((await visit({ port })).pixels).toEqual(slope);
  });
});

describe("encodeJpeg", () => {
  it("makes pictures that look the same", async () => {
    const pixels = new Uint32Array(64 * 48).map((_zero, at) => {
      const [x, y] = [at % 64, Math.floor(at / 64)];
      return 0xff000000 | ((x * 4) << 16) | ((y * 5) << 8) | 128;
    });
    const data = await encodeJpeg({ format: "xrgb", width: 64, height: 48, pixels }, 90);
    expect(data.length).toBeLessThan(pixels.length);
    const decoded = await decodeJpeg(data);
    let largest = 0;
    decoded.pixels.forEach((pixel, at) => {
      for (const shift of [0, 8, 16]) {
        const difference = ((pixel >> shift) & 255) - ((pixels[at]! >> shift) & 255);
        largest = Math.max(largest, Math.abs(difference));
      }
    });
    expect(largest).toBeLessThan(16);
  });
});
