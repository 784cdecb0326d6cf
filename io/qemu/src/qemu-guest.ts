// A VM of QEMU as a guest to serve: its screen, pointer, keys and sound over D-Bus, its run state
// over QMP. QEMU goes on whatever becomes of us.

import type { Guest, GuestDevice, GuestInput, GuestOutput, MonitorWish } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { AudioListener } from "./audio-listener.ts";
import { type CallTarget, DbusConnection, type DbusPeer } from "./dbus-connection.ts";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusError, DbusValue } from "./dbus-value.ts";
import { DisplayListener } from "./display-listener.ts";
import { type DisplayObjects, readObjects } from "./display-objects.ts";
import { QemuInputs } from "./qemu-inputs.ts";
import { QmpClient, type QmpEvent } from "./qmp-client.ts";
import { openSocketHanding, type SocketHanding } from "./socket-handing.ts";

export interface QemuGuestOptions {
  /** QMP socket of a QEMU with `-display dbus,p2p=yes`; nobody else may hold it. */
  readonly qmp: string;
}

/** QEMU is gone, or does not do what it should. */
export class QemuLost extends CarawayError {
  readonly code = "QEMU_LOST";
}

const root = "/org/qemu/Display1";
const fdName = "caraway-display";
/** The first picture comes within a tenth of a second. */
const firstPictureMs = 5000;
/** A scanout that comes by itself comes within that time. */
const scanoutMs = 60;

export class QemuGuest implements Guest {
  readonly #handing: SocketHanding;
  readonly #outputs: GuestOutput[] = [];
  readonly #displays: DisplayListener[] = [];
  readonly #connections: DbusConnection[] = [];
  readonly #inputs: QemuInputs;
  #qmp: QmpClient | null = null;
  #main: DbusConnection | null = null;
  #objects: DisplayObjects = { name: "", uuid: null, consoles: [], hasAudio: false };
  #audio: AudioListener | null = null;
  #isAbsolute = false;
  #leds = 0;
  #isRunning = false;
  #isDescribed = false;
  /** Who hears QEMU for each listener now. */
  readonly #listening = new Map<Pick<DbusPeer, "called">, DbusPeer>();
  /** Sizes of consoles, as their properties have them. */
  readonly #told = new Map<string, { width: number; height: number }>();
  readonly #lateScanouts = new Map<DisplayListener, NodeJS.Timeout>();
  #isOver = false;
  #changed: () => void = () => {};
  #hasShown: () => void = () => {};

