// A VM of QEMU as a guest to serve: its screen and sound over D-Bus or VNC, its character devices over
// their sockets, its keys, pointer and run state over QMP. QEMU goes on whatever becomes of us.

import type { Guest, GuestDevice, GuestInput, GuestOutput, StreamName } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { type GuestLeftovers, noLeftovers } from "./guest-leftovers.ts";
import { QemuDisplay } from "./qemu-display.ts";
import { QemuInputs } from "./qemu-inputs.ts";
import { QemuLost } from "./qemu-lost.ts";
import { QemuStream, type QemuStreamOptions } from "./qemu-stream.ts";
import { QmpClient, type QmpEvent } from "./qmp-client.ts";
import { openSocketHanding, type SocketHanding } from "./socket-handing.ts";
import type { DisplayOwner, VmDisplay } from "./vm-display.ts";
import { VncDisplay } from "./vnc-display.ts";

export interface QemuGuestOptions {
  /** QMP socket of a QEMU with `-display dbus,p2p=yes`, or with `vnc`; nobody else may hold it. */
  readonly qmp: string;
  /** Another one, for keys and pointer; without it they share the first. */
  readonly inputs?: string;
  /** Unix socket of its VNC server, for a QEMU without D-Bus display. */
  readonly vnc?: string;
  readonly streams?: readonly QemuStreamOptions[];
}

/** Sound that waits to be taken: what is older is of no use. */
const samplesMax = 64;
/** QEMU writes the dump that a barrier takes here. */
const nowhere = "/dev/null";

export class QemuGuest implements Guest {
  readonly #handing: SocketHanding;
  readonly #outputs: GuestOutput[] = [];
  readonly #streams: QemuStream[];
  readonly #inputs: QemuInputs;
  readonly #watchers = new Set<(event: QmpEvent) => void>();
  #qmp: QmpClient | null = null;
  #inputsQmp: QmpClient | null = null;
  #display: VmDisplay | null = null;
  #isAbsolute = false;
  #leds = 0;
  #isRunning = false;
  #isDescribed = false;
  /** All that a VM that was stopped had to say has been said. */
  #settled: Promise<void> = Promise.resolve();
  #isOver = false;
  #end: CarawayError | null = null;
  #changed: () => void = () => {};

