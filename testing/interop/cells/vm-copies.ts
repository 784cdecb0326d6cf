// Files that a guest copies to and fro between itself and the folder of its client, one after the
// other, whatever becomes of the guest meanwhile; and whether each came whole.

import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SerialShell } from "@caraway/interop";
import { openSharedFolder } from "@caraway/node";
import { demand } from "./host-setting.ts";

/** Where programs in the guest find the folder. */
const place = "http://localhost:9843";
const fileSize = 1_000_000;
/** A copy takes no longer, with a move in the middle of it. */
const longestCopyS = 20;
/** The copy that is under way ends within that time. */
const lastCopyMs = 60_000;

export class VmCopies implements AsyncDisposable {
  readonly #directory: string;
  readonly #content: Buffer;
  /** For the client's streams. */
  readonly folder: Awaited<ReturnType<typeof openSharedFolder>>;

  private constructor(directory: string, content: Buffer, folder: VmCopies["folder"]) {
    this.#directory = directory;
    this.#content = content;
    this.folder = folder;
  }

  static async open(): Promise<VmCopies> {
    const directory = mkdtempSync(join(tmpdir(), "caraway-copies-"));
    const content = randomBytes(fileSize);
    writeFileSync(join(directory, "original"), content);
    const folder = await openSharedFolder({ folder: directory, readOnly: false });
    return new VmCopies(directory, content, folder);
  }

  /** The guest copies from here on; a client has to offer the folder by then. */
  async start(shell: SerialShell): Promise<void> {
    const there = `curl -sSf -m ${longestCopyS} ${place}/original -o /tmp/copy`;
    await shell.run(`for n in $(seq 10); do ${there} 2>/dev/null && break; sleep 1; done`, {
      timeoutMs: 10 * (longestCopyS + 1) * 1000,
    });
    const back = `curl -sSf -m ${longestCopyS} -T /tmp/copy ${place}/back-$n`;
    const loop = `n=0; while [ ! -e /run/copied ]; do ${there} && ${back} || echo $n failed; n=$((n+1)); sleep 0.3; done; echo $n > /run/copies`;
    await shell.run(
      `rm -f /run/copied /run/copies; (setsid sh -c '${loop}' >/run/copy.log 2>&1 &)`,
    );
  }

  /** The guest stops; gives how many copies there were. Throws when one of them was not whole. */
  async stop(shell: SerialShell): Promise<number> {
    const wait = "for n in $(seq 200); do [ -s /run/copies ] && break; sleep 0.2; done";
    const told = await shell.run(`touch /run/copied; ${wait}; cat /run/copies /run/copy.log`, {
      timeoutMs: lastCopyMs,
    });
    const [count = "", ...faults] = told.trim().split("\n");
    demand(/^\d+$/.test(count) && faults.length === 0, `the guest's copies: ${told}`);
    const names = readdirSync(this.#directory).filter((name) => name.startsWith("back-"));
    demand(names.length === Number(count), `${names.length} of ${count} copies came back`);
    for (const name of names) {
      const copy = readFileSync(join(this.#directory, name));
      demand(copy.equals(this.#content), `${name} is another file`);
    }
    return names.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