  private constructor(handing: SocketHanding) {
    this.#handing = handing;
    this.#inputs = new QemuInputs((display, device, member, signature, body) => {
      const path = this.#objects.consoles[display]?.path;
      if (path === undefined) return;
      this.#main?.tell({ path, interface: `org.qemu.Display1.${device}`, member }, signature, body);
    });
  }

  /** @throws QmpError, DbusError, SocketHandingError, QemuLost */
  static async open(options: QemuGuestOptions): Promise<QemuGuest> {
    const guest = new QemuGuest(await openSocketHanding());
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

  handle(input: GuestInput): void {
    switch (input.type) {
      case "run":
        // QEMU's own event tells when it is so; a VM that runs already has none.
        if (this.#isRunning) this.#say({ type: "running", running: true });
        else this.#ask("cont");
        break;
      case "stop":
        if (this.#isRunning) this.#ask("stop");
        else this.#say({ type: "running", running: false });
        break;
      case "key":
      case "mouse-motion":
      case "tablet-position":
      case "buttons":
      case "wheel":
        this.#inputs.handle(input, (display) => {
          return this.#displays[display]?.size ?? { width: 0, height: 0 };
        });
        break;
      case "monitors-wish":
        this.#wish(input.monitors);
        break;
      default:
        // It has no such device.
        break;
    }
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): null {
    return null;
  }

  snapshot(): unknown {
    return {
      isRunning: this.#isRunning,
      isAbsolute: this.#isAbsolute,
      displays: this.#displays.map(({ size }) => size),
      isOver: this.#isOver,
    };
  }

  /** Leaves QEMU, which goes on. */
  close(): void {
    this.#isOver = true;
    for (const timer of this.#lateScanouts.values()) clearTimeout(timer);
    for (const connection of this.#connections) connection.close();
    this.#qmp?.close();
  }

  async #open({ qmp }: QemuGuestOptions): Promise<void> {
    this.#qmp = await QmpClient.connect(qmp, {
      event: (event) => this.#event(event),
      closed: () => this.#end(new QemuLost("QEMU has ended")),
    });
    const status = (await this.#qmp.execute("query-status")) as { readonly running?: boolean };
    this.#isRunning = status.running === true;
    await this.#openDisplay(this.#qmp);
    if (this.#objects.hasAudio) await this.#openAudio();
    await this.#untilShown();
    this.#describe();
  }

  async #openDisplay(qmp: QmpClient): Promise<void> {
    const main = await this.#handOver(mainPeer(this), async (theirs) => {
      await qmp.executeWith(this.#handing, theirs, "getfd", { fdname: fdName });
      await qmp.execute("add_client", { protocol: "@dbus-display", fdname: fdName });
    });
    this.#main = main;
    const manager = "org.freedesktop.DBus.ObjectManager";
    const { body } = await main.call({
      path: root,
      interface: manager,
      member: "GetManagedObjects",
    });
    this.#objects = readObjects(body);
    const { consoles } = this.#objects;
    if (consoles.length === 0) throw new QemuLost("the VM has no graphical console");
    this.#isAbsolute = consoles[0]!.isAbsolute;
    this.#leds = consoles[0]!.leds;
    for (const [display, { path }] of consoles.entries()) {
      const listener = new DisplayListener(display, (output) => this.#shown(output));
      this.#displays.push(listener);
      await this.#listen(listener, { path, interface: "org.qemu.Display1.Console" });
    }
  }

  async #openAudio(): Promise<void> {
    const audio = new AudioListener(0, (output) => this.#shown(output));
    // PEER: QEMU 7.2 dies of a registration of sound that names no sender.
    const target = { path: `${root}/Audio`, interface: "org.qemu.Display1.Audio", sender: ":1.1" };
    await this.#listen(audio, target, "RegisterOutListener");
    this.#audio = audio;
  }

  /** Registers a listener of ours, on a connection of its own, in place of an earlier one. */
  async #listen(
    listener: Pick<DbusPeer, "called">,
    target: Omit<CallTarget, "member">,
    member = "RegisterListener",
  ): Promise<void> {
    const peer: DbusPeer = {
      called: (message) => listener.called(message),
      signalled: () => {},
      closed: (error) => {
        if (this.#listening.get(listener) !== peer) return;
        this.#end(error ?? new QemuLost("QEMU has closed its display"));
      },
    };
    this.#listening.set(listener, peer);
    await this.#handOver(peer, async (theirs) => {
      await this.#main!.callWith(this.#handing, theirs, { ...target, member }, "h", [0]);
    });
  }

  /**
   * PEER: where a text mode has another size, QEMU 7.2 sends updates of the new size without a
   * scanout. Whoever registers again gets one.
   */
  #sizeMayDiffer(path: string): void {
    const display = this.#objects.consoles.findIndex((console) => console.path === path);
    const listener = this.#displays[display];
    if (listener === undefined || this.#lateScanouts.has(listener)) return;
    const look = () => {
      this.#lateScanouts.delete(listener);
      const { width, height } = listener.size;
      const told = this.#told.get(path);
      const isSame = told === undefined || (told.width === width && told.height === height);
      if (this.#isOver || isSame) return;
      const target = { path, interface: "org.qemu.Display1.Console" };
      this.#listen(listener, target).catch((error: unknown) => {
        this.#end(error instanceof CarawayError ? error : new QemuLost(String(error)));
      });
    };
    this.#lateScanouts.set(listener, setTimeout(look, scanoutMs));
  }

  /** Makes a connection whose other end QEMU gets by `give`. */
  async #handOver(
    peer: DbusPeer,
    give: (theirs: number) => Promise<void>,
  ): Promise<DbusConnection> {
    const [ours, theirs] = this.#handing.pair();
    const connection = new DbusConnection(ours, peer);
    this.#connections.push(connection);
    try {
      await give(theirs);
    } finally {
      this.#handing.close(theirs);
    }
    return connection;
  }

  async #untilShown(): Promise<void> {
    if (this.#displays.every(({ hasShown }) => hasShown)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new QemuLost("the VM shows nothing"));
      }, firstPictureMs);
      this.#hasShown = () => {
        if (!this.#displays.every(({ hasShown }) => hasShown)) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What was shown until now comes behind the devices that show it. */
  #describe(): void {
    const { name, uuid } = this.#objects;
    const pictures = this.#outputs.splice(0);
    const devices: GuestDevice[] = [
      ...this.#displays.map(({ display }) => ({ kind: "display", id: display }) as const),
      { kind: "keyboard" },
      { kind: this.#isAbsolute ? "tablet" : "mouse" },
      { kind: "monitors" },
      ...(this.#audio === null ? [] : [{ kind: "playback", id: 0 } as const]),
    ];
    this.#outputs.push(
      { type: "identity", name, uuid },
      ...devices.map((device) => ({ type: "attach", device }) as const),
      ...pictures,
      { type: "leds", modifiers: this.#leds },
      { type: "ready" },
    );
    this.#isDescribed = true;
  }

  #wish(monitors: readonly MonitorWish[]): void {
    for (const { id, x, y, width, height } of monitors) {
      const path = this.#objects.consoles[id]?.path;
      if (path === undefined) continue;
      const target = { path, interface: "org.qemu.Display1.Console", member: "SetUIInfo" };
      // A graphics card that cannot says so; then it stays as it is.
      this.#main?.call(target, "qqiiuu", [0, 0, x, y, width, height]).catch(() => {});
    }
  }

  #ask(command: "cont" | "stop"): void {
    this.#qmp?.execute(command).catch((error: unknown) => {
      this.#end(error instanceof CarawayError ? error : new QemuLost(String(error)));
    });
  }

  #event({ name }: QmpEvent): void {
    if (name === "STOP" || name === "RESUME") {
      this.#isRunning = name === "RESUME";
      if (this.#isDescribed) this.#shown({ type: "running", running: this.#isRunning });
    } else if (name === "SHUTDOWN") this.#end(null);
  }

  propertiesChanged(path: string | null, name: string, changed: readonly DbusValue[]): void {
    for (const entry of changed) {
      const [property, variant] = entry as readonly [string, { readonly value: DbusValue }];
      const { value } = variant;
      if (name === "org.qemu.Display1.Console" && path !== null && typeof value === "number") {
        const size = this.#told.get(path) ?? { width: 0, height: 0 };
        if (property === "Width") this.#told.set(path, { ...size, width: value });
        if (property === "Height") this.#told.set(path, { ...size, height: value });
        this.#sizeMayDiffer(path);
      }
      if (path !== this.#objects.consoles[0]?.path) continue;
      if (name === "org.qemu.Display1.Keyboard" && property === "Modifiers") {
        if (typeof value === "number") this.#shown({ type: "leds", modifiers: value & 7 });
      }
      if (name === "org.qemu.Display1.Mouse" && property === "IsAbsolute") {
        this.#pointerIs(value === true);
      }
    }
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

  #say(output: GuestOutput): void {
    this.#outputs.push(output);
  }

  /** Says something that no input has brought. */
  #shown(output: GuestOutput): void {
    if (this.#isOver) return;
    this.#say(output);
    if (!this.#isDescribed) this.#hasShown();
    else this.#changed();
  }

  end(error: CarawayError | null): void {
    this.#end(error);
  }

  #end(error: CarawayError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#say({ type: "ended", error });
    for (const connection of this.#connections) connection.close();
    this.#changed();
  }
}

/** What QEMU says on the connection that is not for listeners. */
function mainPeer(guest: QemuGuest): DbusPeer {
  return {
    called: () => ({ signature: "", body: [] }),
    signalled({ member, path, body }: DbusMessage) {
      const [name, changed] = body;
      if (member !== "PropertiesChanged" || typeof name !== "string") return;
      if (Array.isArray(changed)) guest.propertiesChanged(path, name, changed);
    },
    closed: (error: DbusError | null) => {
      guest.end(error ?? new QemuLost("QEMU has closed its display"));
    },
  };
}
