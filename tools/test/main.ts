// `npm test [-- WORD]`: builds, runs the tests (only those whose path or name contains the word)
// and ends with the line `N passed, N failed`.

import { installed, root, runProgram } from "../step.ts";
import { prepareRealPrograms } from "./real-programs.ts";
import { type Count, runTests } from "./test-run.ts";

const word = process.argv.slice(2).join(" ");

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

say("build: tsc -b");
const isBuilt = (await runProgram(installed("tsc"), ["-b"])) === 0;
if (!isBuilt) say("build: failed");

let count: Count = { passed: 0, failed: 0, skipped: [] };
try {
  count = await runTests({ root, word, prepare: () => prepareRealPrograms(say), say });
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  count.failed++;
}
if (!isBuilt) count.failed++;

if (count.skipped.length > 0) {
  say(`\nnot run, switched off in their source or behind a failed hook (${count.skipped.length}):`);
  for (const name of count.skipped) say(`  ${name}`);
}
if (count.passed + count.failed === 0)
  say(`no test has ${JSON.stringify(word)} in its path or name`);
// The build's failure is said again here, where it is seen.
if (!isBuilt) say("the build failed: see the compiler's errors at the top");
say(`${count.passed} passed, ${count.failed} failed`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
