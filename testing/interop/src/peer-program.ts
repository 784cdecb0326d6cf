// The C programs in peers/: small drivers around the real libraries, compiled on first use.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, hashOf } from "./cache.ts";
import { runProgram } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";

/** Compiles `peers/NAME.c` against a library; gives the program's path. */
export async function ensurePeerProgram(
  name: string,
  library: { pkgConfig: readonly string[]; packages: readonly string[] },
): Promise<string> {
  await ensurePackages(["gcc", "libc6-dev", "pkg-config", ...library.packages]);
  const source = fileURLToPath(new URL(`../peers/${name}.c`, import.meta.url));
  const version = await runProgram("pkg-config", ["--modversion", ...library.pkgConfig]);
  const hash = hashOf(readFileSync(source), version);
  const directory = await cached(`${name}-${hash}`, async (target) => {
    const printed = await runProgram("pkg-config", ["--cflags", "--libs", ...library.pkgConfig]);
    const flags = printed.trim().split(/\s+/);
    const warnings = ["-Wall", "-Wextra", "-Werror"];
    await runProgram("gcc", ["-O2", "-g", ...warnings, source, "-o", join(target, name), ...flags]);
  });
  return join(directory, name);
}
