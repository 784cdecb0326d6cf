// A folder that tells a SASL server (QEMU, or any spice-server) its mechanisms and users.

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOwnedDirectory } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";

/**
 * Makes a folder for `SpiceOptions.saslDirectory`. It is removed when the test process ends. It works over TLS only: in plain
 * spice-server wants a mechanism that encrypts, and over a unix socket 0.15 hands the SASL library an address that it refuses.
 *
 * @param mechanisms names as SASL has them: `plain`, `scram-sha-256`, …
 * @param users passwords by user name
 */
export async function makeSaslDirectory(
  mechanisms: readonly string[],
  users: Readonly<Record<string, string>>,
): Promise<string> {
  await ensurePackages(["sasl2-bin", "libsasl2-modules"]);
  const directory = makeOwnedDirectory("sasl");
  const database = join(directory, "users");
  // One file for each name under which a server introduces itself to the library.
  for (const application of ["qemu", "spice"]) {
    writeFileSync(
      join(directory, `${application}.conf`),
      `mech_list: ${mechanisms.join(" ")}\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\n`,
    );
  }
  for (const [user, password] of Object.entries(users)) await setPassword(database, user, password);
  return directory;
}

function setPassword(file: string, user: string, password: string) {
  return new Promise<void>((resolve, reject) => {
    const child = spawn("saslpasswd2", ["-p", "-c", "-f", file, user], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`saslpasswd2 ended with ${code}`));
    });
    child.stdin.end(password);
  });
}
