// Packs the captures that the tests use into their archive, and unpacks it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { archivedFiles, packArchive } from "@caraway/vectors";

const archive = fileURLToPath(
  new URL("../testing/vectors/data/captures/captures.br", import.meta.url),
);
const [, , action, folder] = process.argv;

if (action === "unpack" && folder !== undefined) {
  for (const { path, bytes } of archivedFiles()) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
} else if (action === "pack" && folder !== undefined) {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".spcap") || path.endsWith("meta.json"))
    .sort();
  const files = paths.map((path) => ({ path, bytes: readFileSync(join(folder, path)) }));
  writeFileSync(archive, packArchive(files));
} else {
  console.error("usage: captures.ts pack|unpack FOLDER");
  process.exitCode = 2;
}
