// `caraway clipboard`: what was copied in the guest goes to standard output, or what this machine
// has is offered to the guest. Files are offered as a list, and read through a shared folder.

import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type ClipboardFormat, type ClipboardSelectionName, decodeFileList } from "@caraway/agent";
import type { SessionEvent } from "@caraway/client";
import type { ClientStream, SpiceClient } from "@caraway/node";
import { type Command, Option } from "commander";
import { parseCount } from "./argument-values.ts";
import { ClipboardFolder, listOf, offerFiles } from "./clipboard-files.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import { runSession } from "./session-run.ts";
import { UsageError } from "./usage-error.ts";

interface ClipboardFlags extends ConnectionFlags {
  readonly copy?: string;
  readonly copyFiles?: readonly string[];
  readonly share?: string;
  readonly format: string;
  readonly primary: boolean;
  readonly timeout: number;
}

/** By their names on the command line. */
const formats: Readonly<Record<string, ClipboardFormat>> = {
  text: "UTF8_TEXT",
  png: "IMAGE_PNG",
  bmp: "IMAGE_BMP",
  tiff: "IMAGE_TIFF",
  jpg: "IMAGE_JPG",
  files: "FILE_LIST",
};

/** Between asking a guest that has nothing yet. */
const lookEveryMs = 100;

/** Servers drop what a client that leaves has just sent to the agent. */
const leaveAfterMs = 1000;

export function addClipboardCommand(program: Command): void {
  const command = program
    .command("clipboard")
    .description("print what is copied in the guest, or offer it something to paste")
    .argument(
      "<target>",
      "spice://host:port, spice+tls://, spice+unix://, ws://, wss:// or a .vv file",
    )
    .option(
      "--copy <file>",
      "offer this file's content (-: standard input), until it is pasted once",
    )
    .option(
      "--copy-files <paths...>",
      "offer files and folders, which the guest's spice-webdavd reads, until it asks for no more",
    )
    .option("--share <folder>", "with --format files: what the guest may copy files from")
    .addOption(
      new Option("--format <name>", "what the content is")
        .choices(Object.keys(formats))
        .default("text"),
    )
    .option("--primary", "the selection that the middle button pastes", false)
    .option("--timeout <s>", "give up after so many seconds", parseCount, 30);
  addConnectionOptions(command).action(clipboard);
}

async function clipboard(target: string, flags: ClipboardFlags): Promise<void> {
  const selection: ClipboardSelectionName = flags.primary ? "PRIMARY" : "CLIPBOARD";
  const format = flags.copyFiles !== undefined ? "FILE_LIST" : formats[flags.format]!;
  if (format === "FILE_LIST" && flags.copy !== undefined) {
    throw new UsageError("--copy offers a file's content; files are offered by --copy-files");
  }
  const content = flags.copy === undefined ? null : await readContent(flags.copy);
  const usesFolder = flags.copyFiles !== undefined || flags.share !== undefined;
  const folder = usesFolder ? await ClipboardFolder.open(flags.share ?? null) : null;
  const list = flags.copyFiles === undefined ? null : await folder!.copy(flags.copyFiles);
  const connection = await readConnection(target, flags);
  const events: SessionEvent[] = [];
  const watcher = {
    session: { channels: folder === null ? (["main"] as const) : (["main", "webdav"] as const) },
    onStream: (stream: ClientStream) => folder?.offer(stream),
    onEvent: (event: SessionEvent) => events.push(event),
  };
  const wanted = { selection, format };
  try {
    const data = await runSession(connection, watcher, async (client, interrupted) => {
      const wait = new EventWait(events, flags.timeout, interrupted);
      if (folder !== null && list !== null) {
        await offerFiles(client, folder, list, { events, selection, interrupted, ...flags });
        return null;
      }
      if (content === null) return await fetchContent(client, wait, wanted);
      await offerContent(client, wait, wanted, content);
      return null;
    });
    if (data === null) return;
    const files = format === "FILE_LIST" ? decodeFileList(data) : null;
    process.stdout.write(files === null ? data : listOf(files, flags.share ?? null));
  } finally {
    await folder?.close();
  }
}

interface Wanted {
  readonly selection: ClipboardSelectionName;
  readonly format: ClipboardFormat;
}

async function fetchContent(client: SpiceClient, wait: EventWait, wanted: Wanted) {
  await wait.find("clipboard-offer", "nothing is copied in the guest", (event) => {
    return event.selection === wanted.selection && event.formats.includes(wanted.format);
  });
  client.command({ name: "clipboard-request", ...wanted });
  const { data, failure } = await wait.find(
    "clipboard-data",
    "the guest does not answer",
    (event) => event.selection === wanted.selection && event.format === wanted.format,
  );
  if (data === null) throw new Error(`the guest's clipboard could not be had: ${failure}`);
  return data;
}

/** Waits for the first request, and until its answer has had time to arrive. */
async function offerContent(
  client: SpiceClient,
  wait: EventWait,
  wanted: Wanted,
  data: Uint8Array,
): Promise<void> {
  const { selection, format } = wanted;
  client.command({ name: "clipboard-offer", selection, formats: [format] });
  await wait.find("clipboard-request", "nothing was pasted in the guest", (event) => {
    return event.selection === selection;
  });
  client.command({ name: "clipboard-data", ...wanted, data });
  await wait.find("clipboard-sent", "the guest does not read", () => true);
  await delay(leaveAfterMs);
}

class EventWait {
  readonly #events: readonly SessionEvent[];
  readonly #deadline: number;
  readonly #interrupted: AbortSignal;

  constructor(events: readonly SessionEvent[], timeout: number, interrupted: AbortSignal) {
    this.#events = events;
    this.#deadline = performance.now() + timeout * 1000;
    this.#interrupted = interrupted;
  }

  async find<N extends SessionEvent["name"]>(
    name: N,
    otherwise: string,
    isWanted: (event: Extract<SessionEvent, { name: N }>) => boolean,
  ): Promise<Extract<SessionEvent, { name: N }>> {
    for (;;) {
      const found = this.#events.find((event): event is Extract<SessionEvent, { name: N }> => {
        return event.name === name && isWanted(event as Extract<SessionEvent, { name: N }>);
      });
      if (found !== undefined) return found;
      if (this.#interrupted.aborted || performance.now() > this.#deadline) {
        throw new Error(otherwise);
      }
      await delay(lookEveryMs);
    }
  }
}

async function readContent(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path === "-" ? "/dev/stdin" : path));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
