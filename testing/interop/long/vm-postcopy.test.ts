// Post-copy: a busy VM runs at the other host before all of its memory is there, its client with it;
// and goes on behind a way that was lost.

import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { demandKept } from "../cells/host-setting.ts";
import { VmSetting } from "../cells/vm-setting.ts";
import { SlowNetwork } from "../src/index.ts";

/** So slow that memory follows for a while. */
const postcopyBandwidth = 2 << 20;

it("runs there while its memory follows, stands still when the way is lost, and is recovered", async () => {
  await using vms = await VmSetting.start();
  const [here, there] = [vms.here.host, vms.there.host];
  const port = Number(there.peers.split(":").at(-1));
  await using network = await SlowNetwork.open({ target: { port } });
  await using client = await vms.connect();
  await (await vms.shell()).run("busy start scroll anim compile");
  await delay(2000);
  const to = `127.0.0.1:${network.port}`;
  const { id } = await here.migrate("desk", { to, postcopy: true, postcopyBandwidth });
  const state = async () => (await here.migration(id)).postcopy;
  await there.guestIn("desk", "running", 90_000);
  expect(await state()).toBe("active");
  network.cut();
  await expect.poll(state, { timeout: 20_000 }).toBe("paused");
  expect(client.isAlive).toBe(true);
  await here.request("POST", `/v1/migrations/${id}/recover`);
  await expect.poll(state, { timeout: 60_000 }).toBe("completed");
  const moved = await here.endOf(id);
  demandKept(moved, 1);
  process.stderr.write(`downtime ${moved.downtimeMs} ms, ${JSON.stringify(moved.memory)}\n`);
  expect(moved.memory?.requests).toBeGreaterThan(0);
  vms.arrived();
  await expect.poll(() => here.guests(), { timeout: 10_000 }).toEqual([]);
  await vms.demandExact({ client });
}, 300_000);
