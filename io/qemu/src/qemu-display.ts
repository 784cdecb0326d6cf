// QEMU's D-Bus display as one thing: its consoles, LEDs, sound in and out, each with a connection of
// its own that QEMU was handed by its monitor.

import type { GuestOutput, MonitorWish } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { AudioListener } from "./audio-listener.ts";
import { type CallTarget, DbusConnection, type DbusPeer } from "./dbus-connection.ts";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusError, DbusValue } from "./dbus-value.ts";
import { DisplayListener } from "./display-listener.ts";
import { type DisplayObjects, readObjects } from "./display-objects.ts";
import { QemuLost } from "./qemu-lost.ts";
import type { QmpClient } from "./qmp-client.ts";
import { RecordListener } from "./record-listener.ts";
import type { ShownScreen } from "./shown-screen.ts";
import type { SocketHanding } from "./socket-handing.ts";
import type { DisplayOwner, VmDisplay } from "./vm-display.ts";

type Listening = Pick<DbusPeer, "called">;

const root = "/org/qemu/Display1";
const consoleInterface = `org.qemu.Display1.Console`;
const fdName = "caraway-display";
/** The first picture comes within a tenth of a second. */
const firstPictureMs = 5000;
/** A scanout that comes by itself comes within that time. */
const scanoutMs = 60;

export class QemuDisplay implements VmDisplay {
  readonly #listeners: DisplayListener[] = [];
  audio: AudioListener | null = null;
  record: RecordListener | null = null;
  readonly #qmp: QmpClient;
  readonly #handing: SocketHanding;
  readonly #owner: DisplayOwner;
  readonly #connections: DbusConnection[] = [];
  /** Who hears QEMU for each listener now, and by which connection. */
  readonly #listening = new Map<Listening, { peer: DbusPeer; connection: DbusConnection }>();
  /** Sizes of consoles, as their properties have them. */
  readonly #told = new Map<string, { width: number; height: number }>();
  readonly #lateScanouts = new Map<DisplayListener, NodeJS.Timeout>();
  #main: DbusConnection | null = null;
  #objects: DisplayObjects = { name: "", uuid: null, consoles: [], hasAudio: false };
  #leds = 0;
  #isClosed = false;
  #hasShown: () => void = () => {};

  private constructor(qmp: QmpClient, handing: SocketHanding, owner: DisplayOwner) {
    this.#qmp = qmp;
    this.#handing = handing;
    this.#owner = owner;
  }

  /** Resolves when every console has shown something. @throws QmpError, DbusError, QemuLost */
  static async open(
    qmp: QmpClient,
    handing: SocketHanding,
    owner: DisplayOwner,
  ): Promise<QemuDisplay> {
    const display = new QemuDisplay(qmp, handing, owner);
    try {
      await display.#openConsoles();
      if (display.#objects.hasAudio) await display.#openAudio();
      await display.#untilShown();
      return display;
    } catch (error) {
      display.close();
      throw error;
    }
  }

  get screens(): readonly ShownScreen[] {
    return this.#listeners.map(({ screen }) => screen);
  }

  get name(): string {
    return this.#objects.name;
  }

  get uuid(): Uint8Array | null {
    return this.#objects.uuid;
  }

  get isAbsolute(): boolean {
    return this.#objects.consoles[0]?.isAbsolute === true;
  }

  get leds(): number {
    return this.#leds;
  }

  wish(monitors: readonly MonitorWish[]): void {
    for (const { id, x, y, width, height } of monitors) {
      const path = this.#objects.consoles[id]?.path;
      if (path === undefined) continue;
      const target = { path, interface: consoleInterface, member: "SetUIInfo" };
      // A graphics card that cannot says so; then it stays as it is.
      this.#main?.call(target, "qqiiuu", [0, 0, x, y, width, height]).catch(() => {});
    }
  }

  /**
   * Resolves when all that QEMU has shown until now is here. PEER: a VM that was stopped may show
   * its last changes much later; a dump brings them about, and the answer to a ping comes behind.
   */
  async barrier(dump: string): Promise<void> {
    await this.#qmp.execute("screendump", { filename: dump });
    const ping = { path: "/", interface: "org.freedesktop.DBus.Peer", member: "Ping" };
    const connections = this.#listeners.map((one) => this.#listening.get(one)!.connection);
    await Promise.all(connections.map((connection) => connection.call(ping)));
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#lateScanouts.values()) clearTimeout(timer);
    for (const connection of this.#connections) connection.close();
  }

  async #openConsoles(): Promise<void> {
    const qmp = this.#qmp;
    const main = await this.#handOver(this.#mainPeer(), async (theirs) => {
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
    this.#leds = consoles[0]!.leds;
    for (const [display, { path }] of consoles.entries()) {
      const listener = new DisplayListener(display, () => {
        this.#hasShown();
        this.#owner.changed();
      });
      this.#listeners.push(listener);
      await this.#listen(listener, { path, interface: consoleInterface }, "RegisterListener");
    }
  }

  async #openAudio(): Promise<void> {
    const say = (output: GuestOutput): void => this.#owner.say(output);
    const audio = new AudioListener(0, say);
    const record = new RecordListener(0, say, () => performance.now());
    // PEER: QEMU 7.2 dies of a registration of sound that names no sender.
    const target = { path: `${root}/Audio`, interface: "org.qemu.Display1.Audio", sender: ":1.1" };
    await this.#listen(audio, target, "RegisterOutListener");
    await this.#listen(record, target, "RegisterInListener");
    this.audio = audio;
    this.record = record;
  }

