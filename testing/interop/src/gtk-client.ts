// spice-gtk without a screen, as a client of any server: what it opens, what it shows, what it says about a migration.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { JsonProgram } from "./json-program.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import { ensurePeerProgram } from "./peer-program.ts";
import { compareImages, type RgbImage, readPpm } from "./rgb-image.ts";
import type { SpiceAddress } from "./vm.ts";

export interface GtkClientOptions {
  /** Replaces the address's own. */
  readonly password?: string;
  readonly username?: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string;
  /** The subject that the certificate must have, as `C=…,O=…,CN=…`. */
  readonly certSubject?: string;
  /** Only these channels are opened. Default all. */
  readonly channels?: readonly string[];
  /** Environment, such as SPICE_DEBUG=1. */
  readonly env?: NodeJS.ProcessEnv;
}

export class GtkClient extends JsonProgram {
  readonly #directory: string;
  #dumps = 0;

  constructor(program: string, address: Partial<SpiceAddress>, options: GtkClientOptions) {
    const directory = makeOwnedDirectory("gtk");
    const properties: Record<string, string | null | undefined> = {
      host: address.unixPath ? undefined : address.host,
      port: address.port ? `${address.port}` : undefined,
      "tls-port": address.tlsPort ? `${address.tlsPort}` : undefined,
      "unix-path": address.unixPath,
      password: options.password ?? address.password,
      username: options.username,
      "ca-file": options.caFile,
      "cert-subject": options.certSubject,
      channels: options.channels?.join(","),
    };
    const list = Object.entries(properties).filter(([, value]) => value != null);
    const programArguments = list.map(([name, value]) => `${name}=${value}`);
    super(program, programArguments, options.env);
    this.#directory = directory;
  }

  /** The primary surface of a display channel as the client has it now. */
  async dump(channel = 0): Promise<RgbImage> {
    const file = join(this.#directory, `${this.#dumps++}.ppm`);
    await this.ask(`dump ${channel} ${file}`, "dumped");
    const image = readPpm(file);
    rmSync(file);
    return image;
  }

  /**
   * Dumps until the picture equals the expected one or the time is over, and gives the last dump: what the server has sent may still be
   * on its way.
   */
  async dumpWhenEqual(expected: RgbImage, channel = 0, timeoutMs = 10_000): Promise<RgbImage> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const image = await this.dump(channel);
      if (compareImages(image, expected).pixels === 0 || Date.now() > deadline) return image;
      await delay(100);
    }
  }

  /** Pixels of what it shows that differ from the expected picture, at best within 10 s. */
  async difference(expected: RgbImage): Promise<number> {
    return compareImages(await this.dumpWhenEqual(expected), expected).pixels;
  }

  /** Presses and releases a key: PC scan code, 0x100 added for those with prefix E0. */
  tapKey(scancode: number): void {
    this.send(`key down ${scancode}`);
    this.send(`key up ${scancode}`);
  }

  override async close(): Promise<void> {
    await super.close();
    removeOwnedDirectory(this.#directory);
  }
}

/** Compiles the client when needed and connects it. Resolves at once: wait for `primary-create` or `mark` to see a picture. */
export async function startGtkClient(
  address: Partial<SpiceAddress>,
  options: GtkClientOptions = {},
): Promise<GtkClient> {
  const program = await ensurePeerProgram("gtk-client", {
    pkgConfig: ["spice-client-glib-2.0"],
    packages: ["libspice-client-glib-2.0-dev"],
  });
  return new GtkClient(program, address, options);
}
