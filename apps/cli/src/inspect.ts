// `caraway inspect`: every message of a capture or of a live session, decoded, with offsets.

import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionKey } from "@caraway/channel";
import { ConversationTap, type Finding, type Sender } from "@caraway/channel";
import { type ChannelName, channelNames } from "@caraway/client";
import { isChannelName, readCapture } from "@caraway/node";
import type { Command } from "commander";
import { parseCount } from "./argument-values.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import { InspectedChannel } from "./inspected-channel.ts";
import { messageJson, messageText, type Place } from "./inspection-output.ts";
import { jsonLine } from "./json-lines.ts";
import { runSession } from "./session-run.ts";
import { UsageError } from "./usage-error.ts";

interface InspectFlags extends ConnectionFlags {
  readonly json: boolean;
  readonly channel?: string;
  readonly duration?: number;
}

export function addInspectCommand(program: Command): void {
  const command = program
    .command("inspect")
    .description("show every message of captures, or of a live session, decoded with offsets")
    .argument("<target...>", "capture files (.spcap), or one URI or .vv file")
    .option("--json", "one JSON object a line", false)
    .option("--channel <name>", "only this channel")
    .option("--duration <s>", "end a live session after so many seconds", parseCount);
  addConnectionOptions(command).action(inspect);
}

async function inspect(targets: readonly string[], flags: InspectFlags): Promise<void> {
  const channel = wantedChannel(flags);
  if (targets.every((target) => target.endsWith(".spcap"))) {
    let broken = 0;
    for (const target of targets) broken += inspectCapture(target, channel, flags.json) ? 0 : 1;
    if (broken > 0) throw new Error(`${broken} of ${targets.length} captures did not decode`);
    return;
  }
  if (targets.length > 1) throw new UsageError("one URI or .vv file at a time");
  await inspectLive(targets[0]!, channel, flags);
}

function wantedChannel({ channel }: InspectFlags): ChannelName | null {
  if (channel === undefined || isChannelName(channel)) return channel ?? null;
  throw new UsageError(`--channel: no channel ${channel}; one of ${channelNames.join(", ")}`);
}

/** False when something did not decode. */
function inspectCapture(file: string, channel: ChannelName | null, json: boolean): boolean {
  const inspector = new ConnectionInspector(file, channel, json);
  for (const { from, bytes } of readCapture(file).records) {
    if (from !== "event") inspector.push(from, bytes);
  }
  return !inspector.broken;
}

async function inspectLive(
  target: string,
  channel: ChannelName | null,
  flags: InspectFlags,
): Promise<void> {
  const connection = await readConnection(target, flags);
  const inspectors = new Map<ConnectionKey, ConnectionInspector>();
  const onBytes = (key: ConnectionKey, from: Sender, bytes: Uint8Array) => {
    const known = inspectors.get(key);
    const inspector = known ?? new ConnectionInspector(`connection ${key}`, channel, flags.json);
    if (known === undefined) inspectors.set(key, inspector);
    inspector.push(from, bytes);
  };
  const session = { channels: channelNames };
  await runSession(connection, { session, onBytes }, async (_client, interrupted) => {
    const durationMs = flags.duration === undefined ? 2 ** 31 - 1 : flags.duration * 1000;
    await delay(durationMs, undefined, { signal: interrupted }).catch(() => {});
  });
}

/** Writes what one connection says. */
class ConnectionInspector {
  broken = false;
  readonly #tap = new ConversationTap();
  readonly #source: string;
  readonly #wanted: ChannelName | null;
  readonly #json: boolean;
  #channel: InspectedChannel | null = null;
  #label = "";

  constructor(source: string, wanted: ChannelName | null, json: boolean) {
    this.#source = source;
    this.#wanted = wanted;
    this.#json = json;
  }

  push(from: Sender, bytes: Uint8Array): void {
    // The tap keeps views of what it gets, and the sender's buffer may be used again.
    this.#tap.push(from, bytes.slice());
    for (let finding = this.#tap.poll(); finding !== null; finding = this.#tap.poll()) {
      this.#take(finding);
    }
  }

  #take(finding: Finding): void {
    if (finding.type === "link-message") {
      const { channelType, channelId } = finding.value;
      this.#channel = InspectedChannel.ofType(channelType);
      this.#label = `${this.#channel?.name ?? `type ${channelType}`} ${channelId}`;
    }
    if (finding.type === "broken") this.broken = true;
    if (this.#wanted !== null && this.#channel?.name !== this.#wanted) return;
    if (finding.type === "message") this.#message(finding);
    else this.#link(finding);
  }

  #message(finding: Extract<Finding, { type: "message" }>): void {
    const { from, frame } = finding;
    const place: Place = { source: this.#source, channel: this.#label };
    for (const { id, body } of [...frame.subFrames, frame]) {
      const message = this.#channel?.inspect(from, id, body);
      if (message === undefined) continue;
      if (message.name === null || message.inspection?.error != null) this.broken = true;
      const write = this.#json ? messageJson : messageText;
      process.stdout.write(`${write(place, finding, message)}\n`);
    }
  }

  #link(finding: Exclude<Finding, { type: "message" }>): void {
    const { type, ...fields } = finding;
    if (this.#json) {
      const place = { source: this.#source, channel: this.#label };
      process.stdout.write(`${jsonLine({ ...place, stage: type, ...fields })}\n`);
      return;
    }
    process.stdout.write(`${this.#label} ${type} ${jsonLine(fields)}\n`);
  }
}
