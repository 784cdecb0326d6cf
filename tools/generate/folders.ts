// The folders that the generator fills, and with what.

import { generateCode } from "./code.ts";
import type { Declarations } from "./declarations.ts";
import { generateDocs } from "./docs.ts";

export interface GeneratedFolder {
  /** From the repository's root. */
  readonly folder: string;
  /** Names and texts. */
  readonly files: ReadonlyMap<string, string>;
  /** Files of the folder that people write. */
  readonly written: readonly string[];
}

/** `root` is the repository, whose sources hold the words for the documentation. */
export function generatedFolders(
  declarations: Declarations,
  root: string,
): readonly GeneratedFolder[] {
  return [
    { folder: "core/protocol/src/generated", files: generateCode(declarations), written: [] },
    {
      folder: "docs/protocol",
      files: generateDocs(declarations, root),
      written: ["freedoms.md"],
    },
  ];
}
