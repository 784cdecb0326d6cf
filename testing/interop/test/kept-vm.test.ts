// A VM of QEMU that our own hosts start: the shortest course of a move, with a machine that shows
// its firmware's text and no more.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
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

it("goes from host to host with its session, and shows the same", async () => {
  await ensurePackages(["qemu-system-x86"]);
  await using theirs = new KeeperFolder();
  await using ours = new KeeperFolder();
  await using there = await HostProcess.start("there", { flags: ["--state-dir", theirs.path] });
  await using here = await HostProcess.start("here", {
    flags: ["--state-dir", ours.path, "--vm", `desk=${ours.describe(firmware)}`],
  });
  await using client = new CarawayClient(endpointOf(await here.addressOf("desk")), {});
  while (!client.client.screens.isShown(0)) await delay(10);
  const { id } = await here.migrate("desk", { to: there.peers });
  const moved = await here.endOf(id);
  expect(moved).toMatchObject({ owner: "target", error: null });
  const [one] = moved.outcome?.clients ?? [];
  expect(one).toMatchObject({ mode: "seamless" });
  expect(one?.channels.every(({ outcome }) => outcome === "kept")).toBe(true);
  expect(await here.guests()).toEqual([]);
  const control = await theirs.control();
  await control.execute("stop");
  const filename = join(theirs.path, "dump.ppm");
  await control.execute("screendump", { filename });
  control.close();
  const wanted = readPpm(filename);
  expect(compareImages(await client.pictureWhenEqual(wanted), wanted).pixels).toBe(0);
  expect(client.events.some(({ name }) => name === "ended")).toBe(false);
}, 120_000);
