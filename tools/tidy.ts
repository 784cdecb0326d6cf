// Our own lint over the whole repository: prints each violation of `tidy-rules.ts`.

import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { root } from "./step.ts";
import {
  checkArchitecture,
  checkHeads,
  checkLength,
  checkPurity,
  checkTiers,
  checkWords,
  type SourceFile,
} from "./tidy-rules.ts";

const ignored = new Set([".git", ".cache", "node_modules", "dist", "coverage"]);
const isText = /\.(ts|js|json|md|sh|c|h|yml|yaml|html|css)$|^\.ci\/|^[A-Z]+$/;

/** The repository's text files, and every other file with an empty text. */
export function readRepository(folder = root): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (below: string): void => {
    for (const entry of readdirSync(folder + below, { withFileTypes: true })) {
      const path = below + entry.name;
      if (entry.isDirectory()) {
        if (!ignored.has(entry.name)) walk(`${path}/`);
      } else if (entry.isFile()) {
        files.push({ path, text: isText.test(path) ? readFileSync(folder + path, "utf8") : "" });
      }
    }
  };
  walk("");
  return files;
}

export const rules = {
  tiers: checkTiers,
  purity: checkPurity,
  "length of files": checkLength,
  "heads of files": checkHeads,
  "architecture page": checkArchitecture,
  words: checkWords,
} as const;

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const files = readRepository();
  const violations = Object.values(rules).flatMap((rule) => rule(files));
  for (const violation of violations) process.stdout.write(`${violation}\n`);
  process.stdout.write(`${files.length} files, ${violations.length} violations\n`);
  process.exit(violations.length === 0 ? 0 : 1);
}
