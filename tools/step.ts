// Steps of our tools: a program run with its output shown, and a line that says how it went.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root folder, with a slash at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program from the repository's root; its output is ours. Resolves with its exit code. */
export function runProgram(program: string, programArguments: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, programArguments, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", (error) => {
      process.stderr.write(`${program}: ${error.message}\n`);
      resolve(127);
    });
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** A program that npm installed here, such as `tsc`. */
export function installed(name: string): string {
  return `${root}node_modules/.bin/${name}`;
}

/** Runs one of our TypeScript tools. */
export function runTool(path: string, toolArguments: readonly string[] = []): Promise<number> {
  return runProgram(installed("tsx"), ["--conditions=@caraway/source", path, ...toolArguments]);
}

/** Says every half minute that a step is still running. `now` is the text of the moment. */
export function heartbeat(text: () => string, everyMs = 30_000): () => void {
  const start = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - start) / 1000);
    process.stdout.write(`  … ${text()} (${seconds} s)\n`);
  }, everyMs);
  return () => clearInterval(timer);
}
