// Connections between the processes of a world: two queues of bytes each, out of which somebody has
// to let things arrive. Nothing arrives by itself.

import type { TransportFailure } from "@caraway/channel";
import { hashNumbers } from "./fingerprint.ts";
import { Violation } from "./violation.ts";

/** What one end of a connection hears. */
export interface Ear {
  connected(): void;
  received(bytes: Uint8Array): void;
  /** Bytes that wait on this side because the network is full. */
  backlog(bytes: number): void;
  closed(failure: TransportFailure | null): void;
}

/** Somebody who listens at an address; null when he is gone. */
export type Accept = (connection: Connection) => Ear | null;

type Arrival =
  | { readonly kind: "connected"; readonly order: number }
  | { readonly kind: "bytes"; readonly order: number; readonly bytes: Uint8Array }
  | {
      readonly kind: "closed";
      readonly order: number;
      readonly failure: TransportFailure | null;
    };

export type Side = "client" | "server";

const otherSide = { client: "server", server: "client" } as const;

/** One end. */
class End {
  ear: Ear | null;
  isPaused = false;
  readonly inbound: Arrival[] = [];
  inboundBytes = 0;
  /** Of what this end sent, as it was told last. */
  backlog = 0;

  constructor(ear: Ear | null) {
    this.ear = ear;
  }
}

export class Connection {
  readonly id: number;
  /** Who called. */
  readonly caller: string;
  /** Where. */
  readonly host: string;
  /** What it is for, once that is known: `inputs 0`. */
  purpose = "";
  /** Bytes that arrive only when nothing else is left to happen. */
  isStalled = false;
  readonly ends: Readonly<Record<Side, End>>;
  readonly #network: Network;

  constructor(network: Network, id: number, caller: string, host: string, ear: Ear) {
    this.#network = network;
    this.id = id;
    this.caller = caller;
    this.host = host;
    this.ends = { client: new End(ear), server: new End(null) };
  }

  get label(): string {
    return `#${this.id} ${this.caller}>${this.host}${this.purpose === "" ? "" : ` ${this.purpose}`}`;
  }

  /** Whether both ends have it. */
  get isWhole(): boolean {
    return this.ends.client.ear !== null && this.ends.server.ear !== null;
  }

  get isOver(): boolean {
    return this.ends.client.ear === null && this.ends.server.ear === null;
  }

