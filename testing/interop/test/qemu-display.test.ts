// A VM of QEMU behind our own server, by its D-Bus display: what real clients see of it, and what it hears of them.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { GuestServer } from "@caraway/node";
import { QemuGuest, QmpClient } from "@caraway/qemu";
import type { ServerEvent } from "@caraway/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readReports, startReports, waitForReport } from "../cells/guest-keys.ts";
import {
  CarawayClient,
  compareImages,
  endpointOf,
  ensurePackages,
  type RgbImage,
  readPpm,
  startGtkClient,
  startSavedVm,
  type Vm,
} from "../src/index.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  spawnOwned,
} from "../src/ownership.ts";

const exact = { pixels: 0, psnr: Number.POSITIVE_INFINITY };

describe("a VM behind our server", () => {
  let vm: Vm;
  let guest: QemuGuest;
  let server: GuestServer;
  const events: ServerEvent[] = [];

  beforeAll(async () => {
    vm = await startSavedVm("virtio-vga", { spice: { dbusDisplay: true } });
    guest = await QemuGuest.open({ qmp: vm.displayQmp });
    server = await GuestServer.start({
      guest,
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
      onEvent: (event) => events.push(event),
    });
    guest.onChanged = () => server.drainGuest();
  }, 900_000);

  afterAll(async () => {
    await server?.close();
    guest?.close();
    await vm?.close();
  });

  function address() {
    const [tcp] = server.addresses;
    const port = tcp?.kind === "tcp" ? tcp.port : 0;
    return { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
  }

  async function busy(): Promise<void> {
    await vm.shell.run("busy start scroll");
    await delay(2000);
  }

  it("shows spice-gtk exactly what it shows, while it works and at rest", async () => {
    await using client = await startGtkClient(address());
    await client.waitFor("mark");
    await busy();
    await vm.withStillPicture(async (wanted: RgbImage) => {
      expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
    });
    expect(events.filter(({ name }) => name === "guest-fault")).toEqual([]);
  });

  it("shows our client the same", async () => {
    await using client = new CarawayClient(endpointOf(address()), {});
    await client.settle().catch(() => {});
    await vm.withStillPicture(async (wanted: RgbImage) => {
      expect(compareImages(await client.pictureWhenEqual(wanted), wanted)).toMatchObject(exact);
    });
  });

  it("hears keys and the pointer, each once", async () => {
    await vm.shell.run("busy stop");
    await using client = new CarawayClient(endpointOf(address()), {});
    await client.settle();
    await startReports(vm);
    const before = (await readReports(vm)).length;
    const send = async (input: Parameters<typeof client.client.command>[0]) => {
      client.client.command(input);
      await delay(100);
    };
    for (const scancode of [0x1e, 0x30]) {
      await send({ name: "input", input: { kind: "key-down", scancode } });
      await send({ name: "input", input: { kind: "key-up", scancode } });
    }
    await send({ name: "input", input: { kind: "position", display: 0, x: 300, y: 200 } });
    await send({ name: "input", input: { kind: "button-down", button: 1 } });
    await send({ name: "input", input: { kind: "button-up", button: 1 } });
    await waitForReport(vm, /BUTTON/);
    await delay(1000);
    const reports = (await readReports(vm)).slice(before);
    expect(reports.filter((line) => line.startsWith("KEY "))).toHaveLength(4);
    expect(reports.filter((line) => line.startsWith("BUTTON "))).toHaveLength(2);
  });
});

it("follows a text mode of another size, of which QEMU 7.2 tells no scanout", async () => {
  await ensurePackages(["qemu-system-x86"]);
  const directory = makeOwnedDirectory("text");
  const [display, control] = [join(directory, "display"), join(directory, "control")];
  const socket = (path: string) => ["-qmp", `unix:${path},server=on,wait=off`];
  const qemu = spawnOwned("qemu-system-x86_64", [
    ...["-machine", "pc,accel=tcg", "-m", "64", "-vga", "std", "-nic", "none"],
    ...["-display", "dbus,p2p=yes", ...socket(display), ...socket(control)],
  ]);
  try {
    while (!existsSync(control)) await delay(20);
    const guest = await QemuGuest.open({ qmp: display });
    const qmp = await QmpClient.connect(control, { event() {}, closed() {} });
    const listen = [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }] as const;
    const server = await GuestServer.start({ guest, listen });
    guest.onChanged = () => server.drainGuest();
    const [tcp] = server.addresses;
    const port = tcp?.kind === "tcp" ? tcp.port : 0;
    const address = { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
    await using client = new CarawayClient(endpointOf(address), {});
    while (client.client.renderer.primary(0)?.width !== 720) await delay(50);
    await qmp.execute("stop");
    await delay(500);
    const dump = join(directory, "dump.ppm");
    await qmp.execute("screendump", { filename: dump });
    const wanted = readPpm(dump);
    expect(compareImages(await client.pictureWhenEqual(wanted), wanted)).toMatchObject(exact);
    qmp.close();
    await server.close();
    guest.close();
  } finally {
    await endProcess(qemu);
    removeOwnedDirectory(directory);
  }
});
