// QEMU 10 of Debian's backports without its SPICE modules, as distributions have it that drop SPICE:
// unpacked into the cache beside the system's QEMU, installed nowhere.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, hashOf } from "./cache.ts";
import { runProgram } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";

const suite = "bookworm-backports";
/** Its display over D-Bus needs the modules of OpenGL, and nothing of SPICE is in them. */
const packages = [
  ...["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"],
  "qemu-system-modules-opengl",
];

/** A program that is called as `qemu-system-x86_64` is. */
export async function ensureNewerQemu(): Promise<string> {
  // The libraries of the one are those of the other.
  await ensurePackages(["qemu-system-x86"]);
  const directory = await cached(`qemu10-${hashOf(suite, ...packages)}`, async (target) => {
    process.stderr.write(`interop: unpacking QEMU of ${suite}\n`);
    await download(join(target, "apt"));
    for (const name of readdirSync(join(target, "apt")).filter((file) => file.endsWith(".deb"))) {
      await runProgram("dpkg-deb", ["-x", join(target, "apt", name), join(target, "root")]);
    }
    rmSync(join(target, "apt"), { recursive: true });
    writeFileSync(join(target, "qemu"), script, { mode: 0o755 });
  });
  return join(directory, "qemu");
}

/** It was built for other folders than those in which it is. */
const script = `#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
export QEMU_MODULE_DIR="$root/usr/lib/x86_64-linux-gnu/qemu"
exec "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
`;

/** With lists of its own: the system goes on without backports. */
async function download(directory: string): Promise<void> {
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  const printed = await runProgram("apt-get", ["indextargets", "--format", "$(REPO_URI)"]);
  const mirror = printed.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const list = join(directory, "backports.list");
  writeFileSync(list, `deb [signed-by=${key}] ${mirror} ${suite} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    "Dir::Etc::sourceparts=/dev/null",
    `Dir::State::lists=${join(directory, "lists")}`,
    `Dir::Cache=${join(directory, "cache")}`,
  ].flatMap((option) => ["-o", option]);
  await runProgram("apt-get", [...options, "-q", "update"]);
  await runProgram("apt-get", [...options, "-q", "download", ...packages], { cwd: directory });
}
