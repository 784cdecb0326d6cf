// The command as a user has it: the built program, at a real QEMU.

import { type ExecFileException, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { archivedFiles } from "../../vectors/src/index.ts";
import { compareImages, type RgbImage, startSavedVm, type Vm } from "../src/index.ts";

const program = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));
const setUpMs = 900_000;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function caraway(args: readonly string[], password?: string): Promise<Run> {
  const env = { ...process.env, ...(password !== undefined && { CARAWAY_PASSWORD: password }) };
  return new Promise((resolve) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    };
    execFile(process.execPath, [program, ...args], { env, maxBuffer: 1 << 28 }, done);
  });
}

function readPng(file: string): RgbImage {
  const { width, height, data, channels } = decode(readFileSync(file));
  expect(channels).toBe(3);
  return { width, height, data: Uint8Array.from(data) };
}

describe("the caraway command at a real QEMU (smoke)", () => {
  let vm: Vm;
  let folder: string;
  let uri: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "caraway-cli-"));
    vm = await startSavedVm("qxl-vga", { spice: { password: "secret" } });
    uri = `spice://${vm.spice.host}:${vm.spice.port}`;
  }, setUpMs);

  afterAll(async () => {
    await vm?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("writes what the guest shows, pixel for pixel", async () => {
    const file = join(folder, "desktop.png");
    const run = await caraway(["screenshot", uri, "-o", file], "secret");
    expect(run).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(compareImages(readPng(file), await vm.screendump()).pixels).toBe(0);
  });

  it("says what to do about a wrong password, without showing any", async () => {
    const file = join(folder, "none.png");
    const run = await caraway(["screenshot", uri, "-o", file], "wrong-secret");
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/password is wrong or has expired/);
    expect(run.stderr).not.toContain("wrong-secret");
  });

  it("types into the guest and tells the session as JSON lines", async () => {
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, "secret\n");
    await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
    await vm.events.waitFor(/READY/);
    const since = vm.events.lines.length;
    const flags = ["--json", "--duration", "3", "--type", "aB1", "--password-file", passwordFile];
    const run = await caraway(["connect", uri, ...flags]);
    expect(run.code, run.stderr).toBe(0);
    const events = run.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; channel?: string });
    const linked = events.filter(({ event }) => event === "channel-linked");
    expect(linked.map(({ channel }) => channel).sort()).toEqual([
      "cursor",
      "display",
      "inputs",
      "main",
    ]);
    expect(events.at(-1)).toEqual({ event: "ended", error: null });
    const keys = vm.events.lines.slice(since).filter((line) => line.includes(" KEY down "));
    expect(keys.map((line) => line.split(" ").at(-1))).toEqual(["a", "Shift_L", "b", "1"]);
  });

  it("inspects a live session: every message has a name", async () => {
    const run = await caraway(["inspect", uri, "--json", "--duration", "2"], "secret");
    expect(run.code, run.stderr).toBe(0);
    const lines = run.stdout.trim().split("\n");
    const messages = lines
      .map((line) => JSON.parse(line) as { message?: string | null; channel: string })
      .filter((line) => "message" in line);
    expect(messages.length).toBeGreaterThan(20);
    expect(messages.filter(({ message }) => message === null)).toEqual([]);
    const channels = new Set(messages.map(({ channel }) => channel));
    expect(channels).toContain("display 0");
    expect(channels).toContain("playback 0");
  });

  it("inspects captures of real sessions without an unknown message", async () => {
    const archived = archivedFiles().filter(({ path }) => path.endsWith(".spcap"));
    const files = archived.map(({ path, bytes }) => {
      const file = join(folder, path.replaceAll("/", "-"));
      writeFileSync(file, bytes);
      return file;
    });
    expect(files.length).toBeGreaterThan(40);
    const run = await caraway(["inspect", ...files, "--json", "--channel", "main"]);
    expect(run.code, run.stderr).toBe(0);
    expect(run.stdout).toContain('"message":"MIGRATE_BEGIN_SEAMLESS"');
    expect(run.stdout).toContain("MainMigrationData");
  });

  it("ends with 2 when it is used wrongly", async () => {
    expect((await caraway(["frob"])).code).toBe(2);
    expect((await caraway(["connect", "gopher://x"])).code).toBe(2);
    expect((await caraway(["--help"])).code).toBe(0);
  });
});
