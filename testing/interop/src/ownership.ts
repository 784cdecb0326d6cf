// Who ends what the tests start. Every process and every temporary directory belongs to this Node process: a process is killed by the
// kernel when its parent dies, however it dies, and directories are removed when this process exits or is interrupted.

import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const processes = new Set<ChildProcess>();
const directories = new Set<string>();
let hooked = false;

function endEverything(): void {
  for (const child of processes) child.kill("SIGKILL");
  processes.clear();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}

function hookExit(): void {
  if (hooked) return;
  hooked = true;
  process.on("exit", endEverything);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      endEverything();
      process.kill(process.pid, signal);
    });
  }
}

/** Starts a program that cannot outlive this process. */
export function spawnOwned(
  command: string,
  commandArguments: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  hookExit();
  // setpriv replaces itself with the program, so the child's id is the program's.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", command, ...commandArguments], options);
  processes.add(child);
  child.once("exit", () => processes.delete(child));
  child.once("error", () => processes.delete(child));
  return child;
}

/** Resolves when the process has ended. */
export function whenEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Kills a process and waits for its end. */
export async function endProcess(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await whenEnded(child);
}

/** A new directory that is removed by `removeOwnedDirectory` or at exit. Its path is short enough for unix sockets in it. */
export function makeOwnedDirectory(name: string): string {
  hookExit();
  const directory = mkdtempSync(join(tmpdir(), `caraway-${name}-`));
  directories.add(directory);
  return directory;
}

export function removeOwnedDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}

const execFileAsync = promisify(execFile);

/** Runs a program to its end and gives what it printed; throws with its error output when it fails. */
export async function runProgram(
  command: string,
  commandArguments: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { stdout } = await execFileAsync(command, commandArguments, {
    ...options,
    maxBuffer: 1 << 26,
  });
  return stdout;
}
