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
}

/** Bytes of memory. */
export interface QemuMoveProgress {
  readonly sent: number;
  readonly total: number;
}

interface MigrationInfo {
  readonly status?: string;
  readonly downtime?: number;
  readonly "error-desc"?: string;
  readonly ram?: { readonly transferred?: number; readonly remaining?: number };
}

const unlimited = 2 ** 40;
const downtimeLimitMs = 300;
const progressEveryMs = 200;

async function setCapabilities(
  guest: QemuGuest,
  wanted: Readonly<Record<string, boolean>>,
): Promise<void> {
  const capabilities = Object.entries(wanted).map(([capability, state]) => ({ capability, state }));
  await guest.execute("migrate-set-capabilities", { capabilities });
}

/**
 * The target, which was started with `-incoming defer -S`, listens for the VM: `unix:PATH`, or
 * `tcp:HOST:PORT`, where anybody may bring one.
 */
export async function listenForVm(guest: QemuGuest, uri: string): Promise<void> {
  // Disks stay the source's until the VM runs here.
  await setCapabilities(guest, { events: true, "late-block-activate": true });
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
 * all, and everything that it has shown can be polled. @throws QemuMoveError: it runs on here.
 */
export async function sendVm(
  guest: QemuGuest,
  uri: string,
  parameters: QemuMoveParameters,
  progress: (progress: QemuMoveProgress) => void,
): Promise<{ readonly leftovers: GuestLeftovers; readonly downtimeMs: number }> {
  await setCapabilities(guest, {
    events: true,
    "pause-before-switchover": true,
    "auto-converge": parameters.autoConverge === true,
  });
  await guest.execute("migrate-set-parameters", {
    "max-bandwidth": parameters.bandwidth ?? unlimited,
    "downtime-limit": parameters.downtimeLimitMs ?? downtimeLimitMs,
  });
  const news = new MoveNews(guest);
  try {
    await guest.execute("migrate", { uri });
    return await follow(guest, news, progress);
  } finally {
    news.close();
  }
}

async function follow(
  guest: QemuGuest,
  news: MoveNews,
  progress: (progress: QemuMoveProgress) => void,
): Promise<{ readonly leftovers: GuestLeftovers; readonly downtimeMs: number }> {
  let leftovers: GuestLeftovers | null = null;
  for (;;) {
    const info = (await guest.execute("query-migrate")) as MigrationInfo;
    const { transferred: sent = 0, remaining = 0 } = info.ram ?? {};
    switch (info.status) {
      case "pre-switchover":
        if (leftovers === null) {
          // What QEMU has read by now is in its memory, which is sent behind this.
          await guest.settle();
          leftovers = await guest.leftovers();
          await guest.execute("migrate-continue", { state: "pre-switchover" });
        } else await news.next();
        break;
      case "completed": {
        progress({ sent, total: sent });
        if (leftovers === null) throw new QemuMoveError("QEMU did not wait before the switch");
        return { leftovers, downtimeMs: info.downtime ?? 0 };
      }
      case "failed":
      case "cancelled":
        throw new QemuMoveError(info["error-desc"] ?? `the migration was ${info.status}`);
      default:
        progress({ sent, total: sent + remaining });
        await news.next();
        break;
    }
  }
}

/** Calls off what `sendVm` does; resolves when the VM is free to run here. */
export async function cancelVm(guest: QemuGuest): Promise<void> {
  const news = new MoveNews(guest);
  try {
    await guest.execute("migrate_cancel");
    for (;;) {
      const { status = "none" } = (await guest.execute("query-migrate")) as MigrationInfo;
      if (["completed", "failed", "cancelled", "none"].includes(status)) return;
      await news.next();
    }
  } finally {
    news.close();
  }
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
