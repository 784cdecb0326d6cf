// Moves of a VM that fail, or are called off, while its memory goes over: it runs on, and so does
// the session. And a host that dies: the VM does not.

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { shownClient, VmSetting } from "../cells/vm-setting.ts";
import {
  type CarawayClient,
  ensurePackages,
  firmwareVm,
  HostProcess,
  KeeperFolder,
  SlowNetwork,
} from "../src/index.ts";

/** So slow that its memory is under way for a while. */
const bandwidth = 64 << 10;

async function start(vm = firmwareVm): Promise<VmSetting> {
  await ensurePackages(["qemu-system-x86"]);
  return await VmSetting.start({ vm });
}

/** The VM runs where it was, and the client shows what it shows. */
async function demandAlive(vms: VmSetting, client: CarawayClient): Promise<void> {
  const control = await vms.control();
  expect(await control.execute("query-status")).toMatchObject({ running: true });
  await vms.demandSame({ client });
}

type Strike = (vms: VmSetting, id: string) => Promise<unknown>;

const strikes: readonly (readonly [what: string, error: RegExp, strike: Strike])[] = [
  ["somebody calls it off", /called it off/, ({ here }, id) => here.host.cancel(id)],
  [
    "the target calls it off",
    /called it off/,
    async ({ there: { host } }) => {
      const { migrations } = await host.request<{ migrations: { id: string }[] }>(
        ...(["GET", "/v1/migrations"] as const),
      );
      await host.cancel(migrations[0]!.id);
    },
  ],
  [
    "the target's QEMU ends",
    /./,
    async ({ there }) => {
      const control = await there.folder.control();
      await control.execute("quit").catch(() => {});
      control.close();
    },
  ],
  ["the target's host dies", /./, ({ there }) => there.host.kill()],
];

describe("while the VM's memory goes over", () => {
  it.each(strikes)(
    "%s: it runs on where it was",
    async (_what, error, strike) => {
      await using vms = await start();
      await using client = await vms.connect();
      const [here, there] = [vms.here.host, vms.there.host];
      const { id } = await here.migrate("desk", { to: there.peers, bandwidth });
      await here.phase(id, "moving");
      await delay(1000);
      await strike(vms, id);
      const moved = await here.endOf(id);
      expect(moved.owner).toBe("source");
      expect(moved.error?.message).toMatch(error);
      await here.guestIn("desk", "running");
      await demandAlive(vms, client);
      if (!there.isAlive) return;
      expect(await there.guests()).toEqual([]);
      // It can move as if nothing had been.
      expect((await vms.move()).owner).toBe("target");
    },
    180_000,
  );
});

it("goes on when the network between the hosts breaks, and moves when it is back", async () => {
  await using vms = await start();
  const port = Number(vms.there.host.peers.split(":").at(-1));
  await using network = await SlowNetwork.open({ target: { port } });
  await using client = await vms.connect();
  const { host } = vms.here;
  const to = `127.0.0.1:${network.port}`;
  const { id } = await host.migrate("desk", { to, bandwidth });
  await host.phase(id, "moving");
  await delay(1000);
  network.cut();
  expect((await host.endOf(id)).owner).toBe("source");
  await host.guestIn("desk", "running");
  await demandAlive(vms, client);
  while ((await vms.there.host.guests()).length > 0) await delay(50);
  expect((await vms.move({ to })).owner).toBe("target");
  await vms.demandSame({ client });
}, 180_000);

it("is nowhere when its own QEMU dies on the way, and its client is told", async () => {
  await using vms = await start();
  await using client = await vms.connect();
  const [here, there] = [vms.here.host, vms.there.host];
  const { id } = await here.migrate("desk", { to: there.peers, bandwidth });
  await here.phase(id, "moving");
  const control = await vms.control();
  await control.execute("quit").catch(() => {});
  expect((await here.endOf(id)).owner).toBe("source");
  await expect.poll(() => client.isAlive, { timeout: 20_000 }).toBe(false);
  await expect.poll(async () => (await here.guests()).length, { timeout: 20_000 }).toBe(0);
  await expect.poll(async () => (await there.guests()).length, { timeout: 20_000 }).toBe(0);
}, 180_000);

it("does not go to a QEMU that cannot load it", async () => {
  // The device is in the VM's state, and not in the machine that is to load it.
  const startArguments = ["-device", "virtio-rng-pci"];
  await using vms = await start({ ...firmwareVm, startArguments });
  await using client = await vms.connect();
  expect((await vms.move()).owner).toBe("source");
  await vms.here.host.guestIn("desk", "running");
  await demandAlive(vms, client);
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
  await using vms = await start();
  const { host, folder } = vms.here;
  await host.kill();
  await using next = await HostProcess.start("next", { flags: ["--state-dir", folder.path] });
  await next.guestIn("desk", "running");
  await using client = await shownClient(await next.addressOf("desk"));
  await demandAlive(vms, client);
  await next.request("DELETE", "/v1/guests/desk");
  while (folder.keepers.length > 0) await delay(50);
}, 120_000);
