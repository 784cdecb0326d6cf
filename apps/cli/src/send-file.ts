// `caraway send-file`: files into the guest, where its agent puts them into the user's folder for
// downloads. Goes on by itself when the agent restarts or the VM moves.

import type { SessionEvent } from "@caraway/client";
import { type FileSource, openFile } from "@caraway/node";
import type { Command } from "commander";
import { parseCount } from "./argument-values.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import { eventData, eventText } from "./event-text.ts";
import { jsonLine } from "./json-lines.ts";
import { runSession } from "./session-run.ts";
import { UsageError } from "./usage-error.ts";

interface SendFileFlags extends ConnectionFlags {
  readonly json: boolean;
  readonly timeout: number;
}

type FileEvent = Extract<SessionEvent, { name: "file" }>;

export function addSendFileCommand(program: Command): void {
  const command = program
    .command("send-file")
    .description("send files to the guest, whose agent must run")
    .argument(
      "<target>",
      "spice://host:port, spice+tls://, spice+unix://, ws://, wss:// or a .vv file",
    )
    .argument("<files...>", "files of this machine")
    .option("--json", "one JSON object a line on standard output", false)
    .option(
      "--timeout <s>",
      "give up when the guest takes nothing for so many seconds",
      parseCount,
      60,
    );
  addConnectionOptions(command).action(sendFiles);
}

async function sendFiles(
  target: string,
  paths: readonly string[],
  flags: SendFileFlags,
): Promise<void> {
  const sources: FileSource[] = [];
  for (const path of paths) sources.push(await openSource(path));
  const connection = await readConnection(target, flags);
  const transfers = new Transfers(sources, flags);
  const watcher = {
    session: { channels: ["main"] },
    onEvent: (event: SessionEvent) => transfers.hear(event),
  } as const;
  await runSession(connection, watcher, async (client, interrupted) => {
    sources.forEach((source, transfer) => {
      client.sendFile(transfer, source);
    });
    await transfers.over(interrupted);
  });
  transfers.check(paths);
}

async function openSource(path: string): Promise<FileSource> {
  try {
    return await openFile(path);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** What became of the files so far. */
class Transfers {
  readonly #sources: readonly FileSource[];
  readonly #flags: SendFileFlags;
  readonly #ends = new Map<number, FileEvent>();
  readonly #sent = new Map<number, number>();
  #done: (() => void) | null = null;
  #stalled: ((error: Error) => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(sources: readonly FileSource[], flags: SendFileFlags) {
    this.#sources = sources;
    this.#flags = flags;
  }

  hear(event: SessionEvent): void {
    const { json } = this.#flags;
    const data = json ? eventData(event) : null;
    if (data !== null) process.stdout.write(`${jsonLine(data)}\n`);
    if (event.name !== "file") return;
    this.#watch();
    this.#sent.set(event.transfer, event.sentBytes);
    const isOver = event.phase === "done" || event.phase === "failed";
    if (isOver) this.#ends.set(event.transfer, event);
    if (!json) this.#tell(event);
    if (this.#ends.size === this.#sources.length) this.#done?.();
  }

  over(interrupted: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#stalled = reject;
      interrupted.addEventListener("abort", () => reject(new Error("interrupted")));
      this.#watch();
    }).finally(() => {
      if (this.#timer !== null) clearTimeout(this.#timer);
    });
  }

  /** Throws when a file did not arrive. */
  check(paths: readonly string[]): void {
    const failed = [...this.#ends.values()].filter(({ phase }) => phase === "failed");
    if (failed.length === 0) return;
    const reasons = failed.map(({ transfer, error }) => `${paths[transfer]}: ${error?.message}`);
    throw new Error(reasons.join("; "));
  }

  #watch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { timeout } = this.#flags;
    const stalled = new Error(`the guest took nothing for ${timeout} s; does its agent run?`);
    this.#timer = setTimeout(() => this.#stalled?.(stalled), timeout * 1000);
  }

  #tell(event: FileEvent): void {
    const name = this.#sources[event.transfer]!.name;
    const text = eventText(event)?.replace(/^file \d+/, name);
    if (process.stderr.isTTY) {
      const whole = this.#sources.reduce((sum, { size }) => sum + size, 0);
      const sent = [...this.#sent.values()].reduce((sum, size) => sum + size, 0);
      const percent = whole === 0 ? 100 : Math.floor((100 * sent) / whole);
      process.stderr.write(`\r${percent} %\x1b[K${text === undefined ? "" : `\r${text}\x1b[K\n`}`);
    } else if (text !== undefined) process.stderr.write(`${text}\n`);
  }
}
