// Random drawing messages of every kind, sent to spice-gtk and to our renderer: surfaces of every format come out equal to the last bit.

import {
  type Cell,
  type CellResult,
  compareDrawing,
  type DrawKind,
  describeDifferences,
  drawKinds,
} from "@caraway/interop";

/** 64 scenes each. */
const sheets = 8;
/** The seeds of a cell do not overlap those of others. */
const seedsPerCell = 10_000;

async function canvasCell(firstSeed: number, kind?: DrawKind): Promise<CellResult> {
  const comparison = await compareDrawing(firstSeed, sheets, { kind });
  const isEqual = comparison.differing.length === 0 && comparison.fatal.length === 0;
  const facts = { scenes: comparison.scenes, firstSeed };
  const detail = describeDifferences(comparison);
  return { outcome: isEqual ? "passed" : "failed", detail, facts };
}

export const cells: readonly Cell[] = [
  { name: "random scenes of all operations", run: () => canvasCell(0) },
  ...drawKinds.map((kind, index) => ({
    name: `random scenes of ${kind}`,
    run: () => canvasCell((index + 1) * seedsPerCell, kind),
  })),
];
