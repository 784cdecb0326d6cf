// A VM leaves a QEMU with SPICE of its own for one of our hosts, live, and its client follows:
// spice-server's MIGRATE_DATA is read by our server. And back again.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiGuest } from "caraway-host";
import { expect, it } from "vitest";
import { shownClient } from "../cells/vm-setting.ts";
import {
  type CarawayClient,
  ensureNewerQemu,
  ensurePackages,
  findFreePort,
  firmwareMachine,
  firmwareVm,
  type GtkClient,
  HostProcess,
  KeeperFolder,
  Qmp,
  type SpiceAddress,
  startGtkClient,
  stoppedPicture,
} from "../src/index.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  spawnOwned,
} from "../src/ownership.ts";

type Client = CarawayClient | GtkClient;

/** A QEMU with SPICE of its own. */
class BuiltIn implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly qmp: Qmp;
  readonly #end: () => Promise<void>;

  private constructor(port: number, qmp: Qmp, directory: string, end: () => Promise<void>) {
    this.port = port;
    this.qmp = qmp;
    this.directory = directory;
    this.#end = end;
  }

  static async start(more: readonly string[] = []): Promise<BuiltIn> {
    await ensurePackages(["qemu-system-x86"]);
    const directory = makeOwnedDirectory("spice");
    const port = await findFreePort();
    const spice = `port=${port},addr=127.0.0.1,disable-ticketing=on,seamless-migration=on`;
    const control = join(directory, "qmp");
    const qemu = spawnOwned("qemu-system-x86_64", [
      ...[...firmwareMachine, "-display", "none", "-spice", spice, ...more],
      ...["-qmp", `unix:${control},server=on,wait=off`],
    ]);
    while (!existsSync(control)) await delay(20);
    return new BuiltIn(port, await Qmp.connect(control, () => true), directory, async () => {
      await endProcess(qemu);
      removeOwnedDirectory(directory);
    });
  }

  get address() {
    return { host: "127.0.0.1", port: this.port, tlsPort: 0, unixPath: null, password: null };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.qmp.close();
    await this.#end();
  }
}

async function connect(kind: "ours" | "spice-gtk", address: SpiceAddress): Promise<Client> {
  if (kind === "spice-gtk") {
    const gtk = await startGtkClient(address);
    await gtk.waitFor("mark");
    return gtk;
  }
  const client = await shownClient(address);
  await client.settle(300).catch(() => {});
  return client;
}

const ways = [
  ["ours", "7.2"],
  ["spice-gtk", "7.2"],
  ["ours", "10"],
  ["spice-gtk", "10"],
] as const;

/** The machine of our host's, on the system's QEMU or on a newer one that has no SPICE. */
async function vmOn(version: "7.2" | "10"): Promise<typeof firmwareVm> {
  return version === "10" ? { ...firmwareVm, program: await ensureNewerQemu() } : firmwareVm;
}

it.each(ways)(
  "comes seamlessly, with %s, to QEMU %s",
  async (kind, version) => {
    const vm = await vmOn(version);
    await using source = await BuiltIn.start();
    await using folder = new KeeperFolder();
    await using host = await HostProcess.start("host", { flags: ["--state-dir", folder.path] });
    await using client = await connect(kind, source.address);
    const uri = `unix:${join(source.directory, "way")}`;
    await host.request<ApiGuest>("POST", "/v1/guests", {
      ...{ name: "desk", kind: "qemu", vm, expect: { incoming: uri } },
    });
    const { port } = await host.addressOf("desk");
    const target = { protocol: "spice", hostname: "127.0.0.1", port, "tls-port": 0 } as const;
    await source.qmp.execute("client_migrate_info", target);
    await delay(1500);
    await source.qmp.execute("migrate", { uri });
    const { sessions } = await host.guestIn("desk", "running", 60_000);
    expect(sessions).toHaveLength(1);
    await source.qmp.waitForEvent("SPICE_MIGRATE_COMPLETED", { since: 0, timeoutMs: 15_000 });
    const outcomes = host.events.filter(({ event }) => event === "move-channel");
    expect(outcomes.map(({ channel, outcome }) => `${channel} ${outcome}`).sort()).toEqual([
      "cursor 0 kept",
      "display 0 kept",
      "inputs 0 kept",
      "main 0 kept",
    ]);
    const control = await folder.control();
    expect(await client.difference(await stoppedPicture(control, folder.path))).toBe(0);
    control.close();
  },
  120_000,
);

it.each(ways)(
  "goes back seamlessly, with %s, from QEMU %s",
  async (kind, version) => {
    const vm = await vmOn(version);
    const directory = makeOwnedDirectory("back");
    const uri = `unix:${join(directory, "way")}`;
    await using folder = new KeeperFolder();
    await using host = await HostProcess.start("host", {
      flags: ["--state-dir", folder.path, "--vm", `desk=${folder.describe(vm)}`],
    });
    await using target = await BuiltIn.start(["-incoming", uri]);
    await using client = await connect(kind, await host.addressOf("desk"));
    const { port } = target;
    const left = await host.request<{ clients: { mode: string }[] }>(
      ...(["POST", "/v1/guests/desk/departures"] as const),
      { host: "127.0.0.1", port, uri },
    );
    expect(left.clients).toMatchObject([{ mode: "seamless" }]);
    expect(await host.guests()).toEqual([]);
    expect(await client.difference(await stoppedPicture(target.qmp, directory))).toBe(0);
    removeOwnedDirectory(directory);
  },
  120_000,
);
