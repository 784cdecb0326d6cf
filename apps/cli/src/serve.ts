// `caraway serve`: a guest on this machine, for whoever connects.

import type { ServerEvent } from "@caraway/server";
import type { ServeFlags } from "caraway-host";
import { type Command, Option } from "commander";
import { jsonLine } from "./json-lines.ts";
import { addServerOptions } from "./server-arguments.ts";
import { serverEventText } from "./server-event-text.ts";
import { addTestcardOptions } from "./testcard-arguments.ts";
import { UsageError } from "./usage-error.ts";

type CommandFlags = ServeFlags & { readonly guest: string; readonly json: boolean };

export function addServeCommand(program: Command): void {
  const command = program
    .command("serve")
    .description("serve a guest, built in or of QEMU, to SPICE clients and browsers")
    .optionsGroup("The guest:")
    .addOption(new Option("--guest <name>", "which one").choices(["testcard"]).default("testcard"))
    .option(
      "--qemu <socket>",
      "a running VM instead, by a QMP socket of its own and -display dbus,p2p=yes",
    );
  addServerOptions(addTestcardOptions(command), "default: spice://127.0.0.1:5900")
    .optionsGroup("Running it:")
    .option("--json", "one JSON object a line on standard output", false)
    .addHelpText("after", examples)
    .action(serve);
}

const examples = `
The same port takes SPICE and WebSocket clients. A ticket may come from CARAWAY_TICKET, too.

Examples:
  caraway serve
  caraway serve --qemu /run/vm/caraway.qmp
  caraway serve --listen spice://0.0.0.0:5900 --ticket ticket.txt --monitors 2
  caraway serve --listen spice+tls://[::]:5901 --tls cert.pem,key.pem --sasl users.txt
`;

async function serve({ guest: _, json, ...flags }: CommandFlags): Promise<void> {
  // Loaded here: other commands need not wait for it.
  const { HostUsageError, runServe } = await import("caraway-host");
  const write = (data: object, text: string | null): void => {
    if (json) process.stdout.write(`${jsonLine(data)}\n`);
    else if (text !== null) process.stdout.write(`${text}\n`);
  };
  try {
    await runServe(flags, {
      listening: (addresses) => {
        for (const address of addresses) write({ event: "listening", address }, address);
      },
      event: (event: ServerEvent) => {
        const { name, ...fields } = event;
        write({ event: name, ...fields }, serverEventText(event));
      },
      warning: (text) => process.stderr.write(`caraway: ${text}\n`),
    });
  } catch (error) {
    throw error instanceof HostUsageError ? new UsageError(error.message) : error;
  }
}
