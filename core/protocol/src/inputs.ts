// The inputs channel: keyboard and mouse.

import { bytes, flagsOf, i32, message, openEnumOf, u8, u16, u32, unit } from "@caraway/wire";
import { baseClient, baseServer } from "./base.ts";
import { InputsCapability } from "./capabilities.ts";
import { channel } from "./channel-schema.ts";
import { ChannelType, KeyboardModifier, MouseButton, MouseButtonMask } from "./constants.ts";

const modifiers = flagsOf(u16, "KeyboardModifier", KeyboardModifier);
const buttonsState = flagsOf(u16, "MouseButtonMask", MouseButtonMask);
const code = unit(u32, "PC/AT set 1 scancode bytes, first byte lowest");
const button = openEnumOf(u8, "MouseButton", MouseButton);

export const Inputs = channel("inputs", ChannelType.INPUTS, InputsCapability, {
  server: [
    ...baseServer,
    message("INIT", 101, { keyboardModifiers: modifiers }, "State of the lock LEDs at the start."),
    message("KEY_MODIFIERS", 102, { modifiers }, "State of the lock LEDs."),
    message("MOUSE_MOTION_ACK", 111, {}, "Four MOUSE_MOTION or MOUSE_POSITION were taken."),
  ],
  client: [
    ...baseClient,
    message("KEY_DOWN", 101, { code }, "A key goes down; extended keys begin with 0xe0."),
    message("KEY_UP", 102, { code }, "A key goes up: its code with 0x80 in the last byte."),
    message("KEY_MODIFIERS", 103, { modifiers }, "Wanted state of the lock keys."),
    message(
      "KEY_SCANCODE",
      104,
      { code: bytes({ rest: true }) },
      "Raw scancode bytes, presses and releases.",
      "SPICE_INPUTS_CAP_KEY_SCANCODE",
    ),
    message(
      "MOUSE_MOTION",
      111,
      { dx: i32, dy: i32, buttonsState },
      "Relative, mouse mode SERVER.",
    ),
    message(
      "MOUSE_POSITION",
      112,
      { x: u32, y: u32, buttonsState, displayId: u8 },
      "Absolute, mouse mode CLIENT.",
    ),
    message(
      "MOUSE_PRESS",
      113,
      { button, buttonsState },
      "A button goes down; the wheel is UP/DOWN.",
    ),
    message("MOUSE_RELEASE", 114, { button, buttonsState }, "A button goes up."),
  ],
});
