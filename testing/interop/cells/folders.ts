// Folders and ports between a real guest and our client: programs in Debian read and write what the
// client shares through spice-webdavd, a shell talks over a port, both go on through a move, and the
// command does all of that for its user.

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { MigrationMode } from "@caraway/client";
import {
  againIfGuestDied,
  type Cell,
  type CellResult,
  demandAlive,
  serveFolderGuest,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import { type ClientStream, openSharedFolder } from "@caraway/node";
import { endProcess, spawnOwned, whenEnded } from "../src/ownership.ts";
import { copyInGuest, hashOfPaste, sha256 } from "./agent.ts";
import { demand } from "./migration.ts";
import { MovingSession, modeOf, phasesOf } from "./moving-session.ts";

const program = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));
const machine = { display: "qxl-vga", console: true } as const;
const consoleName = "org.caraway.console";
/** Where programs in the guest find the folder. */
const place = "http://localhost:9843";

/** The command of a user's, and what it printed. */
class Caraway implements AsyncDisposable {
  readonly #child;
  printed = "";
  errors = "";

  constructor(words: readonly string[]) {
    this.#child = spawnOwned(process.execPath, [program, ...words], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.printed += bytes.toString();
    });
    this.#child.stderr?.on("data", (bytes: Buffer) => {
      this.errors += bytes.toString();
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async until(pattern: RegExp, timeoutMs = 30_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!pattern.test(this.printed)) {
      if (Date.now() > end) {
        throw new Error(
          `caraway did not print ${pattern} but ${this.printed.slice(-200)} ${this.errors}`,
        );
      }
      await delay(50);
    }
  }

  /** Its exit code, when it has ended. */
  async ended(): Promise<number | null> {
    this.#child.stdin?.end();
    await whenEnded(this.#child);
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child);
  }
}

function uriOf(vm: Vm): string {
  return `spice://${vm.spice.host}:${vm.spice.port}`;
}

/** A folder with a file, and what lies beside it. */
function makeFolder(size: number) {
  const outer = mkdtempSync(join(tmpdir(), "caraway-shared-"));
  const folder = join(outer, "shared");
  mkdirSync(folder);
  const content = randomBytes(size);
  writeFileSync(join(folder, "to guest.bin"), content);
  writeFileSync(join(outer, "secret"), "secret");
  symlinkSync(outer, join(folder, "way-out"));
  const read = (name: string) => readFileSync(join(folder, name));
  const remove = () => rmSync(outer, { recursive: true });
  return { outer, folder, hash: sha256(content), read, [Symbol.dispose]: remove };
}

async function hashOf(vm: Vm, command: string): Promise<string> {
  return (await vm.shell.run(`${command} | sha256sum`, { timeoutMs: 120_000 })).slice(0, 64);
}

async function programsCell(): Promise<CellResult> {
  using shared = makeFolder(20_000_000);
  await using vm = await startSavedVm(machine);
  await using caraway = new Caraway(["connect", uriOf(vm), "--share", shared.folder, "--json"]);
  await caraway.until(/"event":"folder","connected":true/);
  const run = (command: string) => vm.shell.run(command, { timeoutMs: 120_000 });
  const began = performance.now();
  const read = await hashOf(vm, `curl -sSf ${place}/to%20guest.bin`);
  const readMs = Math.round(performance.now() - began);
  demand(read === shared.hash, "curl read another file");
  await run(`head -c 5000000 /dev/urandom > /tmp/up && curl -sSf -T /tmp/up ${place}/up.bin`);
  demand((await hashOf(vm, "cat /tmp/up")) === sha256(shared.read("up.bin")), "curl wrote another");
  await run(
    `printf 'mkcol dir\\nput /tmp/up dir/c.bin\\nmove up.bin dir/d.bin\\nquit\\n' | cadaver ${place}/`,
  );
  demand(shared.read("dir/c.bin").equals(shared.read("dir/d.bin")), "cadaver made other files");
  await run(`modprobe fuse; mkdir -p /mnt/s; printf '\\n\\n' | mount.davfs ${place}/ /mnt/s`);
  demand(
    (await hashOf(vm, "cat '/mnt/s/to guest.bin'")) === shared.hash,
    "davfs2 read another file",
  );
  await run(
    "cp /tmp/up /mnt/s/dir/mounted.bin && mv /mnt/s/dir/c.bin /mnt/s/moved.bin && umount /mnt/s",
  );
  demand(
    shared.read("dir/mounted.bin").equals(shared.read("moved.bin")),
    "davfs2 wrote another file",
  );
  const status = (path: string) => {
    return run(`curl -sS --path-as-is -o /dev/null -w '%{http_code}' ${place}${path}`);
  };
  const refused = [await status("/../secret"), await status("/way-out/secret")];
  demand(
    refused.every((code) => code.trim() === "403"),
    `the way out gave ${refused}`,
  );
  await caraway.until(/"status":403,"detail":"the path leads out of the folder"/);
  return {
    outcome: "passed",
    detail: "curl, cadaver and davfs2 read and write, by hash; .. and links are refused and told",
    facts: { read20MbMs: readMs },
  };
}

