// The rules that no other tool checks: who may import whom, what a pure tier must not do, how long
// a file may be, what must not stand in the repository. Each rule gives its violations as text.

/** A file of the repository: path from its root with forward slashes, and text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What a package may depend on inside the repository; after the folders of ARCHITECTURE.md. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "core/wire": [],
  "core/protocol": ["core/wire"],
  "core/codecs": ["core/wire"],
  "core/canvas": ["core/wire", "core/protocol", "core/codecs"],
  "core/channel": ["core/wire", "core/protocol"],
  "core/agent": ["core/wire", "core/protocol", "core/channel"],
  "core/usbredir": ["core/wire", "core/protocol", "core/channel"],
  "core/media": ["core/wire", "core/protocol", "core/channel"],
  "core/smartcard": ["core/wire", "core/protocol"],
  "core/webdav": ["core/wire", "core/channel"],
  "core/client": [
    "core/wire",
    "core/protocol",
    "core/codecs",
    "core/canvas",
    "core/channel",
    "core/agent",
    "core/usbredir",
    "core/media",
  ],
  "core/server": [
    "core/wire",
    "core/protocol",
    "core/codecs",
    "core/canvas",
    "core/channel",
    "core/agent",
    "core/usbredir",
    "core/media",
  ],
  "core/gateway": ["core/wire", "core/protocol", "core/channel", "core/client"],
  "core/migration": ["core/wire", "core/protocol", "core/channel"],
};

/** Tiers that are ruled as a whole: from the first to what it may import. */
const tiersBelow: Readonly<Record<string, readonly string[]>> = {
  io: ["core", "io"],
  apps: ["core", "io", "guests", "apps"],
  guests: ["core"],
  testing: ["core", "io", "apps", "guests", "testing"],
};

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The workspace's packages among the files; folders of two parts, such as `core/wire`. */
export function findPackages(files: readonly SourceFile[]): Package[] {
  const packages: Package[] = [];
  for (const { path, text } of files) {
    const folder = /^((?:core|io|apps|guests|testing)\/[^/]+)\/package\.json$/.exec(path)?.[1];
    if (folder !== undefined) packages.push({ folder, manifest: JSON.parse(text) as Manifest });
  }
  return packages.sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** A package depends only on what its tier allows; core on nothing outside the repository. */
export function checkTiers(files: readonly SourceFile[]): string[] {
  const packages = findPackages(files);
  const folders = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]));
  const violations: string[] = [];
  for (const { folder, manifest } of packages) {
    const tier = folder.split("/")[0]!;
    if (tier === "core" && mayImport[folder] === undefined) {
      violations.push(`${folder}: no tier rule names this package; add it to tools/tidy-rules.ts`);
    }
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const target = folders.get(name);
      if (target === undefined) {
        if (tier === "core") violations.push(`${folder}: core depends on ${name} from outside`);
        continue;
      }
      const allowed =
        tier === "core"
          ? mayImport[folder]?.includes(target)
          : tiersBelow[tier]?.includes(target.split("/")[0]!);
      if (allowed !== true) violations.push(`${folder}: must not depend on ${target}`);
    }
  }
  return violations;
}

const impure =
  /Math\.random|Date\.now|new Date|performance\.now|setTimeout|setInterval|queueMicrotask|\basync\b|\bawait\b|\bPromise\b|\bWebAssembly\b/;

/**
 * Core and the testcard read no clock, roll no dice and wait for nothing. Comments may speak of all
 * that.
 */
export function checkPurity(files: readonly SourceFile[]): string[] {
  return eachLine(
    files.filter(
      ({ path }) => /^(?:core\/[^/]+|guests\/testcard)\/src\//.test(path) && isHandWritten(path),
    ),
    (line) => impure.exec(line)?.[0],
    (found) => `a pure tier must not use \`${found}\``,
  );
}

const MAX_LINES = 600;

/** A file is readable in one sitting. */
export function checkLength(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const { path, text } of files) {
    if (!isHandWritten(path)) continue;
    const lines = text.split("\n").length - 1;
    if (lines > MAX_LINES) violations.push(`${path}: ${lines} lines, more than ${MAX_LINES}`);
  }
  return violations;
}

/** A source says at its top what it is; an index of exports and a test say it by their name. */
export function checkHeads(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => isHandWritten(path) && /\/src\/|^tools\/|^bench\//.test(path))
    .filter(({ path }) => !/\/index\.ts$|\.test\.ts$/.test(path))
    .filter(({ text }) => !/^(#!.*\n)?\/[/*]/.test(text))
    .map(({ path }) => `${path}: does not begin with a comment on what it is`);
}

/** ARCHITECTURE.md names every package, and nothing that does not exist. */
export function checkArchitecture(files: readonly SourceFile[]): string[] {
  const page = files.find(({ path }) => path === "ARCHITECTURE.md");
  if (page === undefined) return ["ARCHITECTURE.md: missing"];
  const violations: string[] = [];
  for (const { folder } of findPackages(files)) {
    if (!page.text.includes(folder)) violations.push(`ARCHITECTURE.md: does not name ${folder}`);
  }
  const exists = (path: string): boolean => {
    const bare = path.replace(/\/$/, "");
    return files.some((file) => file.path === bare || file.path.startsWith(`${bare}/`));
  };
  // Paths stand in code spans: `core/wire/` or `tools/check.ts`; globs are no paths.
  for (const [, path = ""] of page.text.matchAll(
    /`((?:core|io|apps|guests|testing|tools|bench|docs|examples)\/[\w./-]*)`/g,
  )) {
    if (!exists(path)) violations.push(`ARCHITECTURE.md: names ${path}, which does not exist`);
  }
  return violations;
}

const unwanted: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/(?<![\w.*-])\/(?:work|home|root|Users)\/[\w.]/, "a path of one machine"],
  [/"resolved": "http/, "the address of a package registry"],
  [/^\s*(?:\/\/|#|\/?\*).*\b(?:TO-?DO|FIX-?ME)\b/, "an unfinished thought"],
];

/** Nothing of one machine and nothing unfinished stands in the repository. */
export function checkWords(files: readonly SourceFile[]): string[] {
  return unwanted.flatMap(([pattern, what]) =>
    eachLine(
      // The guest's own root folder and this list are no paths of a machine.
      files.filter(({ path }) => !/^testing\/interop\/guest\/|^tools\/(test\/)?tidy/.test(path)),
      (line) => pattern.exec(line)?.[0].trim(),
      (found) => `${what}: ${found}`,
      false,
    ),
  );
}

function isHandWritten(path: string): boolean {
  return path.endsWith(".ts") && !path.includes("/generated/") && !path.endsWith(".d.ts");
}

function eachLine(
  files: readonly SourceFile[],
  find: (line: string) => string | undefined,
  say: (found: string) => string,
  isCode = true,
): string[] {
  const violations: string[] = [];
  for (const { path, text } of files) {
    const lines = (isCode ? withoutComments(text) : text).split("\n");
    lines.forEach((line, index) => {
      const found = find(line);
      if (found !== undefined) violations.push(`${path}:${index + 1}: ${say(found)}`);
    });
  }
  return violations;
}

/** Blanks comments and the insides of strings, and keeps the lines. */
function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
    (match) => match.replace(/[^\n]/g, " "),
  );
}
