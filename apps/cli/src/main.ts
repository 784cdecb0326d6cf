// The `caraway` command: subcommands, errors in words, exit codes. 0 done, 1 failed, 2 used wrongly.

import { SpiceUriError } from "@caraway/node";
import { Command, CommanderError } from "commander";
import { addClipboardCommand } from "./clipboard.ts";
import { addConnectCommand } from "./connect.ts";
import { addConsoleCommand } from "./console.ts";
import { addGatewayCommand } from "./gateway.ts";
import { addHostCommand } from "./host.ts";
import { addInspectCommand } from "./inspect.ts";
import { errorData, jsonLine } from "./json-lines.ts";
import { addMigrateCommand } from "./migrate.ts";
import { addScreenshotCommand } from "./screenshot.ts";
import { addSendFileCommand } from "./send-file.ts";
import { addServeCommand } from "./serve.ts";
import { SessionEnded } from "./session-run.ts";
import { addSimulateCommand } from "./simulate.ts";
import { UsageError } from "./usage-error.ts";
import { addUsbCommand } from "./usb.ts";

const exitFailed = 1;
const exitUsedWrongly = 2;

const program = new Command("caraway")
  .description("SPICE sessions that live through the migration of their VM")
  .version("0.1.0")
  .showHelpAfterError("(add --help for more)")
  .exitOverride();
addScreenshotCommand(program);
addConnectCommand(program);
addSendFileCommand(program);
addClipboardCommand(program);
addConsoleCommand(program);
addInspectCommand(program);
addServeCommand(program);
addGatewayCommand(program);
addHostCommand(program);
addMigrateCommand(program);
addUsbCommand(program);
addSimulateCommand(program);
for (const command of program.commands) command.exitOverride();

// Whoever reads may have seen enough (`| head`): that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsedWrongly;
  const ended = error instanceof SessionEnded;
  const cause = ended && error.cause !== null ? error.cause : error;
  // The session's last event has told it already.
  if (process.argv.includes("--json") && !ended) {
    process.stdout.write(`${jsonLine({ event: "error", ...errorData(cause) })}\n`);
  }
  process.stderr.write(`caraway: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  const wrong =
    error instanceof UsageError || error instanceof SpiceUriError || error instanceof RangeError;
  return wrong ? exitUsedWrongly : exitFailed;
}
