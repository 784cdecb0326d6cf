// The real spice-server with a display device that draws what a test tells it to. Its encoder puts the operations on the wire; its own
// canvas renders them too, which is the ground truth for what a client must show.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChannelType, SurfaceFormat } from "@caraway/protocol";
import { JsonProgram } from "./json-program.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import { ensurePeerProgram } from "./peer-program.ts";
import type { QxlCursorCommand, QxlDrawable, QxlMonitor, QxlSurface } from "./qxl-drawing.ts";
import { QxlMemory } from "./qxl-memory.ts";
import type { RgbImage } from "./rgb-image.ts";
import { findFreePort, type SpiceAddress } from "./vm.ts";

export interface DrawServerOptions {
  /** `ImageCompression`. Default auto_glz. */
  readonly compression?: number;
  /** Default `never`, also where the network is slow. */
  readonly jpeg?: "auto" | "always" | "never";
  readonly zlibGlz?: "auto" | "always" | "never";
  readonly streamingVideo?: "off" | "all" | "filter";
  readonly password?: string;
  /** Listen for TLS only, with a folder of `CertificateAuthority.makeServer`. */
  readonly x509Directory?: string;
  /** A folder of `makeSaslDirectory`. */
  readonly saslDirectory?: string;
}

/** Pixels as they lie in the device's memory. */
export interface SurfacePixels extends Omit<QxlSurface, "id"> {
  readonly data: Uint8Array;
}

const wan = { auto: 1, always: 2, never: 3 } as const;
const streaming = { off: 1, all: 2, filter: 3 } as const;

const bitsPerPixel: Readonly<Record<number, number>> = {
  [SurfaceFormat["1_A"]]: 1,
  [SurfaceFormat["8_A"]]: 8,
  [SurfaceFormat["16_555"]]: 16,
  [SurfaceFormat["16_565"]]: 16,
  [SurfaceFormat["32_xRGB"]]: 32,
  [SurfaceFormat["32_ARGB"]]: 32,
};

/** Bytes from row to row, a multiple of four as pixman wants it. */
function strideOf(format: number, width: number): number {
  return Math.ceil((width * bitsPerPixel[format]!) / 32) * 4;
}

export class DrawServer extends JsonProgram {
  readonly address: SpiceAddress;
  readonly #directory: string;
  readonly #memory: QxlMemory;
  readonly #surfaces = new Map<number, QxlSurface & { data: number }>();
  #unwritten: { address: number; bytes: Uint8Array }[] = [];
  #files = 0;

  constructor(program: string, address: SpiceAddress, options: DrawServerOptions) {
    const settings: Record<string, string | number | null | undefined> = {
      port: address.port || null,
      "tls-port": address.tlsPort || null,
      "x509-dir": options.x509Directory,
      password: options.password,
      sasl: options.saslDirectory && 1,
      compression: options.compression,
      jpeg: wan[options.jpeg ?? "never"],
      "zlib-glz": wan[options.zlibGlz ?? "never"],
      streaming: streaming[options.streamingVideo ?? "off"],
    };
    const list = Object.entries(settings).filter(([, value]) => value != null);
    super(
      program,
      list.map(([name, value]) => `${name}=${value}`),
      options.saslDirectory === undefined ? {} : { SASL_CONF_PATH: options.saslDirectory },
    );
    this.address = address;
    this.#directory = makeOwnedDirectory("draw");
    this.#memory = new QxlMemory((at, bytes) => this.#unwritten.push({ address: at, bytes }));
  }

  /** Creates the primary surface, black. An old one is destroyed first. */
  async createPrimary(width: number, height: number, format: number = SurfaceFormat["32_xRGB"]) {
    if (this.#surfaces.has(0)) {
      await this.ask("destroy-primary", "primary-destroyed");
      this.#surfaces.delete(0);
    }
    const stride = strideOf(format, width);
    const data = this.#memory.allocate(stride * height);
    await this.ask(`primary ${width} ${height} ${stride} ${format} ${data}`, "primary");
    this.#surfaces.set(0, { id: 0, width, height, stride, format, data });
  }

  createSurface(id: number, width: number, height: number, format: number): void {
    const surface = { id, width, height, format, stride: strideOf(format, width) };
    const { command, data } = this.#memory.surface(surface);
    this.#surfaces.set(id, { ...surface, data });
    this.#command("surface", command);
  }

