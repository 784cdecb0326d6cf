// Our own client at a real server: connected to a machine, and what it shows as a picture that can
// be compared with a screendump.

import { setTimeout as delay } from "node:timers/promises";
import {
  defaultSessionOptions,
  type Endpoint,
  type SessionEvent,
  type SessionOptions,
} from "@caraway/client";
import { SpiceClient, type SpiceClientOptions } from "@caraway/node";
import { compareImages, type ImageDifference, type RgbImage } from "./rgb-image.ts";
import type { SpiceAddress, Vm } from "./vm.ts";

export interface CarawayClientOptions extends Partial<Omit<SpiceClientOptions, "session">> {
  readonly session?: Partial<SessionOptions>;
}

/** Our client with all that it told. `close` ends it. */
export class CarawayClient implements AsyncDisposable {
  readonly client: SpiceClient;
  readonly events: SessionEvent[] = [];
  #pictureChanges = 0;
  #faults: unknown[] = [];

  constructor(endpoint: Endpoint, options: CarawayClientOptions) {
    this.client = new SpiceClient({
      ...options,
      session: { ...defaultSessionOptions, ...options.session, endpoint },
      onEvent: (event) => {
        this.events.push(event);
        options.onEvent?.(event);
      },
      onPicture: (event) => {
        this.#pictureChanges++;
        options.onPicture?.(event);
      },
      onFault: (error) => this.#faults.push(error),
    });
  }

  /** Waits for an event that `wanted` accepts, among those after the first `since`. Throws when the session ends. */
  async waitFor<E extends SessionEvent>(
    wanted: (event: SessionEvent) => event is E,
    { since = 0, timeoutMs = 20_000 } = {},
  ): Promise<E> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#faults.length > 0) throw this.#faults[0];
      const found = this.events.slice(since).find(wanted);
      if (found !== undefined) return found;
      const end = this.events.find((event) => event.name === "ended");
      if (end !== undefined) throw new Error("the session ended", { cause: end.error });
      if (performance.now() > deadline) throw new Error("the session did not tell it in time");
      await delay(10);
    }
  }

  /** Waits until the picture is complete and has not changed for `quietMs`. */
  async settle(quietMs = 300, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    let [seen, since] = [-1, performance.now()];
    for (;;) {
      if (this.#faults.length > 0) throw this.#faults[0];
      const now = performance.now();
      const idle = this.client.renderer.pending(0) === 0 && this.client.screens.isShown(0);
      if (seen !== this.#pictureChanges || !idle) [seen, since] = [this.#pictureChanges, now];
      if (now - since >= quietMs) return;
      if (now > deadline) throw new Error("the picture does not come to rest");
      await delay(20);
    }
  }

  /** The whole primary surface of a display channel. */
  picture(channel = 0): RgbImage {
    const surface = this.client.renderer.primary(channel);
    if (surface === null) throw new Error(`display ${channel} has no primary surface`);
    const { width, height } = surface;
    const box = { left: 0, top: 0, right: width, bottom: height };
    const picture = this.client.screens.picture({ channel, monitor: 0, surface: surface.id, box });
    const data = new Uint8Array(width * height * 3);
    let at = 0;
    for (const color of picture?.colors ?? []) {
      data[at++] = color >>> 16;
      data[at++] = color >>> 8;
      data[at++] = color;
    }
    return { width, height, data };
  }

  /**
   * Looks until the picture equals the expected one or the time is over, and gives the last one: what the server has sent may still be on
   * its way.
   */
  async pictureWhenEqual(expected: RgbImage, channel = 0, timeoutMs = 10_000): Promise<RgbImage> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#faults.length > 0) throw this.#faults[0];
      const picture = this.picture(channel);
      if (compareImages(picture, expected).pixels === 0) return picture;
      if (performance.now() > deadline) return picture;
      await delay(20);
    }
  }

  /** Pixels of what it shows that differ from the expected picture, at best within 10 s. */
  async difference(expected: RgbImage): Promise<number> {
    return compareImages(await this.pictureWhenEqual(expected), expected).pixels;
  }

  /** Whether its session goes on. */
  get isAlive(): boolean {
    return !this.events.some(({ name }) => name === "ended");
  }

  close(): void {
    this.client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

export function endpointOf(address: SpiceAddress): Endpoint {
  return {
    host: address.host,
    port: address.port === 0 ? null : address.port,
    tlsPort: address.tlsPort === 0 ? null : address.tlsPort,
    unixPath: address.unixPath,
    url: null,
    identity: null,
  };
}

export function connectCaraway(vm: Vm, options: CarawayClientOptions = {}): CarawayClient {
  const { password } = vm.spice;
  const credentials = password === null ? {} : { credentials: { password } };
  return new CarawayClient(endpointOf(vm.spice), { ...credentials, ...options });
}

/** Compares what the client shows with what the guest shows, at one moment of a guest that may be busy. */
export function comparePictures(vm: Vm, client: CarawayClient): Promise<ImageDifference> {
  return vm.withStillPicture(async (wanted) => {
    return compareImages(await client.pictureWhenEqual(wanted), wanted);
  });
}
