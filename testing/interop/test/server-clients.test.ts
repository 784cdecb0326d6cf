// Real clients at our server: each shows exactly what the testcard shows, for every compression and both headers, by every way in.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { CompressionName } from "@caraway/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CarawayClient,
  CertificateAuthority,
  compareImages,
  endpointOf,
  type GtkClient,
  type ProgramEvent,
  readPpm,
  ServedTestcard,
  type ServerCertificate,
  startGtkClient,
  startXClient,
  XScreen,
  xClientNames,
} from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "../src/ownership.ts";

const run = promisify(execFile);
const compressions: CompressionName[] = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"];
const exact = { pixels: 0, psnr: Number.POSITIVE_INFINITY };
/** The desktop moves while clients come, and stands still then. */
const testcard = { freezeAtMs: 3000 };
const standsStillMs = 3500;

async function whenStill(served: ServedTestcard): Promise<void> {
  while (served.testcard.deadline() !== null) await delay(50);
}

describe("spice-gtk at our server", () => {
  it.each(compressions)("shows the testcard exactly with compression %s", async (compression) => {
    await using served = await ServedTestcard.start({ testcard, server: { compression } });
    await using client = await startGtkClient(served.address);
    await client.waitFor("mark");
    await delay(standsStillMs);
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
    expect(served.events.filter(({ name }) => name === "guest-fault")).toEqual([]);
  });

  it("shows it exactly with full headers", async () => {
    await using served = await ServedTestcard.start({ testcard, server: { miniHeader: false } });
    await using client = await startGtkClient(served.address);
    await client.waitFor("mark");
    await delay(standsStillMs);
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
    const linked = served.events.filter((event) => event.name === "channel-linked");
    expect(linked.length).toBeGreaterThan(1);
    expect(linked.every(({ miniHeader }) => !miniHeader)).toBe(true);
  });

  it("shows a framebuffer exactly", async () => {
    const framebuffer = { ...testcard, output: "framebuffer" } as const;
    await using served = await ServedTestcard.start({ testcard: framebuffer });
    await using client = await startGtkClient(served.address);
    await client.waitFor("mark");
    await delay(standsStillMs);
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
  });

  it("shows what was there before it came, to two clients at a time", async () => {
    await using served = await ServedTestcard.start({ testcard: { freezeAtMs: 1000 } });
    await delay(1200);
    await whenStill(served);
    const wanted = served.picture();
    await using first = await startGtkClient(served.address);
    await using second = await startGtkClient(served.address);
    for (const client of [first, second]) {
      await client.waitFor("mark");
      expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
    }
  });

  it("types into the guest", async () => {
    await using served = await ServedTestcard.start({ testcard: { freezeAtMs: 1000 } });
    await using client = await startGtkClient(served.address);
    await client.waitFor("mark");
    await delay(1200);
    await whenStill(served);
    const before = served.picture();
    client.tapKey(30);
    client.tapKey(48);
    while (compareImages(served.picture(), before).pixels === 0) await delay(50);
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
  });
});

describe("ways into our server", () => {
  let authority: CertificateAuthority;
  let certificate: ServerCertificate;
  let directory: string;
  beforeAll(async () => {
    authority = await CertificateAuthority.create();
    certificate = await authority.makeServer({ hosts: ["127.0.0.1", "localhost"] });
    directory = makeOwnedDirectory("server");
  });
  afterAll(async () => {
    await authority?.close();
    removeOwnedDirectory(directory);
  });

  const still = { freezeAtMs: 500 };

  function tls() {
    const read = (name: string) => readFileSync(join(certificate.x509Directory, name), "utf8");
    return { cert: read("server-cert.pem"), key: read("server-key.pem") };
  }

  async function expectPicture(served: ServedTestcard, client: GtkClient): Promise<void> {
    await client.waitFor("mark");
    await delay(700);
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
  }

  it("opens with a ticket, and not with another password", async () => {
    const tickets = [{ password: "open sesame", expiresAt: null, viewOnly: false }];
    await using served = await ServedTestcard.start({ testcard: still, server: { tickets } });
    await using stranger = await startGtkClient(served.address, { password: "knock knock" });
    await stranger.waitFor("channel", { where: ({ state }) => state === "error-auth" });
    await using client = await startGtkClient(served.address, { password: "open sesame" });
    await expectPicture(served, client);
    const refused = served.events.filter((event) => event.name === "link-refused");
    expect(refused.map(({ error }) => error.error)).toContain(7);
  });

  it("opens over TLS, for channels that need it", async () => {
    await using served = await ServedTestcard.start({
      testcard: still,
      tls: tls(),
      listen: [
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: false },
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: true },
      ],
      server: { security: { main: "tls", inputs: "tls" } },
    });
    await using client = await startGtkClient(served.address, { caFile: authority.caFile });
    await expectPicture(served, client);
    const linked = served.events.filter((event) => event.name === "channel-linked");
    const overTls = new Map(linked.map(({ channel, tls: isTls }) => [channel, isTls]));
    expect(overTls.get("main 0")).toBe(true);
    expect(overTls.get("inputs 0")).toBe(true);
  });

  it("opens on a unix socket", async () => {
    const path = join(directory, "spice.sock");
    const listen = [{ kind: "unix", path } as const];
    await using served = await ServedTestcard.start({ testcard: still, listen });
    await using client = await startGtkClient(served.address);
    await expectPicture(served, client);
  });

  it("opens with SASL over TLS", async () => {
    await using served = await ServedTestcard.start({
      testcard: still,
      tls: tls(),
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: true }],
      server: { sasl: true },
      saslPasswords: (user) => (user === "ann" ? "open sesame" : null),
    });
    const credentials = { username: "ann", password: "open sesame", caFile: authority.caFile };
    await using client = await startGtkClient(served.address, credentials);
    await expectPicture(served, client);
    expect(served.events.find(({ name }) => name === "client-joined")).toMatchObject({
      user: "ann",
    });
  });

  it("opens for our client, by WebSocket and by TCP, with either picture", async () => {
    await using served = await ServedTestcard.start({ testcard: still });
    const { port } = served.address;
    const plain = endpointOf(served.address);
    const url = `ws://127.0.0.1:${port}/`;
    for (const endpoint of [plain, { ...plain, port: null, url }]) {
      await using client = new CarawayClient(endpoint, {});
      await client.settle();
      await whenStill(served);
      const wanted = served.picture();
      expect(compareImages(await client.pictureWhenEqual(wanted), wanted)).toMatchObject(exact);
    }
  });

  it.each(xClientNames)("shows the testcard to %s on a screen, exactly", async (name) => {
    const tickets = [{ password: "open sesame", expiresAt: null, viewOnly: false }];
    await using served = await ServedTestcard.start({ testcard: still, server: { tickets } });
    await using screen = await XScreen.start();
    const options = { password: "open sesame" };
    await using program = await startXClient(screen, name, served.address, options);
    expect(await screen.find(() => served.picture()), program.output).not.toBeNull();
  });

  it("gives spicy-screenshot its picture", async () => {
    await using served = await ServedTestcard.start({ testcard: still });
    await delay(700);
    await whenStill(served);
    const { host, port } = served.address;
    const file = join(directory, "screenshot.ppm");
    await run("spicy-screenshot", ["-h", host, "-p", `${port}`, "-o", file], { timeout: 60_000 });
    expect(compareImages(readPpm(file), served.picture())).toMatchObject(exact);
  });
});

