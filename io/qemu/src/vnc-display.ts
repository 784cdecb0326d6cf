// QEMU's screen over VNC on a unix socket, for a QEMU that has no D-Bus display. Keys and pointer go
// another way; pictures come as fast as they are asked for, and that is as fast as QEMU has them.

import { connect, type Socket } from "node:net";
import { SurfaceFormat } from "@caraway/protocol";
import type { GuestOutput, MonitorWish, SoundFormat } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { uuidBytes } from "./display-objects.ts";
import { QemuLost } from "./qemu-lost.ts";
import type { QmpClient } from "./qmp-client.ts";
import {
  type RfbBox,
  type RfbNews,
  rfbListen,
  rfbReading,
  rfbSetDesktopSize,
  rfbStir,
  rfbUpdateRequest,
} from "./rfb-messages.ts";
import { ShownScreen } from "./shown-screen.ts";
import type { DisplayOwner, VmDisplay } from "./vm-display.ts";

/** The first picture comes within that time. */
const firstPictureMs = 5000;
const format = { format: SurfaceFormat["32_xRGB"], bytes: 4 } as const;
const soundFormat: SoundFormat = { channels: 2, frequency: 48_000 };

/** What VNC has of a VM's sound: that which is played. */
class VncSound {
  isOn = false;

  describe(): GuestOutput[] {
    return this.isOn ? [{ type: "playback-start", device: 0, format: soundFormat }] : [];
  }
}

export class VncDisplay implements VmDisplay {
  readonly screens: readonly [ShownScreen] = [new ShownScreen(0)];
  readonly record = null;
  audio: VncSound | null = null;
  name = "";
  uuid: Uint8Array | null = null;
  isAbsolute = false;
  leds = 0;
  readonly #qmp: QmpClient;
  readonly #socket: Socket;
  readonly #owner: DisplayOwner;
  /** Of another size, and nothing of it has come yet. */
  #isBlank = true;
  #isClosed = false;
  /** Told of each update's area. */
  readonly #watchers = new Set<(area: number) => void>();

