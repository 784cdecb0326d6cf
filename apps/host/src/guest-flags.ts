// The guests that are built in, by name, and what can be said of them on the command line.

import { createTestcard, TestcardError, type TestcardOptions } from "@caraway/testcard";
import type { ApiNewGuest } from "./api-types.ts";
import { HostUsageError } from "./usage-error.ts";

/** Kinds of guests that a host can make. */
export const guestKinds = ["testcard", "qemu"] as const;
export type GuestKind = (typeof guestKinds)[number];

export interface GuestFlags {
  readonly size?: { readonly width: number; readonly height: number };
  readonly monitors?: number;
  /** Milliseconds of the desktop's clock. */
  readonly freezeAt?: number;
  readonly framebuffer?: boolean;
  readonly sound?: boolean;
  readonly video?: boolean;
  readonly usb?: number;
  readonly smartcard?: boolean;
  /** Ports that count. */
  readonly ports?: number;
  readonly seed?: number;
  readonly speed?: number;
}

/** Each key is left out where nothing is said: the guest has its own defaults. */
export function testcardOptions(flags: GuestFlags): TestcardOptions {
  const { size, monitors, freezeAt, ports, seed, speed } = flags;
  return {
    ...size,
    ...(monitors !== undefined && { monitors }),
    ...(freezeAt !== undefined && { freezeAtMs: freezeAt }),
    ...(flags.framebuffer === true && { output: "framebuffer" }),
    ...(flags.sound === true && { sound: true }),
    ...(flags.video === true && { video: true }),
    ...(flags.usb !== undefined && { usb: flags.usb }),
    ...(flags.smartcard === true && { smartcard: true }),
    ...(ports !== undefined && { counters: counters(ports) }),
    ...(seed !== undefined && { seed }),
    ...(speed !== undefined && { speed }),
  };
}

/** More than a testcard can have, it refuses. */
function counters(ports: number): "port"[] {
  return Array<"port">(Math.min(ports, 256)).fill("port");
}

/** The same, as the API has it. */
export function guestOptions(asked: ApiNewGuest): TestcardOptions {
  const { width, height, monitors, framebuffer, sound, video, usb, seed, freezeAtMs } = asked;
  return {
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(monitors !== undefined && { monitors }),
    ...(framebuffer === true && { output: "framebuffer" }),
    ...(sound === true && { sound }),
    ...(video === true && { video }),
    ...(usb !== undefined && { usb }),
    ...(seed !== undefined && { seed }),
    ...(freezeAtMs !== undefined && { freezeAtMs }),
  };
}

/** @throws HostUsageError when the guest cannot be as it is wished. */
export function makeTestcard(options: TestcardOptions): ReturnType<typeof createTestcard> {
  try {
    return createTestcard(options);
  } catch (error) {
    throw error instanceof TestcardError ? new HostUsageError(error.message) : error;
  }
}
