// The arguments of every subcommand that serves the testcard: what it shows and has.

import type { Command } from "commander";
import { parseCount, parseSize } from "./argument-values.ts";

export function addTestcardOptions(command: Command): Command {
  return command
    .option("--size <WxH>", "size of each monitor (default: 1024x768)", parseSize)
    .option("--monitors <n>", "1 to 4 (default: 1)", parseCount)
    .option(
      "--freeze-at <ms>",
      "the desktop stands still from this moment of its clock",
      parseCount,
    )
    .option("--framebuffer", "offer pixels that changed instead of drawing commands")
    .option("--sound", "play a tune, and listen")
    .option(
      "--usb <slots>",
      "slots for clients' USB drives, 1 to 4, which it overwrites and checks",
      parseCount,
    )
    .option("--smartcard", "a reader for a client's smartcard, which it reads")
    .option("--video", "play a video, which flashes where the tune clicks")
    .option(
      "--ports <n>",
      "so many ports, up to 8, that count, and hang up at the first byte that is wrong",
      parseCount,
    )
    .option("--seed <n>", "chooses pictures and texts (default: 1)", parseCount);
}
