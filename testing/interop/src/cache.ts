// What takes long to make (guest images, saved machines, compiled peers) is made once, keyed by a hash of everything it was made from, and
// kept outside the repository. Processes that want the same thing at the same time wait for the one that makes it.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of everything cached: `$CARAWAY_CACHE`, or `~/.cache/caraway`. */
export function cacheDirectory(): string {
  const directory = process.env["CARAWAY_CACHE"] ?? join(homedir(), ".cache", "caraway");
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** A short name for the given contents, in order. */
export function hashOf(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${part.length}:`);
    hash.update(part);
  }
  return hash.digest("hex").slice(0, 16);
}

/** A hash over the names and contents of all files below a folder. */
export function hashOfFolder(folder: string): string {
  const parts: (string | Uint8Array)[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) parts.push(name, readFileSync(path));
  }
  return hashOf(...parts);
}

/** Runs `work` while no other process on this machine holds the lock of that name. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = join(cacheDirectory(), `${name}.lock`);
  // flock holds the lock as long as its child reads; the child ends when we close its input, or die.
  const holder = spawn("flock", ["-x", file, "sh", "-c", "echo held; cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.once("error", reject);
    holder.once("exit", (code) => reject(new Error(`flock ${file} ended with ${code}`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
  }
}

const keptDays = 14;

/** Whether the folder is there; if so, notes that it was used. */
function isCached(directory: string): boolean {
  if (!statSync(directory, { throwIfNoEntry: false })) return false;
  const now = new Date();
  utimesSync(directory, now, now);
  return true;
}

/** Removes folders of the same kind (the name up to its hash) that nobody has used for two weeks. */
function prune(name: string): void {
  const kind = name.replace(/[^-]*$/, "");
  for (const other of readdirSync(cacheDirectory())) {
    if (!other.startsWith(kind) || other.endsWith(".lock")) continue;
    const path = join(cacheDirectory(), other);
    const ageMs = Date.now() - statSync(path).mtimeMs;
    if (ageMs > keptDays * 24 * 3600_000) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * The cached folder of that name; `make` fills a new one when there is none yet. Names end in a hash. A failed attempt leaves nothing
 * behind.
 */
export async function cached(
  name: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = join(cacheDirectory(), name);
  if (isCached(directory)) return directory;
  return withLock(name, async () => {
    if (isCached(directory)) return directory;
    prune(name);
    const partial = `${directory}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    try {
      await make(partial);
      renameSync(partial, directory);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
    return directory;
  });
}
