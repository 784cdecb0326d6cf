// The arguments of every subcommand that serves guests: where to listen, who comes in, what is sent.

import { type Command, Option } from "commander";
import { collect, parseCount, parseSeconds } from "./argument-values.ts";

const compressions = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"];

/** Names follow QEMU's `-spice` where it has one for it. */
export function addServerOptions(command: Command, listenDefault: string): Command {
  return command
    .optionsGroup("Who comes in:")
    .option(
      "--listen <address>",
      `spice://, spice+tls://, spice+unix:// or [host:]port; may be repeated (${listenDefault})`,
      collect,
    )
    .option("--tls <cert,key>", "certificate and key (PEM) for addresses with TLS")
    .option("--ticket <file>", "the password is the first line of this file")
    .option("--ticket-expires <s>", "tickets are good for so many seconds", parseSeconds)
    .option("--view-only-ticket <file>", "a password for looking on")
    .option("--sasl <file>", "users instead of tickets: user:password, one a line")
    .option(
      "--view-only-user <name>",
      "this user of --sasl only looks on; may be repeated",
      collect,
    )
    .option("--origin <origin>", "pages of this origin may connect, too; * for all", collect)
    .addOption(
      new Option("--sharing <rule>", "when a client comes and another is there").choices([
        "share",
        "take-over",
        "refuse",
      ]),
    )
    .option("--max-clients <n>", "at a time (default: 16)", parseCount)
    .optionsGroup("What is sent:")
    .addOption(
      new Option("--compression <name>", "of images (default: auto_glz)").choices(compressions),
    )
    .addOption(
      new Option("--jpeg <when>", "JPEG for photos (default: auto)").choices([
        "auto",
        "always",
        "never",
      ]),
    )
    .option(
      "--video-codecs <list>",
      "of video, best first, or off: h264, vp8, vp9 and h265 where ffmpeg is installed, mjpeg " +
        "always (default: h264,vp8,vp9,mjpeg)",
    )
    .option("--no-mini-header", "use the long message headers with every client");
}
