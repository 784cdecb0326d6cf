// One smoke of our renderer beside the reference's: a sheet of random scenes.

import { expect, it } from "vitest";
import { compareDrawing, describeDifferences } from "../src/index.ts";

it("draws random scenes as spice-gtk does, to the last bit", async () => {
  const comparison = await compareDrawing(1_000_000, 1);
  expect(describeDifferences(comparison)).toBe("64 scenes equal");
}, 120_000);
