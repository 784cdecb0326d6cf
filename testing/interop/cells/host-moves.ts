// Two of our hosts as separate processes, the testcard busy between them, our own client and
// spice-gtk connected: every mode, many moves in a row, several clients, keys that are typed
// meanwhile, and a slow network.

import { setTimeout as delay } from "node:timers/promises";
import { defaultSessionOptions } from "@caraway/client";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  findFreePort,
  type HostProcess,
  JsonProgram,
  SlowNetwork,
} from "@caraway/interop";
import { type ClientStream, streamDuplex } from "@caraway/node";
import { ensurePeerProgram } from "../src/peer-program.ts";
import {
  connectCarawayTo,
  connectGtkTo,
  demand,
  demandExact,
  demandKept,
  displayBytes,
  freshPicture,
  HostSetting,
} from "./host-setting.ts";

type Mode = "seamless" | "semi-seamless" | "switch-host";
const modes: readonly Mode[] = ["seamless", "semi-seamless", "switch-host"];

/** The desktop is busy until here, and can be compared from then on. */
const busyMs = 8000;

async function oneMove(mode: Mode, kind: "caraway" | "spice-gtk"): Promise<CellResult> {
  await using hosts = await HostSetting.start({ freezeAtMs: busyMs });
  const { a, b } = hosts;
  const began = Date.now();
  await using client = kind === "caraway" ? await connectCarawayTo(a) : await connectGtkTo(a);
  await delay(1000);
  const moved = await hosts.move(a, b, { mode });
  if (mode === "seamless") demandKept(moved, 1);
  demand(moved.owner === "target", `the move failed: ${moved.error?.message}`);
  const seen = moved.clients.map((one) => one.mode).join();
  demand(seen === mode, `the client moved by ${seen}`);
  const [told] = moved.outcome?.clients ?? [];
  const wanted = mode === "seamless" ? "kept" : "rebuilt";
  const others = (told?.channels ?? []).filter(({ outcome }) => outcome !== wanted);
  demand(told?.mode === mode && told.channels.length >= 4, "the table lacks the client");
  demand(others.length === 0, others.map(({ channel, reason }) => `${channel}: ${reason}`).join());
  demand((await a.guests()).length === 0, "the source still has a guest");
  await delay(Math.max(0, busyMs + 2500 - (Date.now() - began)));
  await demandExact(b, [client]);
  if (client instanceof CarawayClient) demand(client.isAlive, "the session has ended");
  const held = moved.outcome?.holdMs ?? 0;
  return {
    outcome: "passed",
    detail: `stopped for ${moved.stoppedMs?.toFixed(0)} ms, held for ${held.toFixed(0)} ms; exact`,
    facts: { displayBytes: displayBytes(moved) },
  };
}

async function tenMoves(): Promise<CellResult> {
  await using hosts = await HostSetting.start({ freezeAtMs: 20_000 });
  const { a, b } = hosts;
  const began = Date.now();
  await using ours = await connectCarawayTo(a);
  await using gtk = await connectGtkTo(a);
  const bytes: number[] = [];
  for (let round = 0; round < 10; round++) {
    const [from, to] = round % 2 === 0 ? [a, b] : [b, a];
    const moved = await hosts.move(from, to);
    demandKept(moved, 2);
    bytes.push(displayBytes(moved));
  }
  await delay(Math.max(0, 22_500 - (Date.now() - began)));
  await demandExact(a, [ours, gtk]);
  demand(ours.isAlive && gtk.isAlive, "a session has ended");
  return { outcome: "passed", detail: "ten seamless moves of two clients, back to back; exact" };
}

async function severalClients(): Promise<CellResult> {
  await using hosts = await HostSetting.start({ freezeAtMs: busyMs });
  const { a, b } = hosts;
  const began = Date.now();
  await using first = await connectCarawayTo(a);
  await using second = await connectCarawayTo(a);
  await using gtk = await connectGtkTo(a);
  demandKept(await hosts.move(a, b), 3);
  await delay(Math.max(0, busyMs + 2500 - (Date.now() - began)));
  await demandExact(b, [first, second, gtk]);
  return { outcome: "passed", detail: "three clients moved at once, all seamless; exact" };
}

/**
 * A port of the guest says bytes without a pause, and its owner sends each back: a byte that is
 * lost, doubled or out of place anywhere makes the guest hang up. Six moves, back and forth.
 */
