// `caraway host`: guests and their servers in one process, with an API to move them.

import type { HostFlags } from "caraway-host";
import type { Command } from "commander";
import { collect, parseSeconds } from "./argument-values.ts";
import { jsonLine } from "./json-lines.ts";
import { addServerOptions } from "./server-arguments.ts";
import { addTestcardOptions } from "./testcard-arguments.ts";
import { UsageError } from "./usage-error.ts";

type CommandFlags = HostFlags & { readonly json: boolean };

export function addHostCommand(program: Command): void {
  const command = program
    .command("host")
    .description("run guests that can move to other hosts and back, with an HTTP API")
    .option("--name <name>", "of this host, for people (default: the machine's)")
    .optionsGroup("Guests:")
    .option(
      "--guest <name>",
      "a testcard of this name from the beginning; may be repeated",
      collect,
    )
    .option(
      "--vm <name=file>",
      "a VM of QEMU, described in JSON (docs/hosts.md); may be repeated",
      collect,
    )
    .option(
      "--replace <url>",
      "take over the guests and sessions of the process with this API, which then ends",
    )
    .option("--state-dir <folder>", "where VMs are kept while no host runs (default: by user)");
  addTestcardOptions(command)
    .optionsGroup("The API:")
    .option("--api-listen <[host:]port>", "where (default: 127.0.0.1:7700)")
    .option("--api-tls <cert,key>", "over TLS: certificate and key (PEM)")
    .option("--token-file <file>", "clients show this token (default: CARAWAY_HOST_TOKEN)")
    .optionsGroup("Other hosts:")
    .option("--peer-listen <[host:]port>", "where they come in (default: 0.0.0.0:7701)")
    .option("--peer-key <file>", "a key that all hosts share, of 32 or more characters")
    .option("--peer-tls <cert,key,ca>", "or certificates (PEM) of a common authority")
    .option("--advertise <host>", "name or address by which clients find this host")
    .option("--cert-subject <subject>", "of the certificate in --tls, for clients that move here");
  addServerOptions(command, "of each guest's server; default: spice://127.0.0.1:0")
    .optionsGroup("Running it:")
    .option("--log-file <file>", "JSON lines go here (default: standard error)")
    .option("--log-level <level>", "fatal, error, warn, info, debug or silent (default: info)")
    .option(
      "--drain-timeout <s>",
      "at SIGTERM, moves get so long to end (default: 20)",
      parseSeconds,
    )
    .option("--json", "events as JSON lines on standard output", false)
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
The API: GET /v1/guests, POST /v1/guests/NAME/migrations, GET /v1/events and more; its schema is at
/openapi.json, figures for Prometheus at /metrics.

Examples:
  openssl rand -hex 32 > peer.key; export CARAWAY_HOST_TOKEN=$(openssl rand -hex 32)
  caraway host --guest desk --peer-key peer.key
  caraway host --peer-key peer.key --api-listen 7710 --peer-listen 7711
  caraway migrate desk --to 127.0.0.1:7711
`;

async function run({ json, ...flags }: CommandFlags): Promise<void> {
  // Loaded here: other commands need not wait for it.
  const { HostUsageError, runHost } = await import("caraway-host");
  try {
    await runHost(flags, {
      listening: ({ api, peers }) => {
        if (json) process.stdout.write(`${jsonLine({ event: "listening", api, peers })}\n`);
        else process.stderr.write(`caraway: API at ${api}, other hosts at ${peers ?? "none"}\n`);
      },
      event: (event) => {
        if (json) process.stdout.write(`${jsonLine(event)}\n`);
      },
      warning: (text) => process.stderr.write(`caraway: ${text}\n`),
    });
  } catch (error) {
    throw error instanceof HostUsageError ? new UsageError(error.message) : error;
  }
}
