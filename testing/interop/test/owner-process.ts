// Run by ownership.test.ts as a process of its own: owns a process and a folder, tells which, and waits or throws.

import { makeOwnedDirectory, spawnOwned } from "../src/ownership.ts";

const directory = makeOwnedDirectory("owner-test");
const child = spawnOwned("sleep", ["600"], { stdio: "ignore" });
child.once("spawn", () => {
  process.stdout.write(`${JSON.stringify({ pid: child.pid, directory })}\n`, () => {
    if (process.argv[2] === "throws") throw new Error("as asked for");
  });
});
