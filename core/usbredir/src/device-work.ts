// What a device behind a slot asks of its owner, and what its owner tells it, kind by kind.

import type { BlockWork } from "./bulk-only.ts";
import type { Medium } from "./scsi-disk.ts";
import type { UsbDescription } from "./usb-description.ts";

/** A line's owner answers with what came, at least a byte and at most `length`, whenever it comes. */
export type SerialWork =
  | { readonly kind: "serial-read"; readonly length: number }
  | { readonly kind: "serial-write"; readonly data: Uint8Array };

/** How the guest has set the line up. */
export interface LineState {
  readonly baud: number;
  readonly dataBits: number;
  readonly parity: "none" | "odd" | "even" | "mark" | "space";
  readonly stopBits: 1 | 1.5 | 2;
  /** Data terminal ready: somebody in the guest has the line open. */
  readonly dtr: boolean;
  readonly rts: boolean;
}

export interface ControlSetup {
  readonly request: number;
  readonly requestType: number;
  readonly value: number;
  readonly index: number;
}

export type TransferWork =
  | { readonly kind: "control-in"; readonly setup: ControlSetup; readonly length: number }
  | { readonly kind: "control-out"; readonly setup: ControlSetup; readonly data: Uint8Array }
  /** Bulk and interrupt. */
  | { readonly kind: "transfer-in"; readonly endpoint: number; readonly length: number }
  | { readonly kind: "transfer-out"; readonly endpoint: number; readonly data: Uint8Array }
  /** One packet for each length. */
  | { readonly kind: "iso-in"; readonly endpoint: number; readonly lengths: readonly number[] }
  | {
      readonly kind: "iso-out";
      readonly endpoint: number;
      readonly data: Uint8Array;
      readonly lengths: readonly number[];
    }
  | { readonly kind: "clear-halt"; readonly endpoint: number }
  | { readonly kind: "configure"; readonly configuration: number }
  | { readonly kind: "alternate"; readonly interface: number; readonly alternate: number }
  /** Ends all transfers. */
  | { readonly kind: "reset" };

export interface TransferResult {
  /** `UsbStatus`. */
  readonly status: number;
  /** Of what goes to the guest. */
  readonly data: Uint8Array;
  /** Bytes that went, either way. */
  readonly length: number;
  /** Of `iso-in`; their data is not in `data`. */
  readonly packets?: readonly { readonly status: number; readonly data: Uint8Array }[];
  /** How the device is now, behind `configure`, `alternate` and `reset`. */
  readonly state?: DeviceState;
}

/** What of a device depends on how it was set up. */
export interface DeviceState {
  readonly description: UsbDescription;
  readonly configuration: number;
}

export type HidInput =
  /** A key by its usage on the keyboard page: 4 is A, 0xe0 the left Ctrl. For keyboards. */
  | { readonly type: "hid-key"; readonly usage: number; readonly down: boolean }
  /**
   * `x`, `y`: how far it went for a mouse; where it is for a tablet, of `tabletMax`. `buttons`: bit
   * 0 left, 1 right, 2 middle. `wheel`: notches, up is positive.
   */
  | {
      readonly type: "hid-pointer";
      readonly x: number;
      readonly y: number;
      readonly buttons: number;
      readonly wheel: number;
    };

/** What a device's owner does for it. */
export type DeviceWork = BlockWork | SerialWork | TransferWork;

/** What a device's owner tells it; each device knows its own. */
export type DeviceInput =
  /** Answers `work`: what was read (empty for others), null when it failed. */
  | { readonly type: "done"; readonly task: number; readonly data: Uint8Array | null }
  /** Answers the work of a device that is passed on. */
  | { readonly type: "transferred"; readonly task: number; readonly result: TransferResult }
  /** Puts a medium into a drive, or takes it out; ends what is under way with the old one. */
  | { readonly type: "insert"; readonly medium: Medium | null }
  | HidInput;

export type DeviceOutput =
  | { readonly type: "work"; readonly task: number; readonly work: DeviceWork }
  /** The guest ejected the medium; what it had written is kept. */
  | { readonly type: "ejected" }
  /** The guest lit these lamps of a keyboard: bit 0 Num, 1 Caps, 2 Scroll Lock. */
  | { readonly type: "leds"; readonly leds: number }
  /** The guest opened, closed or set up a serial line. */
  | { readonly type: "line"; readonly line: LineState };
