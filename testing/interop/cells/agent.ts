// A real guest's agent (spice-vdagent under X) and our client: clipboards both ways, files, the
// agent's restart, and all of that in the middle of a move from QEMU to QEMU.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ClipboardFormat } from "@caraway/agent";
import type { MigrationMode, SessionEvent } from "@caraway/client";
import {
  againIfGuestDied,
  CarawayClient,
  type Cell,
  type CellResult,
  ClipboardUser,
  connectCaraway,
  demandAlive,
  endpointOf,
  ServedTestcard,
  startGtkClient,
  startSavedVm,
  type Vm,
  type VmDevices,
} from "@caraway/interop";
import { demand } from "./migration.ts";
import { MovingSession, modeOf, phasesOf } from "./moving-session.ts";

/** Where the guest's agent puts files. */
const transfers = "$HOME/transfers";

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Puts something on a clipboard of the guest's, as an application does. */
export async function copyInGuest(
  vm: Pick<Vm, "shell">,
  source: string,
  target: string,
): Promise<void> {
  await vm.shell.run(`${source} | xclip -selection ${target} -i >/dev/null 2>&1 &`);
}

/** SHA-256 of what an application in the guest pastes. */
export async function hashOfPaste(vm: Pick<Vm, "shell">, target: string): Promise<string> {
  const command = `timeout 100 xclip -selection ${target} -o | sha256sum`;
  return (await vm.shell.run(command, { timeoutMs: 110_000 })).slice(0, 64);
}

async function hashInGuest(vm: Vm, path: string): Promise<string> {
  return (await vm.shell.run(`sha256sum "${path}"`, { timeoutMs: 60_000 })).slice(0, 64);
}

type FileEvent = Extract<SessionEvent, { name: "file" }>;

/** A session with somebody who copies and pastes, and a folder for files to send. */
export class AgentSession implements AsyncDisposable {
  readonly session: MovingSession;
  readonly user: ClipboardUser;
  readonly #folder = mkdtempSync(join(tmpdir(), "caraway-files-"));

  private constructor(session: MovingSession) {
    this.session = session;
    this.user = new ClipboardUser(session.client);
    session.onEvent = (event) => this.user.answer(event);
  }

  static async open(...options: Parameters<typeof MovingSession.open>): Promise<AgentSession> {
    return new AgentSession(await MovingSession.open(...options));
  }

  get here(): Vm {
    return this.session.here;
  }

