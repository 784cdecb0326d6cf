// The real libusbredirparser as one end of a usbredir connection: what it sends for the same calls,
// and what it makes of our bytes.

import type { Packet, PacketName, UsbredirRole } from "@caraway/usbredir";
import { JsonProgram, type ProgramEvent } from "./json-program.ts";
import { ensurePeerProgram } from "./peer-program.ts";

export class UsbredirPeer extends JsonProgram {
  /** Does something and returns what it reported of it. */
  async do(command: string): Promise<readonly ProgramEvent[]> {
    const since = this.events.length;
    this.send(command);
    await this.waitFor("done", { since });
    return this.events.slice(since, -1);
  }

  /** Bytes that it would send now. */
  async flush(): Promise<Uint8Array> {
    const [bytes] = await this.do("flush");
    return Buffer.from(bytes!["hex"] as string, "hex");
  }

  /** What the library makes of bytes. */
  read(bytes: Uint8Array): Promise<readonly ProgramEvent[]> {
    return this.do(`read ${Buffer.from(bytes).toString("hex")}`);
  }

  /** What the library sends for the call that a packet stands for. */
  async write(packet: Packet): Promise<Uint8Array> {
    const fields = Object.entries(packet.body).flatMap(([name, value]) => {
      const text = textOf(name, value);
      return text === "" ? [] : [`${fieldName(name)}=${text}`];
    });
    await this.do(`send ${packetName(packet.name)} ${packet.id} ${fields.join(" ")}`);
    return await this.flush();
  }
}

export async function startUsbredirPeer(
  role: UsbredirRole,
  capabilities: readonly number[],
): Promise<UsbredirPeer> {
  const program = await ensurePeerProgram("usbredir-peer", {
    pkgConfig: ["libusbredirparser-0.5"],
    packages: ["libusbredirparser-dev"],
  });
  const word = capabilities.reduce((all, bit) => all | (1 << bit), 0);
  return new UsbredirPeer(program, [role, `${word >>> 0}`]);
}

/** A packet as the program reports it. Fields that it was not sent are not compared. */
export function reported(packet: Packet): ProgramEvent {
  const fields = Object.entries(packet.body).flatMap(([name, value]): [string, unknown][] => {
    if (value === null) return [];
    if (value instanceof Uint8Array) {
      return [[fieldName(name), name === "data" ? textOf(name, value) : [...value]]];
    }
    return [[fieldName(name), value]];
  });
  // Callbacks of packets that have no use for an id are not told it.
  const id = hasNoId.test(packet.name) ? "0" : `${packet.id}`;
  const head = { event: "packet", name: packetName(packet.name), id };
  return { ...head, ...Object.fromEntries(fields) };
}

const hasNoId = /^(HELLO|DEVICE_|INTERFACE_INFO|EP_INFO|RESET|FILTER_)/;

function packetName(name: PacketName): string {
  return name.toLowerCase();
}

/** The header's own: `streamId` is `stream_id`. */
function fieldName(name: string): string {
  if (name === "requestType") return "requesttype";
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function textOf(name: string, value: unknown): string {
  if (name === "data") return Buffer.from(value as Uint8Array).toString("hex");
  if (value instanceof Uint8Array) return [...value].join(",");
  return value === null ? "" : `${value as number}`;
}
