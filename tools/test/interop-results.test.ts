import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ResultFiles, type ResultLine, renderMatrix } from "../interop/results.ts";

const line: ResultLine = {
  suite: "pictures",
  cell: "qxl, quic",
  commit: "0123456789",
  at: "2030-01-02T03:04:05.000Z",
  seconds: 1.5,
  outcome: "passed",
  detail: "equal",
};

describe("results of cells", () => {
  const folder = mkdtempSync(join(tmpdir(), "caraway-results-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("are kept by day and read in order", () => {
    const files = new ResultFiles(folder);
    expect(files.readAll()).toEqual([]);
    const later = { ...line, outcome: "failed" as const };
    files.append("2030-01-03", later);
    files.append("2030-01-02", line);
    expect(files.read("2030-01-02")).toEqual([line]);
    expect(files.readAll()).toEqual([line, later]);
  });
});

describe("the matrix", () => {
  test("shows the last result of each cell, with what was measured", () => {
    const page = renderMatrix([
      line,
      { ...line, outcome: "failed", detail: "a | b\nc", facts: { pixels: 7 } },
      { ...line, suite: "moves", cell: "seamless" },
    ]);
    expect(page.indexOf("## moves")).toBeLessThan(page.indexOf("## pictures"));
    expect(page).toContain("0 of 1 passed.");
    expect(page).toContain(
      "| qxl, quic | **failed** | a \\| b c; pixels 7 | 2030-01-02 | 0123456789 |",
    );
    expect(page.match(/qxl, quic/g)).toHaveLength(1);
  });
});
