// Our own server with the testcard behind it, for clients of every kind: where it is found, and what it shows.

import { GuestServer, type ListenAddress, type ServeOptions } from "@caraway/node";
import type { ServerEvent } from "@caraway/server";
import { createTestcard, type Testcard, type TestcardOptions } from "@caraway/testcard";
import type { RgbImage } from "./rgb-image.ts";
import type { SpiceAddress } from "./vm.ts";

export interface ServedTestcardOptions extends Partial<Omit<ServeOptions, "guest">> {
  readonly testcard?: TestcardOptions;
}

export class ServedTestcard implements AsyncDisposable {
  readonly testcard: Testcard;
  readonly server: GuestServer;
  readonly events: ServerEvent[];
  readonly #faults: unknown[];

  private constructor(
    testcard: Testcard,
    server: GuestServer,
    events: ServerEvent[],
    faults: unknown[],
  ) {
    this.testcard = testcard;
    this.server = server;
    this.events = events;
    this.#faults = faults;
  }

  /** On a free port of 127.0.0.1 where the options name no address. */
  static async start(options: ServedTestcardOptions = {}): Promise<ServedTestcard> {
    const testcard = createTestcard({ width: 640, height: 480, ...options.testcard });
    const events: ServerEvent[] = [];
    const faults: unknown[] = [];
    const server = await GuestServer.start({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
      ...options,
      guest: testcard,
      onEvent: (event) => events.push(event),
      onFault: (error) => faults.push(error),
    });
    return new ServedTestcard(testcard, server, events, faults);
  }

  /** Where it is found, on plain TCP, TLS and a unix socket, as far as it listens there. */
  get address(): SpiceAddress {
    const { addresses } = this.server;
    const port = (tls: boolean) => {
      const found = addresses.find((address) => address.kind === "tcp" && address.tls === tls);
      return found?.kind === "tcp" ? found.port : 0;
    };
    const unix = addresses.find((address): address is ListenAddress & { kind: "unix" } => {
      return address.kind === "unix";
    });
    return {
      host: "127.0.0.1",
      port: port(false),
      tlsPort: port(true),
      unixPath: unix?.path ?? null,
      password: null,
    };
  }

  /** What the guest shows now. Throws when the server has broken down. */
  picture(display = 0): RgbImage {
    if (this.#faults.length > 0) throw this.#faults[0];
    return pictureOf(this.testcard, display);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

/** What a testcard shows now. */
export function pictureOf(testcard: Testcard, display: number): RgbImage {
  const surface = testcard.surface(display, 0);
  if (surface === null) throw new Error(`display ${display} has no primary surface`);
  const { width, height, pixmap } = surface;
  if (pixmap.format !== "x8r8g8b8") throw new Error(`a primary surface in ${pixmap.format}`);
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (const color of pixmap.pixels) {
    data[at++] = color >>> 16;
    data[at++] = color >>> 8;
    data[at++] = color;
  }
  return { width, height, data };
}
