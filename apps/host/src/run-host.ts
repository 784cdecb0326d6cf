// A host as a process: started from flags, and ended by a signal with time for guests on their way.

import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findVideoEncoders } from "@caraway/node";
import type { VmAdoption, VmDescription } from "caraway-keeper";
import { pino } from "pino";
import { ApiServer } from "./api-server.ts";
import type { ApiEvent } from "./api-types.ts";
import { validated } from "./api-validate.ts";
import { type GuestFlags, makeTestcard, testcardOptions } from "./guest-flags.ts";
import { Host } from "./host.ts";
import { HostMetrics } from "./host-metrics.ts";
import { messageOf } from "./outgoing-move.ts";
import { parsePeerAddress, peerAddressText } from "./peer-network.ts";
import { type PeerFlags, peerSecurity } from "./peer-security.ts";
import {
  isLoopback,
  readText,
  readTls,
  type ServerFlags,
  serverSettings,
} from "./server-settings.ts";
import { HostUsageError } from "./usage-error.ts";

export interface HostFlags extends ServerFlags, GuestFlags, PeerFlags {
  /** For people; the machine's when absent. */
  readonly name?: string;
  /** Guests that are there from the beginning. */
  readonly guest?: readonly string[];
  /** `NAME=FILE`: VMs that are there from the beginning, described in JSON. */
  readonly vm?: readonly string[];
  /** Where the keepers of VMs are; of this user, and below /run or /tmp, when absent. */
  readonly stateDir?: string;
  /** API of the process whose guests and addresses this one takes over. */
  readonly replace?: string;
  /** `[host:]port`. */
  readonly apiListen?: string;
  /** `certificate,key`. */
  readonly apiTls?: string;
  /** File with the token of the API; else CARAWAY_HOST_TOKEN. */
  readonly tokenFile?: string;
  /** `[host:]port` for other hosts. */
  readonly peerListen?: string;
  readonly advertise?: string;
  readonly certSubject?: string;
  readonly logFile?: string;
  readonly logLevel?: string;
  /** Seconds. */
  readonly drainTimeout?: number;
}

export interface HostTold {
  /** `api`: a URL; `peers`: null where guests cannot move. */
  listening(where: { readonly api: string; readonly peers: string | null }): void;
  event(event: ApiEvent): void;
  warning(text: string): void;
}

export const defaultApiPort = 7700;
const tokenLengthMin = 16;
/** A process that has given its guests away has ended by then. */
const addressMs = 10_000;
const signals = ["SIGINT", "SIGTERM"] as const;

/** Runs until SIGINT or SIGTERM; a second one hurries. @throws HostUsageError */
export async function runHost(flags: HostFlags, told: HostTold): Promise<void> {
  const encoders = await findVideoEncoders();
  const settings = serverSettings(flags, performance.now(), "spice://127.0.0.1:0", encoders);
  const token = tokenOf(flags);
  const security = peerSecurity(flags);
  const apiListen = parseOwn(flags.apiListen ?? `${defaultApiPort}`, "127.0.0.1");
  const apiTls = flags.apiTls === undefined ? null : readTls(flags.apiTls);
  const vms = (flags.vm ?? []).map(readVm);
  const log = pino(
    { level: flags.logLevel ?? "info", base: null },
    pino.destination(flags.logFile ?? 2),
  );
  const metrics = new HostMetrics();
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  for (const signal of signals) process.once(signal, end);
  const peerListen = parseOwn(flags.peerListen ?? "7701", "0.0.0.0");
  const host = await Host.start({
    name: flags.name ?? hostname(),
    ...{ settings, security, metrics },
    stateDirectory: flags.stateDir ?? defaultStateDirectory(),
    peerListen: flags.replace === undefined ? peerListen : { host: "127.0.0.1", port: 0 },
    onHandedOver: end,
    advertise: flags.advertise ?? null,
    certSubject: flags.certSubject ?? null,
    onFault: (error, guest) =>
      log.error({ err: error, guest }, "a guest's server or move has broken down"),
  });
  metrics.watch({
    get guests() {
      return host.guests;
    },
    get inDoubt() {
      return host.moves.filter(({ record }) => {
        return record.phase === "in-doubt" || record.phase === "orphaned";
      }).length;
    },
  });
  host.events.follow({ since: 0, guest: null, migration: null }, (event) => {
    told.event(event);
    const { seq: _, at: _at, event: name, ...about } = event;
    if (name === "migration-progress") log.debug({ event: name, ...about }, name);
    else log.info({ event: name, ...about }, name);
  });
  let api: ApiServer | null = null;
  try {
    if (flags.replace !== undefined) {
      await takeOver(flags.replace, token, host.peerPort);
      await whenFree(() => host.movePeers(peerListen));
    }
    for (const name of flags.guest ?? []) {
      if (host.guests.some((guest) => guest.name === name)) continue;
      await host.addGuest(name, "testcard", makeTestcard(testcardOptions(flags)));
    }
    await host.findVms();
    for (const { name, vm, adopt } of vms) {
      if (!host.guests.some((guest) => guest.name === name)) await host.addVm(name, vm, adopt);
    }
    const open = () => {
      return ApiServer.open({
        ...{ host, metrics, token, listen: apiListen, tls: apiTls },
        onError: (error) => log.error({ err: error }, "a request failed"),
      });
    };
    const opened = flags.replace === undefined ? await open() : await whenFree(open);
    api = opened;
    if (apiTls === null && !isLoopback(apiListen.host)) {
      told.warning("the API's token goes over the network in the clear: give --api-tls");
    }
    if (security === null) {
      told.warning("guests cannot move: give --peer-key or --peer-tls");
    }
    const scheme = apiTls === null ? "http" : "https";
    const where = peerAddressText({ host: apiListen.host, port: opened.port });
    told.listening({ api: `${scheme}://${where}`, peers: host.peerAddress });
    await ended;
    opened.drain();
  } finally {
    const withinMs = (flags.drainTimeout ?? 20) * 1000;
    const hurry = (): void => void host.close(0);
    for (const signal of signals) process.once(signal, hurry);
    await host.close(withinMs);
    await api?.close();
    for (const signal of signals) {
      process.off(signal, end);
      process.off(signal, hurry);
    }
    log.flush();
  }
}

