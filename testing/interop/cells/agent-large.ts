// What a user may have under way in a move, at its largest: a file of 200 MB and a paste of 20 MB at
// once, from QEMU to QEMU and between servers of ours, with both clients; and files of a shared
// folder beside a console that talks.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MigrationMode, SessionEvent } from "@caraway/client";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  ClipboardUser,
  endpointOf,
  MovingTestcard,
  startGtkClient,
} from "@caraway/interop";
import { moveBusyAgent, movedResult, sha256 } from "./agent.ts";
import { moveFolder } from "./folders.ts";
import { demand } from "./migration.ts";

const fileSize = 200_000_000;
const pasteSize = 20_000_000;
const timeoutMs = 1_500_000;
/** The guest has its files in its memory. */
const machine = { display: "qxl-vga", memoryMiB: 1024 } as const;
const [control, letterV] = [0x1d, 0x2f];

async function guestCell(mode: MigrationMode): Promise<CellResult> {
  const sizes = { file: fileSize, paste: pasteSize };
  const facts = await moveBusyAgent(mode, sizes, { machine, fileTimeoutMs: 900_000 });
  return movedResult(mode, sizes, facts);
}

/** A folder with what is sent and pasted. */
function makeContent() {
  const folder = mkdtempSync(join(tmpdir(), "caraway-large-"));
  const make = (name: string, size: number) => {
    const content = randomBytes(size);
    const path = join(folder, name);
    writeFileSync(path, content);
    return { path, content, hash: sha256(content) };
  };
  const file = make("large.bin", fileSize);
  const paste = make("paste.png", pasteSize);
  const remove = () => rmSync(folder, { recursive: true });
  return { file, paste, [Symbol.dispose]: remove };
}

function pressPaste(desk: MovingTestcard): void {
  const { server } = desk.here;
  for (const code of [control, letterV]) server.input({ type: "key", code, down: true });
  for (const code of [letterV, control]) server.input({ type: "key", code, down: false });
}

async function untilPasted(desk: MovingTestcard, hash: string): Promise<boolean> {
  const line = `IMAGE_PNG ${pasteSize} ${hash.slice(0, 8)}`;
  const end = Date.now() + 300_000;
  for (;;) {
    const { editor } = desk.testcard.snapshot(0) as { editor: { text: string } };
    if (editor.text.includes(line)) return true;
    if (Date.now() > end) return false;
    await delay(100);
  }
}

function demandFile(desk: MovingTestcard, hash: string): void {
  demand(desk.testcard.files.at(-1)?.sha256 === hash, "the file that arrived is another");
}

async function ourCell(mode: "seamless" | "semi-seamless", peer: boolean): Promise<CellResult> {
  using content = makeContent();
  await using desk = await MovingTestcard.start({ testcard: { speed: 0 } });
  const client = new CarawayClient(endpointOf(desk.address), {
    onEvent: (event: SessionEvent) => user?.answer(event),
  });
  const user: ClipboardUser = new ClipboardUser(client);
  try {
    await user.agentIsThere();
    user.copy(new Map([["IMAGE_PNG", content.paste.content]]));
    await delay(200);
    const transfer = await user.send(content.file.path);
    await delay(500);
    pressPaste(desk);
    await delay(100);
    const since = client.events.length;
    await desk.move(mode, peer);
    const { phase, restarts } = await user.sent(transfer, 900_000);
    demand(phase === "done", "the file failed");
    demandFile(desk, content.file.hash);
    const told = client.events.slice(since);
    const lost = told.some(({ name }) => name === "clipboard-undelivered");
    if (mode === "seamless") {
      demand(restarts === 0 && !lost, `begun again ${restarts} times, paste lost: ${lost}`);
      demand(!told.some(({ name }) => name === "agent"), "the agent was announced again");
      demand(await untilPasted(desk, content.paste.hash), "the paste is not whole");
      return { outcome: "passed", detail: "200 MB and 20 MB by hash, nothing begun again" };
    }
    // It was cut off and said so, and the next one works.
    demand(lost, "the paste that was cut off was not reported");
    pressPaste(desk);
    demand(await untilPasted(desk, content.paste.hash), "the next paste does not work");
    const detail = `200 MB by hash, begun again ${restarts} times; the paste reported, the next whole`;
    return { outcome: "passed", detail };
  } finally {
    client.close();
  }
}

async function gtkCell(peer: boolean): Promise<CellResult> {
  using content = makeContent();
  await using desk = await MovingTestcard.start({ testcard: { speed: 0 } });
  const client = await startGtkClient(desk.address);
  try {
    await client.waitFor("agent", { where: ({ connected }) => connected === true });
    await client.waitFor("mark");
    await client.ask(`offer 2 ${content.paste.path}`, "offered");
    await delay(300);
    client.send(`send-file ${content.file.path}`);
    await delay(500);
    pressPaste(desk);
    await delay(100);
    await desk.move("seamless", peer);
    const { error } = await client.waitFor("file-sent", { timeoutMs: 900_000 });
    demand(error === "", `the file failed: ${error}`);
    demandFile(desk, content.file.hash);
    demand(await untilPasted(desk, content.paste.hash), "the paste is not whole");
    return { outcome: "passed", detail: "200 MB and 20 MB by hash" };
  } finally {
    await client.close();
  }
}

export const cells: readonly Cell[] = [
  { name: "our client, ours to ours, seamless", run: () => ourCell("seamless", true), timeoutMs },
  {
    name: "our client, ours to ours, by the wire alone, seamless",
    run: () => ourCell("seamless", false),
    timeoutMs,
  },
  {
    name: "our client, ours to ours, semi-seamless",
    run: () => ourCell("semi-seamless", true),
    timeoutMs,
  },
  { name: "spice-gtk, ours to ours, seamless", run: () => gtkCell(true), timeoutMs },
  {
    name: "spice-gtk, ours to ours, by the wire alone, seamless",
    run: () => gtkCell(false),
    timeoutMs,
  },
  { name: "folder and console, QEMU to QEMU, seamless", run: () => moveFolder("seamless") },
  {
    name: "folder and console, QEMU to QEMU, semi-seamless",
    run: () => moveFolder("semi-seamless"),
  },
  { name: "QEMU to QEMU, seamless", run: () => guestCell("seamless"), timeoutMs },
  { name: "QEMU to QEMU, semi-seamless", run: () => guestCell("semi-seamless"), timeoutMs },
];