async function severalWithStream(owner: "our client" | "spice-gtk"): Promise<CellResult> {
  await using hosts = await HostSetting.start({ freezeAtMs: 15_000, flags: ["--ports", "1"] });
  const { a, b } = hosts;
  const began = Date.now();
  // A port belongs to the client that comes first.
  await using echo = owner === "spice-gtk" ? await echoOfGtk(a) : await echoOfOurs(a);
  await using first = await connectCarawayTo(a);
  await using second = await connectCarawayTo(a);
  await using gtk = await connectGtkTo(a);
  for (let round = 0; round < 6; round++) {
    const [from, to] = round % 2 === 0 ? [a, b] : [b, a];
    const before = echo.bytes();
    while (echo.bytes() < before + 50_000) {
      demand(echo.isOpen(), "the guest has hung up: a byte was wrong");
      await delay(20);
    }
    demandKept(await hosts.move(from, to), 4);
  }
  const moved = echo.bytes();
  await delay(1000);
  demand(echo.isOpen(), "the guest has hung up: a byte was wrong");
  demand(echo.bytes() > moved, "the port says nothing more");
  await delay(Math.max(0, 17_500 - (Date.now() - began)));
  await demandExact(a, [first, second, gtk]);
  return {
    outcome: "passed",
    detail: `four clients through six moves, all seamless; ${owner} sent back every byte of a port, once and in order; exact`,
    facts: { bytes: echo.bytes() },
  };
}

/** Somebody who sends back what a port says. */
interface Echo extends AsyncDisposable {
  bytes(): number;
  isOpen(): boolean;
}

