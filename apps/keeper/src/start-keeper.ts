// Starting keepers, and finding those that a host has left behind.

import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { QemuLost } from "@caraway/qemu";
import { type KeeperOrder, keeperPaths } from "./vm-description.ts";

const program = createRequire(import.meta.url).resolve("caraway-keeper/bin/keeper.js");
/** A path of a unix socket has 107 characters; the longest of ours is a stream's. */
const directoryMax = 64;

export interface FoundKeeper {
  readonly directory: string;
  readonly order: KeeperOrder;
}

/** Starts a VM, or adopts one; gives the keeper's directory. @throws QemuLost with QEMU's words. */
export async function startKeeper(order: KeeperOrder, stateDirectory: string): Promise<string> {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const directory = join(stateDirectory, randomBytes(4).toString("hex"));
  if (directory.length > directoryMax) {
    throw new QemuLost(`${directory} is too long for sockets: choose a shorter --state-dir`);
  }
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(keeperPaths(directory).order, JSON.stringify(order), { mode: 0o600 });
  const child = fork(program, [directory], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new QemuLost(error.message)));
    child.once("exit", () => reject(new QemuLost("the VM's keeper has ended")));
    child.once("message", (message: { readonly error?: string }) => {
      if (message.error === undefined) resolve();
      else reject(new QemuLost(message.error));
    });
  });
  child.removeAllListeners();
  child.unref();
  return directory;
}

/** The keepers that were started in a directory and live. */
export function findKeepers(stateDirectory: string): readonly FoundKeeper[] {
  if (!existsSync(stateDirectory)) return [];
  return readdirSync(stateDirectory).flatMap((name) => {
    const directory = join(stateDirectory, name);
    const { order, socket, pid } = keeperPaths(directory);
    if (!existsSync(socket) || !existsSync(pid) || !isAlive(Number(readFileSync(pid, "utf8")))) {
      return [];
    }
    return [{ directory, order: JSON.parse(readFileSync(order, "utf8")) as KeeperOrder }];
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
