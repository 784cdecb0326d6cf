import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../step.ts";
import { type Count, runTests } from "./test-run.ts";

// A project of its own, inside this one so that it finds vitest.
let folder = "";

const files: Readonly<Record<string, string>> = {
  "package.json": `{ "type": "module" }`,
  "vitest.config.ts": `export default { test: { projects: [
    { test: { name: "pure", include: ["pure/*.test.ts"] } },
    { test: { name: "programs", include: ["programs/*.test.ts"] } } ] } };`,
  "pure/good.test.ts": `import { describe, expect, test } from "vitest";
    describe("Apples", () => { test("are red", () => {}); test("are GREEN", () => {}); });
    test.each(["one", "two"])("pears are %s", () => {});`,
  "pure/bad.test.ts": `import { expect, test } from "vitest";
    test("plums are wrong", () => expect(1).toBe(2)); test.skip("plums are off", () => {});`,
  "pure/broken.test.ts": `import "./absent.ts";`,
  "pure/hook.test.ts": `import { beforeAll, describe, test } from "vitest";
    describe("Cherries", () => { beforeAll(() => { throw new Error("no ladder"); }); test("are high", () => {}); });`,
  "programs/machine.test.ts": `import { test } from "vitest"; test("a machine starts", () => {});`,
};

beforeAll(() => {
  mkdirSync(join(root, ".cache"), { recursive: true });
  folder = mkdtempSync(join(root, ".cache", "test-run-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(word: string, problem: string | null = null) {
  let prepared = 0;
  const said: string[] = [];
  const count: Count = await runTests({
    root: folder,
    word,
    prepare: async () => {
      prepared++;
      return problem;
    },
    say: (text) => said.push(text),
    quiet: true,
  });
  return { ...count, prepared, said };
}

describe("a run of the tests", () => {
  // The file that does not load cannot tell its tests' names: it fails with every word.
  const broken = 1;

  test("of no word counts everything, also what never ran", async () => {
    const outcome = await run("");
    // Failed: a test and a hook.
    expect(outcome).toMatchObject({ passed: 5, failed: 2 + broken, prepared: 1 });
    expect(outcome.skipped.toSorted()).toEqual([
      "pure/bad.test.ts > plums are off",
      "pure/hook.test.ts > Cherries are high",
    ]);
  });

  test.each([
    ["GOOD", 4],
    ["apples are green", 1],
    ["(nothing)", 0],
  ])("of the word %j runs only what has it in its path or name", async (word, passed) => {
    expect(await run(word)).toMatchObject({ passed, failed: broken, prepared: 0 });
  });

  test("prepares real programs for tests that need them, and fails where it cannot", async () => {
    const outcome = await run("a machine", "install something");
    expect(outcome).toMatchObject({ passed: 0, failed: 1 + broken, prepared: 1 });
    expect(outcome.said).toEqual(["install something"]);
  });
});
