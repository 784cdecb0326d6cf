// A real Debian guest on a QEMU without SPICE, on one of our hosts with another one beside it, and
// what clients see of it.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  compareImages,
  endpointOf,
  type GtkClient,
  HostProcess,
  KeeperFolder,
  keptVmDescription,
  type Qmp,
  type RgbImage,
  readPpm,
  type SerialShell,
} from "@caraway/interop";
import type { ApiMigration, ApiNewMigration } from "caraway-host";
import type { VmDescription } from "caraway-keeper";
import { demand } from "./host-setting.ts";

export interface VmSide {
  readonly host: HostProcess;
  readonly folder: KeeperFolder;
}

export class VmSetting implements AsyncDisposable {
  readonly a: VmSide;
  readonly b: VmSide;
  #here: VmSide;
  #shell: SerialShell | null = null;
  #control: Qmp | null = null;
  #dumps = 0;

  private constructor(a: VmSide, b: VmSide) {
    this.a = a;
    this.b = b;
    this.#here = a;
  }

  /** The VM runs on host a. */
  static async start(
    change: (vm: VmDescription) => VmDescription = (vm) => vm,
  ): Promise<VmSetting> {
    const vm = change(await keptVmDescription({ display: "virtio-vga" }));
    const folders = [new KeeperFolder(), new KeeperFolder()] as const;
    const flags = (folder: KeeperFolder) => ["--state-dir", folder.path];
    const b = await HostProcess.start("b", { flags: flags(folders[1]) });
    const file = folders[0].describe(vm);
    const a = await HostProcess.start("a", {
      flags: [...flags(folders[0]), "--vm", `desk=${file}`],
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

  async connect(): Promise<CarawayClient> {
    const client = new CarawayClient(endpointOf(await this.address()), {});
    while (!client.client.screens.isShown(0)) await delay(10);
    return client;
  }

  /** Every client shows exactly what QEMU dumps, of a guest that is stopped in the middle of its work. */
  async demandExact(clients: readonly (CarawayClient | GtkClient)[]): Promise<void> {
    const shell = await this.shell();
    const control = await this.control();
    await shell.run("kill -STOP $(pidof Xorg)");
    await delay(1000);
    await control.execute("stop");
    try {
      const wanted = await this.#dump(control);
      for (const client of clients) {
        const isOurs = client instanceof CarawayClient;
        const picture = isOurs
          ? await client.pictureWhenEqual(wanted)
          : await client.dumpWhenEqual(wanted);
        const { pixels } = compareImages(picture, wanted);
        demand(pixels === 0, `${isOurs ? "our client" : "spice-gtk"} shows ${pixels} other pixels`);
      }
    } finally {
      await control.execute("cont");
      await shell.run("kill -CONT $(pidof Xorg)");
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

  async #dump(control: Qmp): Promise<RgbImage> {
    const filename = join(this.#here.folder.path, `dump-${this.#dumps++}.ppm`);
    await control.execute("screendump", { filename });
    return readPpm(filename);
  }
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
