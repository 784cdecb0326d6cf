// The folders that the generator fills, and with what.

import { generateCode } from "./code.ts";
import type { Declarations } from "./declarations.ts";

export interface GeneratedFolder {
  /** From the repository's root. */
  readonly folder: string;
  /** Names and texts. */
  readonly files: ReadonlyMap<string, string>;
  /** Files of the folder that people write. */
  readonly written: readonly string[];
}

export function generatedFolders(declarations: Declarations): readonly GeneratedFolder[] {
  return [
    { folder: "core/protocol/src/generated", files: generateCode(declarations), written: [] },
  ];
}
