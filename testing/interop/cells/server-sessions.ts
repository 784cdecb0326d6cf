// Sessions of real clients with our server: what is typed and dragged reaches the guest, tickets and TLS hold, several clients see the same,
// and one that is slow or stops keeps nobody waiting.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  CertificateAuthority,
  compareImages,
  endpointOf,
  type RgbImage,
  ServedTestcard,
  SlowNetwork,
  startGtkClient,
  startXClient,
  type XClientName,
  XScreen,
  xClientNames,
} from "@caraway/interop";
import { LinkError } from "@caraway/protocol";
import type { CompressionName } from "@caraway/server";

const size = { width: 1024, height: 768 };
const still = { ...size, freezeAtMs: 1000 };

interface GuestSnapshot {
  readonly editor: { readonly text: string };
  readonly windows: readonly {
    readonly name: string;
    readonly left: number;
    readonly top: number;
  }[];
  readonly pointer: { readonly buttons: number };
}

interface ServerSnapshot {
  readonly clients: readonly {
    readonly channels: readonly {
      readonly channel: string;
      readonly backlog: number;
      readonly handler: {
        readonly queue?: { readonly waiting: readonly string[] };
        readonly sender?: { readonly compression: string };
      };
    }[];
  }[];
}

const guestOf = (served: ServedTestcard) =>
  served.testcard.snapshot(performance.now()) as GuestSnapshot;
const serverOf = (served: ServedTestcard) =>
  (served.server.snapshot() as { server: ServerSnapshot }).server;

function passed(detail: string, facts?: CellResult["facts"]): CellResult {
  return { outcome: "passed", detail, ...(facts === undefined ? {} : { facts }) };
}

function failed(detail: string, facts?: CellResult["facts"]): CellResult {
  return { outcome: "failed", detail, ...(facts === undefined ? {} : { facts }) };
}

/** Looks until it is so, or too long. */
async function isSo(condition: () => boolean, timeoutMs = 20_000): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await delay(50);
  }
  return true;
}

const whenStill = (served: ServedTestcard) => isSo(() => served.testcard.deadline() === null);

/** Takes the title of the editor, moves it, and writes. */
async function typingCell(name: XClientName): Promise<CellResult> {
  await using served = await ServedTestcard.start({ testcard: still });
  await using screen = await XScreen.start();
  await using program = await startXClient(screen, name, served.address, { size });
  const place = await screen.find(() => served.picture());
  if (place === null) return failed(`the picture is not shown: ${program.output}`);
  const at = (x: number, y: number) => [`${place.x + x}`, `${place.y + y}`];
  await screen.hands("mousemove", ...at(100, 73));
  await screen.hands("mousedown", "1");
  for (let step = 1; step <= 10; step++) {
    await screen.hands("mousemove", ...at(100 + step * 6, 73 + step * 3));
  }
  await screen.hands("mouseup", "1");
  const words = "Tea for 2, please!";
  await screen.hands("type", "--delay", "30", words);
  const isTyped = await isSo(() => guestOf(served).editor.text.endsWith(words));
  const { editor, windows, pointer } = guestOf(served);
  if (!isTyped) return failed(`the guest has ${JSON.stringify(editor.text.slice(-40))}`);
  const { left, top } = windows.find((window) => window.name === "editor")!;
  if (left !== 72 || top !== 92) return failed(`the window is at ${left},${top}`);
  if (pointer.buttons !== 0) return failed("a button is held");
  await whenStill(served);
  const isShown = (await screen.find(() => served.picture())) !== null;
  return isShown ? passed("typed, dragged, and shown") : failed("the picture differs after it");
}

async function preferenceCell(name: XClientName): Promise<CellResult> {
  const wishes: readonly CompressionName[] = ["lz4", "quic", "auto_lz"];
  for (const wish of wishes) {
    await using served = await ServedTestcard.start({ testcard: still });
    await using screen = await XScreen.start();
    const preferredCompression = wish.replace("_", "-");
    const options = { size, preferredCompression };
    await using _program = await startXClient(screen, name, served.address, options);
    if ((await screen.find(() => served.picture())) === null) return failed(`${wish}: not shown`);
    const channels = serverOf(served).clients.flatMap((client) => client.channels);
    const used = channels.map(({ handler }) => handler.sender?.compression).find(Boolean);
    if (used !== wish) return failed(`${wish} was preferred, and ${used} is used`);
  }
  return passed(`honoured, and shown: ${wishes.join(", ")}`);
}

