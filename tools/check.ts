// `npm run check`: everything that must hold before a commit. Goes through all steps, whatever
// fails, and ends with one line for each.

import { installed, runProgram, runTool } from "./step.ts";

interface Step {
  readonly name: string;
  readonly run: () => Promise<number>;
}

const steps: readonly Step[] = [
  { name: "format and lint", run: () => runProgram(installed("biome"), ["check"]) },
  { name: "types of the packages", run: () => runProgram(installed("tsc"), ["-b"]) },
  {
    name: "types of tests and tools",
    run: () => runProgram(installed("tsc"), ["-p", "tsconfig.test.json"]),
  },
  {
    name: "generated code is up to date",
    run: () => runTool("tools/generate/main.ts", ["--check"]),
  },
  { name: "kernels match their source", run: () => runTool("tools/kernels.ts", ["--check"]) },
  { name: "tidiness", run: () => runTool("tools/tidy.ts") },
  { name: "tests", run: () => runTool("tools/test/main.ts") },
];

const outcomes: string[] = [];
let failures = 0;
for (const { name, run } of steps) {
  process.stdout.write(`\n== ${name}\n`);
  const start = performance.now();
  const code = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (code !== 0) failures++;
  outcomes.push(`${code === 0 ? "ok    " : "FAILED"}  ${name} (${seconds} s)`);
}
process.stdout.write(`\n${outcomes.join("\n")}\n`);
process.exit(failures === 0 ? 0 : 1);