describe("several clients of spice-gtk", () => {
  const still = { freezeAtMs: 500 };
  const editorText = (served: ServedTestcard) => {
    const { editor } = served.testcard.snapshot(performance.now()) as { editor: { text: string } };
    return editor.text;
  };

  it("take over from each other where that is the policy", async () => {
    await using served = await ServedTestcard.start({
      testcard: still,
      server: { sharing: "take-over" },
    });
    await using first = await startGtkClient(served.address);
    await first.waitFor("mark");
    await using second = await startGtkClient(served.address);
    const isEnd = ({ channel, state }: ProgramEvent) => channel === "main" && state !== "opened";
    await first.waitFor("channel", { where: isEnd });
    await second.waitFor("mark");
    await whenStill(served);
    const wanted = served.picture();
    expect(compareImages(await second.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
  });

  it("do not come in where one is enough, and do when it has gone", async () => {
    await using served = await ServedTestcard.start({
      testcard: still,
      server: { sharing: "refuse" },
    });
    const first = await startGtkClient(served.address);
    await first.waitFor("mark");
    await using second = await startGtkClient(served.address);
    const isError = ({ state }: ProgramEvent) => `${state}`.startsWith("error");
    await second.waitFor("channel", { where: isError });
    expect(first.isAlive).toBe(true);
    await first.close();
    while (!served.events.some(({ name }) => name === "client-left")) await delay(20);
    await using third = await startGtkClient(served.address);
    await third.waitFor("mark");
  });

  async function untilInputs(client: GtkClient): Promise<void> {
    const isOpen = ({ channel, state }: ProgramEvent) => channel === "inputs" && state === "opened";
    await client.waitFor("mark");
    await client.waitFor("channel", { where: isOpen });
  }

  it("only look on with a ticket that says so, and inherit the agent otherwise", async () => {
    const ticket = (password: string, viewOnly: boolean) => {
      return { password, expiresAt: null, viewOnly };
    };
    const tickets = [ticket("look", true), ticket("use", false)];
    await using served = await ServedTestcard.start({ testcard: still, server: { tickets } });
    await using viewer = await startGtkClient(served.address, { password: "look" });
    const first = await startGtkClient(served.address, { password: "use" });
    // In this order: the first who may have it owns the agent. Keys before `inputs` are lost.
    for (const client of [viewer, first]) await untilInputs(client);
    await using second = await startGtkClient(served.address, { password: "use" });
    await untilInputs(second);
    const before = editorText(served);
    viewer.tapKey(30);
    await viewer.ask("status", "status");
    first.tapKey(48);
    while (editorText(served) === before) await delay(20);
    expect(editorText(served)).toBe(`${before}b`);
    await first.close();
    const owners = () => served.events.filter((event) => event.name === "agent-owner");
    while (owners().length < 2) await delay(20);
    const joined = served.events.filter((event) => event.name === "client-joined");
    const users = joined.filter(({ viewOnly }) => !viewOnly).map(({ client }) => client);
    expect(owners().map(({ client }) => client)).toEqual(users);
  });
});