async function ticketCell(name: XClientName): Promise<CellResult> {
  const authority = await CertificateAuthority.create();
  try {
    const certificate = await authority.makeServer({ hosts: ["127.0.0.1", "localhost"] });
    const read = (file: string) => readFileSync(join(certificate.x509Directory, file), "utf8");
    const ticket = (password: string, expiresAt: number | null) => {
      return { password, expiresAt, viewOnly: false };
    };
    const now = performance.now();
    await using served = await ServedTestcard.start({
      testcard: still,
      tls: { cert: read("server-cert.pem"), key: read("server-key.pem") },
      listen: [
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: false },
        { kind: "tcp", host: "127.0.0.1", port: 0, tls: true },
      ],
      server: {
        tickets: [ticket("stale bread", now - 1), ticket("open sesame", now + 600_000)],
        security: { main: "tls", inputs: "tls" },
      },
    });
    const ca = readFileSync(authority.caFile, "utf8");
    const refusals: string[] = [];
    for (const password of ["stale bread", "knock knock"]) {
      await using screen = await XScreen.start();
      await using _program = await startXClient(screen, name, served.address, { ca, password });
      // Before, it learns that main is reached over TLS.
      const denied = () => {
        const refused = served.events.filter((event) => event.name === "link-refused");
        return refused.filter(({ error }) => error.error === LinkError.PERMISSION_DENIED);
      };
      if (!(await isSo(() => denied().length > refusals.length))) {
        return failed(`${password}: nobody was refused`);
      }
      refusals.push(denied()[refusals.length]!.error.message);
    }
    if (served.events.some((event) => event.name === "client-joined")) {
      return failed("somebody came in without a ticket");
    }
    await using screen = await XScreen.start();
    const options = { size, ca, password: "open sesame" };
    await using program = await startXClient(screen, name, served.address, options);
    if ((await screen.find(() => served.picture())) === null) {
      return failed(`the picture is not shown: ${program.output}`);
    }
    const linked = served.events.filter((event) => event.name === "channel-linked");
    const plain = linked.filter(({ tls }) => !tls).map(({ channel }) => channel);
    if (plain.includes("main 0") || plain.includes("inputs 0")) return failed("not over TLS");
    const first = refusals.join("; ");
    if (!first.includes("expired") || !first.includes("wrong")) return failed(first);
    return passed(`shown with the ticket; without: ${first}`);
  } finally {
    await authority.close();
  }
}

/** All kinds of clients look at one guest, one of them types, and all see it. */
async function togetherCell(): Promise<CellResult> {
  await using served = await ServedTestcard.start({ testcard: { ...size, freezeAtMs: 6000 } });
  await using gtk = await startGtkClient(served.address);
  await using ours = new CarawayClient(endpointOf(served.address), {});
  const opened: AsyncDisposable[] = [];
  try {
    const looks: [string, (wanted: RgbImage) => Promise<boolean>][] = [
      ["spice-gtk", async (w) => compareImages(await gtk.dumpWhenEqual(w), w).pixels === 0],
      ["our client", async (w) => compareImages(await ours.pictureWhenEqual(w), w).pixels === 0],
    ];
    for (const name of xClientNames) {
      const screen = await XScreen.start();
      opened.push(screen);
      opened.push(await startXClient(screen, name, served.address, { size }));
      looks.push([name, async (wanted) => (await screen.find(() => wanted)) !== null]);
    }
    await gtk.waitFor("mark");
    for (const words of ["", "a", "b"]) {
      for (const _letter of words) gtk.tapKey(words === "a" ? 0x1e : 0x30);
      if (!(await isSo(() => guestOf(served).editor.text.endsWith(words)))) {
        return failed("what was typed did not arrive");
      }
      await whenStill(served);
      const wanted = served.picture();
      for (const [name, look] of looks) {
        if (!(await look(wanted))) return failed(`${name} shows something else`);
      }
    }
    const joined = served.events.filter((event) => event.name === "client-joined").length;
    return passed(`${looks.length} clients show the same, before and after typing`, { joined });
  } finally {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  }
}

const slowWay = { delayMs: 100, bytesPerSecond: 250_000 };
/** As the queues of the server are bounded; see docs/serving.md. */
const itemsMax = 512;
const backlogMax = 32 << 20;

/** The most that waited for any client at any time. */
class Watermarks {
  items = 0;
  backlog = 0;