  private constructor(qmp: QmpClient, socket: Socket, owner: DisplayOwner) {
    this.#qmp = qmp;
    this.#socket = socket;
    this.#owner = owner;
    const reading = rfbReading(
      (bytes) => socket.write(bytes),
      (news) => this.#take(news),
    );
    let chunks: Buffer[] = [];
    let size = 0;
    let wanted = reading.next().value;
    socket.on("data", (bytes: Buffer) => {
      chunks.push(bytes);
      size += bytes.length;
      try {
        while (size >= wanted && !this.#isClosed) {
          const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          const part = all.subarray(0, wanted);
          chunks = [all.subarray(wanted)];
          size -= wanted;
          wanted = reading.next(part).value;
        }
      } catch (error) {
        this.#end(error instanceof CarawayError ? error : new QemuLost(String(error)));
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#end(new QemuLost("QEMU has closed its display")));
  }

  /** Resolves when it has shown something. @throws QmpError, RfbError, QemuLost */
  static async open(qmp: QmpClient, path: string, owner: DisplayOwner): Promise<VncDisplay> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", ({ message }) => {
        reject(new QemuLost(`QEMU's VNC server does not answer on ${path}: ${message}`));
      });
    });
    let fault: CarawayError | null = null;
    const display = new VncDisplay(qmp, socket, {
      ...owner,
      ended: (error) => {
        fault ??= error;
        owner.ended(error);
      },
    });
    try {
      const [{ name }, { UUID }] = (await Promise.all([
        qmp.execute("query-name"),
        qmp.execute("query-uuid"),
      ])) as [{ readonly name?: string }, { readonly UUID?: string }];
      display.name = name ?? "";
      display.uuid = uuidBytes(UUID ?? "");
      if (display.#isBlank) await display.#updated(() => !display.#isBlank);
      return display;
    } catch (error) {
      display.close();
      throw fault ?? error;
    }
  }

  wish(monitors: readonly MonitorWish[]): void {
    const monitor = monitors.find(({ id }) => id === 0);
    // A graphics card that cannot says so; then it stays as it is.
    if (monitor !== undefined) this.#say(rfbSetDesktopSize(monitor.width, monitor.height));
  }

  /** PEER: QEMU looks at a screen that does not change every 3 s, until a client says something. */
  stir(): void {
    this.#say(rfbStir());
  }

  /**
   * Resolves when all that QEMU has shown until now is here. An update of everything may have been on
   * its way; the one that is asked for behind it was not.
   */
  async barrier(dump: string): Promise<void> {
    await this.#qmp.execute("screendump", { filename: dump });
    for (let turn = 0; turn < 2; turn++) {
      this.stir();
      this.#request(true);
      await this.#updated((area) => {
        const { width, height } = this.screens[0].size;
        return area >= width * height;
      });
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
    for (const watcher of [...this.#watchers]) watcher(Number.NaN);
  }

  #take(news: RfbNews): void {
    const [screen] = this.screens;
    switch (news.type) {
      case "hello":
      case "size":
        this.#resize(news.width, news.height);
        break;
      case "pixels": {
        const { x, y, width, height, data } = news;
        screen.update(x, y, { ...format, width, height, stride: width * format.bytes, data });
        break;
      }
      case "copy":
        screen.copy(news.fromX, news.fromY, news.x, news.y, news.width, news.height);
        break;
      case "cursor":
        this.#cursor(news, news.data);
        break;
      case "pointer-mode":
        this.isAbsolute = news.isAbsolute;
        this.#owner.pointerIs(news.isAbsolute);
        break;
      case "leds":
        this.leds = news.modifiers;
        this.#owner.say({ type: "leds", modifiers: news.modifiers });
        break;
      case "sound-offered":
        this.audio ??= new VncSound();
        this.#say(rfbListen(soundFormat.channels, soundFormat.frequency));
        break;
      case "sound":
        this.#sound(news.isOn);
        break;
      case "samples":
        if (this.audio?.isOn !== true) break;
        this.#owner.say({ type: "playback-samples", device: 0, samples: news.data.slice() });
        break;
      case "updated":
        this.#request(false);
        if (news.area > 0) this.#isBlank = false;
        for (const watcher of [...this.#watchers]) watcher(news.area);
        if (!this.#isBlank) this.#owner.changed();
        break;
    }
  }

  #resize(width: number, height: number): void {
    const { size } = this.screens[0];
    if (size.width === width && size.height === height) return;
    const stride = width * format.bytes;
    const data = new Uint8Array(stride * height);
    this.screens[0].show({ ...format, width, height, stride, data });
    this.#isBlank = true;
    this.#request(true);
  }

  /** VNC says nothing of where the guest has put it: the client has it where it points. */
  #cursor({ x, y, width, height }: RfbBox, data: Uint8Array): void {
    const [screen] = this.screens;
    const isShown = screen.shapeCursor(width, height, x, y, data);
    screen.moveCursor(0, 0, isShown);
  }

  #sound(isOn: boolean): void {
    const { audio } = this;
    if (audio === null || audio.isOn === isOn) return;
    audio.isOn = isOn;
    const device = 0;
    if (isOn) this.#owner.say({ type: "playback-start", device, format: soundFormat });
    else this.#owner.say({ type: "playback-stop", device });
  }

  #request(isAll: boolean): void {
    const { width, height } = this.screens[0].size;
    this.#say(rfbUpdateRequest(isAll, width, height));
  }

  #say(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#socket.write(bytes);
  }

  /** Resolves behind an update for which `isIt` holds. @throws QemuLost when there is none */
  async #updated(isIt: (area: number) => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done = (error: QemuLost | null): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        if (error === null) resolve();
        else reject(error);
      };
      const timer = setTimeout(() => done(new QemuLost("the VM shows nothing")), firstPictureMs);
      const watcher = (area: number): void => {
        if (this.#isClosed) done(new QemuLost("QEMU has closed its display"));
        else if (isIt(area)) done(null);
      };
      this.#watchers.add(watcher);
    });
  }

  #end(error: CarawayError): void {
    if (this.#isClosed) return;
    this.close();
    this.#owner.ended(error);
  }
}