  /** `side` sends bytes. */
  send(side: Side, bytes: Uint8Array): void {
    const from = this.ends[side];
    if (from.ear === null) throw new Violation("fault", `${this.label}: sent behind the end`);
    this.#network.sent(this, side, bytes);
    const to = this.ends[otherSide[side]];
    // Nobody is told that there is nobody, until he hears it.
    if (to.ear === null || bytes.length === 0) return;
    to.inbound.push({ kind: "bytes", order: this.#network.nextOrder(), bytes });
    to.inboundBytes += bytes.length;
    this.#tellBacklog(side);
  }

  setPaused(side: Side, isPaused: boolean): void {
    this.ends[side].isPaused = isPaused;
  }

  /** `side` leaves: what it sent arrives, and then the end. */
  leave(side: Side): void {
    const from = this.ends[side];
    const to = this.ends[otherSide[side]];
    if (from.ear === null) return;
    this.#forget(from);
    if (to.ear !== null) {
      to.inbound.push({ kind: "closed", order: this.#network.nextOrder(), failure: null });
    }
    this.#network.changed(this);
  }

  /** `side` dies, or the network breaks for both when `side` is null: what is under way is lost. */
  reset(side: Side | null, detail: string): void {
    for (const name of ["client", "server"] as const) {
      const end = this.ends[name];
      if (end.ear === null) continue;
      end.inbound.length = 0;
      end.inboundBytes = 0;
      if (name === side) this.#forget(end);
      else {
        const failure = { kind: "reset", detail } as const;
        end.inbound.push({ kind: "closed", order: this.#network.nextOrder(), failure });
      }
    }
    this.#network.changed(this);
  }

  refuse(): void {
    const failure = { kind: "refused", detail: `${this.host} refused the connection` } as const;
    const order = this.#network.nextOrder();
    this.ends.client.inbound.push({ kind: "closed", order, failure });
  }

  /** The order of what arrives next at `side`; null when nothing can. */
  arrives(side: Side): number | null {
    const end = this.ends[side];
    if (end.ear === null || (end.isPaused && end.inbound[0]?.kind === "bytes")) return null;
    return end.inbound[0]?.order ?? null;
  }

  /** In how many ways what is there can arrive: whole, the first part of it, one byte. */
  cuts(side: Side): number {
    const { inbound } = this.ends[side];
    if (inbound[0]?.kind !== "bytes") return 1;
    if (inbound[0].bytes.length > 1) return 3;
    return inbound[1]?.kind === "bytes" ? 2 : 1;
  }

  /** Lets it arrive. */
  deliver(side: Side, cut: number): void {
    const end = this.ends[side];
    const { ear } = end;
    const first = end.inbound.shift();
    if (first === undefined || ear === null) return;
    switch (first.kind) {
      case "connected":
        ear.connected();
        return;
      case "closed":
        this.#forget(end);
        this.#network.changed(this);
        ear.closed(first.failure);
        return;
      case "bytes":
        break;
    }
    let { bytes } = first;
    if (cut === 2 && bytes.length > 1) {
      const rest = bytes.subarray(1);
      end.inbound.unshift({ ...first, bytes: rest });
      bytes = bytes.subarray(0, 1);
    } else if (cut === 0) {
      bytes = this.#joined(end, bytes);
    }
    end.inboundBytes -= bytes.length;
    ear.received(bytes);
    this.#tellBacklog(otherSide[side]);
  }

  snapshot(): unknown {
    const ends = [this.ends.client, this.ends.server].map((end) => ({
      isThere: end.ear !== null,
      isPaused: end.isPaused,
      inbound: end.inbound.map((item) => (item.kind === "bytes" ? 0 : item.kind)),
      bytes: hashNumbers(joinBytes(end.inbound)),
      backlog: end.backlog,
    }));
    return { id: this.id, purpose: this.purpose, isStalled: this.isStalled, ends };
  }

  #joined(end: End, first: Uint8Array): Uint8Array {
    if (end.inbound[0]?.kind !== "bytes") return first;
    const parts: Arrival[] = [{ kind: "bytes", order: 0, bytes: first }];
    while (end.inbound[0]?.kind === "bytes") parts.push(end.inbound.shift()!);
    return joinBytes(parts);
  }

  #forget(end: End): void {
    end.ear = null;
    end.inbound.length = 0;
    end.inboundBytes = 0;
  }

  /** What does not fit into the network waits on the sender's side, and the sender is told. */
  #tellBacklog(side: Side): void {
    const from = this.ends[side];
    const { inboundBytes } = this.ends[otherSide[side]];
    const backlog = Math.max(0, inboundBytes - this.#network.capacityBytes);
    if (backlog === from.backlog) return;
    from.backlog = backlog;
    from.ear?.backlog(backlog);
  }
}

function joinBytes(items: readonly Arrival[]): Uint8Array {
  let size = 0;
  for (const item of items) if (item.kind === "bytes") size += item.bytes.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const item of items) {
    if (item.kind !== "bytes") continue;
    joined.set(item.bytes, at);
    at += item.bytes.length;
  }
  return joined;
}

/** Who watches the wires. */
export interface NetworkOwner {
  sent(connection: Connection, from: Side, bytes: Uint8Array): void;
  changed(connection: Connection): void;
}

export class Network {
  /** Bytes that one direction of a connection takes before its sender has a backlog. */
  readonly capacityBytes: number;
  readonly connections: Connection[] = [];
  readonly #owner: NetworkOwner;
  readonly #listeners = new Map<string, Accept>();
  #order = 0;
  #nextId = 1;

  constructor(owner: NetworkOwner, capacityBytes: number) {
    this.#owner = owner;
    this.capacityBytes = capacityBytes;
  }

  listen(host: string, accept: Accept): void {
    this.#listeners.set(host, accept);
  }

  /** Nobody listens there any more. */
  deafen(host: string): void {
    this.#listeners.delete(host);
  }

  /** What happens in order of time, numbered. */
  nextOrder(): number {
    return this.#order++;
  }

  connect(caller: string, host: string, ear: Ear): Connection {
    const connection = new Connection(this, this.#nextId++, caller, host, ear);
    this.connections.push(connection);
    const accept = this.#listeners.get(host);
    if (accept === undefined) {
      connection.refuse();
      return connection;
    }
    connection.ends.server.ear = accept(connection);
    if (connection.ends.server.ear === null) connection.refuse();
    else {
      for (const side of ["server", "client"] as const) {
        const order = this.nextOrder();
        connection.ends[side].inbound.push({ kind: "connected", order });
      }
    }
    return connection;
  }

  sent(connection: Connection, from: Side, bytes: Uint8Array): void {
    this.#owner.sent(connection, from, bytes);
  }

  changed(connection: Connection): void {
    if (connection.isOver) {
      const index = this.connections.indexOf(connection);
      if (index >= 0) this.connections.splice(index, 1);
    }
    this.#owner.changed(connection);
  }

  snapshot(): unknown {
    return this.connections.map((connection) => connection.snapshot());
  }
}
