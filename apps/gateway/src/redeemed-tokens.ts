// Which one-time tokens have been used. In a folder, so that neither a restart nor a second
// gateway beside this one takes a token twice; in memory only where no folder is given.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How long a token without an expiry is remembered: a year. */
const rememberMs = 365 * 24 * 3600 * 1000;
const sweepIntervalMs = 3600 * 1000;

export class RedeemedTokens {
  readonly #folder: string | null;
  /** Names to the time when they may be forgotten. */
  readonly #known = new Map<string, number>();
  #sweptAt = 0;

  /** `folder` is made when needed. */
  constructor(folder: string | null) {
    this.#folder = folder;
    if (folder !== null) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** True for the first that asks, and for nobody after. Throws when that cannot be written down. */
  redeem(token: string, expiresAt: number | null, now: number): boolean {
    this.#sweep(now);
    const name = createHash("sha256").update(token).digest("hex");
    if (this.#known.has(name)) return false;
    const until = expiresAt ?? now + rememberMs;
    if (this.#folder !== null && !claim(join(this.#folder, name), until)) return false;
    this.#known.set(name, until);
    return true;
  }

  /** Forgets tokens that have expired anyway. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepIntervalMs) return;
    this.#sweptAt = now;
    for (const [name, until] of this.#known) if (until < now) this.#known.delete(name);
    if (this.#folder === null) return;
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      if (/^[0-9a-f]{64}$/.test(name) && Number(readFileSync(path, "utf8")) < now) {
        rmSync(path, { force: true });
      }
    }
  }
}

/** Makes the file; false if it is there already. */
function claim(path: string, until: number): boolean {
  try {
    writeFileSync(path, `${until}`, { flag: "wx", mode: 0o600, flush: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
