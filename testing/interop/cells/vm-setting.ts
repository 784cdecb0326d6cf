// A VM on a QEMU without SPICE, on one of our hosts with another one beside it, and what clients see
// of it.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type CarawayClientOptions,
  endpointOf,
  type GtkClient,
  HostProcess,
  KeeperFolder,
  keptVmDescription,
  type Qmp,
  type RgbImage,
  type SerialShell,
  type SpiceAddress,
  stoppedPicture,
} from "@caraway/interop";
import type { ApiMigration, ApiNewMigration } from "caraway-host";
import type { VmAdoption, VmDescription } from "caraway-keeper";
import { demand } from "./host-setting.ts";

export interface VmSide {
  readonly host: HostProcess;
  readonly folder: KeeperFolder;
}

export interface VmSettingOptions {
  readonly vm?: VmDescription;
  /** It runs already, there. */
  readonly adopt?: VmAdoption;
  /** Further arguments of both hosts. */
  readonly flags?: readonly string[];
}

/** Somebody who looks on: how much of what they see differs from a dump, and whether they still do. */
export interface Onlooker {
  readonly isAlive: boolean | Promise<boolean>;
  difference(wanted: RgbImage): Promise<number>;
}

export async function debianVm(): Promise<VmDescription> {
  return await keptVmDescription({ display: "virtio-vga" });
}

export class VmSetting implements AsyncDisposable {
  readonly a: VmSide;
  readonly b: VmSide;
  #here: VmSide;
  #shell: SerialShell | null = null;
  #control: Qmp | null = null;

  private constructor(a: VmSide, b: VmSide) {
    this.a = a;
    this.b = b;
    this.#here = a;
  }

  /** The VM, a Debian on its desktop when none is given, runs on host a. */
  static async start({ vm, adopt, flags = [] }: VmSettingOptions = {}): Promise<VmSetting> {
    const folders = [new KeeperFolder(), new KeeperFolder()] as const;
    const hostFlags = (folder: KeeperFolder) => ["--state-dir", folder.path, ...flags];
    const b = await HostProcess.start("b", { flags: hostFlags(folders[1]) });
    const file = folders[0].describe(vm ?? (await debianVm()), adopt);
    const a = await HostProcess.start("a", {
      flags: [...hostFlags(folders[0]), "--vm", `desk=${file}`],
    });
    return new VmSetting({ host: a, folder: folders[0] }, { host: b, folder: folders[1] });
  }

  /** Where the guest is. */
  get here(): VmSide {
    return this.#here;
  }

  get there(): VmSide {
    return this.#here === this.a ? this.b : this.a;
  }

  /** The guest's root shell, where it is now. */
  async shell(): Promise<SerialShell> {
    this.#shell ??= await this.#here.folder.shell();
    return this.#shell;
  }

  async control(): Promise<Qmp> {
    this.#control ??= await this.#here.folder.control();
    return this.#control;
  }

  /** Moves the guest to the other host, or tries to. */
  async move(asked: Partial<ApiNewMigration> = {}): Promise<ApiMigration> {
    const { host } = this.#here;
    const { id } = await host.migrate("desk", { to: this.there.host.peers, ...asked });
    const moved = await host.endOf(id, 180_000);
    if (moved.owner === "target") this.arrived();
    return moved;
  }

  /** It is on the other host now. */
  arrived(): void {
    this.#here = this.there;
    this.#forget();
  }

  async address() {
    return await this.#here.host.addressOf("desk");
  }

  async connect(options: CarawayClientOptions = {}): Promise<CarawayClient> {
    return await shownClient(await this.address(), options);
  }

  /** Everybody shows exactly what QEMU dumps, of a Debian that is stopped in the middle of its work. */
  async demandExact(onlookers: Readonly<Record<string, Onlooker>>): Promise<void> {
    const shell = await this.shell();
    await shell.run("kill -STOP $(pidof Xorg)");
    await delay(1000);
    await this.demandSame(onlookers);
    await shell.run("kill -CONT $(pidof Xorg)");
  }

  /** The same of any VM that stands still by itself, whatever it runs. */
  async demandSame(onlookers: Readonly<Record<string, Onlooker>>): Promise<void> {
    const control = await this.control();
    try {
      const wanted = await stoppedPicture(control, this.#here.folder.path);
      for (const [name, onlooker] of Object.entries(onlookers)) {
        const pixels = await onlooker.difference(wanted);
        demand(pixels === 0, `${name} shows ${pixels} other pixels`);
        demand(await onlooker.isAlive, `the session of ${name} has ended`);
      }
    } finally {
      await control.execute("cont");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    for (const { host, folder } of [this.a, this.b]) {
      await host[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    }
  }

  #forget(): void {
    this.#shell?.port.close();
    this.#control?.close();
    this.#shell = null;
    this.#control = null;
  }
}

/** A client shows something within that time. */
const shownMs = 30_000;

/** Our client, which shows something. */
export async function shownClient(
  address: SpiceAddress,
  options: CarawayClientOptions = {},
): Promise<CarawayClient> {
  const client = new CarawayClient(endpointOf(address), options);
  const until = performance.now() + shownMs;
  while (!client.client.screens.isShown(0)) {
    if (performance.now() > until || !client.isAlive) {
      const last = client.events.slice(-3).map((event) => JSON.stringify(event));
      client.close();
      throw new Error(`our client shows nothing; last: ${last.join(" ")}`);
    }
    await delay(10);
  }
  return client;
}

/** When something new was shown, and the longest time in which nothing was. */
export class PictureClock {
  #last = performance.now();
  #longest = 0;

  /** Something new is shown. */
  tick(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }

  reset(): void {
    this.#last = performance.now();
    this.#longest = 0;
  }

  get longestMs(): number {
    return Math.round(this.#longest);
  }
}

/** Watches how often spice-gtk draws, until the answer is called. */
export function watchGtk(client: GtkClient, clock: PictureClock): () => void {
  let isOver = false;
  let last = -1;
  const watch = async (): Promise<void> => {
    while (!isOver && client.isAlive) {
      const status = await client.ask("status", "status");
      const channels = status["channels"] as readonly { readonly draws: number }[];
      const draws = channels.reduce((sum, channel) => sum + channel.draws, 0);
      if (draws !== last) clock.tick();
      last = draws;
      await delay(10);
    }
  };
  watch().catch(() => {});
  return () => {
    isOver = true;
  };
}
