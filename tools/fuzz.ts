// `npm run fuzz [-- --runs N --seed S --only WORD --from INPUT]`: runs wrong inputs through
// everything that parses what a peer sends. Progress goes to standard error; a failure prints the
// words that run it again. A watchdog ends a run that hangs.

import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type FuzzFailure, fuzz, fuzzTargets } from "@caraway/vectors";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    from: { type: "string", default: "0" },
  },
});
const [runs, seed, from] = [values.runs, values.seed, values.from].map(Number) as [
  number,
  number,
  number,
];
const targets = fuzzTargets.filter(({ name }) => name.includes(values.only));
if (targets.length === 0) {
  process.stderr.write(`no target has ${values.only} in its name\n`);
  process.exit(2);
}

/** Seconds without progress after which the input is said to hang. */
const patience = 60;

// [beats, index of the target, first input of the batch]: the watchdog sees them when this thread hangs.
const shared = new Int32Array(new SharedArrayBuffer(12));
const watchdog = new Worker(
  `const { workerData } = require("node:worker_threads");
   const { shared, names, patience, pid } = workerData;
   let beats = -1;
   setInterval(() => {
     if (shared[0] === beats) {
       const where = names[shared[1]] + ", among the 256 inputs from " + shared[2];
       require("node:fs").writeSync(2, "\\nno progress: " + where + "\\n");
       process.kill(pid, "SIGKILL");
     }
     beats = shared[0];
   }, patience * 1000);`,
  {
    eval: true,
    workerData: { shared, names: targets.map(({ name }) => name), patience, pid: process.pid },
  },
);
watchdog.unref();

const start = performance.now();
let lastLine = start;
const report = fuzz(
  targets,
  {
    runs,
    seed,
    onProgress({ target, input, done }) {
      shared[1] = targets.findIndex(({ name }) => name === target);
      shared[2] = input;
      shared[0]! += 1;
      const now = performance.now();
      if (now - lastLine < 2000) return;
      lastLine = now;
      const rate = Math.round((1000 * done) / (now - start));
      process.stderr.write(`${done} of ${runs}, ${rate} a second, now ${target}\n`);
    },
  },
  from,
);

for (const failure of report.failures) process.stdout.write(`${describe(failure)}\n`);
const [nearest] = [...report.memory].sort(([, a], [, b]) => b - a);
process.stdout.write(
  `${report.runs} inputs of ${targets.length} targets with seed ${seed}: ${report.refused} refused, ` +
    `${report.failures.length} failures; nearest to its memory bound: ` +
    `${nearest![0]} at ${Math.round(nearest![1] * 100)} %\n`,
);
process.exit(report.failures.length === 0 ? 0 : 1);

function describe({ target, seed, input, bytes, reason }: FuzzFailure): string {
  const hex = Buffer.from(bytes.subarray(0, 512)).toString("hex");
  return [
    `FAILED ${target}: ${reason}`,
    `  ${bytes.length} bytes: ${hex}${bytes.length > 512 ? "…" : ""}`,
    `  again: npm run fuzz -- --seed ${seed} --only "${target}" --from ${input} --runs 1`,
  ].join("\n");
}
