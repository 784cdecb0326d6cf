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
  firmwareMachine,
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

/** A VM on its firmware's text, which QEMU gives by D-Bus or VNC, behind our server. */
class TextVm implements AsyncDisposable {
  readonly directory: string;
  readonly control: QmpClient;
  readonly #end: () => Promise<void>;

  private constructor(directory: string, control: QmpClient, end: () => Promise<void>) {
    this.directory = directory;
    this.control = control;
    this.#end = end;
  }

  static async start(display: readonly string[]): Promise<TextVm> {
    await ensurePackages(["qemu-system-x86"]);
    const directory = makeOwnedDirectory("text");
    const socket = (name: string) => ["-qmp", `unix:${join(directory, name)},server=on,wait=off`];
    const words = display.map((word) => word.replace("{directory}", directory));
    const qemu = spawnOwned("qemu-system-x86_64", [
      ...[...firmwareMachine, ...words, ...socket("display"), ...socket("control")],
    ]);
    while (!existsSync(join(directory, "control"))) await delay(20);
    const control = await QmpClient.connect(join(directory, "control"), {
      event() {},
      closed() {},
    });
    return new TextVm(directory, control, async () => {
      await endProcess(qemu);
      removeOwnedDirectory(directory);
    });
  }

  get options() {
    return { qmp: join(this.directory, "display") };
  }

  /** A client of a server of `guest` shows just what QEMU dumps. */
  async demandExact(guest: QemuGuest): Promise<void> {
    const listen = [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }] as const;
    const server = await GuestServer.start({ guest, listen });
    guest.onChanged = () => server.drainGuest();
    const [tcp] = server.addresses;
    const port = tcp?.kind === "tcp" ? tcp.port : 0;
    const address = { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
    await using client = new CarawayClient(endpointOf(address), {});
    while (client.client.renderer.primary(0)?.width !== 720) await delay(50);
    await this.control.execute("stop");
    await delay(500);
    const dump = join(this.directory, "dump.ppm");
    await this.control.execute("screendump", { filename: dump });
    expect(await client.difference(readPpm(dump))).toBe(0);
    await this.control.execute("cont");
    await server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.close();
    await this.#end();
  }
}

it("follows a text mode of another size, of which QEMU 7.2 tells no scanout", async () => {
  await using vm = await TextVm.start(["-display", "dbus,p2p=yes"]);
  const guest = await QemuGuest.open(vm.options);
  await vm.demandExact(guest);
  guest.close();
});

it("is shown to one who comes later, when another has gone: QEMU has one listener at a time", async () => {
  await using vm = await TextVm.start(["-display", "dbus,p2p=yes"]);
  const first = await QemuGuest.open(vm.options);
  const events: string[] = [];
  first.close();
  // A monitor is another's as soon as it is closed.
  const second = await QemuGuest.open(vm.options);
  second.watch(({ name }) => events.push(name));
  await vm.demandExact(second);
  expect(events).toContain("STOP");
  second.close();
});

it("shows what QEMU gives by VNC, to the pixel", async () => {
  await using vm = await TextVm.start(["-display", "none", "-vnc", "unix:{directory}/vnc"]);
  const guest = await QemuGuest.open({ ...vm.options, vnc: join(vm.directory, "vnc") });
  await vm.demandExact(guest);
  guest.close();
});
