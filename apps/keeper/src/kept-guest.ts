// A VM that a keeper has, as a guest to serve: the host's side of the keeper's socket.

import { connect, type Socket } from "node:net";
import { QemuLost, type QemuMoveProgress, type QemuPostcopyState } from "@caraway/qemu";
import type { Guest, GuestInput, GuestOutput } from "@caraway/server";
import {
  type FromKeeper,
  type KeeperCall,
  type KeeperCalls,
  readFrames,
  writeFrame,
} from "./frames.ts";
import { keeperPaths } from "./vm-description.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class KeptGuest implements Guest {
  readonly #paths: ReturnType<typeof keeperPaths>;
  readonly #socket: Socket;
  readonly #outputs: GuestOutput[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isOver = false;
  #progress: (progress: QemuMoveProgress) => void = () => {};
  #postcopy: (state: QemuPostcopyState, detail: string | null) => void = () => {};
  #changed: () => void = () => {};

  private constructor(directory: string, socket: Socket) {
    this.#paths = keeperPaths(directory);
    this.#socket = socket;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#over(new QemuLost("the VM's keeper has ended")));
    readFrames<FromKeeper>(socket, (frame) => this.#take(frame));
  }

  /** @throws QemuLost when there is no keeper. */
  static async connect(directory: string): Promise<KeptGuest> {
    const socket = connect({ path: keeperPaths(directory).socket });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (error) => {
        reject(new QemuLost(`the VM's keeper does not answer: ${error.message}`));
      });
    });
    return new KeptGuest(directory, socket);
  }

  /** Called whenever there is something to poll that no input has brought. */
  set onChanged(changed: () => void) {
    this.#changed = changed;
  }

  /** Told how memory gets on that `send` has left to post-copy. */
  set onPostcopy(told: (state: QemuPostcopyState, detail: string | null) => void) {
    this.#postcopy = told;
  }

  /** Where the VM's bytes come in, once `listen` is answered. */
  get incomingPath(): string {
    return this.#paths.incoming;
  }

  /** Where somebody has to listen for them during `send`. */
  get outgoingPath(): string {
    return this.#paths.outgoing;
  }

  handle(input: GuestInput): void {
    if (!this.#isOver) writeFrame(this.#socket, { kind: "input", input });
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): null {
    return null;
  }

  snapshot(): unknown {
    return { isOver: this.#isOver, outputs: this.#outputs.length };
  }

  /** Takes the VM, which describes itself; tells whether it runs. @throws QemuLost */
  async attach(): Promise<{ readonly isRunning: boolean }> {
    return await this.#call("attach", null);
  }

  /** It describes itself, and is still the other host's that has it. @throws QemuLost */
  async peek(): Promise<void> {
    await this.#call("peek", null);
  }

  /** Takes it from the other host, which loses its keeper. @throws QemuLost */
  async take(): Promise<void> {
    await this.#call("take", null);
  }

  /** The VM is awaited on `incomingPath`, or by QEMU itself on an address. @throws QemuLost */
  async listen(body: KeeperCalls["listen"]["body"]): Promise<void> {
    await this.#call("listen", body);
  }

  /** The rest of the VM's memory is awaited again, behind a way that was lost. @throws QemuLost */
  async listenAgain(): Promise<void> {
    await this.#call("listenAgain", null);
  }

  /** Resolves when the VM stands here, and with it what came beside it. @throws QemuLost */
  async arrive(leftovers: Uint8Array): Promise<void> {
    await this.#call("arrive", leftovers);
  }

  /**
   * Resolves when the VM stands still and another QEMU has all of it, or all but memory that follows by post-copy.
   * @throws QemuLost
   */
  async send(
    body: KeeperCalls["send"]["body"],
    progress: (progress: QemuMoveProgress) => void,
  ): Promise<KeeperCalls["send"]["answer"]> {
    this.#progress = progress;
    return await this.#call("send", body);
  }

  /** What post-copy has left is sent again, behind a way that was lost. @throws QemuLost */
  async sendAgain(): Promise<void> {
    await this.#call("sendAgain", null);
  }

  async cancel(): Promise<void> {
    await this.#call("cancel", null);
  }

  /** Ends the VM. */
  async end(): Promise<void> {
    if (!this.#isOver) await this.#call("end", null).catch(() => {});
  }

  /** Leaves it with its keeper. */
  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #call<N extends KeeperCall>(
    name: N,
    body: KeeperCalls[N]["body"],
  ): Promise<KeeperCalls[N]["answer"]> {
    if (this.#isOver) return Promise.reject(new QemuLost("the VM's keeper is gone"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const settle = resolve as (value: unknown) => void;
      this.#waiting.set(id, { resolve: settle, reject });
      writeFrame(this.#socket, { kind: "call", id, name, body });
    });
  }

  #take(frame: FromKeeper): void {
    switch (frame.kind) {
      case "output":
        this.#outputs.push(frame.output);
        this.#changed();
        break;
      case "ended":
        this.#over(frame.error === null ? null : new QemuLost(frame.error));
        break;
      case "progress":
        this.#progress(frame.progress);
        break;
      case "postcopy":
        this.#postcopy(frame.state, frame.detail);
        break;
      case "answer":
        this.#waiting.get(frame.id)?.resolve(frame.value);
        this.#waiting.delete(frame.id);
        break;
      case "refusal":
        this.#waiting.get(frame.id)?.reject(new QemuLost(frame.error));
        this.#waiting.delete(frame.id);
        break;
    }
  }

  #over(error: QemuLost | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { reject } of this.#waiting.values()) {
      reject(error ?? new QemuLost("the VM has ended"));
    }
    this.#waiting.clear();
    this.#outputs.push({ type: "ended", error });
    this.#changed();
  }
}
