// A screen of X without a monitor, for clients that need one: what is seen on it, and hands for its keyboard and mouse.

import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  endProcess,
  makeOwnedDirectory,
  removeOwnedDirectory,
  runProgram,
  spawnOwned,
} from "./ownership.ts";
import { ensurePackages } from "./packages.ts";
import type { RgbImage } from "./rgb-image.ts";

export interface XScreenOptions {
  readonly width?: number;
  readonly height?: number;
}

/** A program on the screen. */
export interface XProgram extends AsyncDisposable {
  readonly isAlive: boolean;
  /** What it printed, on both outputs. */
  readonly output: string;
}

export class XScreen implements AsyncDisposable {
  readonly #server: ChildProcess;
  readonly #directory: string;
  readonly #display: string;

  private constructor(server: ChildProcess, directory: string, display: string) {
    this.#server = server;
    this.#directory = directory;
    this.#display = display;
  }

  static async start(options: XScreenOptions = {}): Promise<XScreen> {
    await ensurePackages(["xvfb", "xdotool"]);
    const { width = 1280, height = 1024 } = options;
    const directory = makeOwnedDirectory("x");
    const size = `${width}x${height}x24`;
    // The framebuffer is a file, with no cursor painted into it.
    const serverArguments = ["-displayfd", "1", "-screen", "0", size, "-fbdir", directory];
    const server = spawnOwned(
      "Xvfb",
      [...serverArguments, "-nocursor", "-nolisten", "tcp", "-ac"],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    let number = "";
    for await (const text of server.stdout!) {
      number += String(text);
      if (number.endsWith("\n")) break;
    }
    if (number === "") throw new Error("Xvfb ended before it was there");
    return new XScreen(server, directory, `:${number.trim()}`);
  }

  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DISPLAY: this.#display,
      HOME: this.#directory,
      XDG_RUNTIME_DIR: this.#directory,
      LANG: "C.UTF-8",
      // Neither settings nor a bus of the machine's user.
      GSETTINGS_BACKEND: "memory",
      GTK_USE_PORTAL: "0",
      NO_AT_BRIDGE: "1",
      DBUS_SESSION_BUS_ADDRESS: "disabled:",
    };
  }

  run(program: string, programArguments: readonly string[], env: NodeJS.ProcessEnv = {}): XProgram {
    const child = spawnOwned(program, programArguments, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...this.environment, ...env },
    });
    let output = "";
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    return {
      get isAlive() {
        return child.exitCode === null && child.signalCode === null;
      },
      get output() {
        return output;
      },
      [Symbol.asyncDispose]: () => endProcess(child),
    };
  }

  /** Keyboard and mouse, in the words of xdotool; gives what it printed. */
  async hands(...words: string[]): Promise<string> {
    return await runProgram("xdotool", words, { env: this.environment });
  }

  /** All that is seen now. */
  picture(): RgbImage {
    return decodeXwd(readFileSync(join(this.#directory, "Xvfb_screen0")));
  }

  /**
   * Looks until the picture is somewhere on the screen, each pixel as it should be, or the time is over; gives where its upper left
   * corner is, or null.
   */
  async find(
    picture: () => RgbImage,
    timeoutMs = 20_000,
  ): Promise<{ readonly x: number; readonly y: number } | null> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const place = findPicture(this.picture(), picture());
      if (place !== null || performance.now() > deadline) return place;
      await delay(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#server);
    removeOwnedDirectory(this.#directory);
  }
}

/** An X window dump of 32 bits a pixel, little-endian, as Xvfb keeps it; the header is big-endian. */
function decodeXwd(bytes: Buffer): RgbImage {
  const field = (index: number) => bytes.readUInt32BE(4 * index);
  const [headerSize, width, height, bitsPerPixel] = [field(0), field(4), field(5), field(11)];
  const [rowSize, colors] = [field(12), field(19)];
  if (bitsPerPixel !== 32) throw new Error(`a screen of ${bitsPerPixel} bits a pixel`);
  const start = headerSize + colors * 12;
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let at = start + y * rowSize; at < start + y * rowSize + width * 4; at += 4) {
      data[to++] = bytes[at + 2]!;
      data[to++] = bytes[at + 1]!;
      data[to++] = bytes[at]!;
    }
  }
  return { width, height, data };
}

/** Where the first picture shows the second one, to the last pixel. */
export function findPicture(screen: RgbImage, part: RgbImage): { x: number; y: number } | null {
  const rows = (image: RgbImage) => Buffer.from(image.data.buffer, image.data.byteOffset);
  const [all, wanted] = [rows(screen), rows(part)];
  const [rowSize, partRowSize] = [screen.width * 3, part.width * 3];
  // A row in the middle is seldom of one colour, and so seldom found where it is not.
  const middle = part.height >> 1;
  const needle = wanted.subarray(middle * partRowSize, (middle + 1) * partRowSize);
  const isAt = (x: number, y: number) => {
    for (let row = 0; row < part.height; row++) {
      const from = (y + row) * rowSize + x * 3;
      const to = row * partRowSize;
      if (all.compare(wanted, to, to + partRowSize, from, from + partRowSize) !== 0) return false;
    }
    return true;
  };
  for (let at = all.indexOf(needle); at >= 0; at = all.indexOf(needle, at + 1)) {
    const [x, y] = [(at % rowSize) / 3, Math.floor(at / rowSize) - middle];
    const fits = Number.isInteger(x) && x + part.width <= screen.width;
    if (fits && y >= 0 && y + part.height <= screen.height && isAt(x, y)) return { x, y };
  }
  return null;
}
