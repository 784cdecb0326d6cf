import { describe, expect, test } from "vitest";
import { readRepository, rules } from "../tidy.ts";
import {
  checkArchitecture,
  checkHeads,
  checkLength,
  checkPurity,
  checkTiers,
  checkWords,
  type SourceFile,
} from "../tidy-rules.ts";

const file = (path: string, text = ""): SourceFile => ({ path, text });
const manifest = (folder: string, ...dependencies: string[]): SourceFile =>
  file(
    `${folder}/package.json`,
    JSON.stringify({
      name: folder,
      dependencies: Object.fromEntries(dependencies.map((name) => [name, "0.1.0"])),
    }),
  );

describe("this repository", () => {
  const files = readRepository();
  for (const [name, rule] of Object.entries(rules)) {
    test(`keeps the rule on ${name}`, () => {
      expect(files.length).toBeGreaterThan(100);
      expect(rule(files)).toEqual([]);
    });
  }
});

describe("the rule on tiers", () => {
  test("lets a package depend on what lies below it", () => {
    const files = [
      manifest("core/wire"),
      manifest("core/protocol", "core/wire"),
      manifest("io/node", "core/protocol", "ws"),
      manifest("apps/cli", "io/node", "core/wire"),
      manifest("testing/interop", "apps/cli"),
    ];
    expect(checkTiers(files)).toEqual([]);
  });

  test.each([
    ["upwards in core", [manifest("core/wire", "core/protocol"), manifest("core/protocol")]],
    ["from client to server", [manifest("core/client", "core/server"), manifest("core/server")]],
    ["from core to io", [manifest("core/client", "io/node"), manifest("io/node")]],
    ["from core to a stranger", [manifest("core/wire", "left-pad")]],
    ["from io to apps", [manifest("io/node", "apps/cli"), manifest("apps/cli")]],
    [
      "from apps to testing",
      [manifest("apps/cli", "testing/vectors"), manifest("testing/vectors")],
    ],
    ["of a core package that nobody has placed", [manifest("core/novelty")]],
  ])("finds a dependency %s", (_where, files) => {
    expect(checkTiers(files)).toHaveLength(1);
  });
});

describe("the rule on purity", () => {
  test.each([
    "const x = Math.random();",
    "const x = Date.now();",
    "export async function f() {}",
    "  return await g();",
    "setTimeout(f, 1);",
    "type T = Promise<void>;",
  ])("finds %j in core", (line) => {
    const found = checkPurity([file("core/wire/src/a.ts", `// A file.\n${line}\n`)]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^core\/wire\/src\/a\.ts:2: /);
  });

  test("lets comments and texts speak of it, and other tiers do it", () => {
    const text = '// No Promise.\n/* await\n async */\nconst s = "Date.now";\n';
    expect(checkPurity([file("core/wire/src/a.ts", text)])).toEqual([]);
    expect(checkPurity([file("io/node/src/a.ts", "await f();")])).toEqual([]);
    expect(checkPurity([file("core/wire/test/a.test.ts", "await f();")])).toEqual([]);
  });
});

test("the rule on length finds long files, but not generated ones", () => {
  const long = "x\n".repeat(601);
  expect(checkLength([file("core/wire/src/a.ts", long)])).toHaveLength(1);
  expect(checkLength([file("core/wire/src/a.ts", long.slice(2))])).toEqual([]);
  expect(checkLength([file("core/wire/src/generated/a.ts", long)])).toEqual([]);
});

test("the rule on heads wants a comment at the top of a source", () => {
  expect(checkHeads([file("io/node/src/a.ts", "export const a = 1;\n")])).toHaveLength(1);
  expect(checkHeads([file("io/node/src/a.ts", "// What it is.\n")])).toEqual([]);
  expect(checkHeads([file("io/node/src/index.ts", "export {};\n")])).toEqual([]);
});

describe("the rule on the architecture page", () => {
  const files = [manifest("core/wire"), file("tools/check.ts")];

  test("wants the page, every package on it, and only what exists", () => {
    expect(checkArchitecture(files)).toHaveLength(1);
    const page = (text: string) => [...files, file("ARCHITECTURE.md", text)];
    expect(checkArchitecture(page("`core/wire/` and `tools/check.ts`"))).toEqual([]);
    expect(checkArchitecture(page("`tools/check.ts`"))).toHaveLength(1);
    expect(checkArchitecture(page("`core/wire` and `tools/gone.ts`"))).toHaveLength(1);
  });
});

test("the rule on words finds a machine's paths, a registry's address and unfinished thoughts", () => {
  const check = (text: string) => checkWords([file("docs/a.md", text)]);
  expect(check("see /home/me/notes")).toHaveLength(1);
  expect(check('  "resolved": "https://somewhere/x.tgz"')).toHaveLength(1);
  expect(check("  // TODO: later")).toHaveLength(1);
  expect(check("network/work/x and docs/home/y")).toEqual([]);
});
