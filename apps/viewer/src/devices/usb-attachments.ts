// What the user plugs into the guest's USB slots, over all sessions of a viewer: sticks, whose changes
// stay in the page until they are saved, discs, a keyboard, serial lines, real devices.

import {
  type AttachedUsb,
  type ByteStreams,
  blobStore,
  type ClientStream,
  OverlayStore,
  PageUsb,
  RuledUsb,
  SerialPortLine,
  streamsLine,
  type UsbDeviceEvent,
  UsbDevices,
  UsbDrive,
  UsbHid,
  UsbSerial,
  usbName,
  type WebSerialPort,
} from "@caraway/browser";
import type { InputCommand } from "@caraway/client";
import { type FilterRule, parseFilter } from "@caraway/usbredir";

/** `stick`: a disk image that is written to as well; `cd`: an ISO. */
export type DiskKind = "stick" | "cd";

/** `device`: a real one, by WebUSB. */
export type UsbKind = DiskKind | "keyboard" | "serial" | "device";

export interface UsbState {
  /** Tells it from others. */
  readonly id: number;
  readonly name: string;
  readonly kind: UsbKind;
  /** `waiting`: for a slot; `gone`: the guest refused it. */
  readonly state: "waiting" | "connected" | "gone";
  /** Whether the guest has changed a stick. */
  readonly isChanged: boolean;
  /** What went wrong last, in technical words; null: nothing did. */
  readonly fault: string | null;
}

interface Attachment {
  readonly device: AttachedUsb;
  store: OverlayStore | null;
  state: Omit<UsbState, "isChanged">;
}

export class UsbAttachments {
  readonly #changed: () => void;
  readonly #slots = new UsbDevices([]);
  #attached: Attachment[] = [];
  #nextId = 1;
  #ruled: RuledUsb | null = null;
  /** Devices that cannot be had, and why. */
  #refused: string | null = null;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get states(): readonly UsbState[] {
    return this.#attached.map(({ state, store }) => {
      return { ...state, isChanged: (store?.writtenBytes ?? 0) > 0 };
    });
  }

  /** Why the last real device could not be had, in technical words. */
  get refused(): string | null {
    return this.#refused;
  }

  offer(stream: ClientStream): void {
    this.#slots.offer(stream);
  }

  /** A disk image, as soon as the guest has a slot. */
  attachDisk(file: Blob, name: string, kind: DiskKind): number {
    const store = kind === "stick" ? new OverlayStore(file) : null;
    const make = (tell: (event: UsbDeviceEvent) => void) =>
      new UsbDrive(kind, store ?? blobStore(file), tell);
    return this.#attach(kind, name, make, store);
  }

  /** Puts another disc into a CD drive, or none; false: there is no such drive. */
  async changeDisc(id: number, file: Blob | null, name: string): Promise<boolean> {
    const found = this.#find(id);
    if (found?.state.kind !== "cd" || !(found.device instanceof UsbDrive)) return false;
    found.state = { ...found.state, name, fault: null };
    this.#changed();
    await found.device.insert(file && blobStore(file));
    return true;
  }

  /** A keyboard, which takes the viewer's keys while the guest has it. */
  attachKeyboard(name: string): number {
    return this.#attach("keyboard", name, (tell) => new UsbHid("keyboard", tell));
  }

  attachSerial(line: ByteStreams | WebSerialPort, name: string): number {
    const opened = "open" in line ? new SerialPortLine(line) : streamsLine(line);
    return this.#attach("serial", name, (tell) => new UsbSerial(opened, tell));
  }

  /** Asks the user for a device, in answer to a gesture; null: none was chosen, or had. */
  async chooseDevice(): Promise<number | null> {
    const usb = PageUsb.find();
    const device = (await usb?.choose()) ?? null;
    if (device === null) return null;
    const before = this.#nextId;
    await this.#rules(usb!).take(device);
    return this.#nextId > before ? before : null;
  }

  /** Plugs devices in that the user chose before, by usbredir's rules: now, and when they come. */
  async attachByRules(text: string): Promise<void> {
    const usb = PageUsb.find();
    if (usb === null) return;
    try {
      const rules: readonly FilterRule[] = parseFilter(text);
      await this.#rules(usb).start({ onConnect: rules, auto: rules });
    } catch (error) {
      this.#isRefused(error);
    }
  }

  /** Pulls it out; what the guest changed and nobody saved is lost. */
  async detach(id: number): Promise<void> {
    const found = this.#find(id);
    if (found === undefined) return;
    this.#attached = this.#attached.filter((other) => other !== found);
    this.#changed();
    await this.#slots.remove(found.device);
  }

  /** A stick as it is now; null: there is no such. */
  image(id: number): Blob | null {
    return this.#find(id)?.store?.image() ?? null;
  }

  /** Gives a key to a keyboard that the guest has; false: there is none, or it has no such key. */
  takesKey(command: InputCommand): boolean {
    if (command.kind !== "key-down" && command.kind !== "key-up") return false;
    const keyboard = this.#attached.find(({ state }) => {
      return state.kind === "keyboard" && state.state === "connected";
    })?.device;
    if (!(keyboard instanceof UsbHid)) return false;
    return keyboard.key(command.scancode, command.kind === "key-down");
  }

  #find(id: number): Attachment | undefined {
    return this.#attached.find(({ state }) => state.id === id);
  }

  #attach(
    kind: UsbKind,
    name: string,
    make: (tell: (event: UsbDeviceEvent) => void) => AttachedUsb,
    store: OverlayStore | null = null,
  ): number {
    const id = this.#nextId++;
    this.#attached.push({
      device: make((event) => this.#hear(id, event)),
      store,
      state: { id, name, kind, state: "waiting", fault: null },
    });
    this.#slots.add(this.#find(id)!.device);
    this.#changed();
    return id;
  }

  #rules(usb: PageUsb): RuledUsb {
    const idOf = (device: AttachedUsb) => {
      return this.#attached.find((each) => each.device === device)?.state.id ?? null;
    };
    this.#ruled ??= new RuledUsb(usb, {
      taken: (device) => {
        this.#refused = null;
        this.#attach("device", usbName(device.device), () => device);
      },
      left: (device) => {
        const id = idOf(device);
        if (id !== null) void this.detach(id);
      },
      failed: (_, error) => this.#isRefused(error),
      event: (device, event) => {
        const found = this.#attached.find((each) => {
          return "device" in each.device && each.device.device === device;
        });
        if (found !== undefined) this.#hear(found.state.id, event);
      },
    });
    return this.#ruled;
  }

  #isRefused(error: unknown): void {
    this.#refused = error instanceof Error ? error.message : String(error);
    this.#changed();
  }

  #hear(id: number, event: UsbDeviceEvent): void {
    const found = this.#find(id);
    if (found === undefined) return;
    if (event.type === "connected") found.state = { ...found.state, state: "connected" };
    else if (event.type === "disconnected") found.state = { ...found.state, state: "gone" };
    else if (event.type === "ejected") found.state = { ...found.state, fault: null };
    else if (event.type === "io-error" || event.type === "fault") {
      const { error } = event;
      found.state = {
        ...found.state,
        fault: error instanceof Error ? error.message : String(error),
      };
    }
    this.#changed();
  }
}
