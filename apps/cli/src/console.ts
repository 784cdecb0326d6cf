// `caraway console`: a port of the guest's, such as a serial console or QEMU's monitor, on this
// terminal or in a pipe.

import { setTimeout as delay } from "node:timers/promises";
import type { SessionEvent } from "@caraway/client";
import { type ClientStream, streamDuplex } from "@caraway/node";
import type { Command } from "commander";
import { parseSeconds } from "./argument-values.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import { eventText } from "./event-text.ts";
import { runSession } from "./session-run.ts";
import { TerminalKeys } from "./terminal-keys.ts";

interface ConsoleFlags extends ConnectionFlags {
  readonly list: boolean;
  readonly break: boolean;
  readonly duration?: number;
  readonly timeout: number;
}

const lookEveryMs = 20;
/** Ports say their names one by one: how long nothing new must come for a list to be whole. */
const listWithinMs = 1500;

export function addConsoleCommand(program: Command): void {
  const command = program
    .command("console")
    .description("talk with a port of the guest's, on this terminal or in a pipe")
    .argument("<target>", "as for caraway connect")
    .argument("[port]", "the port's name; may be left out where there is one")
    .option("--list", "name the ports, a line each with whether somebody is there", false)
    .option("--break", "send a break first", false)
    .option("--timeout <s>", "longest wait for the port", parseSeconds, 20)
    .option("--duration <s>", "end after so many seconds", parseSeconds);
  addConnectionOptions(command)
    .addHelpText("after", `\nOn a terminal: ${TerminalKeys.help}.\n`)
    .action(openConsole);
}

async function openConsole(
  target: string,
  portName: string | undefined,
  flags: ConsoleFlags,
): Promise<void> {
  const connection = await readConnection(target, flags);
  const ports: ClientStream[] = [];
  const watcher = {
    session: { channels: ["main", "port"] as const },
    onStream: (stream: ClientStream) => void ports.push(stream),
    onEvent(event: SessionEvent): void {
      // Standard output is the port's.
      const text = event.name === "migration" ? eventText(event) : null;
      if (text !== null) process.stderr.write(`${text}\r\n`);
    },
  };
  await runSession(connection, watcher, async (_client, interrupted) => {
    if (flags.list) {
      await listPorts(ports, interrupted);
      return;
    }
    const port = await findPort(ports, portName, flags.timeout * 1000, interrupted);
    await talk(port, flags, interrupted);
  });
}

async function listPorts(ports: readonly ClientStream[], interrupted: AbortSignal): Promise<void> {
  await delay(listWithinMs, undefined, { signal: interrupted }).catch(() => {});
  for (const { portName, isGuestOpen } of ports) {
    process.stdout.write(`${portName}\t${isGuestOpen ? "open" : "closed"}\n`);
  }
}

async function findPort(
  ports: readonly ClientStream[],
  portName: string | undefined,
  timeoutMs: number,
  interrupted: AbortSignal,
): Promise<ClientStream> {
  const end = performance.now() + timeoutMs;
  while (!interrupted.aborted && performance.now() < end) {
    const found = ports.find((port) => portName === undefined || port.portName === portName);
    if (found !== undefined) return found;
    await delay(lookEveryMs);
  }
  const names = ports.map((port) => port.portName).join(", ");
  const wanted = portName === undefined ? "port" : `port ${portName}`;
  throw new Error(`the guest offers no ${wanted}${names === "" ? "" : `; it has ${names}`}`);
}

/** Until the guest's end is gone, the user leaves, or time is over; the end of a pipe ends nothing. */
async function talk(
  port: ClientStream,
  flags: ConsoleFlags,
  interrupted: AbortSignal,
): Promise<void> {
  const keys = process.stdin.isTTY ? new TerminalKeys() : null;
  const left = new AbortController();
  const duplex = streamDuplex(port);
  port.signal("opened");
  if (flags.break) port.signal("break");
  duplex.on("data", (bytes: Uint8Array) => {
    if (process.stdout.write(bytes)) return;
    duplex.pause();
    process.stdout.once("drain", () => duplex.resume());
  });
  duplex.once("close", () => left.abort());
  process.stdout.once("error", () => left.abort());
  process.stdin.on("data", (bytes: Buffer) => {
    for (const action of keys?.take(bytes) ?? [{ kind: "bytes", bytes } as const]) {
      if (action.kind === "leave") left.abort();
      else if (action.kind === "break") port.signal("break");
      else if (!duplex.write(action.bytes)) {
        process.stdin.pause();
        duplex.once("drain", () => process.stdin.resume());
      }
    }
  });
  if (keys !== null) {
    process.stderr.write(`connected to ${port.portName}; ${TerminalKeys.help}\n`);
    process.stdin.setRawMode(true);
  }
  const signal = AbortSignal.any([left.signal, interrupted]);
  const durationMs = 1000 * (flags.duration ?? Number.POSITIVE_INFINITY);
  try {
    await forAWhile(durationMs, signal);
    port.signal("closed");
  } finally {
    if (keys !== null) process.stdin.setRawMode(false);
    process.stdin.destroy();
  }
}

async function forAWhile(durationMs: number, signal: AbortSignal): Promise<void> {
  const sliceMs = 24 * 3600 * 1000;
  for (let rest = durationMs; rest > 0 && !signal.aborted; rest -= sliceMs) {
    await delay(Math.min(rest, sliceMs), undefined, { signal }).catch(() => {});
  }
}
