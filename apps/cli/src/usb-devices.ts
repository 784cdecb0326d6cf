// What the guest gets by USB for as long as a session lasts: drives, keyboards and pointers, serial
// lines, and devices of this machine, named or by rules.

import {
  type AttachedUsb,
  defaultAutoFilter,
  type FileDriveOptions,
  HostUsb,
  openFileDrive,
  openSerialLine,
  RuledUsb,
  type UsbDeviceEvent,
  UsbDevices,
  UsbHid,
  UsbMissingError,
  UsbSerial,
  usbName,
  type ViewerOptions,
  type WebUsbDevice,
} from "@caraway/node";
import { type FilterRule, type HidKind, parseFilter } from "@caraway/usbredir";
import { type Command, InvalidArgumentError } from "commander";
import { UsageError } from "./usage-error.ts";

export type UsbChoice =
  | ({ readonly what: "drive" } & FileDriveOptions)
  | { readonly what: "hid"; readonly kind: HidKind }
  | { readonly what: "serial"; readonly path: string }
  | { readonly what: "host"; readonly vendor: number; readonly product: number };

export interface UsbFlags {
  readonly usb?: readonly UsbChoice[];
  readonly usbAuto?: readonly FilterRule[] | true;
  readonly usbOnConnect?: readonly FilterRule[];
  /** Nobody asked for devices of this machine but a .vv file: without libusb it goes without. */
  readonly isByFile?: boolean;
}

export function addUsbOptions(command: Command): Command {
  return command
    .option(
      "--usb <device>",
      "plug in a device; may be repeated: file=IMAGE[,readonly] is a stick, cd=ISO a CD drive, " +
        "keyboard, mouse or tablet, serial=PATH a line to a terminal, pipe, socket or file (- for " +
        "this terminal), host=VENDOR:PRODUCT a device of this machine",
      parseUsb,
    )
    .option(
      "--usb-auto [rules]",
      `plug in devices of this machine that come while the session lasts, by usbredir's rules (default ${defaultAutoFilter})`,
      parseRules,
    )
    .option(
      "--usb-on-connect <rules>",
      "plug in devices that this machine has at the beginning, by the same kind of rules",
      parseRules,
    );
}

const usbHint =
  "write it as file=IMAGE[,readonly], cd=ISO, keyboard, mouse, tablet, serial=PATH or host=1234:abcd";

/** One device of `--usb`, in a list that grows. */
export function parseUsb(text: string, before: readonly UsbChoice[] = []): readonly UsbChoice[] {
  if (text === "keyboard" || text === "mouse" || text === "tablet") {
    return [...before, { what: "hid", kind: text }];
  }
  const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  switch (name) {
    case "file": {
      const [, file, readOnly] = /^(.+?)(,readonly)?$/.exec(value!)!;
      const drive = { kind: "stick", file: file!, readOnly: readOnly !== undefined } as const;
      return [...before, { what: "drive", ...drive }];
    }
    case "cd": {
      const [, file] = /^(.+?)(,readonly)?$/.exec(value!)!;
      return [...before, { what: "drive", kind: "cd", file: file!, readOnly: true }];
    }
    case "serial":
      return [...before, { what: "serial", path: value! }];
    case "host": {
      const [, vendor, product] = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(value!) ?? [];
      if (vendor === undefined) break;
      const ids = { vendor: Number.parseInt(vendor, 16), product: Number.parseInt(product!, 16) };
      return [...before, { what: "host", ...ids }];
    }
  }
  throw new InvalidArgumentError(usbHint);
}

