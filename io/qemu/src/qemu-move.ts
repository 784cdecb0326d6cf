// A VM that goes from one QEMU to another: commands of QMP in their order, on both sides. The bytes
// between the two go through a unix socket on each side, and somebody carries them between those.

import { CarawayError } from "@caraway/wire";
import type { GuestLeftovers } from "./guest-leftovers.ts";
import type { QemuGuest } from "./qemu-guest.ts";

/** QEMU could not move the VM; it says why. */
export class QemuMoveError extends CarawayError {
  readonly code = "QEMU_MOVE";
}

/** What virsh and QEMU know by the same names. */
export interface QemuMoveParameters {
  /** Bytes a second; as fast as it goes when absent. */
  readonly bandwidth?: number;
  /** How long the VM may stand still for its last memory; 300 when absent. */
  readonly downtimeLimitMs?: number;
  /** Slow the VM down when its memory changes faster than it can be sent. */
  readonly autoConverge?: boolean;
  /** Let it go behind the first pass over its memory, and send what has changed while it runs there. */
  readonly postcopy?: boolean;
  /** Bytes a second from then on; as fast as it goes when absent. */
  readonly postcopyBandwidth?: number;
}

/** Memory that goes over, in bytes, and what `virsh domjobinfo` says of it. */
export interface QemuMoveProgress {
  readonly sent: number;
  readonly total: number;
  readonly remaining: number;
  /** How often all memory was looked through. */
  readonly iteration: number;
  readonly bytesPerS: number;
  /** What the VM changes. */
  readonly dirtyBytesPerS: number;
  readonly expectedDowntimeMs: number | null;
  /** Pages for which the target has asked, in post-copy. */
  readonly requests: number;
}

/** Of memory that goes over while the VM may run there already. `paused`: the way is lost. */
export type QemuPostcopyState = "active" | "paused" | "completed" | "failed";

/** The target has all of the VM but, in post-copy, some of its memory. */
export interface QemuSent {
  readonly leftovers: GuestLeftovers;
  readonly downtimeMs: number;
  readonly isPostcopy: boolean;
}

type Progress = (progress: QemuMoveProgress) => void;

interface MigrationInfo {
  readonly status?: string;
  readonly downtime?: number;
  readonly "expected-downtime"?: number;
  readonly "error-desc"?: string;
  readonly ram?: {
    readonly transferred?: number;
    readonly remaining?: number;
    readonly mbps?: number;
    readonly "page-size"?: number;
    readonly "dirty-pages-rate"?: number;
    readonly "dirty-sync-count"?: number;
    readonly "postcopy-requests"?: number;
  };
}

const unlimited = 2 ** 40;
const downtimeLimitMs = 300;
const progressEveryMs = 200;
/** The pass over all memory behind which post-copy begins. */
const postcopyIteration = 2;
/** How often, and at which distance, QEMU is asked for what it says a moment later. */
const [downtimeTries, downtimePauseMs] = [10, 2];
/** How often, and at which distance, QEMU is asked to take a lost way up again before it has noticed the loss. */
const [recoverTries, recoverPauseMs] = [20, 150];

async function setCapabilities(
  guest: QemuGuest,
  wanted: Readonly<Record<string, boolean>>,
): Promise<void> {
  const capabilities = Object.entries(wanted).map(([capability, state]) => ({ capability, state }));
  await guest.execute("migrate-set-capabilities", { capabilities });
}

/**
 * The target, which was started with `-incoming defer -S`, listens for the VM: `unix:PATH`, or
 * `tcp:HOST:PORT`, where anybody may bring one. @throws QmpError where it has no post-copy
 */
export async function listenForVm(guest: QemuGuest, uri: string, postcopy: boolean): Promise<void> {
  // Disks stay the source's until the VM runs here.
  const wanted = { events: true, "late-block-activate": true };
  await setCapabilities(guest, postcopy ? { ...wanted, "postcopy-ram": true } : wanted);
  await guest.execute("migrate-incoming", { uri });
}

/** Resolves when the VM has come, stands still, and all that it shows can be polled. */
export async function untilArrived(guest: QemuGuest): Promise<void> {
  const news = new MoveNews(guest);
  try {
    for (;;) {
      const { status } = (await guest.execute("query-status")) as { readonly status: string };
      if (status !== "inmigrate") break;
      await news.next();
    }
  } finally {
    news.close();
  }
  await guest.barrier();
}

/**
 * Sends the VM to where another QEMU awaits it, while it runs, and stops it at last. Resolves when the target has
 * all, in post-copy all but memory, and everything that it has shown can be polled. @throws QemuMoveError: it runs on
 * here.
 */
export async function sendVm(
  guest: QemuGuest,
  uri: string,
  parameters: QemuMoveParameters,
  progress: Progress,
): Promise<QemuSent> {
  const postcopy = parameters.postcopy === true;
  await setCapabilities(guest, {
    events: true,
    "pause-before-switchover": true,
    "auto-converge": parameters.autoConverge === true,
    "postcopy-ram": postcopy,
  });
  await guest.execute("migrate-set-parameters", {
    "max-bandwidth": parameters.bandwidth ?? unlimited,
    "downtime-limit": parameters.downtimeLimitMs ?? downtimeLimitMs,
    "max-postcopy-bandwidth": parameters.postcopyBandwidth ?? 0,
  });
  const news = new MoveNews(guest);
  try {
    await guest.execute("migrate", { uri });
    return await follow(guest, news, postcopy, progress);
  } finally {
    news.close();
  }
}

