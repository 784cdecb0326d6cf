// The keeper of one VM: it starts QEMU or adopts it, holds all of its sockets, and answers it at
// once. Hosts come and go at the keeper's own socket, one at a time; the VM never sees it.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
  cancelVm,
  followPostcopy,
  listenAgain,
  listenForVm,
  QemuGuest,
  QemuLost,
  type QemuMoveProgress,
  readLeftovers,
  sendAgain,
  sendVm,
  untilArrived,
  writeLeftovers,
} from "@caraway/qemu";
import type { GuestInput, GuestOutput } from "@caraway/server";
import {
  type FromHost,
  type FromKeeper,
  type KeeperCall,
  type KeeperCalls,
  readFrames,
  writeFrame,
} from "./frames.ts";
import { type KeeperOrder, keeperPaths, qemuArguments } from "./vm-description.ts";

/** QEMU's monitor is there within that time. */
const startMs = 20_000;
/** What may wait for the host; beyond it pictures are merged where they are. */
const backlogMax = 4 << 20;
/** QEMU ends by itself within that time. */
const quitMs = 3000;
const logTail = 600;

export class Keeper {
  readonly #directory: string;
  readonly #paths: ReturnType<typeof keeperPaths>;
  readonly #guest: QemuGuest;
  readonly #qemu: ChildProcess | null;
  #server: Server | null = null;
  /** The host that has the guest. */
  #host: Socket | null = null;
  /** One that may take it, and what it has said until it does. */
  #heir: { readonly socket: Socket; readonly inputs: GuestInput[] } | null = null;
  #flushed: (() => void)[] = [];
  /** Resolves when the keeper has nothing left to do. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};

  private constructor(directory: string, guest: QemuGuest, qemu: ChildProcess | null) {
    this.#directory = directory;
    this.#paths = keeperPaths(directory);
    this.#guest = guest;
    this.#qemu = qemu;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    guest.onChanged = () => this.#pump();
  }

  /** @throws QemuLost with QEMU's last words, QmpError, DbusError */
  static async start(order: KeeperOrder, directory: string): Promise<Keeper> {
    const { adopt, vm, isArriving } = order;
    const paths = keeperPaths(directory);
    const qemu = adopt === null ? startQemu(order, directory) : null;
    try {
      if (qemu !== null) await untilListening(qemu, [paths.qmp, paths.inputs], paths.log);
      const inputs = adopt === null ? paths.inputs : adopt.inputs;
      const vnc = adopt !== null ? adopt.vnc : vm.display === "vnc" ? paths.vnc : undefined;
      const guest = await QemuGuest.open({
        qmp: adopt?.qmp ?? paths.qmp,
        ...(inputs !== undefined && { inputs }),
        ...(vnc !== undefined && { vnc }),
        streams: (vm.streams ?? []).map(({ use, chardev, name, path }, at, all) => ({
          ...{ use, chardev, path: path ?? paths.stream(chardev), name: name ?? "" },
          id: all.slice(0, at).filter((other) => other.use === use).length,
        })),
      });
      const keeper = new Keeper(directory, guest, qemu);
      if (!isArriving) await untilArrived(guest);
      qemu?.once("exit", () => void keeper.#over());
      await keeper.#listen();
      return keeper;
    } catch (error) {
      qemu?.kill("SIGKILL");
      const words = qemu === null ? "" : lastWords(paths.log);
      throw words === "" ? error : new QemuLost(words);
    }
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => this.#greet(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#paths.socket, resolve);
    });
  }

  #greet(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#host === socket) this.#host = null;
      if (this.#heir?.socket === socket) this.#heir = null;
      this.#releaseFlushed();
    });
    socket.on("drain", () => this.#pump());
    readFrames<FromHost>(socket, (frame) => {
      if (frame.kind === "input") {
        if (this.#host === socket) {
          this.#guest.handle(frame.input);
          this.#pump();
        } else if (this.#heir?.socket === socket) this.#heir.inputs.push(frame.input);
        return;
      }
      const { id } = frame;
      this.#call(socket, frame.name, frame.body).then(
        (value) => this.#say(socket, { kind: "answer", id, value }),
        (error: unknown) => {
          const words = error instanceof Error ? error.message : String(error);
          this.#say(socket, { kind: "refusal", id, error: `${words}${this.#words()}` });
        },
      );
    });
  }

  async #call(socket: Socket, name: KeeperCall, body: unknown): Promise<unknown> {
    const guest = this.#guest;
    switch (name) {
      case "peek":
        this.#heir = { socket, inputs: [] };
        for (const output of guest.description()) this.#tell(socket, output);
        return null;
      case "take": {
        const inputs = this.#heir?.socket === socket ? this.#heir.inputs : null;
        if (inputs === null) throw new QemuLost("it was not described to this host");
        this.#heir = null;
        // The other host has its clients to send over still.
        this.#host = socket;
        guest.restart();
        for (const input of inputs) guest.handle(input);
        this.#pump();
        return null;
      }
      case "attach": {
        if (this.#host !== socket) this.#host?.destroy();
        this.#host = socket;
        guest.describe();
        await this.#pumped();
        return { isRunning: guest.isRunning };
      }
      case "listen": {
        const { uri, postcopy } = body as KeeperCalls["listen"]["body"];
        await listenForVm(guest, uri ?? `unix:${this.#paths.incoming}`, postcopy);
        return null;
      }
      case "listenAgain":
        await listenAgain(guest, `unix:${this.#paths.incoming}`);
        return null;
      case "arrive": {
        const leftovers = readLeftovers(body as Uint8Array);
        await untilArrived(guest);
        await guest.takeLeftovers(leftovers);
        return null;
      }
      case "send": {
        const { uri, parameters } = body as KeeperCalls["send"]["body"];
        const to = uri ?? `unix:${this.#paths.outgoing}`;
        const say = (progress: QemuMoveProgress) =>
          this.#say(socket, { kind: "progress", progress });
        const { leftovers, ...sent } = await sendVm(guest, to, parameters, say);
        await guest.settle();
        await this.#pumped();
        if (sent.isPostcopy) {
          void followPostcopy(guest, say, (state, detail) => {
            this.#say(socket, { kind: "postcopy", state, detail });
          });
        }
        return { leftovers: writeLeftovers(leftovers), ...sent };
      }
      case "sendAgain":
        await sendAgain(guest, `unix:${this.#paths.outgoing}`);
        return null;
      case "cancel":
        await cancelVm(guest);
        return null;
      case "end":
        this.end();
        return null;
    }
  }

  /** A VM that was adopted is ended, too: it has moved, or somebody wants it to. */
  end(): void {
    this.#guest.execute("quit").catch(() => {});
    setTimeout(() => this.#qemu?.kill("SIGKILL"), quitMs).unref();
    if (this.#qemu === null) void this.#over();
  }

  /** Hands on what the guest says, as fast as the host takes it. */
  #pump(): void {
    const host = this.#host;
    if (host === null) return;
    while (host.writableLength < backlogMax) {
      const output = this.#guest.poll();
      if (output === null) {
        this.#releaseFlushed();
        return;
      }
      this.#tell(host, output);
    }
  }

  #tell(socket: Socket, output: GuestOutput): void {
    if (output.type === "ended") {
      this.#say(socket, { kind: "ended", error: output.error?.message ?? null });
    } else this.#say(socket, { kind: "output", output });
  }

  /** Resolves when the host was told all that there is to tell now. */
  #pumped(): Promise<void> {
    return new Promise((resolve) => {
      this.#flushed.push(resolve);
      if (this.#host === null) this.#releaseFlushed();
      else this.#pump();
    });
  }

  #releaseFlushed(): void {
    for (const resolve of this.#flushed.splice(0)) resolve();
  }

  #say(socket: Socket, frame: FromKeeper): void {
    if (!socket.destroyed) writeFrame(socket, frame);
  }

  #words(): string {
    const words =
      this.#qemu === null || this.#qemu.exitCode === null ? "" : lastWords(this.#paths.log);
    return words === "" ? "" : `: ${words}`;
  }

  /** QEMU is no more: the host is told, and there is nothing left to keep. */
  async #over(): Promise<void> {
    this.#guest.close();
    this.#server?.close();
    // What was said last has to get out.
    this.#host?.end();
    await delay(100);
    this.#host?.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
    this.#end();
  }
}

function startQemu(order: KeeperOrder, directory: string): ChildProcess {
  const { program = "qemu-system-x86_64" } = order.vm;
  const log = openSync(keeperPaths(directory).log, "w");
  try {
    const stdio = ["ignore", log, log] as const;
    const qemu = spawn(program, qemuArguments(order, directory), { stdio: [...stdio] });
    qemu.on("error", () => {});
    return qemu;
  } finally {
    closeSync(log);
  }
}

async function untilListening(
  qemu: ChildProcess,
  sockets: readonly string[],
  log: string,
): Promise<void> {
  const until = performance.now() + startMs;
  while (!sockets.every((path) => existsSync(path))) {
    const isGone = qemu.exitCode !== null || qemu.signalCode !== null || qemu.pid === undefined;
    if (isGone) throw new QemuLost(`QEMU did not start: ${lastWords(log)}`);
    if (performance.now() > until) throw new QemuLost("QEMU does not answer");
    await delay(20);
  }
}

function lastWords(log: string): string {
  try {
    return readFileSync(log, "utf8").trim().slice(-logTail);
  } catch {
    return "";
  }
}
