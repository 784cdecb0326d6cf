// Two of our own hosts as processes with the testcard on the first, clients at it, and what must
// hold of them after a move.

import { setTimeout as delay } from "node:timers/promises";
import type { SessionEvent } from "@caraway/client";
import {
  CarawayClient,
  endpointOf,
  type GtkClient,
  HostProcess,
  type RgbImage,
  type SpiceAddress,
  startGtkClient,
} from "@caraway/interop";
import type { ApiMigration, ApiNewMigration } from "caraway-host";

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

export interface SettingOptions {
  /** When the desktop stands still, in milliseconds of its clock. */
  readonly freezeAtMs: number;
  readonly size?: string;
  /** Further arguments of both hosts, and of one. */
  readonly flags?: readonly string[];
  readonly sourceFlags?: readonly string[];
  readonly targetFlags?: readonly string[];
}

/** A busy guest `desk` on host a, and host b beside it. */
export class HostSetting implements AsyncDisposable {
  readonly a: HostProcess;
  readonly b: HostProcess;

  private constructor(a: HostProcess, b: HostProcess) {
    this.a = a;
    this.b = b;
  }

  static async start(options: SettingOptions): Promise<HostSetting> {
    const { freezeAtMs, size = "640x480", flags = [] } = options;
    const { sourceFlags = [], targetFlags = [] } = options;
    const b = await HostProcess.start("b", { flags: [...flags, ...targetFlags] });
    const own = ["--freeze-at", `${freezeAtMs}`, "--size", size];
    const a = await HostProcess.start("a", {
      guests: ["desk"],
      flags: [...own, ...flags, ...sourceFlags],
    });
    return new HostSetting(a, b);
  }

  /** Moves the guest and waits for the end, or for doubt. */
  async move(
    from: HostProcess,
    to: HostProcess,
    asked: Partial<ApiNewMigration> = {},
  ): Promise<ApiMigration> {
    const { id } = await from.migrate("desk", { to: to.peers, ...asked });
    return await from.endOf(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.a[Symbol.asyncDispose]();
    await this.b[Symbol.asyncDispose]();
  }
}

/** Our client, which shows the desktop. */
export async function carawayAt(address: SpiceAddress): Promise<CarawayClient> {
  const client = new CarawayClient(endpointOf(address), {});
  await client.waitFor((event): event is SessionEvent => {
    return event.name === "channel-linked" && event.channel === "inputs";
  });
  while (!client.client.screens.isShown(0)) await delay(10);
  return client;
}

/** spice-gtk, which shows the desktop. */
export async function gtkAt(address: SpiceAddress): Promise<GtkClient> {
  const client = await startGtkClient(address);
  await client.waitFor("mark");
  return client;
}

export async function connectCarawayTo(host: HostProcess): Promise<CarawayClient> {
  return await carawayAt(await host.addressOf("desk"));
}

export async function connectGtkTo(host: HostProcess): Promise<GtkClient> {
  return await gtkAt(await host.addressOf("desk"));
}

/**
 * What a client that comes anew sees of the desktop, which must stand still: it owes nothing to
 * what others were sent.
 */
export async function freshPicture(host: HostProcess): Promise<RgbImage> {
  await using witness = await connectCarawayTo(host);
  await witness.settle(1500);
  return witness.picture();
}

/** Every client shows exactly what a new one sees. */
export async function demandExact(
  host: HostProcess,
  clients: readonly (CarawayClient | GtkClient)[],
): Promise<void> {
  const wanted = await freshPicture(host);
  for (const client of clients) {
    const pixels = await client.difference(wanted);
    const who = client instanceof CarawayClient ? "our client" : "spice-gtk";
    demand(pixels === 0, `${who} shows ${pixels} other pixels`);
  }
}

/** The move succeeded, and everybody's channels were kept. */
export function demandKept(moved: ApiMigration, clients: number): void {
  demand(moved.owner === "target", `the move failed: ${moved.error?.message}`);
  const came = moved.outcome?.clients ?? [];
  demand(came.length === clients, `${came.length} of ${clients} clients came along`);
  for (const { client, mode, channels } of came) {
    demand(mode === "seamless", `client ${client} moved by ${mode}`);
    const lost = channels.filter(({ outcome }) => outcome !== "kept");
    const words = lost.map(({ channel, outcome, reason }) => `${channel} ${outcome}: ${reason}`);
    demand(lost.length === 0, `client ${client}: ${words.join(", ")}`);
  }
}

/** Bytes that the target has sent on displays until everything was settled. */
export function displayBytes(moved: ApiMigration): number {
  const channels = (moved.outcome?.clients ?? []).flatMap((client) => client.channels);
  const displays = channels.filter(({ channel }) => channel.startsWith("display"));
  return displays.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
}