async function follow(
  guest: QemuGuest,
  news: MoveNews,
  postcopy: boolean,
  progress: Progress,
): Promise<QemuSent> {
  let leftovers: GuestLeftovers | null = null;
  let isSwitching = false;
  for (;;) {
    const info = await queryMigrate(guest);
    switch (info.status) {
      case "pre-switchover":
        if (leftovers === null) {
          // What QEMU has read by now is in its memory, which is sent behind this. What it shows last
          // may come meanwhile.
          leftovers = await guest.leftovers();
          await guest.execute("migrate-continue", { state: "pre-switchover" });
        } else await news.next();
        break;
      case "postcopy-active":
      case "completed": {
        const isPostcopy = info.status === "postcopy-active";
        const now = progressOf(info);
        progress(isPostcopy ? now : { ...now, total: now.sent, remaining: 0 });
        if (leftovers === null) throw new QemuMoveError("QEMU did not wait before the switch");
        return { leftovers, downtimeMs: await downtimeOf(guest, info), isPostcopy };
      }
      case "failed":
      case "cancelled":
      case "postcopy-paused":
        throw new QemuMoveError(info["error-desc"] ?? `the migration was ${info.status}`);
      default: {
        const now = progressOf(info);
        progress(now);
        if (postcopy && !isSwitching && now.iteration >= postcopyIteration) {
          isSwitching = true;
          await guest.execute("migrate-start-postcopy");
        }
        await news.next();
        break;
      }
    }
  }
}

/** QEMU enters it a moment after it has said that it is done. */
async function downtimeOf(guest: QemuGuest, info: MigrationInfo): Promise<number> {
  let last = info;
  for (let tries = 0; tries < downtimeTries && (last.downtime ?? 0) === 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, downtimePauseMs));
    last = await queryMigrate(guest);
  }
  return last.downtime ?? 0;
}

/** Follows what `sendVm` has left to post-copy until it is over. */
export async function followPostcopy(
  guest: QemuGuest,
  progress: Progress,
  tell: (state: QemuPostcopyState, detail: string | null) => void,
): Promise<void> {
  const news = new MoveNews(guest);
  let last: QemuPostcopyState | null = null;
  try {
    for (;;) {
      const info = await queryMigrate(guest);
      const state = postcopyState(info.status);
      if (state === "active") progress(progressOf(info));
      if (state !== null && state !== last) tell(state, info["error-desc"] ?? null);
      last = state ?? last;
      if (state === "completed" || state === "failed") return;
      await news.next();
    }
  } catch (error) {
    tell("failed", error instanceof Error ? error.message : String(error));
  } finally {
    news.close();
  }
}

function postcopyState(status: string | undefined): QemuPostcopyState | null {
  switch (status) {
    case "postcopy-active":
      return "active";
    case "postcopy-paused":
      return "paused";
    case "completed":
      return "completed";
    case "failed":
    case "cancelled":
    case "none":
      return "failed";
    default:
      // It is about to become one of these.
      return null;
  }
}

/**
 * The target, whose VM may stand still for want of memory, listens for the source anew. It may not have noticed that
 * the way is lost. @throws QmpError
 */
export async function listenAgain(guest: QemuGuest, uri: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await guest.executeNow("migrate-recover", { uri });
      return;
    } catch (error) {
      if (tries === recoverTries) throw error;
      await guest.executeNow("migrate-pause").catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, recoverPauseMs));
    }
  }
}

/** The source sends the rest on another way. @throws QmpError */
export async function sendAgain(guest: QemuGuest, uri: string): Promise<void> {
  await guest.execute("migrate", { uri, resume: true });
}

/** Calls off what `sendVm` does; resolves when the VM is free to run here. */
export async function cancelVm(guest: QemuGuest): Promise<void> {
  const news = new MoveNews(guest);
  try {
    await guest.execute("migrate_cancel");
    for (;;) {
      const { status = "none" } = await queryMigrate(guest);
      if (["completed", "failed", "cancelled", "none"].includes(status)) return;
      await news.next();
    }
  } finally {
    news.close();
  }
}

async function queryMigrate(guest: QemuGuest): Promise<MigrationInfo> {
  return (await guest.execute("query-migrate")) as MigrationInfo;
}

function progressOf({ ram = {}, ...info }: MigrationInfo): QemuMoveProgress {
  const { transferred: sent = 0, remaining = 0 } = ram;
  return {
    ...{ sent, remaining, total: sent + remaining },
    iteration: ram["dirty-sync-count"] ?? 0,
    bytesPerS: Math.round((ram.mbps ?? 0) * 125_000),
    dirtyBytesPerS: (ram["dirty-pages-rate"] ?? 0) * (ram["page-size"] ?? 4096),
    expectedDowntimeMs: info["expected-downtime"] ?? null,
    requests: ram["postcopy-requests"] ?? 0,
  };
}

/** What QEMU says of a migration, so that none of it comes between a question and the wait. */
class MoveNews {
  readonly #forget: () => void;
  #isThere = false;
  #wake: () => void = () => {};

  constructor(guest: QemuGuest) {
    this.#forget = guest.watch(({ name }) => {
      if (name !== "MIGRATION" && name !== "STOP") return;
      this.#isThere = true;
      this.#wake();
    });
  }

  /** Resolves when there was something since the last time, or after a while. */
  async next(): Promise<void> {
    if (!this.#isThere) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, progressEveryMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isThere = false;
  }

  close(): void {
    this.#forget();
    this.#wake();
  }
}