export function parseRules(text: string): readonly FilterRule[] {
  try {
    return parseFilter(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** What a .vv file says of devices of this machine; flags outdo it. */
export function rulesOfFile(
  flags: UsbFlags,
  { enableUsbredir, usbAutoShare, usbFilter }: ViewerOptions,
): UsbFlags {
  if (enableUsbredir === false || usbAutoShare !== true || flags.usbAuto !== undefined)
    return flags;
  return { ...flags, usbAuto: usbFilter === null ? true : parseFilter(usbFilter), isByFile: true };
}

type Tell = (data: object) => void;

/** The devices of a session. */
export class UsbOfSession {
  readonly devices: UsbDevices;
  /** The first one that `--usb keyboard` asked for. */
  readonly keyboard: UsbHid | null;
  /** Whether the guest's slots are of use. */
  readonly isWanted: boolean;
  readonly #ruled: RuledUsb | null;

  private constructor(devices: UsbDevices, isWanted: boolean, ruled: RuledUsb | null) {
    this.devices = devices;
    this.isWanted = isWanted;
    this.#ruled = ruled;
    const keyboard = devices.devices.find((each) => {
      return each instanceof UsbHid && each.kind === "keyboard";
    });
    this.keyboard = (keyboard as UsbHid | undefined) ?? null;
  }

  /** Opens them all. Throws UsageError for a device that is not there, and what opening it throws. */
  static async open(flags: UsbFlags, tell: Tell): Promise<UsbOfSession> {
    const choices = flags.usb ?? [];
    const own = choices.filter((choice) => choice.what !== "host");
    const named = choices.filter((choice) => choice.what === "host");
    const devices = new UsbDevices(await Promise.all(own.map((each) => openOwn(each, tell))));
    const auto = flags.usbAuto === true ? parseFilter(defaultAutoFilter) : (flags.usbAuto ?? null);
    const onConnect = flags.usbOnConnect ?? null;
    const isHostWanted = named.length > 0 || auto !== null || onConnect !== null;
    let ruled: RuledUsb | null = null;
    try {
      if (isHostWanted) ruled = await startRuled(devices, named, { auto, onConnect }, tell);
    } catch (error) {
      const isNeeded = flags.isByFile !== true || named.length > 0 || onConnect !== null;
      if (isNeeded || !(error instanceof UsbMissingError)) throw error;
      tell({ event: "usb", type: "missing", message: error.message });
    }
    return new UsbOfSession(devices, isHostWanted || own.length > 0, ruled);
  }

  async close(): Promise<void> {
    this.#ruled?.close();
    await this.devices.close();
  }
}

type OwnChoice = Exclude<UsbChoice, { readonly what: "host" }>;
type HostChoice = Extract<UsbChoice, { readonly what: "host" }>;

async function openOwn(choice: OwnChoice, tell: Tell): Promise<AttachedUsb> {
  switch (choice.what) {
    case "drive": {
      const { file, kind } = choice;
      return await openFileDrive(choice, (event) => tell(usbData({ device: kind, file }, event)));
    }
    case "hid": {
      const { kind } = choice;
      return new UsbHid(kind, (event) => tell(usbData({ device: kind }, event)));
    }
    case "serial": {
      const { path } = choice;
      const line = await openSerialLine(path);
      return new UsbSerial(line, (event) => tell(usbData({ device: "serial", file: path }, event)));
    }
  }
}

async function startRuled(
  devices: UsbDevices,
  named: readonly HostChoice[],
  rules: Parameters<RuledUsb["start"]>[0],
  tell: Tell,
): Promise<RuledUsb> {
  const usb = await HostUsb.open();
  const ruled = new RuledUsb(usb, {
    taken: (device) => {
      devices.add(device);
      const { withheld } = device;
      tell({ event: "usb", ...hostName(device.device), type: "taken", withheld });
    },
    left: (device) => {
      tell({ event: "usb", ...hostName(device.device), type: "left" });
      void devices.remove(device);
    },
    failed: (device, error) => {
      const { message } = error as Error;
      tell({ event: "usb", ...hostName(device), type: "failed", message });
    },
    event: (device, event) => tell(usbData(hostName(device), event)),
  });
  const there = named.length === 0 ? [] : await usb.devices();
  for (const { vendor, product } of named) {
    const found = there.find((each) => each.vendorId === vendor && each.productId === product);
    if (found === undefined) {
      throw new UsageError(`this machine has no USB device ${hex(vendor)}:${hex(product)}`);
    }
    await ruled.take(found);
  }
  await ruled.start(rules);
  return ruled;
}

function hostName(device: WebUsbDevice): { device: string; id: string } {
  const id = `${hex(device.vendorId)}:${hex(device.productId)}`;
  return { device: usbName(device), id };
}

function hex(id: number): string {
  return id.toString(16).padStart(4, "0");
}

/** For `--json`; a person sees the guest's own. */
function usbData(name: object, event: UsbDeviceEvent): object {
  if (!("error" in event)) return { event: "usb", ...name, ...event };
  const { message } = event.error as Error;
  return { event: "usb", ...name, type: event.type, message };
}
