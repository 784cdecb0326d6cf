// What a VM shows and sounds like, whichever way QEMU gives it: by D-Bus or by VNC.

import type { GuestOutput, MonitorWish } from "@caraway/server";
import type { CarawayError } from "@caraway/wire";
import type { ShownScreen } from "./shown-screen.ts";

export interface DisplayOwner {
  /** A picture or a pointer has changed: to be taken from its screen. */
  changed(): void;
  say(output: GuestOutput): void;
  pointerIs(isAbsolute: boolean): void;
  ended(error: CarawayError): void;
}

/** What a server that comes later has to know of a sound device. */
interface Sounding {
  describe(): GuestOutput[];
}

export interface VmDisplay {
  /** In the order of their numbers. */
  readonly screens: readonly ShownScreen[];
  readonly audio: Sounding | null;
  readonly record: (Sounding & { push(samples: Uint8Array): void }) | null;
  readonly name: string;
  /** 16 bytes. */
  readonly uuid: Uint8Array | null;
  readonly isAbsolute: boolean;
  /** Lock LEDs, as `KeyboardModifier` bits. */
  readonly leds: number;
  /** Somebody does something of which the screen may change. */
  stir?(): void;
  wish(monitors: readonly MonitorWish[]): void;
  /** Resolves when all that QEMU has shown until now is here; `dump`: a file for a dump that nobody needs. */
  barrier(dump: string): Promise<void>;
  close(): void;
}
