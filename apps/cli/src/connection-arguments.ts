// The arguments that every subcommand has which connects: where to, as whom, how securely.

import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { defaultSessionOptions, type SessionOptions } from "@caraway/client";
import {
  type ConnectionOptions,
  type CredentialsSource,
  isChannelName,
  parseProxyUrl,
  parseSpiceUri,
  readVvFile,
  type TransportOptions,
  type ViewerOptions,
} from "@caraway/node";
import { ImageCompression } from "@caraway/protocol";
import { type Command, Option } from "commander";
import { UsageError } from "./usage-error.ts";

/** What the options below parse to. */
export interface ConnectionFlags {
  readonly passwordFile?: string;
  readonly user?: string;
  readonly caFile?: string;
  readonly hostSubject?: string;
  readonly pubkeyFile?: string;
  readonly proxy?: string;
  readonly secureChannels?: string;
  readonly preferredCompression?: string;
}

const compressions: Readonly<Record<string, ImageCompression>> = {
  off: ImageCompression.OFF,
  "auto-glz": ImageCompression.AUTO_GLZ,
  "auto-lz": ImageCompression.AUTO_LZ,
  quic: ImageCompression.QUIC,
  glz: ImageCompression.GLZ,
  lz: ImageCompression.LZ,
  lz4: ImageCompression.LZ4,
};

/** Names follow remote-viewer's. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option("--password-file <file>", "read the password from the first line of a file")
    .option("--user <name>", "user name for SASL")
    .option("--ca-file <file>", "CA certificates (PEM) that the server's must come from")
    .option("--host-subject <subject>", "subject that the server's certificate must have")
    .option("--pubkey-file <file>", "public key (PEM) that the server must have; instead of a CA")
    .option("--proxy <url>", "HTTP proxy to connect through (default: SPICE_PROXY)")
    .option("--secure-channels <names>", "channels that must use TLS, or all")
    .addOption(
      new Option("--preferred-compression <name>", "image compression to ask for").choices(
        Object.keys(compressions),
      ),
    )
    .addHelpText(
      "after",
      "\nA password comes from --password-file, CARAWAY_PASSWORD, the URI or .vv file, or a prompt.\n",
    );
}

export interface Connection {
  readonly session: SessionOptions;
  readonly passwords: PasswordSource;
  readonly transport: TransportOptions;
  /** What a .vv file says of the desktop. */
  readonly viewer: ViewerOptions;
}

/** Reads `target`, a URI or the path of a `.vv` file (`-`: standard input). */
export async function readConnection(target: string, flags: ConnectionFlags): Promise<Connection> {
  const options = await readTarget(target);
  const { proxy = process.env["SPICE_PROXY"] } = flags;
  const ca = flags.caFile === undefined ? options.ca : readText(flags.caFile, "CA file");
  return {
    session: sessionOptions(options, flags),
    passwords: new PasswordSource(options, flags),
    viewer: options.viewer,
    transport: {
      proxy: proxy === undefined || proxy === "" ? options.proxy : parseProxyUrl(proxy),
      tls: {
        ...(ca !== null && { ca }),
        ...(options.tlsCiphers !== null && { ciphers: options.tlsCiphers }),
      },
    },
  };
}

async function readTarget(target: string): Promise<ConnectionOptions> {
  if (target.includes("://")) return parseSpiceUri(target);
  return (await readVvFile(target)).options;
}

function sessionOptions(options: ConnectionOptions, flags: ConnectionFlags): SessionOptions {
  const compression = flags.preferredCompression;
  return {
    ...defaultSessionOptions,
    endpoint: { ...options.endpoint, identity: identityOf(options, flags) },
    channels: defaultSessionOptions.channels.filter((name) => {
      return !options.disabledChannels.includes(name);
    }),
    secureChannels:
      flags.secureChannels === undefined
        ? options.secureChannels
        : parseSecureChannels(flags.secureChannels),
    preferredCompression: compression === undefined ? null : (compressions[compression] ?? null),
  };
}

function identityOf({ endpoint }: ConnectionOptions, flags: ConnectionFlags) {
  if (flags.pubkeyFile !== undefined) {
    const pem = readText(flags.pubkeyFile, "public key file");
    const key = createPublicKey(pem).export({ type: "spki", format: "der" });
    return { kind: "public-key", key } as const;
  }
  if (flags.hostSubject === undefined) return endpoint.identity;
  return { kind: "subject", subject: flags.hostSubject } as const;
}

function parseSecureChannels(text: string): SessionOptions["secureChannels"] {
  if (text === "all") return "all";
  return text.split(/[,;]/).map((name) => {
    if (!isChannelName(name)) throw new UsageError(`--secure-channels: no channel ${name}`);
    return name;
  });
}

/** Gives the password that is known; asks for one where there is a terminal and it is needed. */
export class PasswordSource {
  readonly #username: string | undefined;
  #password: string | null;

  constructor(options: ConnectionOptions, flags: ConnectionFlags) {
    this.#username = flags.user ?? options.username ?? undefined;
    this.#password = knownPassword(options, flags);
  }

  /** A server without ticketing takes any ticket: nobody is asked before it refused one. */
  readonly credentials: CredentialsSource = async ({ kind }) => {
    if (this.#password === null && kind === "sasl") await this.ask();
    if (this.#password === null && kind === "sasl") return null;
    const password = this.#password ?? "";
    return this.#username === undefined ? { password } : { username: this.#username, password };
  };

  /** Whether somebody could still be asked. */
  get canAsk(): boolean {
    return this.#password === null && process.stdin.isTTY;
  }

  async ask(): Promise<void> {
    if (this.canAsk) this.#password = await askPassword();
  }
}

function knownPassword(options: ConnectionOptions, flags: ConnectionFlags): string | null {
  if (flags.passwordFile !== undefined) {
    return readText(flags.passwordFile, "password file").split(/\r?\n/)[0]!;
  }
  return process.env["CARAWAY_PASSWORD"] ?? options.password;
}

/** Asks on the terminal, without showing what is typed. */
async function askPassword(): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    process.stderr.write("Password: ");
    return await lines.question("");
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw new UsageError(`${what} ${path}: ${reason}`);
  }
}