async function consoleCell(): Promise<CellResult> {
  await using vm = await startSavedVm(machine);
  await using list = new Caraway(["console", uriOf(vm), "--list"]);
  await list.ended();
  demand(list.printed.includes(`${consoleName}\topen`), `the list was ${list.printed}`);
  await using caraway = new Caraway(["console", uriOf(vm), consoleName, "--duration", "25"]);
  caraway.type("echo the sum is $((40 + 2)); tty\n");
  await caraway.until(/the sum is 42\s+\/dev\/hvc0/);
  caraway.type("yes 0123456789 | head -c 40000; echo end of $((1000 + 1))\n");
  await caraway.until(/end of 1001/);
  demand(caraway.printed.length > 40_000, "what was said is not whole");
  demand((await caraway.ended()) === 0, "it did not end well");
  return { outcome: "passed", detail: "listed, talked with, 40 kB of output" };
}

async function clipboardCell(): Promise<CellResult> {
  await using vm = await startSavedVm(machine);
  const text = "Grüße aus dem Gast\n日本語";
  await copyInGuest(vm, `printf '${text.replaceAll("\n", "\\n")}'`, "clipboard -t UTF8_STRING");
  await using print = new Caraway(["clipboard", uriOf(vm)]);
  demand((await print.ended()) === 0, `it failed: ${print.errors}`);
  demand(print.printed === text, `it printed ${print.printed}`);
  const folder = mkdtempSync(join(tmpdir(), "caraway-clipboard-"));
  try {
    const image = randomBytes(500_000);
    writeFileSync(join(folder, "image.png"), image);
    const words = ["--copy", join(folder, "image.png"), "--format", "png"];
    await using give = new Caraway(["clipboard", uriOf(vm), ...words]);
    const list = "timeout 2 xclip -selection clipboard -t TARGETS -o 2>/dev/null";
    const wait = `for n in $(seq 40); do ${list} | grep -q image/png && break; sleep 0.3; done`;
    await vm.shell.run(wait, { timeoutMs: 90_000 });
    demand((await hashOfPaste(vm, "clipboard -t image/png")) === sha256(image), "another image");
    demand((await give.ended()) === 0, `it failed: ${give.errors}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { outcome: "passed", detail: "text printed, an image of 500 kB given" };
}

/** A file on its way in each direction, and a console, while the guest moves. */
export function moveFolder(mode: MigrationMode): Promise<CellResult> {
  return againIfGuestDied(() => moveFolderOnce(mode));
}

async function moveFolderOnce(mode: MigrationMode): Promise<CellResult> {
  using shared = makeFolder(12_000_000);
  const requests: string[] = [];
  const folder = await openSharedFolder({
    folder: shared.folder,
    readOnly: false,
    onEvent: (event) => {
      if (event.type === "request")
        requests.push(`${event.request.method} ${event.request.status}`);
    },
  });
  let port: ClientStream | null = null;
  let heard = "";
  const isSeamless = mode === "seamless";
  const session = await MovingSession.open({
    machine,
    spice: { seamlessMigration: isSeamless },
    session: { channels: ["main", "display", "inputs", "cursor", "webdav", "port"] },
    onStream: (stream) => {
      folder.offer(stream);
      if (stream.channel !== "port") return;
      port = stream;
      stream.use({
        data: (bytes) => {
          heard += Buffer.from(bytes).toString();
          stream.taken(bytes.length);
        },
      });
      stream.signal("opened");
    },
  });
  const say = (text: string) => port?.write(Buffer.from(text));
  const until = async (pattern: RegExp) => {
    for (let turn = 0; turn < 1200 && !pattern.test(heard); turn++) await delay(50);
    demand(pattern.test(heard), `the console did not say ${pattern} but ${heard.slice(-200)}`);
  };
  try {
    const target = await session.target();
    const background = (command: string) => {
      return session.here.shell.run(`(${command}) >/dev/null 2>&1 &`);
    };
    await session.here.shell.run("head -c 16000000 /dev/urandom > /tmp/up");
    const slow = "curl -sSf --limit-rate 1500k";
    await background(`${slow} ${place}/to%20guest.bin -o /tmp/down; echo $? > /run/down`);
    await background(`${slow} -T /tmp/up ${place}/up.bin; echo $? > /run/up`);
    say("for n in $(seq 120); do echo count $n; sleep 0.05; done; echo done with $((7*7))\n");
    await until(/count 5\b/);
    await delay(1000);
    const move = await session.move(target);
    await demandAlive(session.here, 90_000);
    demand(modeOf(move.events) === mode, `the phases were ${phasesOf(move.events)}`);
    const wait =
      "for n in $(seq 150); do [ -s /run/up ] && [ -s /run/down ] && break; sleep 0.3; done";
    const codes = await session.here.shell.run(`${wait}; cat /run/down /run/up`, {
      timeoutMs: 90_000,
    });
    const isWhole = codes.trim().split(/\s+/).join(" ") === "0 0";
    if (isSeamless) {
      demand(isWhole, `curl's ends were ${codes}`);
      demand(
        (await hashOf(session.here, "cat /tmp/down")) === shared.hash,
        "another file was read",
      );
      const up = await hashOf(session.here, "cat /tmp/up");
      demand(up === sha256(shared.read("up.bin")), "another file was written");
      await until(/done with 49/);
      const counts = [...heard.matchAll(/count (\d+)\r/g)].map(([, count]) => Number(count));
      demand(
        counts.length === 120 && counts.every((count, at) => count === at + 1),
        "lines are missing",
      );
    } else if (!isWhole) {
      // What was cut off left no half file, and the next goes.
      const names = await session.here.shell.run(
        `curl -sSf -m 30 -X PROPFIND -H 'Depth: 1' ${place}/`,
      );
      demand(!names.includes("up.bin"), "half a file was left");
    }
    const again = await hashOf(session.here, `curl -sSf -m 60 ${place}/to%20guest.bin`);
    demand(again === shared.hash, "the folder is not there behind the move");
    await session.here.shell.run(`curl -sSf -m 60 -T /tmp/up ${place}/next.bin`, {
      timeoutMs: 70_000,
    });
    say("echo behind the $((6*7))\n");
    await until(/behind the 42/);
    const how = isSeamless
      ? "both transfers and 120 lines whole"
      : isWhole
        ? "both transfers whole"
        : "transfers cut off";
    return { outcome: "passed", detail: `${how}; folder and console go on` };
  } finally {
    await session.close();
    await folder.close();
  }
}