  destroySurface(id: number): void {
    this.#surfaces.delete(id);
    this.#command("surface", this.#memory.destroySurface(id));
  }

  draw(...drawables: QxlDrawable[]): void {
    for (const drawable of drawables) this.#command("draw", this.#memory.drawable(drawable));
  }

  cursor(command: QxlCursorCommand): void {
    this.#command("cursor", this.#memory.cursor(command));
  }

  async monitors(monitors: readonly QxlMonitor[]): Promise<void> {
    const address = this.#memory.monitors(monitors);
    this.#flush();
    await this.ask(`monitors ${address}`, "monitors");
  }

  /** `ImageCompression` of images that are sent from now on. */
  setCompression(compression: number): void {
    this.send(`compression ${compression}`);
  }

  /** Has spice-server's canvas draw all that was asked for, and gives the surface's pixels. */
  async render(surface = 0): Promise<SurfacePixels> {
    const found = this.#surfaces.get(surface);
    if (!found) throw new Error(`there is no surface ${surface}`);
    const { width, height, stride, format, data } = found;
    this.#flush();
    await this.ask(`render ${surface} ${width} ${height}`, "rendered");
    const file = join(this.#directory, "surface");
    await this.ask(`read ${data} ${stride * height} ${file}`, "read");
    return { width, height, stride, format, data: new Uint8Array(readFileSync(file)) };
  }

  /** Waits until a client's display channel is there: what is drawn before reaches it as one picture only. */
  async waitForDisplay(): Promise<void> {
    await this.waitFor("channel", {
      where: ({ state, type }) => state === "initialized" && type === ChannelType.DISPLAY,
    });
  }

  override async close(): Promise<void> {
    await super.close();
    removeOwnedDirectory(this.#directory);
  }

  #command(kind: "draw" | "surface" | "cursor", address: number): void {
    this.#flush();
    this.send(`${kind} ${address}`);
  }

  #flush(): void {
    for (const { address, bytes } of this.#unwritten) {
      const file = join(this.#directory, `${this.#files++}`);
      writeFileSync(file, bytes);
      this.send(`write ${address} ${file}`);
    }
    this.#unwritten = [];
  }
}

/** The colours of a surface; alpha is dropped, narrow components are widened by repeating their high bits. */
export function surfaceToRgb(pixels: SurfacePixels): RgbImage {
  const { width, height, stride, format, data } = pixels;
  const out = new Uint8Array(width * height * 3);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const five = (value: number) => (value << 3) | (value >> 2);
  const six = (value: number) => (value << 2) | (value >> 4);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const row = y * stride;
      switch (format) {
        case SurfaceFormat["32_xRGB"]:
        case SurfaceFormat["32_ARGB"]:
          out.set([data[row + 4 * x + 2]!, data[row + 4 * x + 1]!, data[row + 4 * x]!], to);
          break;
        case SurfaceFormat["16_555"]: {
          const value = view.getUint16(row + 2 * x, true);
          out.set([five((value >> 10) & 31), five((value >> 5) & 31), five(value & 31)], to);
          break;
        }
        case SurfaceFormat["16_565"]: {
          const value = view.getUint16(row + 2 * x, true);
          out.set([five(value >> 11), six((value >> 5) & 63), five(value & 31)], to);
          break;
        }
        case SurfaceFormat["8_A"]:
          out.fill(data[row + x]!, to, to + 3);
          break;
        default:
          out.fill((data[row + (x >> 3)]! >> (x & 7)) & 1 ? 255 : 0, to, to + 3);
      }
    }
  }
  return { width, height, data: out };
}

/** Compiles the server when needed and starts it, without a primary surface. */
export async function startDrawServer(options: DrawServerOptions = {}): Promise<DrawServer> {
  const program = await ensurePeerProgram("draw-server", {
    pkgConfig: ["spice-server", "glib-2.0"],
    packages: ["libspice-server-dev", "libglib2.0-dev"],
  });
  const port = await findFreePort();
  const secure = options.x509Directory !== undefined;
  const address: SpiceAddress = {
    host: "127.0.0.1",
    port: secure ? 0 : port,
    tlsPort: secure ? port : 0,
    unixPath: null,
    password: options.password ?? null,
  };
  const server = new DrawServer(program, address, options);
  try {
    await server.waitFor("ready");
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}
