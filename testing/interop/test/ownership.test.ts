// What the harness starts ends with it, however it ends.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const owner = fileURLToPath(new URL("./owner-process.ts", import.meta.url));

/** Starts a Node process that owns a process and a folder, and tells which. */
async function startOwner(ending: "waits" | "throws") {
  const child = spawn(process.execPath, ["--import", "tsx", owner, ending], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).once("line", resolve);
  });
  const { pid, directory } = JSON.parse(line) as { pid: number; directory: string };
  return { child, ended, pid, directory };
}

/** A zombie that nobody has reaped yet has ended too. */
function hasEnded(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true;
  return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] === "Z";
}

async function waitUntilEnded(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && !hasEnded(pid); attempt++) await delay(20);
  return hasEnded(pid);
}

describe("a process that owns others", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "takes them and its folders along at %s",
    async (signal) => {
      const { child, ended, pid, directory } = await startOwner("waits");
      expect(hasEnded(pid)).toBe(false);
      child.kill(signal);
      await ended;
      expect(child.signalCode).toBe(signal);
      expect(await waitUntilEnded(pid)).toBe(true);
      expect(existsSync(directory)).toBe(false);
    },
  );

  it("takes them along when it throws", async () => {
    const { ended, pid, directory } = await startOwner("throws");
    await ended;
    expect(await waitUntilEnded(pid)).toBe(true);
    expect(existsSync(directory)).toBe(false);
  });

  it("takes the processes along even when it is killed", async () => {
    const { child, ended, pid, directory } = await startOwner("waits");
    child.kill("SIGKILL");
    await ended;
    // The kernel ends the process; nobody is left to remove the folder.
    rmSync(directory, { recursive: true });
    expect(await waitUntilEnded(pid)).toBe(true);
  });
});
