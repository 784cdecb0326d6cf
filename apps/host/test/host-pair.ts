// Two hosts in this process, a guest on the first, and our own client as whoever looks at it.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultSessionOptions, type SessionEvent } from "@caraway/client";
import { parseSpiceUri, SpiceClient } from "@caraway/node";
import { createTestcard, type TestcardOptions } from "@caraway/testcard";
import type { ApiEvent, ApiMigration } from "../src/api-types.ts";
import { Host, type HostOptions } from "../src/host.ts";
import { HostMetrics } from "../src/host-metrics.ts";
import { bySharedKey, type PeerSecurity } from "../src/peer-security.ts";
import { type ServerFlags, serverSettings } from "../src/server-settings.ts";

export const sharedKey = bySharedKey("a key of thirty-two characters, or more");

export interface TestHostOptions extends Partial<HostOptions> {
  readonly security?: PeerSecurity | null;
  readonly flags?: ServerFlags;
}

export async function startHost(name: string, options: TestHostOptions = {}): Promise<Host> {
  const { flags = {}, ...rest } = options;
  return await Host.start({
    name,
    settings: serverSettings(flags, performance.now(), "spice://127.0.0.1:0"),
    security: sharedKey,
    peerListen: { host: "127.0.0.1", port: 0 },
    advertise: null,
    certSubject: null,
    metrics: new HostMetrics(),
    stateDirectory: join(tmpdir(), "caraway-no-vms"),
    onFault: (error) => {
      throw error;
    },
    ...rest,
  });
}

export class HostPair implements AsyncDisposable {
  readonly a: Host;
  readonly b: Host;

  private constructor(a: Host, b: Host) {
    this.a = a;
    this.b = b;
  }

  static async start(
    testcard: TestcardOptions = {},
    options: TestHostOptions = {},
  ): Promise<HostPair> {
    const pair = new HostPair(await startHost("a", options), await startHost("b", options));
    const guest = createTestcard({ width: 320, height: 240, freezeAtMs: 500, ...testcard });
    await pair.a.addGuest("desk", "testcard", guest);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.a.close(0), this.b.close(0)]);
  }
}

export async function until(isSo: () => boolean, what = "it"): Promise<void> {
  const end = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Moves a guest and waits for the end. */
export async function move(
  from: Host,
  to: Host,
  asked: Partial<Parameters<Host["migrate"]>[1]> = {},
): Promise<ApiMigration> {
  const { record } = from.migrate("desk", { to: to.peerAddress!, ...asked });
  await until(() => record.endedAt !== null, "the end of the move");
  return record.toJSON();
}

export function eventsOf(host: Host): ApiEvent[] {
  const events: ApiEvent[] = [];
  host.events.follow({ since: 0, guest: null, migration: null }, (event) => events.push(event));
  return events;
}

export class Viewer implements Disposable {
  readonly client: SpiceClient;
  readonly events: SessionEvent[] = [];

  constructor(uri: string, password?: string) {
    const { endpoint } = parseSpiceUri(uri);
    this.client = new SpiceClient({
      session: { ...defaultSessionOptions, endpoint },
      ...(password !== undefined && { credentials: { password } }),
      onEvent: (event) => this.events.push(event),
      onFault: (error) => {
        throw error;
      },
    });
  }

  get isEnded(): boolean {
    return this.events.some(({ name }) => name === "ended");
  }

  /** What became of the migrations that it has been through. */
  get moves(): readonly (readonly [mode: string, phase: string])[] {
    return this.events.flatMap((event) => {
      if (event.name !== "migration") return [];
      return event.phase === "done" ? [[event.mode, event.phase] as const] : [];
    });
  }

  /** All channels are there, and the whole picture. */
  async isReady(): Promise<void> {
    await until(() => {
      const linked = this.events.filter(({ name }) => name === "channel-linked").length;
      return linked >= 4 && this.client.screens.isShown(0);
    }, "a picture");
  }

  get pixels(): Uint32Array {
    const surface = this.client.renderer.primary(0);
    if (surface === null) return new Uint32Array(0);
    const box = { left: 0, top: 0, right: surface.width, bottom: surface.height };
    const view = { channel: 0, monitor: 0, surface: surface.id, box };
    return Uint32Array.from(this.client.screens.picture(view)?.colors ?? []);
  }

  /** Waits until it shows exactly what another one shows. */
  async shows(other: Viewer): Promise<void> {
    await until(() => {
      const [mine, wanted] = [this.pixels, other.pixels];
      return mine.length > 0 && mine.length === wanted.length && isSame(mine, wanted);
    }, "the same picture");
  }

  type(scancodes: readonly number[]): void {
    for (const scancode of scancodes) {
      this.client.command({ name: "input", input: { kind: "key-down", scancode } });
      this.client.command({ name: "input", input: { kind: "key-up", scancode } });
    }
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

function isSame(one: Uint32Array, other: Uint32Array): boolean {
  return one.every((color, at) => (color & 0xffffff) === (other[at]! & 0xffffff));
}
