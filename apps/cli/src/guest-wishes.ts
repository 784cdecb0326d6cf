// What the user wants of the guest's desktop beside a session: its size, what it may leave out, and
// how loud it plays. The guest's agent hears it, also one that comes later.

import type { SessionCommand } from "@caraway/client";
import type { ViewerOptions } from "@caraway/node";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseSize } from "./argument-values.ts";

export interface GuestFlags {
  readonly resize?: { readonly width: number; readonly height: number };
  readonly disableEffects?: readonly string[];
  readonly colorDepth?: number;
  readonly guestVolume?: number;
}

/** Names follow remote-viewer's. */
const effects = ["wallpaper", "font-smooth", "animation", "all"];
const colorDepths = [16, 32];

export function addGuestOptions(command: Command): Command {
  return command
    .option("--resize <WxH>", "ask the guest's agent for this size", parseSize)
    .option("--disable-effects <names>", `what the desktop leaves out: ${effects}`, parseEffects)
    .addOption(
      new Option("--color-depth <bits>", "of the guest's screen")
        .choices(colorDepths.map(String))
        .argParser(parseColorDepth),
    )
    .option("--guest-volume <percent>", "set the guest's own volume", parsePercent);
}

/** For the beginning of a session; `viewer`: what a .vv file says, which the flags outdo. */
export function guestCommands(flags: GuestFlags, viewer: ViewerOptions): SessionCommand[] {
  const commands: SessionCommand[] = [];
  const { resize, guestVolume } = flags;
  if (resize !== undefined) {
    commands.push({ name: "monitors", monitors: [{ ...resize, x: 0, y: 0 }] });
  }
  const disabled = flags.disableEffects ?? viewer.disabledEffects;
  const colorDepth = flags.colorDepth ?? viewer.colorDepth;
  if (disabled.length > 0 || colorDepth !== null) {
    const keeps = (effect: string) => !disabled.includes(effect) && !disabled.includes("all");
    const config = {
      wallpaper: keeps("wallpaper"),
      fontSmoothing: keeps("font-smooth"),
      animation: keeps("animation"),
      colorDepth,
    };
    commands.push({ name: "display-config", config });
  }
  if (guestVolume !== undefined) {
    const level = Math.round((guestVolume / 100) * 0xffff);
    const mute = guestVolume === 0;
    commands.push({ name: "volume", kind: "playback", mute, volume: [level, level] });
  }
  return commands;
}

function parseEffects(text: string): readonly string[] {
  const names = text.split(",");
  if (names.every((name) => effects.includes(name))) return names;
  throw new InvalidArgumentError(`write some of ${effects.join(", ")}`);
}

function parseColorDepth(text: string): number {
  const depth = Number(text);
  if (colorDepths.includes(depth)) return depth;
  throw new InvalidArgumentError(`write one of ${colorDepths.join(", ")}`);
}

function parsePercent(text: string): number {
  const percent = /^\d{1,3}$/.test(text) ? Number(text) : 101;
  if (percent <= 100) return percent;
  throw new InvalidArgumentError("write a number from 0 to 100");
}
