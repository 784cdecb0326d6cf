// `caraway gateway`: one port for the screens of many VMs. The names of flags are websockify's and
// novnc_proxy's where they have one.

import type { RunFlags } from "caraway-gateway";
import type { Command } from "commander";
import { collect, parseCount, parseSeconds } from "./argument-values.ts";
import { UsageError } from "./usage-error.ts";

type CommandFlags = Omit<RunFlags, "target"> & { readonly vnc?: string };

export function addGatewayCommand(program: Command): void {
  program
    .command("gateway")
    .description("let browsers, and remote-viewer, reach VMs through one port, by tokens")
    .argument("[listen]", "[host:]port to listen on (default: 6080)")
    .argument(
      "[target]",
      "one VM for everybody: host:port, or spice://, spice+tls://, spice+unix://",
    )
    .optionsGroup("Who may go where:")
    .option("--token-source <arg>", "token file or folder, URL with %s, or key file")
    .option(
      "--token-plugin <name>",
      "TokenFile, JSONTokenApi, JWTTokenApi or UnixDomainSocketDirectory (default: TokenFile)",
    )
    .option("--vms <file>", "servers by name, as in a token file, for tokens of JWTTokenApi")
    .option(
      "--session-lifetime <s>",
      "how long a session may come back (default: 12 h)",
      parseSeconds,
    )
    .option("--state-dir <dir>", "where sessions and used tokens outlive a restart")
    .option("--origin <origin>", "pages of this origin may connect, too; * for all", collect)
    .option("--allow-target <host>", "follow VMs to these hosts, domains or networks only", collect)
    .optionsGroup("The servers of VMs:")
    .option("--vnc <target>", "the same as the argument [target]")
    .option("--unix-target <path>", "one VM for everybody, on a unix socket")
    .option("--password-file <file>", "the password of the one VM")
    .option("--user <name>", "user name for SASL of the one VM")
    .option("--ssl-target", "reach the one VM over TLS")
    .option("--host-subject <subject>", "subject that the certificate of the one VM must have")
    .option("--target-ca-file <file>", "CA certificates (PEM) that servers' must come from")
    .optionsGroup("The port:")
    .option("--listen <[host:]port>", "the same as the argument [listen]")
    .option("--unix-listen <path>", "listen on a unix socket instead")
    .option("--web <dir>", "serve the files of this folder")
    .option("--cert <file>", "certificate (PEM): TLS on the same port")
    .option("--key <file>", "its key, if it is not in the same file")
    .option("--key-password <text>", "the key's password")
    .option("--ssl-only", "refuse plain connections")
    .option("--ssl-version <version>", "least TLS version: tlsv1_2 or tlsv1_3")
    .option("--ssl-ciphers <list>", "OpenSSL cipher list")
    .option("--verify-client", "clients must show a certificate")
    .option("--cafile <file>", "CA certificates for those of clients")
    .option("--behind-proxy", "take clients' addresses from X-Forwarded-For")
    .option(
      "--heartbeat <s>",
      "ask WebSocket clients for a sign of life (default: 30)",
      parseSeconds,
    )
    .optionsGroup("Limits:")
    .option("--max-connections <n>", "connections in all", parseCount)
    .option("--max-sessions <n>", "sessions in all", parseCount)
    .option("--max-sessions-per-user <n>", "sessions of one user", parseCount)
    .option("--max-connections-per-address <n>", "connections from one address", parseCount)
    .optionsGroup("Running it:")
    .option("--metrics", "serve /metrics on the same port")
    .option("--metrics-listen <[host:]port>", "serve /metrics on a port of its own")
    .option("--log-file <file>", "JSON lines go here (default: standard output)")
    .option("--log-level <level>", "fatal, error, warn, info, debug or silent (default: info)")
    .option(
      "--drain-timeout <s>",
      "at SIGTERM, sessions get so long to end (default: 30)",
      parseSeconds,
    )
    .option("--idle-timeout <s>", "end after so long without a connection", parseSeconds)
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
A token file has a line for each token, read anew when it changes:
  token: host:port
  token: spice+tls://host:port user=ann vm=web1 once expires=2026-12-01T08:00:00Z password-file=/run/web1

Examples:
  caraway gateway 6080 localhost:5900
  caraway gateway --token-source tokens.cfg --state-dir /var/lib/caraway --cert gw.pem --web page
`;

async function run(
  listen: string | undefined,
  target: string | undefined,
  { vnc, ...flags }: CommandFlags,
): Promise<void> {
  if (listen !== undefined && flags.listen !== undefined) {
    throw new UsageError("where to listen is given twice");
  }
  if (target !== undefined && vnc !== undefined) throw new UsageError("the target is given twice");
  // Loaded here: other commands need not wait for it.
  const { GatewayUsageError, runGateway } = await import("caraway-gateway");
  const where = flags.listen ?? listen;
  const server = vnc ?? target;
  try {
    await runGateway(
      {
        ...flags,
        ...(where !== undefined && { listen: where }),
        ...(server !== undefined && { target: server }),
      },
      (address) => process.stderr.write(`caraway: gateway at ${address}\n`),
    );
  } catch (error) {
    throw error instanceof GatewayUsageError ? new UsageError(error.message) : error;
  }
}