  /** A file of random content, and its hash. */
  file(name: string, size: number): { path: string; hash: string } {
    const content = randomBytes(size);
    const path = join(this.#folder, name);
    writeFileSync(path, content);
    return { path, hash: sha256(content) };
  }

  /** What the client copies, once the guest has heard of it. */
  async copy(format: ClipboardFormat, content: Uint8Array): Promise<void> {
    this.user.copy(new Map([[format, content]]));
    await this.offered(format === "UTF8_TEXT" ? "UTF8_STRING" : "image/png");
  }

  /** Waits until the guest's applications hear of it, as its agent has taken the selection. */
  async offered(target: string): Promise<void> {
    const list = "timeout 2 xclip -selection clipboard -t TARGETS -o 2>/dev/null";
    await this.here.shell.run(
      `for n in $(seq 40); do ${list} | grep -q ${target} && break; sleep 0.3; done`,
      { timeoutMs: 150_000 },
    );
    await delay(300);
  }

  /** Hashes of the files that the guest has under names that begin so. */
  async sent(name: string): Promise<string> {
    return await this.here.shell.run(`sha256sum ${transfers}/${name}*`, { timeoutMs: 240_000 });
  }

  fileEvents(transfer: number): FileEvent[] {
    return this.session.timed.flatMap(({ event }) => {
      return event.name === "file" && event.transfer === transfer ? [event] : [];
    });
  }

  /** MB/s of a transfer, from its last beginning to its end. */
  rateOf(transfer: number): number {
    const sending = this.session.timed.filter(({ event }) => {
      return event.name === "file" && event.transfer === transfer && event.phase === "sending";
    });
    const begins = sending.findLastIndex(({ event }) => (event as FileEvent).sentBytes === 0);
    const [first, last] = [sending[begins], sending.at(-1)];
    if (first === undefined || last === undefined || first === last) return 0;
    const bytes = (last.event as FileEvent).sentBytes;
    return Math.round(bytes / 10 / (last.at - first.at)) / 100;
  }

  /** How long behind `from` the agent was there again. */
  async secondsUntilAgent(since: number, from: number): Promise<number> {
    await this.user.agentIsThere(since, 240_000);
    return Math.round((performance.now() - from) / 1000);
  }

  async close(): Promise<void> {
    await this.session.close();
    rmSync(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function clipboardCell(): Promise<CellResult> {
  const agent = await AgentSession.open();
  try {
    const { here, user } = agent;
    const text = "Grüße\nаnd 日本語 \u{1f600}";
    await agent.copy("UTF8_TEXT", new TextEncoder().encode(text));
    demand(
      (await hashOfPaste(here, "clipboard -t UTF8_STRING")) === sha256(Buffer.from(text)),
      "text to the guest",
    );
    const image = randomBytes(3_000_000);
    await agent.copy("IMAGE_PNG", image);
    demand(
      (await hashOfPaste(here, "clipboard -t image/png")) === sha256(image),
      "image to the guest",
    );
    user.copy(new Map([["UTF8_TEXT", Buffer.from("middle button")]]), "PRIMARY");
    await delay(500);
    const primary = await hashOfPaste(here, "primary");
    demand(primary === sha256(Buffer.from("middle button")), "primary selection to the guest");
    await copyInGuest(here, "printf 'aus dem Gast\\nÄ'", "clipboard");
    const fromGuest = await user.paste("UTF8_TEXT");
    demand(
      fromGuest !== null && Buffer.from(fromGuest).toString() === "aus dem Gast\nÄ",
      "text back",
    );
    await here.shell.run("head -c 3000000 /dev/urandom > /tmp/image");
    await copyInGuest(here, "cat /tmp/image", "clipboard -t image/png");
    const imageBack = await user.paste("IMAGE_PNG");
    const wanted = await hashInGuest(here, "/tmp/image");
    demand(imageBack !== null && sha256(imageBack) === wanted, "image from the guest");
    return { outcome: "passed", detail: "text, image and primary selection, both ways" };
  } finally {
    await agent.close();
  }
}

async function fileCell(): Promise<CellResult> {
  const agent = await AgentSession.open();
  try {
    const { here, user } = agent;
    const large = agent.file("fifty.bin", 50_000_000);
    const others = [0, 1, 100_000].map((size) => agent.file(`other ${size}.bin`, size));
    const unwanted = agent.file("unwanted.bin", 30_000_000);
    const began = performance.now();
    const sending = await user.send(large.path);
    const besides: number[] = [];
    for (const { path } of others) besides.push(await user.send(path));
    const cancelled = await user.send(unwanted.path);
    await delay(1000);
    agent.session.client.client.command({ name: "file-cancel", transfer: cancelled });
    for (const transfer of besides) {
      demand((await user.sent(transfer)).phase === "done", "a file beside the large one");
    }
    demand((await user.sent(sending)).phase === "done", "the large file");
    const ms = performance.now() - began;
    demand((await user.sent(cancelled)).error?.code === "FILE_CANCELLED", "the cancelled file");
    for (const [path, hash] of [large, ...others].map((file) => [file.path, file.hash] as const)) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      demand((await hashInGuest(here, `${transfers}/${name}`)) === hash, `${name} is another`);
    }
    const left = await here.shell.run(`ls ${transfers}`);
    demand(!left.includes("unwanted"), "a cancelled file stayed in the guest");
    return {
      outcome: "passed",
      detail: "50 MB and three others at once, by hash; a cancelled one left nothing",
      facts: { fileMs: Math.round(ms) },
    };
  } finally {
    await agent.close();
  }
}

/** What the client says of volume and of the desktop's looks reaches a real agent. */
async function volumeCell(): Promise<CellResult> {
  await using vm = await startSavedVm("qxl-vga");
  const client = connectCaraway(vm);
  try {
    const { capabilities } = await new ClipboardUser(client).agentIsThere();
    demand(capabilities.includes("AUDIO_VOLUME_SYNC"), `the agent can only ${capabilities}`);
    /** The mixer has fewer steps than the message. */
    const isSo = (said: string, percent: number, mute: boolean) => {
      const [, found, state] = /\[(\d+)%\].*\[(on|off)\]/.exec(said) ?? [];
      return Math.abs(Number(found) - percent) <= 2 && state === (mute ? "off" : "on");
    };
    for (const [percent, mute] of [
      [37, false],
      [64, true],
      [81, false],
    ] as const) {
      const level = Math.round((percent / 100) * 0xffff);
      client.client.command({ name: "volume", kind: "playback", mute, volume: [level, level] });
      let said = "";
      for (let turn = 0; turn < 40 && !isSo(said, percent, mute); turn++) {
        await delay(200);
        said = await vm.shell.run("amixer -c 0 get Master | tail -1");
      }
      const wish = `${percent} %, ${mute ? "mute" : "not mute"}`;
      demand(isSo(said, percent, mute), `${wish}: the guest's mixer says ${said}`);
    }
    return { outcome: "passed", detail: "the guest's mixer follows the client's volume and mute" };
  } finally {
    client.close();
  }
}

/** The agent's daemon dies in the middle of a file and is started again. */
async function restartCell(): Promise<CellResult> {
  const agent = await AgentSession.open();
  try {
    const { here, user } = agent;
    await agent.copy("UTF8_TEXT", Buffer.from("before"));
    const file = agent.file("again.bin", 20_000_000);
    const transfer = await user.send(file.path);
    await delay(1500);
    await here.shell.run(
      "pkill -9 spice-vdagent; sleep 2; rm -f /run/spice-vdagentd/*; spice-vdagentd -X -o; sleep 1; " +
        `DISPLAY=:0 spice-vdagent -x -f ${transfers} >/dev/null 2>&1 &`,
    );
    const end = await user.sent(transfer);
    demand(end.phase === "done", `the file failed: ${end.error?.message}`);
    demand(end.restarts > 0, "the file was not begun again");
    // An agent that was killed leaves what it had; the next one gives the file another name.
    demand((await agent.sent("again")).includes(file.hash), "the file that arrived is another");
    const pasted = await hashOfPaste(here, "clipboard");
    demand(pasted === sha256(Buffer.from("before")), "the clipboard was not offered again");
    return { outcome: "passed", detail: "the file was begun again, the clipboard offered again" };
  } finally {
    await agent.close();
  }
}

export interface MoveSizes {
  readonly file: number;
  readonly paste: number;
}

export interface MoveFacts {
  /** Times that the file was begun again. */
  readonly restarts: number;
  /** Of the file, before the move was announced. */
  readonly sentBefore: number;
  /** The whole file, and how fast it was behind the move. */
  readonly fileSeconds: number;
  readonly megabytesPerSecond: number;
  /** From the end of the move to the guest's agent being there again; 0 where it never went. */
  readonly agentSeconds: number;
}

interface BusyMoveOptions {
  readonly machine?: VmDevices | "qxl-vga";
  readonly fileTimeoutMs?: number;
}

/**
 * A file and a paste under way while the guest moves. In a seamless move both go on where they were;
 * in a semi-seamless one the paste is cut off, which the client tells, and the next one is whole.
 */
export function moveBusyAgent(
  mode: MigrationMode,
  sizes: MoveSizes,
  options: BusyMoveOptions = {},
): Promise<MoveFacts> {
  return againIfGuestDied(() => moveBusyAgentOnce(mode, sizes, options));
}

async function moveBusyAgentOnce(
  mode: MigrationMode,
  sizes: MoveSizes,
  { machine = "qxl-vga", fileTimeoutMs = 240_000 }: BusyMoveOptions,
): Promise<MoveFacts> {
  const isSeamless = mode === "seamless";
  const agent = await AgentSession.open({ machine, spice: { seamlessMigration: isSeamless } });
  try {
    const { session, user } = agent;
    const { client } = session;
    const target = await session.target();
    const picture = randomBytes(sizes.paste);
    const pictureHash = sha256(picture);
    await agent.copy("IMAGE_PNG", picture);
    const file = agent.file("moving.bin", sizes.file);
    const began = performance.now();
    const transfer = await user.send(file.path);
    const isSending = (event: SessionEvent): event is FileEvent => {
      return event.name === "file" && event.transfer === transfer && event.sentBytes > 0;
    };
    await client.waitFor(isSending, { timeoutMs: 60_000 });
    // Started by the shell, read at the other host.
    await agent.here.shell.run(
      "(timeout 300 xclip -selection clipboard -t image/png -o | sha256sum > /run/pasted) >/dev/null 2>&1 &",
    );
    await client.waitFor((event): event is SessionEvent => event.name === "clipboard-request", {
      timeoutMs: 60_000,
    });
    const sentBefore = agent.fileEvents(transfer).at(-1)?.sentBytes ?? 0;
    const since = client.events.length;
    const move = await session.move(target);
    const movedAt = performance.now();
    await demandAlive(agent.here, 90_000);
    demand(modeOf(move.events) === mode, `the phases were ${phasesOf(move.events)}`);
    const told = () => client.events.slice(since);
    const isCutOff = () => told().some(({ name }) => name === "clipboard-undelivered");
    const agentSeconds = isSeamless ? 0 : await agent.secondsUntilAgent(since, movedAt);
    if (isSeamless) {
      demand(!isCutOff(), "the client gave the paste up");
      const wait = "for n in $(seq 200); do [ -s /run/pasted ] && break; sleep 1; done";
      const pasted = await agent.here.shell.run(`${wait}; cat /run/pasted`, { timeoutMs: 260_000 });
      demand(pasted.slice(0, 64) === pictureHash, "the paste is not whole");
    } else {
      const isSent = told().some(({ name }) => name === "clipboard-sent");
      demand(isCutOff(), `the paste was ${isSent ? "over too soon" : "cut off and not reported"}`);
      await agent.offered("image/png");
      const next = await hashOfPaste(agent.here, "clipboard -t image/png");
      demand(next === pictureHash, "the next paste is not whole");
    }
    const end = await user.sent(transfer, fileTimeoutMs);
    demand(end.phase === "done", `the file failed: ${end.error?.message}`);
    const fileSeconds = (performance.now() - began) / 1000;
    const fileRate = agent.rateOf(transfer);
    demand(
      told().some((event) => event.name === "file" && event.phase === "sending"),
      "the file was there before the move",
    );
    demand(!isSeamless || end.restarts === 0, "the file was begun again");
    demand((await agent.sent("moving")).includes(file.hash), "the file that arrived is another");
    // The next paste of text works, both ways.
    await agent.copy("UTF8_TEXT", Buffer.from("after the move"));
    const next = await hashOfPaste(agent.here, "clipboard");
    demand(next === sha256(Buffer.from("after the move")), "the next paste does not work");
    await copyInGuest(agent.here, "printf afterwards", "clipboard");
    const back = await user.paste("UTF8_TEXT");
    demand(back !== null && Buffer.from(back).toString() === "afterwards", "copying back");
    return {
      restarts: end.restarts,
      sentBefore,
      fileSeconds: Math.round(fileSeconds),
      megabytesPerSecond: fileRate,
      agentSeconds,
    };
  } finally {
    await agent.close();
  }
}

async function moveCell(mode: MigrationMode): Promise<CellResult> {
  // A paste that is over before the guest stops would not be cut off.
  const sizes = { file: mode === "seamless" ? 60_000_000 : 30_000_000, paste: 20_000_000 };
  return movedResult(mode, sizes, await moveBusyAgent(mode, sizes));
}

export function movedResult(mode: MigrationMode, sizes: MoveSizes, facts: MoveFacts): CellResult {
  const paste =
    mode === "seamless"
      ? `the paste of ${sizes.paste / 1e6} MB whole`
      : `the paste of ${sizes.paste / 1e6} MB that was cut off reported, the next one whole`;
  const file = `${sizes.file / 1e6} MB by hash (begun again ${facts.restarts} times)`;
  const detail = `${file}, ${paste}, and the clipboard goes on both ways`;
  return { outcome: "passed", detail, facts: { ...facts } };
}

/** spice-gtk at our server: both clipboards, a picture, files and monitors, with the testcard's agent. */
export async function gtkShares(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "caraway-gtk-"));
  await using served = await ServedTestcard.start({ testcard: { monitors: 2 } });
  const { testcard, server } = served;
  const client = await startGtkClient(served.address);
  const press = (...codes: readonly number[]) => {
    for (const code of codes) server.input({ type: "key", code, down: true });
    for (const code of codes.toReversed()) server.input({ type: "key", code, down: false });
  };
  const textOf = () => {
    return (testcard.snapshot(0) as { editor: { text: string } }).editor.text;
  };
  try {
    await client.waitFor("agent", { where: ({ connected }) => connected === true });
    await client.waitFor("mark");
    // The client's clipboard, pasted in the guest.
    const paste = async (type: number, content: Uint8Array, shown: string) => {
      const path = join(folder, `paste-${type}`);
      writeFileSync(path, content);
      await client.ask(`offer ${type} ${path}`, "offered");
      for (let turn = 0; turn < 50 && !textOf().includes(shown); turn++) {
        press(0x1d, 0x2f);
        await delay(200);
      }
      demand(textOf().includes(shown), `the guest did not paste ${shown}`);
    };
    await paste(1, Buffer.from("Pasted by spice-gtk"), "Pasted by spice-gtk");
    const given = randomBytes(2_000_000);
    await paste(2, given, `IMAGE_PNG ${given.length} ${sha256(given).slice(0, 8)}`);
    // The guest's text, and then its picture.
    press(0x1d, 0x2e);
    await client.waitFor("clipboard-grab", { where: ({ types }) => `${types}` === "1" });
    const text = join(folder, "text");
    await client.ask(`paste 1 ${text}`, "pasted");
    demand(readFileSync(text, "utf8") === textOf(), "the client pasted another text");
    press(0xe037);
    await client.waitFor("clipboard-grab", { where: ({ types }) => `${types}` === "2" });
    const picture = join(folder, "picture");
    await client.ask(`paste 2 ${picture}`, "pasted");
    const isPng = readFileSync(picture).subarray(1, 4).toString() === "PNG";
    demand(isPng && statSync(picture).size > 640 * 480 * 3, "the picture is none");
    // A file.
    const content = randomBytes(50_000_000);
    const file = join(folder, "file.bin");
    writeFileSync(file, content);
    client.send(`send-file ${file}`);
    const sent = await client.waitFor("file-sent", { timeoutMs: 240_000 });
    demand(sent["error"] === "", `the file failed: ${sent["error"]}`);
    demand(testcard.files.at(-1)?.sha256 === sha256(content), "the file that arrived is another");
    // The monitors.
    const since = client.events.length;
    client.send("monitors 0,0,0,800,600 1,800,0,720,540");
    for (const wanted of [800, 720]) {
      await client.waitFor("primary-create", { since, where: ({ width }) => width === wanted });
    }
    return "text and pictures both ways, 50 MB by hash, two monitors' sizes";
  } finally {
    await client.close();
    rmSync(folder, { recursive: true });
  }
}

/** Our client at our server, with the testcard's agent. */
export async function ourShares(size: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "caraway-ours-"));
  await using served = await ServedTestcard.start();
  const client = new CarawayClient(endpointOf(served.address), {
    onEvent: (event) => user?.answer(event),
  });
  const user: ClipboardUser = new ClipboardUser(client);
  try {
    await user.agentIsThere();
    const content = randomBytes(size);
    const file = join(folder, "file.bin");
    writeFileSync(file, content);
    const began = performance.now();
    const { phase } = await user.sent(await user.send(file));
    const ms = Math.round(performance.now() - began);
    demand(phase === "done", "the file failed");
    demand(served.testcard.files.at(-1)?.sha256 === sha256(content), "another file arrived");
    served.server.input({ type: "key", code: 0xe037, down: true });
    const picture = await user.paste("IMAGE_PNG");
    demand(picture !== null && picture.length > 640 * 480 * 3, "the picture is none");
    return `${size} bytes by hash in ${ms} ms, and a picture`;
  } finally {
    client.close();
    rmSync(folder, { recursive: true });
  }
}

export const cells: readonly Cell[] = [
  {
    name: "spice-gtk at our server",
    run: async () => ({ outcome: "passed", detail: await gtkShares() }),
  },
  {
    name: "our client at our server",
    run: async () => ({ outcome: "passed", detail: await ourShares(50_000_000) }),
  },
  { name: "clipboards both ways", run: clipboardCell },
  { name: "files to the guest", run: fileCell },
  { name: "the agent dies and comes back", run: restartCell },
  { name: "the guest is as loud as the client wants", run: volumeCell },
  { name: "busy through a seamless move", run: () => moveCell("seamless") },
  { name: "busy through a semi-seamless move", run: () => moveCell("semi-seamless") },
];
