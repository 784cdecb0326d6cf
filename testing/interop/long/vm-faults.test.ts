// Moves of a VM that fail, or are called off, while its memory goes over: it runs on, and so does
// the session. And a host that dies: the VM does not.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  CarawayClient,
  compareImages,
  endpointOf,
  ensurePackages,
  HostProcess,
  KeeperFolder,
  readPpm,
} from "../src/index.ts";

const firmware = {
  arguments: [
    ...["-machine", "pc,accel=tcg", "-m", "64", "-vga", "std", "-nic", "none"],
    ...["-qmp", "unix:{directory}/control,server=on,wait=off"],
  ],
};
/** So slow that its memory is under way for a while. */
const bandwidth = 64 << 10;

class Pair implements AsyncDisposable {
  readonly here: HostProcess;
  readonly there: HostProcess;
  readonly ours: KeeperFolder;
  readonly theirs: KeeperFolder;

  private constructor(
    hosts: readonly [HostProcess, HostProcess],
    folders: readonly [KeeperFolder, KeeperFolder],
  ) {
    [this.here, this.there] = hosts;
    [this.ours, this.theirs] = folders;
  }

  static async start(vm: object = firmware): Promise<Pair> {
    await ensurePackages(["qemu-system-x86"]);
    const folders = [new KeeperFolder(), new KeeperFolder()] as const;
    const [ours, theirs] = folders;
    const there = await HostProcess.start("there", { flags: ["--state-dir", theirs.path] });
    const file = ours.describe(vm as typeof firmware);
    const flags = ["--state-dir", ours.path, "--vm", `desk=${file}`];
    return new Pair([await HostProcess.start("here", { flags }), there], folders);
  }

  async connect(host = this.here): Promise<CarawayClient> {
    const client = new CarawayClient(endpointOf(await host.addressOf("desk")), {});
    while (!client.client.screens.isShown(0)) await delay(10);
    return client;
  }

  /** The VM runs, and the client shows what it shows. */
  async demandAlive(client: CarawayClient): Promise<void> {
    const control = await this.ours.control();
    try {
      expect(await control.execute("query-status")).toMatchObject({ running: true });
      await control.execute("stop");
      await delay(300);
      const filename = join(this.ours.path, "dump.ppm");
      await control.execute("screendump", { filename });
      const wanted = readPpm(filename);
      expect(compareImages(await client.pictureWhenEqual(wanted), wanted).pixels).toBe(0);
      await control.execute("cont");
    } finally {
      control.close();
    }
    expect(client.events.some(({ name }) => name === "ended")).toBe(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.here, this.there, this.ours, this.theirs]) {
      await one[Symbol.asyncDispose]();
    }
  }
}

type Strike = (pair: Pair, id: string) => Promise<unknown>;

const strikes: readonly (readonly [what: string, error: RegExp, strike: Strike])[] = [
  ["somebody calls it off", /called it off/, ({ here }, id) => here.cancel(id)],
  [
    "the target calls it off",
    /called it off/,
    async ({ there }) => {
      const { migrations } = await there.request<{ migrations: { id: string }[] }>(
        ...(["GET", "/v1/migrations"] as const),
      );
      await there.cancel(migrations[0]!.id);
    },
  ],
  [
    "the target's QEMU ends",
    /./,
    async ({ theirs }) => {
      const control = await theirs.control();
      await control.execute("quit").catch(() => {});
      control.close();
    },
  ],
  ["the target's host dies", /./, ({ there }) => there.kill()],
];

describe("while the VM's memory goes over", () => {
  it.each(strikes)(
    "%s: it runs on where it was",
    async (_what, error, strike) => {
      await using pair = await Pair.start();
      await using client = await pair.connect();
      const { id } = await pair.here.migrate("desk", { to: pair.there.peers, bandwidth });
      await pair.here.phase(id, "moving");
      await delay(1000);
      await strike(pair, id);
      const moved = await pair.here.endOf(id);
      expect(moved.owner).toBe("source");
      expect(moved.error?.message).toMatch(error);
      await pair.here.guestIn("desk", "running");
      await pair.demandAlive(client);
      if (pair.there.isAlive) expect(await pair.there.guests()).toEqual([]);
      // It can move as if nothing had been.
      if (!pair.there.isAlive) return;
      const again = await pair.here.migrate("desk", { to: pair.there.peers });
      expect((await pair.here.endOf(again.id)).owner).toBe("target");
    },
    180_000,
  );
});

it("does not go to a QEMU that cannot load it", async () => {
  // The device is in the VM's state, and not in the machine that is to load it.
  const startArguments = ["-device", "virtio-rng-pci"];
  await using pair = await Pair.start({ ...firmware, startArguments });
  await using client = await pair.connect();
  const { id } = await pair.here.migrate("desk", { to: pair.there.peers });
  const moved = await pair.here.endOf(id);
  expect(moved.owner).toBe("source");
  await pair.here.guestIn("desk", "running");
  await pair.demandAlive(client);
}, 180_000);

it("is told why a QEMU does not start", async () => {
  await using folder = new KeeperFolder();
  await using host = await HostProcess.start("host", { flags: ["--state-dir", folder.path] });
  const vm = { arguments: ["-machine", "no-such-machine"] };
  const asked = host.request("POST", "/v1/guests", { name: "desk", kind: "qemu", vm });
  await expect(asked).rejects.toThrow(/unsupported machine type/);
  expect(folder.keepers).toEqual([]);
}, 60_000);

it("outlives its host, and is found again", async () => {
  await using pair = await Pair.start();
  await pair.here.kill();
  const flags = ["--state-dir", pair.ours.path];
  await using next = await HostProcess.start("next", { flags });
  await next.guestIn("desk", "running");
  await using client = await pair.connect(next);
  await pair.demandAlive(client);
  await next.request("DELETE", "/v1/guests/desk");
  while (pair.ours.keepers.length > 0) await delay(50);
}, 120_000);
