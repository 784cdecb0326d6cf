// One QEMU with a SPICE server in front of the guest: started, driven through QMP and the guest's serial ports, and ended with the test.

import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureGuest } from "./guest.ts";
import { type MigrationOptions, type MigrationReport, migrate } from "./migration.ts";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  runProgram,
  spawnOwned,
  whenEnded,
} from "./ownership.ts";
import { ensurePackages } from "./packages.ts";
import {
  deviceArguments,
  type SpiceOptions,
  spiceArguments,
  type VmDevices,
  type VmSockets,
} from "./qemu-arguments.ts";
import { Qmp } from "./qmp.ts";
import { compareImages, type RgbImage, readPpm } from "./rgb-image.ts";
import { SerialLines, SerialShell } from "./serial.ts";
import { connectUnix } from "./unix-socket.ts";

const program = "qemu-system-x86_64";

export interface VmOptions {
  readonly devices: VmDevices;
  readonly spice?: SpiceOptions;
  /** Waits for a state at this address (`unix:PATH`, `exec:COMMAND`, `defer`) instead of booting. */
  readonly incoming?: string;
  /** Do not run the guest until `cont()`. */
  readonly paused?: boolean;
}

/** Where a client finds the server. */
export interface SpiceAddress {
  readonly host: string;
  /** 0: it does not listen in plain. */
  readonly port: number;
  /** 0: it does not listen for TLS. */
  readonly tlsPort: number;
  /** The unix socket, when it listens there only. */
  readonly unixPath: string | null;
  readonly password: string | null;
}

/** A port that nobody uses now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(address !== null && typeof address === "object" ? address.port : 0),
      );
    });
  });
}

let version: Promise<string> | undefined;

/** Installs QEMU when needed; gives its version line, Debian revision included. */
export function ensureQemu(): Promise<string> {
  version ??= ensurePackages(["qemu-system-x86"]).then(async () => {
    const printed = await runProgram(program, ["-version"]);
    return printed.split("\n")[0]!;
  });
  return version;
}

export class Vm implements AsyncDisposable {
  readonly devices: VmDevices;
  readonly spice: SpiceAddress;
  readonly spiceOptions: SpiceOptions;
  /** A folder for files of this machine; it goes with it. */
  readonly directory: string;
  readonly qmp: Qmp;
  /** The root shell in the guest. */
  readonly shell: SerialShell;
  /** What `xevents` in the guest reports, a line an event. */
  readonly events: SerialLines;
  readonly #process: ChildProcess;
  #dumps = 0;

  constructor(parts: {
    options: VmOptions;
    spice: SpiceAddress;
    directory: string;
    qmp: Qmp;
    shell: SerialShell;
    events: SerialLines;
    process: ChildProcess;
  }) {
    this.devices = parts.options.devices;
    this.spiceOptions = parts.options.spice ?? {};
    this.spice = parts.spice;
    this.directory = parts.directory;
    this.qmp = parts.qmp;
    this.shell = parts.shell;
    this.events = parts.events;
    this.#process = parts.process;
  }

  /** A machine protocol of its own for whoever serves its display. */
  get displayQmp(): string {
    return join(this.directory, "display-qmp");
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** What QEMU printed as errors and warnings. */
  get log(): string {
    return readFileSync(join(this.directory, "log"), "utf8");
  }

  /** Stops the guest: its picture does not change any more. */
  async stop(): Promise<void> {
    await this.qmp.execute("stop");
  }

  async cont(): Promise<void> {
    await this.qmp.execute("cont");
  }

  /** What the display device shows on one monitor, without a cursor that the client paints. */
  async screendump(monitor = 0): Promise<RgbImage> {
    const filename = join(this.directory, `screen-${this.#dumps++}.ppm`);
    await this.qmp.execute("screendump", { filename, device: "display", head: monitor });
    const image = readPpm(filename);
    rmSync(filename);
    return image;
  }

  /**
   * Runs `work` with the exact picture while the guest is stopped in front of a held X server, then lets both go on. A `stop` alone is not
   * enough: qxl renders for a dump only while the guest runs, so a dump under `stop` shows what the last one before it asked for; and the
   * other devices hand their last changes to the SPICE server only while it runs.
   */
  async withStillPicture<T>(work: (picture: RgbImage) => Promise<T>, monitor = 0): Promise<T> {
    await this.shell.run("kill -STOP $(pidof Xorg)");
    try {
      await this.#settle(monitor);
      await this.stop();
      try {
        return await work(await this.screendump(monitor));
      } finally {
        await this.cont();
      }
    } finally {
      await this.shell.run("kill -CONT $(pidof Xorg)");
    }
  }

  /** Waits until two dumps, some refreshes of the display apart, show the same. */
  async #settle(monitor: number): Promise<void> {
    let last = await this.screendump(monitor);
    for (let attempt = 0; attempt < 50; attempt++) {
      await delay(150);
      const next = await this.screendump(monitor);
      if (compareImages(last, next).pixels === 0) return;
      last = next;
    }
    throw new Error("the picture does not come to rest, although the X server is held");
  }

