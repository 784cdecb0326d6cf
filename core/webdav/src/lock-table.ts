// The write locks of a shared folder (RFC 4918, sections 6 and 7): who may change what while
// somebody in the guest has a file open.

import type { Instant } from "@caraway/channel";
import { isWithin, samePath } from "./folder-url.ts";
import type { FolderPath } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";

export interface Lock {
  readonly token: string;
  readonly root: FolderPath;
  /** With all that is below `root`. */
  readonly isDeep: boolean;
  readonly isShared: boolean;
  /** What the client said of its owner: XML as it came. */
  readonly owner: string;
  timeoutMs: number;
  until: Instant;
}

const locksMax = 1000;
/** Longest life of a lock that nobody refreshes. */
const timeoutMaxMs = 3600_000;

export class LockTable {
  /** Makes the tokens of this table unlike those of any other. */
  readonly #seed: string;
  readonly #locks = new Map<string, Lock>();
  #count = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#locks.size;
  }

  /** The locks that hold for a path. */
  on(path: FolderPath, now: Instant): Lock[] {
    this.#expire(now);
    return [...this.#locks.values()].filter((lock) => covers(lock, path));
  }

  /** The locks that a change of `path`, or of all below it, needs the tokens of. */
  #against(path: FolderPath, isTree: boolean, now: Instant): Lock[] {
    this.#expire(now);
    return [...this.#locks.values()].filter((lock) => {
      return covers(lock, path) || (isTree && isWithin(lock.root, path));
    });
  }

  find(token: string, now: Instant): Lock | null {
    this.#expire(now);
    return this.#locks.get(token) ?? null;
  }

  /** @throws HttpFault 423 when others' locks are in the way. */
  lock(
    wish: Pick<Lock, "root" | "isDeep" | "isShared" | "owner">,
    timeoutMs: number | null,
    now: Instant,
  ): Lock {
    const others = this.#against(wish.root, wish.isDeep, now);
    if (others.some(({ isShared }) => !isShared || !wish.isShared)) {
      throw new HttpFault(423, "it is locked already", { condition: "no-conflicting-lock" });
    }
    if (this.#locks.size >= locksMax) throw new HttpFault(503, "there are too many locks");
    this.#count += 1;
    const token = `urn:uuid:${numbered(this.#seed, this.#count)}`;
    const lock = { ...wish, token, timeoutMs: 0, until: 0 };
    this.#locks.set(token, lock);
    return this.refresh(lock, timeoutMs, now);
  }

  refresh(lock: Lock, timeoutMs: number | null, now: Instant): Lock {
    lock.timeoutMs = Math.min(timeoutMs ?? timeoutMaxMs, timeoutMaxMs);
    lock.until = now + lock.timeoutMs;
    return lock;
  }

  unlock(token: string): void {
    this.#locks.delete(token);
  }

  /** What is gone has no locks. */
  removed(path: FolderPath): void {
    for (const { token, root } of [...this.#locks.values()]) {
      if (isWithin(root, path)) this.#locks.delete(token);
    }
  }

  /**
   * Whether a change may happen: of each lock in its way a token must have been named, of shared
   * ones one.
   *
   * @throws HttpFault 423
   */
  demand(path: FolderPath, isTree: boolean, tokens: ReadonlySet<string>, now: Instant): void {
    const against = this.#against(path, isTree, now);
    const hasShared = against.some(({ isShared, token }) => isShared && tokens.has(token));
    const missing = against.some(({ isShared, token }) => {
      return isShared ? !hasShared : !tokens.has(token);
    });
    if (missing) {
      throw new HttpFault(423, "it is locked", { condition: "lock-token-submitted" });
    }
  }

  clear(): void {
    this.#locks.clear();
  }

  #expire(now: Instant): void {
    for (const { token, until } of [...this.#locks.values()]) {
      if (until <= now) this.#locks.delete(token);
    }
  }
}

function covers({ root, isDeep }: Lock, path: FolderPath): boolean {
  return isDeep ? isWithin(path, root) : samePath(path, root);
}

/** A UUID whose last part counts: the seed is one too. */
function numbered(seed: string, count: number): string {
  return seed.slice(0, 24) + count.toString(16).padStart(12, "0");
}
