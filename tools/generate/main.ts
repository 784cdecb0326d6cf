// `npm run generate` writes what derives from the declarations of core/protocol: decoders and
// encoders, and the protocol's documentation. With `--check` it writes nothing and fails if a file
// is not what it would write.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectDeclarations } from "./declarations.ts";
import { generatedFolders } from "./folders.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

const check = process.argv.includes("--check");
const stale: string[] = [];
for (const { folder, files, written } of generatedFolders(collectDeclarations(), root)) {
  const path = join(root, folder);
  if (!check) mkdirSync(path, { recursive: true });
  for (const [name, text] of files) {
    if (read(join(path, name)) === text) continue;
    stale.push(`${folder}/${name}`);
    if (!check) writeFileSync(join(path, name), text);
  }
  for (const name of readdirSync(path)) {
    if (files.has(name) || written.includes(name)) continue;
    stale.push(`${folder}/${name}`);
    if (!check) rmSync(join(path, name));
  }
}
for (const name of stale) console.log(check ? `not up to date: ${name}` : `wrote ${name}`);
if (check && stale.length > 0) {
  console.error("run `npm run generate` and commit what it writes");
  process.exitCode = 1;
}
