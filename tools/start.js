// `npm start`: on a fresh clone it installs the packages and builds what is missing, then runs the
// demo with the arguments that it was given. Plain JavaScript: nothing is there yet to run more.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(what, program, words) {
  process.stdout.write(`${what}…\n`);
  const isWindows = process.platform === "win32";
  const { status } = spawnSync(program, words, { cwd: root, stdio: "inherit", shell: isWindows });
  if (status !== 0) {
    process.stderr.write(`${what}: failed\n`);
    process.exit(1);
  }
}

/** When anything below was changed last. */
function newest(folder) {
  let latest = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    latest = Math.max(latest, statSync(`${folder}/${name}`).mtimeMs);
  }
  return latest;
}

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 20) {
  process.stderr.write(`Node 20 or later is needed; this is ${process.versions.node}\n`);
  process.exit(1);
}
if (!existsSync(`${root}node_modules/typescript`)) run("Installing packages", "npm", ["ci"]);
run("Building", "npm", ["run", "--silent", "build"]);

const page = `${root}apps/demo/bundle/index.html`;
const sources = [
  ...["apps/demo/page", "apps/viewer/src", "io/browser/src", "io/driver/src"],
  ...["wire", "protocol", "codecs", "canvas", "channel", "agent", "client"].map((name) => {
    return `core/${name}/src`;
  }),
];
const isCurrent =
  existsSync(page) &&
  sources.every((folder) => newest(`${root}${folder}`) < statSync(page).mtimeMs);
if (!isCurrent) {
  run("Building the page", "npm", ["run", "--silent", "build", "--workspace", "caraway-demo"]);
}

// Ctrl+C reaches both: the demo ends what it has started, and then this follows.
const demo = spawn(process.execPath, [`${root}apps/demo/dist/main.js`, ...process.argv.slice(2)], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (signal === "SIGTERM") demo.kill(signal);
  });
}
demo.on("exit", (code) => process.exit(code ?? 1));