  /** Sets another ticket; `expiry` as in QMP's expire_password: `never`, `now`, `+SECONDS`. */
  async setPassword(password: string, expiry = "never"): Promise<void> {
    await this.qmp.execute("set_password", { protocol: "spice", password });
    await this.qmp.execute("expire_password", { protocol: "spice", time: expiry });
  }

  /** Moves the guest, and with it every SPICE session, to a machine that was started by `startMigrationTarget`. */
  migrateTo(target: Vm, options: MigrationOptions = {}): Promise<MigrationReport> {
    return migrate(this, target, options);
  }

  /** Kills QEMU as a crash would. The folder stays until `close`. */
  async kill(): Promise<void> {
    await endProcess(this.#process);
  }

  async close(): Promise<void> {
    this.qmp.close();
    this.shell.port.close();
    this.events.close();
    await endProcess(this.#process);
    removeOwnedDirectory(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function launch(options: VmOptions): Promise<Vm> {
  const { devices, spice = {}, incoming, paused = false } = options;
  const guest = await ensureGuest();
  const directory = makeOwnedDirectory("vm");
  const { listen = "plain" } = spice;
  const sockets: VmSockets = {
    qmp: join(directory, "qmp"),
    shell: join(directory, "shell"),
    events: join(directory, "events"),
    spiceUnix: join(directory, "spice"),
    port: listen === "plain" || listen === "both" ? await findFreePort() : 0,
    tlsPort: listen === "tls" || listen === "both" ? await findFreePort() : 0,
  };
  if (spice.password !== undefined) {
    writeFileSync(join(directory, "ticket"), spice.password, { mode: 0o600 });
  }
  const socket = (path: string) => `unix:${path},server=on,wait=off`;
  const log = openSync(join(directory, "log"), "w");
  const child = spawnOwned(
    program,
    [
      ...deviceArguments(devices, spice, guest),
      ...spiceArguments(spice, sockets, directory),
      ...["-qmp", socket(sockets.qmp), "-qmp", socket(join(directory, "display-qmp"))],
      ...["-serial", socket(sockets.shell), "-serial", socket(sockets.events)],
      ...(incoming === undefined ? [] : ["-incoming", incoming]),
      ...(paused ? ["-S"] : []),
    ],
    {
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        ...(spice.saslDirectory !== undefined && { SASL_CONF_PATH: spice.saslDirectory }),
      },
    },
  );
  closeSync(log);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  try {
    const qmp = await Qmp.connect(sockets.qmp, isAlive);
    const shell = new SerialShell(new SerialLines(await connectUnix(sockets.shell, isAlive)));
    const events = new SerialLines(await connectUnix(sockets.events, isAlive));
    return new Vm({
      options,
      directory,
      qmp,
      shell,
      events,
      process: child,
      spice: {
        host: "127.0.0.1",
        port: sockets.port,
        tlsPort: sockets.tlsPort,
        unixPath: listen === "unix" ? sockets.spiceUnix : null,
        password: spice.password ?? null,
      },
    });
  } catch (error) {
    child.kill("SIGKILL");
    await whenEnded(child);
    const printed = readFileSync(join(directory, "log"), "utf8").trim();
    removeOwnedDirectory(directory);
    throw new Error(`QEMU did not start: ${printed || error}`, { cause: error });
  }
}

/** Starts a machine. Without `incoming` it boots; `waitForDesktop` tells when that is done. */
export async function startVm(options: VmOptions): Promise<Vm> {
  await ensureQemu();
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(options);
    } catch (error) {
      // Somebody took the port between our finding it free and QEMU's binding it.
      const taken = String(error).includes("failed to initialize spice server");
      if (!taken || attempt === 3) throw error;
    }
  }
}

/** Waits until a booting guest has its desktop and its agent: about 35 s. */
export async function waitForDesktop(vm: Vm, timeoutMs = 300_000): Promise<void> {
  await vm.shell.port.waitFor(/DESKTOP-READY/, { timeoutMs });
}

/** Waits until an incoming state is loaded, whether the guest then runs or is paused. */
export async function waitUntilLoaded(vm: Vm, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while ((await vm.qmp.execute("query-status")).status === "inmigrate") {
    if (Date.now() > deadline) throw new Error("the state was not loaded in time");
    await delay(50);
  }
}
