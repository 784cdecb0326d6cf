// A host that is started anew under load: a real VM and its sessions go on.

import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { isEnded } from "../cells/host-setting.ts";
import { PictureClock, VmSetting } from "../cells/vm-setting.ts";
import { CarawayClient, endpointOf, HostProcess, startGtkClient } from "../src/index.ts";

it("gives its VM and all sessions to the process that replaces it", async () => {
  await using vms = await VmSetting.start();
  const clock = new PictureClock();
  await using ours = new CarawayClient(endpointOf(await vms.address()), {
    onPicture: () => clock.tick(),
  });
  while (!ours.client.screens.isShown(0)) await delay(10);
  await using gtk = await startGtkClient(await vms.address());
  await gtk.waitFor("mark");
  await (await vms.shell()).run("busy start scroll");
  await delay(3000);
  const { host, folder } = vms.here;
  clock.reset();
  await using next = await HostProcess.start("next", {
    flags: ["--state-dir", folder.path, "--replace", host.api],
  });
  await delay(2000);
  process.stderr.write(`nothing new was shown for ${clock.longestMs} ms\n`);
  const guest = await next.guestIn("desk", "running");
  expect(guest.sessions).toHaveLength(2);
  while (host.isAlive) await delay(20);
  await vms.demandExact([ours, gtk]);
  expect([isEnded(ours), gtk.isAlive]).toEqual([false, true]);
}, 300_000);

it("lets its VM live when it is killed, and finds it again", async () => {
  await using vms = await VmSetting.start();
  const { host, folder } = vms.here;
  const uptime = async () =>
    Number((await (await vms.shell()).run("cut -d. -f1 /proc/uptime")).trim());
  const before = await uptime();
  await host.kill();
  await using next = await HostProcess.start("next", { flags: ["--state-dir", folder.path] });
  await next.guestIn("desk", "running");
  await using client = new CarawayClient(endpointOf(await next.addressOf("desk")), {});
  while (!client.client.screens.isShown(0)) await delay(10);
  await vms.demandExact([client]);
  expect(await uptime()).toBeGreaterThanOrEqual(before);
}, 300_000);