/** Files that are copied by the command: pasted as paths, and read there by the guest's programs. */
async function copiedFilesCell(): Promise<CellResult> {
  using shared = makeFolder(3_000_000);
  await using guest = await serveFolderGuest();
  const place = `spice://${guest.address.host}:${guest.address.port}`;
  const copied = [join(shared.folder, "to guest.bin"), join(shared.folder, "inner")];
  mkdirSync(copied[1]!);
  writeFileSync(join(copied[1]!, "text"), "in a folder");
  const words = ["clipboard", place, "--copy-files", ...copied, "--timeout", "4"];
  await using caraway = new Caraway(words);
  const pathsOf = () => [...guest.text().matchAll(/^\/\.spice-clipboard\/.*$/gm)].map(String);
  for (let turn = 0; turn < 60 && pathsOf().length < 2; turn++) {
    guest.pressPaste();
    await delay(250);
  }
  const [file = "", folder = ""] = pathsOf();
  demand(folder !== "", `the guest pasted ${guest.text()}`);
  const get = (path: string, method = "GET") => {
    const body = method === "PUT" ? { body: "other" } : {};
    return fetch(`${guest.url}${encodeURI(path)}`, { method, ...body });
  };
  const read = new Uint8Array(await (await get(file)).arrayBuffer());
  demand(sha256(read) === shared.hash, "another file was read");
  demand((await (await get(`${folder}/text`)).text()) === "in a folder", "no file in the folder");
  const statuses = [
    (await get(file, "PUT")).status,
    (await get(`${folder}/new`, "PUT")).status,
    (await get(`${file.slice(0, file.lastIndexOf("/"))}/inner`)).status,
    (await get("/secret")).status,
  ];
  demand(`${statuses}` === "403,403,404,404", `what is not to be had gave ${statuses}`);
  demand((await caraway.ended()) === 0, `it failed: ${caraway.errors}`);
  return { outcome: "passed", detail: "a file and a folder, pasted as paths and read; no more" };
}

export const cells: readonly Cell[] = [
  { name: "copied files by the command", run: copiedFilesCell },
  { name: "programs of a guest use a folder of ours", run: programsCell },
  { name: "a console by the command", run: consoleCell },
  { name: "the clipboard by the command", run: clipboardCell },
];
