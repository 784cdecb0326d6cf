// What the generator would write must be what is committed: a changed declaration without its
// generated code is found here.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { collectDeclarations } from "../generate/declarations.ts";
import { generatedFolders } from "../generate/folders.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folders = generatedFolders(collectDeclarations(), root);
const files = folders.flatMap(({ folder, files }) =>
  [...files].map(([name, text]) => [`${folder}/${name}`, text] as const),
);

test.each(files)("%s is up to date (npm run generate)", (path, text) => {
  expect(readFileSync(join(root, path), "utf8")).toBe(text);
});
