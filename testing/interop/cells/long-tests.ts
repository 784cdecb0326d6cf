// Tests with real programs that take too long for every change: each file of ../long is a cell.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Cell } from "@caraway/interop";
import { runProgram } from "../src/ownership.ts";

const folder = fileURLToPath(new URL("../long/", import.meta.url));

async function runFile(file: string): Promise<{ outcome: "passed" | "failed"; detail: string }> {
  try {
    const printed = await runProgram("npx", [
      "vitest",
      "run",
      "--project",
      "long",
      `${folder}${file}`,
    ]);
    const [count = "all"] = /Tests\s+(.*)/.exec(stripVTControlCharacters(printed))?.slice(1) ?? [];
    return { outcome: "passed", detail: count.trim() };
  } catch (error) {
    const text = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
    const [what = "it failed"] = /(?:AssertionError|Error): .*/.exec(text) ?? [];
    return { outcome: "failed", detail: what };
  }
}

export const cells: readonly Cell[] = readdirSync(folder)
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => ({
    name: file.replace(".test.ts", "").replaceAll("-", " "),
    run: () => runFile(file),
  }));