async function echoOfGtk(host: HostProcess): Promise<Echo> {
  const program = await ensurePeerProgram("gtk-port", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  const { port } = await host.addressOf("desk");
  const client = new JsonProgram(program, ["host=127.0.0.1", `port=${port}`]);
  await client.waitFor("data");
  const last = (event: string) => client.events.findLast((one) => one.event === event);
  return {
    bytes: () => Number(last("data")?.["bytes"] ?? 0),
    isOpen: () => last("port")?.["opened"] === true && client.isAlive,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function echoOfOurs(host: HostProcess): Promise<Echo> {
  let bytes = 0;
  let port: ClientStream | null = null;
  const channels = [...defaultSessionOptions.channels, "port"] as const;
  const client = new CarawayClient(endpointOf(await host.addressOf("desk")), {
    session: { channels },
    onStream: (stream) => {
      port = stream;
      const duplex = streamDuplex(stream);
      duplex.on("data", (data: Buffer) => {
        bytes += data.length;
      });
      duplex.pipe(duplex);
    },
  });
  while (bytes === 0) await delay(20);
  return {
    bytes: () => bytes,
    isOpen: () => port?.isGuestOpen === true && client.isAlive,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Scan codes of letters, whose keys leave their trace in the editor's text. */
const letters = [30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25];

async function typing(): Promise<CellResult> {
  const words = Array.from({ length: 6 }, () => letters).flat();
  // What the same keys make of a desktop that does not move.
  await using still = await HostSetting.start({ freezeAtMs: 1000 });
  await using writer = await connectCarawayTo(still.a);
  await delay(2500);
  for (const scancode of words) type(writer, scancode);
  await delay(1500);
  const wanted = await freshPicture(still.a);
  await using hosts = await HostSetting.start({ freezeAtMs: 1000 });
  const { a, b } = hosts;
  await using client = await connectCarawayTo(a);
  await delay(2500);
  const moves = (async () => {
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, b],
    ] as const) {
      demandKept(await hosts.move(from, to), 1);
    }
  })();
  for (const scancode of words) {
    type(client, scancode);
    await delay(25);
  }
  await moves;
  await delay(1500);
  const found = await freshPicture(b);
  const isSame = found.data.every((byte, at) => byte === wanted.data[at]);
  demand(isSame, "keys were lost, doubled or came in another order");
  return { outcome: "passed", detail: `${words.length} keys through three moves, each once` };
}

function type({ client }: CarawayClient, scancode: number): void {
  client.command({ name: "input", input: { kind: "key-down", scancode } });
  client.command({ name: "input", input: { kind: "key-up", scancode } });
}

/** What the target sends in five seconds against what the source sent in as long before. */
async function bytesSent(kind: "caraway" | "spice-gtk", isBusy: boolean): Promise<CellResult> {
  await using hosts = await HostSetting.start({ freezeAtMs: isBusy ? 600_000 : 1000 });
  const { a, b } = hosts;
  await using _client = kind === "caraway" ? await connectCarawayTo(a) : await connectGtkTo(a);
  await delay(isBusy ? 1000 : 4000);
  const { id } = await a.migrate("desk", { to: b.peers, measureMs: 5000 });
  const moved = await a.endOf(id);
  demandKept(moved, 1);
  const before = moved.sentBeforeBytes ?? 0;
  const behind = moved.outcome?.sentBytes ?? 0;
  const most = before * 1.2 + (kind === "caraway" ? 4000 : 16_000);
  demand(behind <= most, `${behind} bytes in 5 s, and ${before} in 5 s before`);
  return {
    outcome: "passed",
    detail: `${behind} bytes in the first 5 s, ${before} in the 5 s before`,
    facts: { before, behind },
  };
}

/** 200 ms there and back, 2 Mbit/s. */
const slow = { delayMs: 100, bytesPerSecond: 250_000 };

async function slowNetwork(): Promise<CellResult> {
  const port = await findFreePort();
  await using hosts = await HostSetting.start({
    freezeAtMs: 15_000,
    targetFlags: ["--listen", `spice://127.0.0.2:${port}`, "--advertise", "127.0.0.3"],
  });
  const { a, b } = hosts;
  const began = Date.now();
  const source = await a.addressOf("desk");
  const ways = { toTarget: slow, toClient: slow };
  await using toSource = await SlowNetwork.open({ target: { port: source.port }, ...ways });
  await using toTarget = await SlowNetwork.open({
    ...{ target: { host: "127.0.0.2", port }, listen: { host: "127.0.0.3", port } },
    ...ways,
  });
  const [, peerPort] = b.peers.split(":");
  await using between = await SlowNetwork.open({ target: { port: Number(peerPort) }, ...ways });
  await using client = new CarawayClient(endpointOf({ ...source, port: toSource.port }), {});
  await client.settle(50).catch(() => {});
  while (!client.client.screens.isShown(0)) await delay(20);
  const moved = await hosts.move(a, b, { to: `127.0.0.1:${between.port}` });
  demandKept(moved, 1);
  demand(toTarget.connections >= 4, "the client did not come by the slow way");
  await delay(Math.max(0, 25_000 - (Date.now() - began)));
  const wanted = await freshPicture(b);
  const shown = await client.pictureWhenEqual(wanted, 0, 30_000);
  demand(
    shown.data.every((byte, at) => byte === wanted.data[at]),
    "the client shows something else",
  );
  const { holdMs = 0, holdReason = "" } = moved.outcome ?? {};
  return {
    outcome: "passed",
    detail: `stopped for ${moved.stoppedMs?.toFixed(0)} ms, held for ${holdMs.toFixed(0)} ms (${holdReason}); exact`,
    facts: { displayBytes: displayBytes(moved) },
  };
}

export const cells: readonly Cell[] = [
  ...modes.map((mode) => ({
    name: `our client moves along: ${mode}`,
    run: () => oneMove(mode, "caraway"),
  })),
  ...modes.map((mode) => ({
    name: `spice-gtk moves along: ${mode}`,
    run: () => oneMove(mode, "spice-gtk"),
  })),
  { name: "ten moves back and forth, of our client and spice-gtk", run: tenMoves },
  { name: "two of our clients and spice-gtk at once, all seamless", run: severalClients },
  ...(["our client", "spice-gtk"] as const).map((owner) => ({
    name: `four clients at once, and a port whose bytes ${owner} sends back`,
    run: () => severalWithStream(owner),
  })),
  ...(["caraway", "spice-gtk"] as const).flatMap((kind) =>
    [false, true].map((isBusy) => ({
      name: `${kind === "caraway" ? "our client" : kind} is sent only what changes: ${isBusy ? "busy" : "still"}`,
      run: () => bytesSent(kind, isBusy),
    })),
  ),
  { name: "keys that are typed during three moves arrive once and in order", run: typing },
  { name: "seamless at 200 ms and 2 Mbit/s, for client and hosts", run: slowNetwork },
];
