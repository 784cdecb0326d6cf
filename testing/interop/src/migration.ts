// Moving a guest between two machines the way management does it: tell the clients where it goes, give their links a moment, move, and wait
// until the source says that it is done with its clients.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { QmpError, type QmpEvent } from "@caraway/qemu";
import type { Vm } from "./vm.ts";

export interface MigrationOptions {
  /** Where clients are sent; the target's own address without it. 0 stands for "no such port", as on the wire. */
  readonly address?: { host: string; port: number; tlsPort: number };
  /** The subject that the target's certificate must have. */
  readonly certSubject?: string;
  /** No client_migrate_info at all: the clients are left where they are. */
  readonly silent?: boolean;
  /**
   * What to wait for between telling the clients and moving: their links to the target (at most 5 s, the default), or a time in
   * milliseconds.
   */
  readonly waitFor?: "links" | number;
  /** How long the source may take to let its clients go: its own limit is 10 s. Default 15 s. */
  readonly completionTimeoutMs?: number;
}

/** When things happened, by QEMU's clock in milliseconds since 1970; null: they did not. */
export interface MigrationReport {
  readonly clientsToldAt: number | null;
  readonly linkedAt: number | null;
  readonly stoppedAt: number;
  readonly completedAt: number;
  readonly resumedAt: number | null;
  readonly spiceCompletedAt: number | null;
  readonly downtimeMs: number;
}

/** Tells the source's clients where the guest will go. Ports are always given: a port left out reaches them as 65535. */
export async function announceTarget(source: Vm, target: Vm, options: MigrationOptions) {
  const { host, port, tlsPort } = options.address ?? target.spice;
  await source.qmp.execute("client_migrate_info", {
    protocol: "spice",
    hostname: host,
    port,
    "tls-port": tlsPort,
    ...(options.certSubject !== undefined && { "cert-subject": options.certSubject }),
  });
}

/** Waits until the target has as many channels as the source, which is when the clients have linked. False after 5 s without. */
export async function waitForLinks(source: Vm, target: Vm): Promise<boolean> {
  const countOf = async (vm: Vm) => (await vm.qmp.execute("query-spice")).channels?.length ?? 0;
  const wanted = await countOf(source);
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 50) {
    if ((await countOf(target)) >= wanted) {
      // The client tells the source of its last link after the target knows it.
      await delay(100);
      return true;
    }
    await delay(50);
  }
  return false;
}

/** Waits for the end of a migration on its source. Throws when it failed or was cancelled. */
export async function waitForMigration(source: Vm, timeoutMs = 120_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const info = await source.qmp.execute("query-migrate");
    if (info.status === "completed") return;
    if (info.status === "failed" || info.status === "cancelled") {
      throw new QmpError(`migrate: ${info["error-desc"] ?? info.status}`);
    }
    if (Date.now() > deadline) throw new QmpError(`migrate: still ${info.status}`);
    await delay(30);
  }
}

/** Begins the move of RAM and devices. The target must have been started with `incoming: "defer"`. */
export async function beginMigration(source: Vm, target: Vm): Promise<void> {
  const uri = `unix:${join(target.directory, "incoming")}`;
  await target.qmp.executeAny("migrate-incoming", { uri });
  await source.qmp.execute("migrate-set-parameters", { "max-bandwidth": 1 << 30 });
  await source.qmp.execute("migrate", { uri });
}

export async function migrate(
  source: Vm,
  target: Vm,
  options: MigrationOptions,
): Promise<MigrationReport> {
  const sourceSince = source.qmp.events.length;
  const targetSince = target.qmp.events.length;
  let clientsToldAt: number | null = null;
  let linkedAt: number | null = null;
  if (options.silent !== true) {
    clientsToldAt = Date.now();
    await announceTarget(source, target, options);
    const { waitFor = "links" } = options;
    if (waitFor !== "links") await delay(waitFor);
    else if (await waitForLinks(source, target)) linkedAt = Date.now();
  }
  const running = (await source.qmp.execute("query-status")).running;
  await beginMigration(source, target);
  await waitForMigration(source);
  const completedAt = Date.now();
  const at = (event: QmpEvent) => event.at;
  const spiceCompletedAt = await source.qmp
    .waitForEvent("SPICE_MIGRATE_COMPLETED", {
      since: sourceSince,
      timeoutMs: options.completionTimeoutMs ?? 15_000,
    })
    .then(at, () => null);
  const resumedAt = running
    ? await target.qmp.waitForEvent("RESUME", { since: targetSince, timeoutMs: 15_000 }).then(at)
    : null;
  const stop = source.qmp.events.slice(sourceSince).find((event) => event.name === "STOP");
  // The downtime is entered a moment after the status.
  const info = await source.qmp.execute("query-migrate");
  return {
    clientsToldAt,
    linkedAt,
    stoppedAt: stop?.at ?? completedAt,
    completedAt,
    resumedAt,
    spiceCompletedAt,
    downtimeMs: info.downtime ?? 0,
  };
}
