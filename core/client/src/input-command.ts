// What a person does with keyboard and mouse, and how the wire names it.

import { MouseButton, MouseButtonMask } from "@caraway/protocol";

export type InputCommand =
  /** PC/AT set 1 code of a key; extended keys are 0xe0NN. */
  | { readonly kind: "key-down"; readonly scancode: number }
  | { readonly kind: "key-up"; readonly scancode: number }
  | { readonly kind: "lock-keys"; readonly modifiers: number }
  | { readonly kind: "motion"; readonly dx: number; readonly dy: number }
  | {
      readonly kind: "position";
      readonly x: number;
      readonly y: number;
      readonly display: number;
    }
  | { readonly kind: "button-down"; readonly button: number }
  | { readonly kind: "button-up"; readonly button: number };

export type MotionCommand = Extract<InputCommand, { kind: "motion" | "position" }>;
export type ReleaseCommand = Extract<InputCommand, { kind: "key-up" | "button-up" }>;

export function isMotion(command: InputCommand): command is MotionCommand {
  return command.kind === "motion" || command.kind === "position";
}

export function isRelease(command: InputCommand): command is ReleaseCommand {
  return command.kind === "key-up" || command.kind === "button-up";
}

/** Whether `release` and `command` are about the same key or button. */
export function releasesSame(release: ReleaseCommand, command: InputCommand): boolean {
  if (release.kind === "key-up") {
    const isKey = command.kind === "key-up" || command.kind === "key-down";
    return isKey && command.scancode === release.scancode;
  }
  const isButton = command.kind === "button-up" || command.kind === "button-down";
  return isButton && command.button === release.button;
}

/** Bytes that a PC keyboard has for it: set 2, which is what its guest reads. */
export function bytesOf(command: InputCommand): number {
  switch (command.kind) {
    case "key-down":
      return command.scancode > 0xff ? 2 : 1;
    case "key-up":
      return command.scancode > 0xff ? 3 : 2;
    case "lock-keys":
      // A server taps up to three lock keys for it.
      return 9;
    default:
      return 2;
  }
}

/** Bytes on the wire, first byte lowest: 0xe0NN becomes e0 NN. */
export function pressCode(scancode: number): number {
  return scancode > 0xff ? 0xe0 | ((scancode & 0xff) << 8) : scancode;
}

export function releaseCode(scancode: number): number {
  return scancode > 0xff ? pressCode(scancode) | 0x8000 : scancode | 0x80;
}

const masks: Readonly<Record<number, number>> = {
  [MouseButton.LEFT]: MouseButtonMask.LEFT,
  [MouseButton.MIDDLE]: MouseButtonMask.MIDDLE,
  [MouseButton.RIGHT]: MouseButtonMask.RIGHT,
  [MouseButton.SIDE]: MouseButtonMask.SIDE,
  [MouseButton.EXTRA]: MouseButtonMask.EXTRA,
};

/** The wheel is a pair of buttons that are never held. */
export function buttonMask(button: number): number {
  return masks[button] ?? 0;
}
