// `npm run test:interop [-- WORD] [--again]`: the matrix against real programs, cell by cell. What
// has passed today with the same source is not run again, so that a broken run can be resumed.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Cell, CellResult } from "../../testing/interop/src/cell.ts";
import { heartbeat, root } from "../step.ts";
import { prepareRealPrograms } from "../test/real-programs.ts";
import { ResultFiles, renderMatrix } from "./results.ts";

const DEFAULT_TIMEOUT_MS = 600_000;
const cellFolder = `${root}testing/interop/cells`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function git(...gitArguments: string[]): string {
  return execFileSync("git", gitArguments, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
}

/** Names the source that runs, whether it is committed or not; results do not count as source. */
function sourceVersion(): string {
  const commit = git("rev-parse", "--short=10", "HEAD").trim();
  const apart = ["--", ".", ":!testing/interop/results", ":!docs/matrix.md"];
  const changes = git("status", "--porcelain", ...apart) + git("diff", "HEAD", ...apart);
  if (changes === "") return commit;
  return `${commit}+${createHash("sha256").update(changes).digest("hex").slice(0, 6)}`;
}

async function runCell(cell: Cell): Promise<CellResult> {
  const timeoutMs = cell.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<CellResult>((resolve) => {
    const detail = `no result within ${timeoutMs / 1000} s`;
    timer = setTimeout(() => resolve({ outcome: "failed", detail }), timeoutMs);
  });
  try {
    return await Promise.race([cell.run(), expired]);
  } catch (error) {
    return { outcome: "failed", detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

interface NamedCell {
  readonly suite: string;
  readonly cell: Cell;
}

async function findCells(word: string): Promise<NamedCell[]> {
  const found: NamedCell[] = [];
  const names = existsSync(cellFolder) ? readdirSync(cellFolder).sort() : [];
  for (const name of names.filter((file) => file.endsWith(".ts"))) {
    const module = (await import(pathToFileURL(`${cellFolder}/${name}`).href)) as {
      cells?: readonly Cell[];
    };
    const suite = name.replace(/\.ts$/, "");
    for (const cell of module.cells ?? []) {
      if (`${suite} ${cell.name}`.toLowerCase().includes(word)) found.push({ suite, cell });
    }
  }
  return found;
}

const { values: flags, positionals } = parseArgs({
  options: { again: { type: "boolean", default: false } },
  allowPositionals: true,
});
const word = positionals.join(" ").toLowerCase();
const results = new ResultFiles(`${root}testing/interop/results`);
const today = (): string => new Date().toISOString().slice(0, 10);

const cells = await findCells(word);
const commit = sourceVersion();
const done = new Set(
  results
    .read(today())
    .filter((line) => line.commit === commit && line.outcome === "passed")
    .map(({ suite, cell }) => `${suite}/${cell}`),
);
const waiting = cells.filter(
  ({ suite, cell }) => flags.again || !done.has(`${suite}/${cell.name}`),
);
let passed = cells.length - waiting.length;
let failed = 0;
if (passed > 0) say(`${passed} of ${cells.length} cells have passed today with this source`);

const problem = waiting.length === 0 ? null : await prepareRealPrograms(say);
if (problem !== null) {
  say(problem);
  failed = waiting.length;
} else {
  for (const [index, { suite, cell }] of waiting.entries()) {
    say(`[${index + 1}/${waiting.length}] ${suite}: ${cell.name}`);
    const stop = heartbeat(() => "running");
    const start = performance.now();
    const result = await runCell(cell);
    stop();
    const seconds = Math.round(performance.now() - start) / 1000;
    const at = new Date().toISOString();
    results.append(today(), { suite, cell: cell.name, commit, at, seconds, ...result });
    if (result.outcome === "passed") passed++;
    else failed++;
    say(`  ${result.outcome}: ${result.detail} (${seconds.toFixed(1)} s)`);
  }
  if (cells.length > 0) writeFileSync(`${root}docs/matrix.md`, renderMatrix(results.readAll()));
}
if (cells.length === 0) say(`no cell has ${JSON.stringify(word)} in its name`);
say(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
