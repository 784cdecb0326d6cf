// The results of interop cells: one JSON line each in a file per day, and the page made of them.

import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { CellResult } from "../../testing/interop/src/cell.ts";

export interface ResultLine extends CellResult {
  /** Name of the file in `testing/interop/cells`, without its ending. */
  readonly suite: string;
  readonly cell: string;
  /** Of the source that ran; `+` and a hash of the changes where the tree was not clean. */
  readonly commit: string;
  /** Moment of the end, UTC. */
  readonly at: string;
  readonly seconds: number;
}

export class ResultFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `day` as YYYY-MM-DD. */
  read(day: string): ResultLine[] {
    const path = this.#path(day);
    if (!existsSync(path)) return [];
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => JSON.parse(line) as ResultLine);
  }

  append(day: string, line: ResultLine): void {
    mkdirSync(this.#folder, { recursive: true });
    appendFileSync(this.#path(day), `${JSON.stringify(line)}\n`);
  }

  /** All results, the oldest first. */
  readAll(): ResultLine[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .flatMap((name) => this.read(name.replace(/\.jsonl$/, "")));
  }

  #path(day: string): string {
    return `${this.#folder}/${day}.jsonl`;
  }
}

/** The page of the last result of every cell. */
export function renderMatrix(results: readonly ResultLine[]): string {
  const suites = new Map<string, Map<string, ResultLine>>();
  for (const line of results) {
    const cells = suites.get(line.suite) ?? new Map<string, ResultLine>();
    suites.set(line.suite, cells);
    cells.set(line.cell, line);
  }
  const parts = [
    "# What works with what",
    "",
    "Made by `npm run test:interop` from the files in `testing/interop/results/`: the last result of each cell.",
  ];
  for (const suite of [...suites.keys()].sort()) {
    const cells = [...(suites.get(suite)?.values() ?? [])].sort((a, b) =>
      a.cell < b.cell ? -1 : 1,
    );
    const passed = cells.filter(({ outcome }) => outcome === "passed").length;
    parts.push("", `## ${suite}`, "", `${passed} of ${cells.length} passed.`, "");
    parts.push("| cell | result | seen | day | commit |", "|---|---|---|---|---|");
    for (const { cell, outcome, detail, facts, at, commit } of cells) {
      const seen = [
        detail,
        ...Object.entries(facts ?? {}).map(([key, value]) => `${key} ${value}`),
      ];
      const row = [
        cell,
        outcome === "passed" ? "passed" : "**failed**",
        seen.filter((text) => text !== "").join("; "),
        at.slice(0, 10),
        commit,
      ];
      parts.push(`| ${row.map(cellText).join(" | ")} |`);
    }
  }
  return `${parts.join("\n")}\n`;
}

function cellText(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ").trim();
}
