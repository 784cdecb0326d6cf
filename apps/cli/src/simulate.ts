// `caraway simulate`: the simulator of the repository. It belongs to the tests, which no program
// may import and no package ships, so it is not loaded here but started as the program that it is,
// where it is found beside this one.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { UsageError } from "./usage-error.ts";

const simulator = "@caraway/simulator/program";

export function addSimulateCommand(program: Command): void {
  program
    .command("simulate")
    .description("play clients, servers and faults by seed, trace or exhaustively")
    .argument("[words...]", "see caraway simulate --help")
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words: readonly string[]) => {
      process.exitCode = await simulate(words);
    });
}

async function simulate(words: readonly string[]): Promise<number> {
  const running = spawn(process.execPath, [...process.execArgv, findProgram(), ...words], {
    stdio: "inherit",
  });
  const [code] = (await once(running, "close")) as [number | null];
  return code ?? 1;
}

function findProgram(): string {
  try {
    return fileURLToPath(import.meta.resolve(simulator));
  } catch {
    throw new UsageError("the simulator is not here: it comes with Caraway's repository only");
  }
}
