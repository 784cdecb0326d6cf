// What an operator says of a guest's server on the command line, made into what the server takes.

import { readFileSync } from "node:fs";
import type {
  ListenAddress,
  ListenTls,
  OriginRule,
  SaslPasswords,
  VideoEncoders,
} from "@caraway/node";
import {
  type CompressionName,
  type ServerOptions,
  type Sharing,
  type Ticket,
  type VideoCodecName,
  videoCodecNumbers,
} from "@caraway/server";
import { parseListenAddress } from "./listen-address.ts";
import { HostUsageError } from "./usage-error.ts";

export interface ServerFlags {
  readonly listen?: readonly string[];
  /** `certificate,key`: two PEM files. */
  readonly tls?: string;
  /** File whose first line is the ticket. */
  readonly ticket?: string;
  /** Seconds from now. */
  readonly ticketExpires?: number;
  readonly viewOnlyTicket?: string;
  /** File with a `user:password` a line. */
  readonly sasl?: string;
  readonly viewOnlyUser?: readonly string[];
  readonly origin?: readonly string[];
  readonly compression?: CompressionName;
  readonly sharing?: Sharing;
  readonly maxClients?: number;
  readonly jpeg?: ServerOptions["jpeg"];
  /** Best first, with commas between. */
  readonly videoCodecs?: string;
  readonly miniHeader?: boolean;
  readonly copyPaste?: boolean;
  readonly fileTransfer?: boolean;
}

/** How the server of a guest is reached, and what it allows. */
export interface ServerSettings {
  readonly listen: readonly ListenAddress[];
  readonly tls: ListenTls | null;
  readonly origins: OriginRule;
  readonly server: Partial<ServerOptions>;
  readonly saslPasswords: SaslPasswords | null;
  /** As they were found when the process began: no move has to wait for that. */
  readonly videoEncoders: VideoEncoders | null;
}

export const compressionNames = [
  "off",
  "auto_glz",
  "auto_lz",
  "quic",
  "glz",
  "lz",
  "lz4",
] as const satisfies readonly CompressionName[];

export const sharingNames = ["share", "take-over", "refuse"] as const satisfies readonly Sharing[];

/** Tickets end on the clock of `now`. @throws HostUsageError */
export function serverSettings(
  flags: ServerFlags,
  now: number,
  defaultListen: string,
  videoEncoders: VideoEncoders | null = null,
): ServerSettings {
  const listen = (flags.listen ?? [defaultListen]).map(parseListenAddress);
  const tls = flags.tls === undefined ? null : readTls(flags.tls);
  if (tls === null && listen.some((address) => address.kind === "tcp" && address.tls)) {
    throw new HostUsageError("a TLS port needs a certificate: give --tls CERT,KEY");
  }
  const passwords = flags.sasl === undefined ? null : readUsers(flags.sasl);
  const tickets = ticketsOf(flags, now);
  const { compression, sharing, maxClients, jpeg, miniHeader, copyPaste, fileTransfer } = flags;
  const { videoCodecs } = flags;
  return {
    listen,
    tls,
    origins: originRule(flags.origin ?? []),
    server: {
      tickets,
      sasl: passwords !== null,
      viewOnlyUsers: flags.viewOnlyUser ?? [],
      ...(compression !== undefined && { compression }),
      ...(sharing !== undefined && { sharing }),
      ...(maxClients !== undefined && { clientsMax: maxClients }),
      ...(jpeg !== undefined && { jpeg }),
      ...(videoCodecs !== undefined && videoSettings(videoCodecs)),
      ...(miniHeader !== undefined && { miniHeader }),
      ...(copyPaste !== undefined && { copyPaste }),
      ...(fileTransfer !== undefined && { fileTransfer }),
    },
    saslPasswords: passwords === null ? null : (user) => passwords.get(user) ?? null,
    videoEncoders,
  };
}

/** @throws HostUsageError */
function videoSettings(text: string): Pick<ServerOptions, "streaming" | "videoCodecs"> {
  if (text === "off") return { streaming: "off", videoCodecs: [] };
  const known = Object.keys(videoCodecNumbers) as VideoCodecName[];
  const videoCodecs = text.split(",").map((name) => {
    const codec = known.find((one) => one === name.trim());
    if (codec !== undefined) return codec;
    throw new HostUsageError(`no video codec ${name}: there are ${known.join(", ")}, and off`);
  });
  return { streaming: "filter", videoCodecs };
}

/** Whether somebody who reaches a port from elsewhere comes in without saying who they are. */
export function isOpenToAll({ listen, server }: ServerSettings): boolean {
  const isGuarded = server.sasl === true || (server.tickets ?? null) !== null;
  return (
    !isGuarded && listen.some((address) => address.kind === "tcp" && !isLoopback(address.host))
  );
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function ticketsOf(flags: ServerFlags, now: number): readonly Ticket[] | null {
  const password =
    flags.ticket === undefined ? process.env["CARAWAY_TICKET"] : firstLine(flags.ticket);
  const expiresAt = flags.ticketExpires === undefined ? null : now + flags.ticketExpires * 1000;
  const tickets: Ticket[] = [];
  if (password !== undefined) tickets.push({ password, expiresAt, viewOnly: false });
  if (flags.viewOnlyTicket !== undefined) {
    tickets.push({ password: firstLine(flags.viewOnlyTicket), expiresAt, viewOnly: true });
  }
  for (const ticket of tickets) checkTicket(ticket.password);
  return tickets.length === 0 ? null : tickets;
}

/** Longest ticket, in bytes of UTF-8, as the link stage has it. */
const ticketSizeMax = 60;

/** @throws HostUsageError */
export function checkTicket(password: string): void {
  const size = Buffer.byteLength(password);
  if (size >= 1 && size <= ticketSizeMax) return;
  throw new HostUsageError(`a ticket has 1 to ${ticketSizeMax} bytes, not ${size}`);
}

/** `certificate,key`. @throws HostUsageError */
export function readTls(text: string): ListenTls {
  const [cert, key, ...more] = text.split(",");
  if (cert === undefined || cert === "" || more.length > 0) {
    throw new HostUsageError("TLS takes two PEM files: CERT,KEY");
  }
  const pem = readText(cert);
  // As websockify: the key may stand in the same file.
  return { cert: pem, key: key === undefined ? pem : readText(key) };
}

function readUsers(file: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const line of readText(file).split(/\r?\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    if (colon < 1) throw new HostUsageError(`${file}: each line is user:password`);
    users.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return users;
}

function originRule(origins: readonly string[]): OriginRule {
  if (origins.length === 0) return "same-host";
  return origins.includes("*") ? "any" : origins;
}

function firstLine(file: string): string {
  return readText(file).split(/\r?\n/)[0]!;
}

/** @throws HostUsageError */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw new HostUsageError(`${path}: ${reason}`);
  }
}
