// The committed kernels are the ones that their sources compile to.

import { expect, test } from "vitest";
import { findStaleKernels, kernels } from "../kernels.ts";

test("no kernel differs from its source", async () => {
  expect(kernels.length).toBeGreaterThan(0);
  expect(await findStaleKernels()).toEqual([]);
}, 60_000);
