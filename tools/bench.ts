// `npm run bench [-- WORD] [--check] [--json]`: runs every `bench…` function of the modules in
// `bench/`. `--check` fails where a figure is beyond its floor or ceiling.

import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { BenchRow } from "../bench/row.ts";
import { benchTable, breach } from "./bench-table.ts";
import { root } from "./step.ts";

const { values: flags, positionals } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const word = positionals.join(" ").toLowerCase();

const rows: BenchRow[] = [];
const problems: string[] = [];
for (const file of readdirSync(`${root}bench`).sort()) {
  if (!file.endsWith(".ts")) continue;
  // Not every module there may be imported: some are programs of their own.
  const text = readFileSync(`${root}bench/${file}`, "utf8");
  for (const [, name = ""] of text.matchAll(/^export (?:async function|const) (bench[A-Z]\w*)/gm)) {
    if (!`${file} ${name}`.toLowerCase().includes(word)) continue;
    process.stderr.write(`${file}: ${name}\n`);
    try {
      const module = (await import(pathToFileURL(`${root}bench/${file}`).href)) as Readonly<
        Record<string, () => Promise<readonly BenchRow[]>>
      >;
      rows.push(...(await module[name]!()));
    } catch (error) {
      problems.push(`${file} ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

if (flags.json) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
else process.stdout.write(benchTable(rows));
if (flags.check) problems.push(...rows.map(breach).filter((text) => text !== null));
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (rows.length === 0) process.stderr.write("no figure was measured\n");
process.exit(problems.length > 0 || rows.length === 0 ? 1 : 0);
