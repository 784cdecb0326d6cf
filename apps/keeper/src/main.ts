// The keeper as a process: `caraway-keeper DIRECTORY`, started by a host and left alone by it.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { Keeper } from "./keeper.ts";
import { type KeeperOrder, keeperPaths } from "./vm-description.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("caraway-keeper is started by a host");
const paths = keeperPaths(directory);
// It outlives the host, its terminal and its group.
for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, () => {});
try {
  const order = JSON.parse(readFileSync(paths.order, "utf8")) as KeeperOrder;
  const keeper = await Keeper.start(order, directory);
  writeFileSync(paths.pid, `${process.pid}\n`);
  process.send?.({ started: true });
  process.disconnect?.();
  process.on("SIGTERM", () => keeper.end());
  await keeper.ended;
} catch (error) {
  process.send?.({ error: error instanceof Error ? error.message : String(error) });
  process.disconnect?.();
  rmSync(directory, { recursive: true, force: true });
  process.exitCode = 1;
}
process.exit();
