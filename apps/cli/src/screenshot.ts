// `caraway screenshot`: what the guest shows, pixel for pixel, as a PNG file.

import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { parseCount } from "./argument-values.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import { waitForPicture } from "./picture-wait.ts";
import { writePng } from "./png.ts";
import { runSession } from "./session-run.ts";

interface ScreenshotFlags extends ConnectionFlags {
  readonly output: string;
  readonly after: number;
  readonly display: number;
  readonly timeout: number;
}

export function addScreenshotCommand(program: Command): void {
  const command = program
    .command("screenshot")
    .description("write what the guest shows to a PNG file")
    .argument(
      "<target>",
      "spice://host:port, spice+tls://, spice+unix://, ws://, wss:// or a .vv file",
    )
    .requiredOption("-o, --output <file>", "PNG file to write; - for standard output")
    .option("--after <ms>", "wait so long after the first complete picture", parseCount, 0)
    .option("--display <n>", "which monitor, counted from 0", parseCount, 0)
    .option("--timeout <s>", "give up after so many seconds", parseCount, 30);
  addConnectionOptions(command).action(screenshot);
}

async function screenshot(target: string, flags: ScreenshotFlags): Promise<void> {
  const connection = await readConnection(target, flags);
  const session = { channels: ["main", "display"] } as const;
  const picture = await runSession(connection, { session }, async (client) => {
    const timeoutMs = flags.timeout * 1000;
    const first = await waitForPicture(client, flags.display, timeoutMs);
    if (first === null || flags.after === 0) return first;
    await delay(flags.after);
    return waitForPicture(client, flags.display, timeoutMs);
  });
  if (picture === null) {
    throw new Error(`monitor ${flags.display} showed no picture within ${flags.timeout} s`);
  }
  await writePng(flags.output, picture);
}
