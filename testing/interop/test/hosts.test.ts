// Hosts as an operator has them: the built command, two processes, real clients, and a guest that is moved between them from the command
// line.

import { type ExecFileException, execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { connectCarawayTo, connectGtkTo, demandExact, HostSetting } from "../cells/host-setting.ts";
import { type HostProcess, SlowNetwork } from "../src/index.ts";

const program = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `caraway migrate` against the host that has the guest. */
function migrate(
  host: HostProcess,
  args: readonly string[],
): { readonly done: Promise<Run>; interrupt(): void } {
  const env = { ...process.env, CARAWAY_HOST_TOKEN: host.token, CARAWAY_HOST: host.api };
  const { promise: done, resolve } = withResolvers<Run>();
  const child = execFile(
    process.execPath,
    [program, "migrate", ...args],
    { env },
    (error: ExecFileException | null, stdout: string, stderr: string) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    },
  );
  return { done, interrupt: () => void child.kill("SIGINT") };
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

describe("a guest that is moved between two host processes (smoke)", () => {
  it("keeps spice-gtk and our client, and shows what became of each channel", async () => {
    await using hosts = await HostSetting.start({ freezeAtMs: 2500 });
    const { a, b } = hosts;
    await using ours = await connectCarawayTo(a);
    await using gtk = await connectGtkTo(a);
    const { code, stdout, stderr } = await migrate(a, ["desk", "--to", b.peers]).done;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const client of [1, 2]) {
      expect(stdout).toMatch(new RegExp(`^client ${client} .*: ready, seamless$`, "m"));
      expect(stdout).toMatch(
        new RegExp(`^${client} .* display 0 +seamless +kept +\\d+ +\\d+$`, "m"),
      );
    }
    expect(stdout).toMatch(/^guest desk is at .*, stopped for \d+ ms, held for \d+ ms/m);
    await delay(4500);
    await demandExact(b, [ours, gtk]);
    expect(!ours.isAlive).toBe(false);
    const back = await migrate(b, ["desk", "--to", a.peers, "--json"]).done;
    expect(back.code).toBe(0);
    const lines = back.stdout.trim().split("\n");
    const last = JSON.parse(lines.at(-1)!) as object;
    expect(last).toMatchObject({ event: "migration", owner: "target", error: null });
    await demandExact(a, [ours, gtk]);
  });

  it("is called off by Ctrl-C, and says what was wrong", async () => {
    await using hosts = await HostSetting.start({ freezeAtMs: 500, size: "320x240" });
    const { a, b } = hosts;
    await using client = await connectCarawayTo(a);
    const far = { delayMs: 700 };
    const port = Number(b.peers.split(":")[1]);
    await using way = await SlowNetwork.open({ target: { port }, toTarget: far, toClient: far });
    const slow = migrate(a, ["desk", "--to", `127.0.0.1:${way.port}`]);
    while (!a.events.some(({ event }) => event === "migration-phase")) await delay(10);
    await delay(300);
    slow.interrupt();
    const off = await slow.done;
    expect(off.code).toBe(1);
    expect(off.stdout).toContain("called off");
    expect(off.stderr).toMatch(/guest desk stays where it is/);
    await a.guestIn("desk", "running");
    expect(!client.isAlive).toBe(false);
    const nowhere = await migrate(a, ["desk", "--to", "127.0.0.1:1"]).done;
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/cannot be reached/);
    const nobody = await migrate(a, ["nobody", "--to", b.peers]).done;
    expect(nobody.code).toBe(2);
    const wrong = await migrate(a, ["desk", "--to", b.peers, "--policy", "display=lose"]).done;
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/policies\.display: one of keep/);
  });

  it("says when it is in doubt whose the guest is, and takes an operator's word", async () => {
    await using hosts = await HostSetting.start({ freezeAtMs: 500, size: "320x240" });
    const { a, b } = hosts;
    const far = { delayMs: 60 };
    const port = Number(b.peers.split(":")[1]);
    await using way = await SlowNetwork.open({ target: { port }, toTarget: far, toClient: far });
    const move = migrate(a, ["desk", "--to", `127.0.0.1:${way.port}`]);
    const isCommitting = () => a.events.some(({ phase }) => phase === "committing");
    while (!isCommitting()) await delay(2);
    await b.kill();
    const doubt = await move.done;
    expect(doubt.code).toBe(1);
    expect(doubt.stderr).toMatch(/in doubt: .* --resolve source, or target/);
    await a.guestIn("desk", "in-doubt");
    const word = await migrate(a, ["desk", "--resolve", "source"]).done;
    expect(word).toMatchObject({ code: 0, stderr: "" });
    await a.guestIn("desk", "running");
    const again = await migrate(a, ["desk", "--resolve", "source"]).done;
    expect(again.stderr).toMatch(/no move of guest desk is under way/);
  });
});