  look(served: ServedTestcard): void {
    for (const { channels } of serverOf(served).clients) {
      for (const { backlog, handler } of channels) {
        this.items = Math.max(this.items, handler.queue?.waiting.length ?? 0);
        this.backlog = Math.max(this.backlog, backlog);
      }
    }
  }

  get isBounded(): boolean {
    return this.items <= itemsMax && this.backlog <= backlogMax;
  }
}

/** 200 ms there and back, 2 Mbit/s, beside a client that is next door; the guest is busy. */
async function slowCell(output: "drawing" | "framebuffer"): Promise<CellResult> {
  const testcard = { ...size, output, freezeAtMs: 12_000 };
  const server = { compression: "lz", jpeg: "never" } as const;
  await using served = await ServedTestcard.start({ testcard, server });
  const target = { port: served.address.port };
  await using network = await SlowNetwork.open({ target, toTarget: slowWay, toClient: slowWay });
  await using slow = await startGtkClient({ ...served.address, port: network.port });
  await using quick = await startGtkClient(served.address);
  await quick.waitFor("mark");
  const most = new Watermarks();
  let turns = 0;
  served.server.input({ type: "tablet-position", display: 0, x: 500, y: 150, buttons: 0 });
  while (served.testcard.deadline() !== null) {
    // Another photo each time: more than such a network takes.
    if (turns++ % 5 === 0) served.server.input({ type: "wheel", steps: 1, buttons: 0 });
    await delay(20);
    most.look(served);
  }
  const wanted = served.picture();
  await slow.waitFor("mark", { timeoutMs: 60_000 });
  const quickly = compareImages(await quick.dumpWhenEqual(wanted), wanted).pixels;
  const passedThen = network.passed.toClient;
  const slowly = compareImages(await slow.dumpWhenEqual(wanted, 0, 60_000), wanted).pixels;
  const facts = {
    "drawings that waited": most.items,
    "bytes that waited": most.backlog,
    "bytes after the rest": network.passed.toClient - passedThen,
  };
  if (!most.isBounded) return failed("too much waited", facts);
  if (quickly > 0) return failed(`${quickly} pixels differ at the quick client`, facts);
  if (slowly > 0) return failed(`${slowly} pixels differ at the slow client`, facts);
  return passed("both equal at rest", facts);
}

/** A client stops reading for ever. */
async function stoppedCell(): Promise<CellResult> {
  const testcard = { ...size, output: "framebuffer" } as const;
  await using served = await ServedTestcard.start({ testcard, server: { compression: "off" } });
  await using network = await SlowNetwork.open({ target: { port: served.address.port } });
  await using stopping = await startGtkClient({ ...served.address, port: network.port });
  await using other = await startGtkClient(served.address);
  await stopping.waitFor("mark");
  await other.waitFor("mark");
  network.hold();
  const most = new Watermarks();
  const before = process.memoryUsage().rss;
  let gained = 0;
  const end = () => served.events.find((event) => event.name === "client-left");
  await isSo(() => {
    most.look(served);
    gained = Math.max(gained, process.memoryUsage().rss - before);
    return end() !== undefined;
  }, 120_000);
  const left = end();
  const facts = {
    "drawings that waited": most.items,
    "bytes that waited": most.backlog,
    "MiB gained": Math.round(gained / (1 << 20)),
  };
  if (left?.name !== "client-left") return failed("it was never sent away", facts);
  if (!most.isBounded || gained > 128 << 20) return failed("too much waited", facts);
  const code = left.error?.code;
  if (code !== "CLIENT_TOO_SLOW") return failed(`it was sent away for ${code}`, facts);
  const clients = serverOf(served).clients.length;
  if (clients !== 1 || !other.isAlive) return failed("the other one went as well", facts);
  return passed(`sent away: ${left.error?.message}`, facts);
}

export const cells: readonly Cell[] = [
  ...xClientNames.flatMap((name) => [
    { name: `${name}, types and drags`, run: () => typingCell(name) },
    { name: `${name}, preferred compression`, run: () => preferenceCell(name) },
    { name: `${name}, tickets that expire, TLS-only channels`, run: () => ticketCell(name) },
  ]),
  { name: "all clients at one guest", run: togetherCell },
  { name: "a slow client beside a quick one, drawing", run: () => slowCell("drawing") },
  { name: "a slow client beside a quick one, framebuffer", run: () => slowCell("framebuffer") },
  { name: "a client that stops for ever", run: stoppedCell },
];