/** `NAME=FILE`, where the file has what the API takes as `vm`, and `adopt` for one that runs. */
function readVm(text: string): {
  readonly name: string;
  readonly vm: VmDescription;
  readonly adopt: VmAdoption | null;
} {
  const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || file === undefined) {
    throw new HostUsageError(`--vm ${text}: write NAME=FILE`);
  }
  let told: unknown;
  try {
    told = JSON.parse(readText(file));
  } catch (error) {
    throw error instanceof SyntaxError ? new HostUsageError(`${file} is no JSON`) : error;
  }
  const { adopt, ...vm } = { ...(told as object) } as VmDescription & { adopt?: VmAdoption };
  const guest = { name, kind: "qemu", vm, ...(adopt !== undefined && { adopt }) };
  validated("NewGuest", guest);
  return { name, vm, adopt: adopt ?? null };
}

/** The process before this one gives all of its guests, and ends. @throws HostUsageError */
async function takeOver(api: string, token: string, peerPort: number): Promise<void> {
  const answer = await fetch(new URL("/v1/hand-over", api), {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ to: `127.0.0.1:${peerPort}` }),
  }).catch((error: unknown) => {
    throw new HostUsageError(`--replace: ${api} does not answer: ${messageOf(error)}`);
  });
  if (!answer.ok) throw new HostUsageError(`--replace: ${api} says: ${await answer.text()}`);
}

/** Tries again while another process that is about to end has the address. */
async function whenFree<T>(open: () => Promise<T>): Promise<T> {
  const until = performance.now() + addressMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (code !== "EADDRINUSE" || performance.now() > until) throw error;
      await delay(50);
    }
  }
}

function defaultStateDirectory(): string {
  const own = process.env["XDG_RUNTIME_DIR"];
  return own === undefined
    ? join(tmpdir(), `caraway-${process.getuid?.() ?? 0}`)
    : join(own, "caraway");
}

function tokenOf({ tokenFile }: HostFlags): string {
  const token =
    tokenFile === undefined ? process.env["CARAWAY_HOST_TOKEN"] : readText(tokenFile).trim();
  if (token === undefined) {
    throw new HostUsageError(
      "the API needs a token: --token-file or CARAWAY_HOST_TOKEN; openssl rand -hex 32 makes one",
    );
  }
  if (token.length < tokenLengthMin || /\s/.test(token)) {
    throw new HostUsageError(
      `the token has ${tokenLengthMin} or more characters, none of them blank`,
    );
  }
  return token;
}

/** `[host:]port`. */
function parseOwn(text: string, host: string): { readonly host: string; readonly port: number } {
  return parsePeerAddress(/^\d+$/.test(text) ? `${host}:${text}` : text);
}
