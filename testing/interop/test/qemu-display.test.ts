// A VM of QEMU behind our own server, by its D-Bus display: what real clients see of it, and what it hears of them.

import { setTimeout as delay } from "node:timers/promises";
import { GuestServer } from "@caraway/node";
import { QemuGuest } from "@caraway/qemu";
import type { ServerEvent } from "@caraway/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readReports, startReports, waitForReport } from "../cells/guest-keys.ts";
import {
  CarawayClient,
  compareImages,
  endpointOf,
  type RgbImage,
  startGtkClient,
  startSavedVm,
  type Vm,
} from "../src/index.ts";

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