  /** Registers a listener of ours, on a connection of its own, in place of an earlier one. */
  async #listen(
    listener: Listening,
    target: Omit<CallTarget, "member">,
    member: string,
  ): Promise<void> {
    const peer: DbusPeer = {
      called: (message) => listener.called(message),
      signalled: () => {},
      closed: (error) => {
        if (this.#listening.get(listener)?.peer !== peer) return;
        this.#ended(error ?? new QemuLost("QEMU has closed its display"));
      },
    };
    await this.#handOver(peer, async (theirs, connection) => {
      this.#listening.set(listener, { peer, connection });
      await this.#main!.callWith(this.#handing, theirs, { ...target, member }, "h", [0]);
    });
  }

  /** Makes a connection whose other end QEMU gets by `give`. */
  async #handOver(
    peer: DbusPeer,
    give: (theirs: number, connection: DbusConnection) => Promise<void>,
  ): Promise<DbusConnection> {
    const [ours, theirs] = this.#handing.pair();
    const connection = new DbusConnection(ours, peer);
    this.#connections.push(connection);
    try {
      await give(theirs, connection);
    } finally {
      this.#handing.close(theirs);
    }
    return connection;
  }

  async #untilShown(): Promise<void> {
    const areAll = (): boolean => this.#listeners.every(({ screen }) => screen.hasShown);
    if (areAll()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new QemuLost("the VM shows nothing")), firstPictureMs);
      this.#hasShown = () => {
        if (!areAll()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * PEER: where a text mode has another size, QEMU 7.2 sends updates of the new size without a
   * scanout. Whoever registers again gets one.
   */
  #sizeMayDiffer(path: string): void {
    const display = this.#objects.consoles.findIndex((console) => console.path === path);
    const listener = this.#listeners[display];
    if (listener === undefined || this.#lateScanouts.has(listener)) return;
    const look = () => {
      this.#lateScanouts.delete(listener);
      const { width, height } = listener.screen.size;
      const told = this.#told.get(path);
      const isSame = told === undefined || (told.width === width && told.height === height);
      if (this.#isClosed || isSame) return;
      const target = { path, interface: consoleInterface };
      this.#listen(listener, target, "RegisterListener").catch((error: unknown) => {
        this.#ended(error instanceof CarawayError ? error : new QemuLost(String(error)));
      });
    };
    this.#lateScanouts.set(listener, setTimeout(look, scanoutMs));
  }

  /** What QEMU says on the connection that is not for listeners. */
  #mainPeer(): DbusPeer {
    return {
      called: () => ({ signature: "", body: [] }),
      signalled: ({ member, path, body }: DbusMessage) => {
        const [name, changed] = body;
        if (member !== "PropertiesChanged" || typeof name !== "string") return;
        if (Array.isArray(changed)) this.#propertiesChanged(path, name, changed);
      },
      closed: (error: DbusError | null) => {
        this.#ended(error ?? new QemuLost("QEMU has closed its display"));
      },
    };
  }

  #propertiesChanged(path: string | null, name: string, changed: readonly DbusValue[]): void {
    for (const entry of changed) {
      const [property, variant] = entry as readonly [string, { readonly value: DbusValue }];
      const { value } = variant;
      if (name === consoleInterface && path !== null && typeof value === "number") {
        const size = this.#told.get(path) ?? { width: 0, height: 0 };
        if (property === "Width") this.#told.set(path, { ...size, width: value });
        if (property === "Height") this.#told.set(path, { ...size, height: value });
        this.#sizeMayDiffer(path);
      }
      if (path !== this.#objects.consoles[0]?.path) continue;
      if (name === "org.qemu.Display1.Keyboard" && property === "Modifiers") {
        if (typeof value !== "number") continue;
        this.#leds = value & 7;
        this.#owner.say({ type: "leds", modifiers: this.#leds });
      }
      if (name === "org.qemu.Display1.Mouse" && property === "IsAbsolute") {
        this.#owner.pointerIs(value === true);
      }
    }
  }

  #ended(error: CarawayError): void {
    if (!this.#isClosed) this.#owner.ended(error);
  }
}