  private constructor(handing: SocketHanding, streams: readonly QemuStreamOptions[]) {
    this.#handing = handing;
    this.#streams = streams.map((options) => {
      return new QemuStream(options, handing, (output) => this.#shown(output));
    });
    this.#inputs = new QemuInputs({
      send: async (events) => {
        const monitor = this.#inputsQmp ?? this.#qmp;
        await monitor?.execute("input-send-event", { events });
      },
      sizeOf: (display) => {
        return this.#display?.screens[display]?.size ?? { width: 0, height: 0 };
      },
    });
  }

  /** Resolves when it shows something. @throws QmpError, DbusError, SocketHandingError, QemuLost */
  static async open(options: QemuGuestOptions): Promise<QemuGuest> {
    const guest = new QemuGuest(await openSocketHanding(), options.streams ?? []);
    try {
      await guest.#open(options);
      return guest;
    } catch (error) {
      guest.close();
      throw error;
    }
  }

  /** Called whenever there is something to poll that no input has brought. */
  set onChanged(changed: () => void) {
    this.#changed = changed;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Runs a command of QMP. @throws QmpError */
  execute(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#qmp === null) return Promise.reject(new QemuLost("QEMU is gone"));
    return this.#qmp.execute(command, parameters);
  }

  /** The same of a command that QEMU takes while it stands still. @throws QmpError */
  executeNow(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#qmp === null) return Promise.reject(new QemuLost("QEMU is gone"));
    return this.#qmp.executeNow(command, parameters);
  }

  /** Told QEMU's events until the answer is called. */
  watch(watcher: (event: QmpEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  handle(input: GuestInput): void {
    switch (input.type) {
      case "run":
        // QEMU's own event tells when it is so; a VM that runs already has none.
        if (this.#isRunning) this.#outputs.push({ type: "running", running: true });
        else this.#ask("cont");
        break;
      case "stop":
        if (this.#isRunning) this.#ask("stop");
        else void this.#settled.then(() => this.#shown({ type: "running", running: false }));
        break;
      case "key":
      case "mouse-motion":
      case "tablet-position":
      case "buttons":
      case "wheel":
        this.#inputs.push(input);
        this.#display?.stir?.();
        break;
      case "monitors-wish":
        this.#display?.wish(input.monitors);
        break;
      case "record-samples":
        this.#display?.record?.push(input.samples);
        break;
      case "stream-data":
        this.#stream(input.stream)?.push(input.bytes);
        break;
      case "stream-credit":
        this.#stream(input.stream)?.grant(input.bytes);
        break;
      case "stream-open":
        this.#stream(input.stream)?.setOpen(input.open);
        break;
      case "stream-break":
      case "timeout":
        // A socket has no break, and it has no clock.
        break;
    }
  }

  poll(): GuestOutput | null {
    const next = this.#outputs.shift();
    if (next !== undefined) return next;
    if (this.#isDescribed && !this.#isOver) this.#takePictures();
    return this.#outputs.shift() ?? null;
  }

  deadline(): null {
    return null;
  }

  snapshot(): unknown {
    return {
      isRunning: this.#isRunning,
      isAbsolute: this.#isAbsolute,
      displays: this.#display?.screens.map(({ size }) => size) ?? [],
      isOver: this.#isOver,
    };
  }

  /** Describes itself to a server that comes anew; what was not polled is in it. */
  describe(): void {
    this.restart();
    this.#outputs.push(...this.description());
    this.#isDescribed = true;
    if (this.#isOver) this.#outputs.push({ type: "ended", error: this.#end });
  }

  /** The server that has the description now goes on from there. */
  restart(): void {
    this.#outputs.length = 0;
    for (const stream of this.#streams) stream.restart();
  }

  /** What a server has to know of a VM that stands still, or of one that is described anew. */
  description(): GuestOutput[] {
    const display = this.#display;
    if (display === null) return [];
    const { screens, audio, record, name, uuid } = display;
    const devices: GuestDevice[] = [
      ...screens.map((one) => ({ kind: "display", id: one.display }) as const),
      { kind: "keyboard" },
      { kind: this.#isAbsolute ? "tablet" : "mouse" },
      { kind: "monitors" },
      ...(audio === null ? [] : [{ kind: "playback", id: 0 } as const]),
      ...(record === null ? [] : [{ kind: "record", id: 0 } as const]),
    ];
    return [
      { type: "identity", name, uuid },
      ...devices.map((device) => ({ type: "attach", device }) as const),
      ...screens.flatMap((one) => one.describe()),
      ...this.#streams.flatMap((stream) => stream.describe()),
      ...(audio?.describe() ?? []),
      ...(record?.describe() ?? []),
      { type: "leds", modifiers: this.#leds },
      { type: "ready" },
    ];
  }

  /** Resolves when QEMU has said all that it had to say before a stop that it has told of. */
  async settle(): Promise<void> {
    await this.#settled;
  }

  /** Resolves when all that QEMU has shown until now can be polled. */
  async barrier(): Promise<void> {
    await this.#display?.barrier(nowhere);
    await this.#lookAtPorts();
  }

  /** Of a VM that stands still: what of the way to it and from it is in no memory of QEMU's. */
  async leftovers(): Promise<GuestLeftovers> {
    while (!this.#inputs.isIdle) await new Promise((resolve) => setImmediate(resolve));
    return {
      leds: this.#leds,
      inputs: this.#inputs.waiting,
      buttons: this.#inputs.held,
      streams: this.#streams.map((stream) => ({ ...stream.stream, ...stream.leftovers() })),
    };
  }

  /** What came along with a VM that was moved here, and has not run yet. */
  async takeLeftovers(left: GuestLeftovers): Promise<void> {
    this.#leds = left.leds;
    this.#inputs.take(left.inputs, left.buttons);
    for (const stream of this.#streams) {
      const { use, id } = stream.stream;
      const own = left.streams.find((one) => one.use === use && one.id === id);
      if (own !== undefined) await stream.take(own);
    }
  }

  /** Leaves QEMU, which goes on. */
  close(): void {
    this.#isOver = true;
    this.#display?.close();
    for (const stream of this.#streams) stream.close();
    this.#qmp?.close();
    this.#inputsQmp?.close();
  }

  async #open({ qmp, inputs, vnc }: QemuGuestOptions): Promise<void> {
    const closed = (): void => this.#finish(new QemuLost("QEMU has ended"));
    this.#qmp = await QmpClient.connect(qmp, { event: (event) => this.#event(event), closed });
    if (inputs !== undefined) {
      this.#inputsQmp = await QmpClient.connect(inputs, { event: () => {}, closed });
    }
    const { running, status } = (await this.#qmp.execute("query-status")) as {
      readonly running?: boolean;
      readonly status?: string;
    };
    this.#isRunning = running === true;
    this.#inputs.setRunning(this.#isRunning);
    const owner: DisplayOwner = {
      changed: () => {
        if (this.#isDescribed) this.#changed();
      },
      say: (output) => this.#shown(output),
      pointerIs: (isAbsolute) => this.#pointerIs(isAbsolute),
      ended: (error) => this.#finish(error),
    };
    this.#display =
      vnc === undefined
        ? await QemuDisplay.open(this.#qmp, this.#handing, owner)
        : await VncDisplay.open(this.#qmp, vnc, owner);
    this.#isAbsolute = this.#display.isAbsolute;
    this.#leds = this.#display.leds;
    // A device that is loaded may have to find somebody at its other end.
    if (status === "inmigrate") {
      for (const stream of this.#streams) await stream.connect();
      await this.takeLeftovers(noLeftovers);
    }
    await this.#lookAtPorts();
    this.describe();
  }

  /** Which of the streams the guest has open. */
  async #lookAtPorts(): Promise<void> {
    if (this.#streams.length === 0) return;
    const chardevs = (await this.execute("query-chardev")) as readonly {
      readonly label: string;
      readonly "frontend-open": boolean;
    }[];
    for (const stream of this.#streams) {
      const found = chardevs.find(({ label }) => label === stream.options.chardev);
      if (found === undefined) throw new QemuLost(`there is no chardev ${stream.options.chardev}`);
      stream.openedThere(found["frontend-open"]);
    }
  }

  #stream({ use, id }: StreamName): QemuStream | undefined {
    return this.#streams.find(({ options }) => options.use === use && options.id === id);
  }

  #ask(command: "cont" | "stop"): void {
    this.execute(command).catch((error: unknown) => this.#finish(asError(error)));
  }

  #event(event: QmpEvent): void {
    switch (event.name) {
      case "STOP":
        this.#isRunning = false;
        this.#inputs.setRunning(false);
        // What its devices have said is in their sockets; pictures may come much later.
        for (const stream of this.#streams) stream.freeze(true);
        this.#settled = this.#stopped();
        break;
      case "RESUME":
        this.#isRunning = true;
        for (const stream of this.#streams) stream.freeze(false);
        if (this.#isDescribed) this.#shown({ type: "running", running: true });
        this.#inputs.setRunning(true);
        break;
      case "VSERPORT_CHANGE":
        this.#lookAtPorts().catch((error: unknown) => this.#finish(asError(error)));
        break;
      case "SHUTDOWN":
        this.#finish(null);
        break;
      default:
        break;
    }
    for (const watcher of [...this.#watchers]) watcher(event);
  }

  /** It has been stopped: what it still has to say comes first. */
  async #stopped(): Promise<void> {
    try {
      await this.#display?.barrier(nowhere);
    } catch (error) {
      this.#finish(asError(error));
      return;
    }
    if (this.#isRunning || !this.#isDescribed) return;
    this.#takePictures();
    this.#shown({ type: "running", running: false });
  }

  #pointerIs(isAbsolute: boolean): void {
    if (isAbsolute === this.#isAbsolute) return;
    this.#isAbsolute = isAbsolute;
    if (!this.#isDescribed) return;
    const [now, before] = isAbsolute
      ? (["tablet", "mouse"] as const)
      : (["mouse", "tablet"] as const);
    this.#shown({ type: "detach", device: { kind: before } });
    this.#shown({ type: "attach", device: { kind: now } });
  }

  #takePictures(): void {
    for (const screen of this.#display?.screens ?? []) this.#outputs.push(...screen.take());
  }

  /** Says something that no input has brought. */
  #shown(output: GuestOutput): void {
    if (output.type === "leds") this.#leds = output.modifiers;
    if (this.#isOver || !this.#isDescribed) return;
    if (output.type === "playback-samples") {
      const samples = this.#outputs.filter(({ type }) => type === "playback-samples");
      if (samples.length >= samplesMax) this.#outputs.splice(this.#outputs.indexOf(samples[0]!), 1);
    }
    this.#outputs.push(output);
    this.#changed();
  }

  #finish(error: CarawayError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end = error;
    this.#outputs.push({ type: "ended", error });
    this.#display?.close();
    this.#changed();
  }
}

function asError(error: unknown): CarawayError {
  return error instanceof CarawayError ? error : new QemuLost(String(error));
}
