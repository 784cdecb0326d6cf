// A VM of QEMU in a host: its keeper, and the way on which it goes to another host.

import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { attachSocket, type ByteStream } from "@caraway/node";
import type { QemuMoveParameters, QemuMoveProgress } from "@caraway/qemu";
import { joinBytes } from "@caraway/wire";
import {
  type FoundKeeper,
  type KeeperOrder,
  KeptGuest,
  startKeeper,
  type VmAdoption,
  type VmDescription,
} from "caraway-keeper";
import { joinStreams } from "./join-streams.ts";
import type { MemoryCarrier } from "./memory-carrier.ts";

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
    { uri = null, postcopy = false }: { readonly uri?: string | null; readonly postcopy?: boolean },
  ): Promise<HostedVm> {
    const order = { name, vm, adopt: null, isArriving: true };
    const hosted = await HostedVm.#make(order, stateDirectory);
    try {
      await hosted.guest.listen({ uri, postcopy });
      return hosted;
    } catch (error) {
      await hosted.guest.end();
      throw error;
    }
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

  /** The same, of memory that is left, behind a way that was lost. @throws QemuLost */
  async receiveAgain(stream: ByteStream, rest: Uint8Array): Promise<void> {
    const waiting = [rest];
    stream.listen({
      received: (bytes) => waiting.push(bytes),
      backlog: () => {},
      closed: () => {},
    });
    await this.guest.listenAgain();
    this.receive(stream, joinBytes(waiting));
  }

  /** Carries what the other host's QEMU says to ours, and back. */
  receive(stream: ByteStream, rest: Uint8Array): void {
    const socket = connect({ path: this.guest.incomingPath });
    const qemu = attachSocket(socket, "QEMU");
    joinStreams(qemu, stream);
    if (rest.length > 0) qemu.write(rest);
  }

  /**
   * Sends the VM over `carrier`, which is used on in post-copy, while it runs. Resolves when it stands
   * still; what is given back has to go beside it. @throws QemuLost: it is still here, and runs
   */
  async send(
    carrier: MemoryCarrier,
    parameters: QemuMoveParameters,
    progress: (progress: QemuMoveProgress) => void,
  ): ReturnType<KeptGuest["send"]> {
    return await this.guest.send({ uri: null, parameters }, progress).catch((error: unknown) => {
      carrier.destroy();
      throw error;
    });
  }

  /** Sends what post-copy has left over another one. @throws QemuLost, Error */
  async sendAgain(carrier: MemoryCarrier): Promise<void> {
    try {
      await this.guest.sendAgain();
      await carrier.connected;
    } catch (error) {
      carrier.destroy();
      throw error;
    }
  }
}
