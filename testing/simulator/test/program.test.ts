import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const command = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));

/** `caraway simulate` as a user has it: built. */
function simulate(...words: string[]) {
  const run = spawnSync(process.execPath, [command, "simulate", ...words], { encoding: "utf8" });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

describe("caraway simulate", () => {
  it("prints every message of a run, and what came of it", () => {
    const { code, out, err } = simulate("--scenario", "tiny move", "--seed", "3", "--trace");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("MIGRATE_DATA");
    expect(out.split("\n").at(-2)).toMatch(/^tiny move: run: seed 3, steps \d+, choices \d+/);
  });

  it("says how it is used where it is used wrongly", () => {
    const { code, err } = simulate("--scenario", "no such world");
    expect(code).toBe(2);
    expect(err).toContain('there is no scenario "no such world"');
  });
});
