// A host that is started anew under load: a real VM and its sessions go on.

import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { PictureClock, shownClient, VmSetting } from "../cells/vm-setting.ts";
import { HostProcess, startGtkClient } from "../src/index.ts";

it("gives its VM and all sessions to the process that replaces it", async () => {
  await using vms = await VmSetting.start();
  const clock = new PictureClock();
  await using ours = await vms.connect({ onPicture: () => clock.tick() });
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
  await vms.demandExact({ "our client": ours, "spice-gtk": gtk });
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
  await using client = await shownClient(await next.addressOf("desk"));
  await vms.demandExact({ client });
  expect(await uptime()).toBeGreaterThanOrEqual(before);
}, 300_000);
