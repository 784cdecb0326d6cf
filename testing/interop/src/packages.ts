// The Debian packages that the real programs come from: looked for with dpkg, installed with apt-get when this process may.

import { spawn } from "node:child_process";
import { withLock } from "./cache.ts";
import { runProgram } from "./ownership.ts";

const installedHere = new Set<string>();

async function findMissing(names: readonly string[]): Promise<string[]> {
  // dpkg-query fails when it does not know a package, and still prints the others.
  const printed = await runProgram("dpkg-query", [
    "-W",
    "-f",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format.
    "${binary:Package} ${db:Status-Status}\n",
    ...names,
  ]).catch((error: { stdout?: string }) => error.stdout ?? "");
  const present = new Set<string>();
  for (const line of printed.split("\n")) {
    const [name, status] = line.split(" ");
    if (name !== undefined && status === "installed") present.add(name.replace(/:.*/, ""));
  }
  return names.filter((name) => !present.has(name));
}

function apt(commandArguments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=600", ...commandArguments], {
      // apt's own progress is this step's progress; standard output stays the caller's.
      stdio: ["ignore", 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`apt-get ${commandArguments.join(" ")} ended with ${code}`));
    });
  });
}

/** Makes sure that Debian packages are installed. Throws with the one command to run when this process is not root. */
export async function ensurePackages(names: readonly string[]): Promise<void> {
  const wanted = names.filter((name) => !installedHere.has(name));
  if (wanted.length === 0) return;
  if ((await findMissing(wanted)).length > 0) {
    await withLock("apt", async () => {
      const missing = await findMissing(wanted);
      if (missing.length === 0) return;
      if (process.getuid?.() !== 0) {
        throw new Error(
          `missing Debian packages; run: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing.join(" ")}`,
        );
      }
      process.stderr.write(`interop: installing ${missing.join(" ")}\n`);
      await apt(["update"]);
      await apt(["install", "-y", "--no-install-recommends", ...missing]);
    });
  }
  for (const name of wanted) installedHere.add(name);
}
