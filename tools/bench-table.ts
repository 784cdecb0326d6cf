// How benchmark rows are shown, and whether they keep what was promised.

import type { BenchRow } from "../bench/row.ts";

function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** A table of text, one line per row. */
export function benchTable(rows: readonly BenchRow[]): string {
  const lines = [["suite", "figure", "value", "", "peer", "", "ratio", "must be", ""]];
  for (const row of rows) {
    const { floor, ceiling, ratio } = row;
    lines.push([
      row.suite,
      row.name,
      figure(row.value),
      row.unit,
      row.peer ?? "",
      row.peerValue === undefined ? "" : figure(row.peerValue),
      ratio === undefined ? "" : figure(ratio),
      [
        floor === undefined ? "" : `≥ ${figure(floor)}`,
        ceiling === undefined ? "" : `≤ ${figure(ceiling)}`,
      ]
        .join(" ")
        .trim(),
      breach(row) === null ? "" : "FAILED",
    ]);
  }
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]!.length)),
  );
  const isNumber = new Set([2, 5, 6]);
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          isNumber.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** What a row promised and did not keep, or null. */
export function breach(row: BenchRow): string | null {
  const held = row.ratio ?? row.value;
  const what = `${row.suite}, ${row.name}`;
  if (row.floor !== undefined && !(held >= row.floor)) {
    return `${what}: ${figure(held)} is below ${figure(row.floor)}`;
  }
  if (row.ceiling !== undefined && !(row.value <= row.ceiling)) {
    return `${what}: ${figure(row.value)} is above ${figure(row.ceiling)}`;
  }
  return null;
}
