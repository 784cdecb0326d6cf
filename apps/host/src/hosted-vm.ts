// A VM of QEMU in a host: its keeper, and the way on which it goes to another host.

import { rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { attachSocket, type ByteStream } from "@caraway/node";
import type { QemuMoveParameters, QemuMoveProgress } from "@caraway/qemu";
import {
  type FoundKeeper,
  type KeeperOrder,
  KeptGuest,
  startKeeper,
  type VmAdoption,
  type VmDescription,
} from "caraway-keeper";

/** What waits to be written before the other side is not read any more. */
const backlogMax = 4 << 20;

export class HostedVm {
  readonly guest: KeptGuest;
  readonly #directory: string;
  #order: KeeperOrder;

  private constructor(directory: string, order: KeeperOrder, guest: KeptGuest) {
    this.#directory = directory;
    this.#order = order;
    this.guest = guest;
  }

  /** Starts a VM, or adopts one. @throws QemuLost with QEMU's words */
  static async start(
    name: string,
    vm: VmDescription,
    adopt: VmAdoption | null,
    stateDirectory: string,
  ): Promise<HostedVm> {
    return await HostedVm.#make({ name, vm, adopt, isArriving: false }, stateDirectory);
  }

  /** Starts a QEMU that awaits the VM. @throws QemuLost with QEMU's words */
  static async arrive(
    name: string,
    vm: VmDescription,
    stateDirectory: string,
    uri: string | null = null,
  ): Promise<HostedVm> {
    const order = { name, vm, adopt: null, isArriving: true };
    const hosted = await HostedVm.#make(order, stateDirectory);
    await hosted.guest.listen(uri);
    return hosted;
  }

  /** One whose keeper has outlived its host. @throws QemuLost */
  static async find({ directory, order }: FoundKeeper): Promise<HostedVm> {
    return new HostedVm(directory, order, await KeptGuest.connect(directory));
  }

  static async #make(order: KeeperOrder, stateDirectory: string): Promise<HostedVm> {
    const directory = await startKeeper(order, stateDirectory);
    return await HostedVm.find({ directory, order });
  }

  /** How another host starts the QEMU to which it goes. */
  get description(): VmDescription {
    return this.#order.vm;
  }

  /** Where its keeper is. */
  get directory(): string {
    return this.#directory;
  }

  /** Whether it came here, and was never given to this host. */
  get isArriving(): boolean {
    return this.#order.isArriving;
  }

  /** From here on it is this host's, also when the host is started anew. */
  own(): void {
    this.#order = { ...this.#order, isArriving: false };
    writeFileSync(join(this.#directory, "keeper.json"), JSON.stringify(this.#order));
  }

  /** Carries what the other host's QEMU says to ours, and back. */
  receive(stream: ByteStream, rest: Uint8Array): void {
    const socket = connect({ path: this.guest.incomingPath });
    const qemu = attachSocket(socket, "QEMU");
    joinStreams(qemu, stream);
    if (rest.length > 0) qemu.write(rest);
  }

  /**
   * Sends the VM over `stream`, while it runs. Resolves when it stands still; what is given back
   * has to go beside it. @throws QemuLost: it is still here, and runs
   */
  async send(
    stream: ByteStream,
    parameters: QemuMoveParameters,
    progress: (progress: QemuMoveProgress) => void,
  ): Promise<{ readonly leftovers: Uint8Array; readonly downtimeMs: number }> {
    const path = this.guest.outgoingPath;
    rmSync(path, { force: true });
    const server = createServer((socket) => joinStreams(attachSocket(socket, "QEMU"), stream));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, resolve);
      });
      return await this.guest.send({ uri: null, parameters }, progress);
    } catch (error) {
      stream.destroy();
      throw error;
    } finally {
      server.close();
    }
  }
}

/** What comes on one goes out on the other, as fast as that takes it. */
function joinStreams(one: ByteStream, other: ByteStream): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.listen({
      received: (bytes) => to.write(bytes),
      backlog: (bytes) => (bytes > backlogMax ? to.pause() : to.resume()),
      closed: () => to.end(),
    });
  }
}
