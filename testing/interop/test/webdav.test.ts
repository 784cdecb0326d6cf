// Our WebDAV server under the programs that judge and use such servers: litmus, the test suite of the
// neon library that davfs2 and cadaver stand on, and curl.

import { execFile } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { defaultSessionOptions } from "@caraway/client";
import { NodeFolder, openSharedFolder, SpiceClient } from "@caraway/node";
import { type Answered, type FolderInput, FolderServer } from "@caraway/webdav";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  endpointOf,
  ensurePackages,
  JsonProgram,
  serveFolderGuest,
  WebdavDaemon,
} from "../src/index.ts";
import { ensurePeerProgram } from "../src/peer-program.ts";

const run = promisify(execFile);

let outer: string;

beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), "caraway-webdav-"));
  mkdirSync(join(outer, "shared"));
});

afterEach(() => rmSync(outer, { recursive: true }));

/** A folder behind a port, as a guest has it. */
async function share(readOnly = false) {
  const requests: Answered[] = [];
  const store = await NodeFolder.open(join(outer, "shared"), true);
  const server = new FolderServer({ readOnly, seed: crypto.randomUUID() });
  const daemon: WebdavDaemon = new WebdavDaemon((bytes) => handle({ type: "received", bytes }));
  const handle = (input: FolderInput) => {
    server.handle(input, performance.now());
    for (let output = server.poll(); output !== null; output = server.poll()) {
      if (output.type === "transmit") daemon.received(output.bytes);
      else if (output.type === "flush") setImmediate(() => handle({ type: "flushed" }));
      else if (output.type === "answered") requests.push(output.request);
      else if (output.type === "work") {
        const { task, work } = output;
        void store.perform(work).then((answer) => handle({ type: "done", task, answer }));
      }
    }
  };
  const port = await daemon.listen();
  const close = async () => {
    await daemon[Symbol.asyncDispose]();
    await store.close();
  };
  return { port, requests, server, [Symbol.asyncDispose]: close };
}

/** What curl says of a folder that somebody shares with a guest of ours: files there and back, by hash. */
async function useFolder(url: string): Promise<void> {
  const folder = join(outer, "shared");
  const large = Buffer.alloc(3_000_000, "through the channel ");
  writeFileSync(join(folder, "read me"), large);
  const read = join(outer, "read");
  const patient = ["-sSf", "--retry", "40", "--retry-delay", "0", "--retry-all-errors", "-m", "20"];
  await run("curl", [...patient, "-o", read, `${url}/read%20me`]);
  expect(readFileSync(read).equals(large)).toBe(true);
  // PEER: libphodav 3.0 takes a file for empty whose program waits for leave to send it.
  await run("curl", [...patient, "-H", "Expect:", "-T", read, `${url}/written`]);
  expect(readFileSync(join(folder, "written")).equals(large)).toBe(true);
  const listed = await run("curl", [...patient, "-X", "PROPFIND", "-H", "Depth: 1", `${url}/`]);
  expect(listed.stdout).toContain("written");
}

describe("a shared folder", () => {
  it("of our client is used by programs of a guest of ours", async () => {
    await ensurePackages(["curl"]);
    await using guest = await serveFolderGuest();
    const folder = await openSharedFolder({ folder: join(outer, "shared"), readOnly: false });
    const client = new SpiceClient({
      session: {
        ...defaultSessionOptions,
        channels: ["main", "webdav"],
        endpoint: endpointOf(guest.address),
      },
      onStream: (stream) => folder.offer(stream),
    });
    await useFolder(guest.url);
    client.close();
    await folder.close();
  });

  it("of spice-gtk is used by programs of a guest of ours", async () => {
    await ensurePackages(["curl"]);
    const program = await ensurePeerProgram("gtk-port", {
      pkgConfig: ["spice-client-glib-2.0"],
      packages: ["libspice-client-glib-2.0-dev"],
    });
    await using guest = await serveFolderGuest();
    const { host, port } = guest.address;
    const words = [`host=${host}`, `port=${port}`, `shared-dir=${join(outer, "shared")}`];
    await using client = new JsonProgram(program, words);
    await client.waitFor("port", { where: ({ name }) => `${name}`.includes("webdav") });
    await useFolder(guest.url);
  });
  it.each(["basic", "copymove", "props", "locks", "http"])(
    "satisfies litmus: %s",
    async (suite) => {
      await ensurePackages(["litmus"]);
      await using shared = await share();
      symlinkSync("/usr/share/litmus/htdocs", join(outer, "htdocs"));
      const program = `/usr/libexec/litmus/${suite}`;
      const url = `http://localhost:${shared.port}/`;
      const { stdout } = await run(program, [url], { cwd: outer, timeout: 60_000 });
      expect(stdout).toMatch(/\b0 failed\. 100\.0%/);
      expect(stdout).not.toContain("WARNING");
    },
  );

  it("gives curl a large file, whole and from the middle, and takes one back", async () => {
    await ensurePackages(["curl"]);
    const content = Buffer.alloc(5_000_000, "caraway ");
    writeFileSync(join(outer, "shared", "large"), content);
    await using shared = await share();
    const url = `http://127.0.0.1:${shared.port}/large`;
    const back = join(outer, "back");
    await run("curl", ["-sSf", "-o", back, url]);
    expect(readFileSync(back).equals(content)).toBe(true);
    writeFileSync(back, content.subarray(0, 1_234_567));
    await run("curl", ["-sSf", "-C", "-", "-o", back, url]);
    expect(readFileSync(back).equals(content)).toBe(true);
    await run("curl", ["-sSf", "-T", back, `${url}-copy`]);
    expect(readFileSync(join(outer, "shared", "large-copy")).equals(content)).toBe(true);
  });

  it("shows curl nothing outside, and says whom it refused what", async () => {
    await ensurePackages(["curl"]);
    writeFileSync(join(outer, "secret"), "secret");
    symlinkSync(outer, join(outer, "shared", "way-out"));
    await using shared = await share();
    const base = `http://127.0.0.1:${shared.port}`;
    const status = async (...words: string[]) => {
      const format = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is"];
      return Number((await run("curl", [...format, ...words])).stdout);
    };
    expect(await status(`${base}/../secret`)).toBe(403);
    expect(await status(`${base}/%2e%2e/secret`)).toBe(403);
    expect(await status(`${base}/way-out/secret`)).toBe(403);
    expect(await status("-X", "MOVE", "-H", "Destination: /../x", `${base}/way-out`)).toBe(403);
    expect(await status("-T", "/etc/hostname", `${base}/way-out/planted`)).toBe(403);
    expect(readdirSync(outer).sort()).toEqual(["secret", "shared"]);
    const refused = shared.requests.filter(({ detail }) => detail !== null);
    expect(refused.map(({ detail }) => detail).join("; ")).toMatch(/out of the folder.*is a link/);
  });
});
