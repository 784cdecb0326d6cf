// Connections between the processes of a world: two queues of bytes each, out of which somebody has
// to let things arrive. Nothing arrives by itself.

import type { TransportFailure } from "@caraway/channel";
import { joinBytes } from "@caraway/wire";
import { hashNumbers, markOf } from "./fingerprint.ts";
import { Violation } from "./violation.ts";

/** What one end of a connection hears. */
export interface Ear {
  connected(): void;
  received(bytes: Uint8Array): void;
  /** Bytes that wait on this side because the network is full. */
  backlog(bytes: number): void;
  closed(failure: TransportFailure | null): void;
}

/** A connection as the process at one of its ends has it. */
export interface Line {
  readonly id: number;
  /** Who called. */
  readonly caller: string;
  /** `side` sends bytes. */
  send(side: Side, bytes: Uint8Array): void;
  setPaused(side: Side, isPaused: boolean): void;
  /** `side` leaves: what it sent arrives, and then the end. */
  leave(side: Side): void;
  /** `side` dies: what is under way is lost. */
  reset(side: Side, detail: string): void;
}

/** The network as a process has it. */
export interface Lines {
  connect(caller: string, host: string, ear: Ear): Line;
  listen(host: string, accept: Accept): void;
  /** Nobody listens there any more. */
  deafen(host: string): void;
}

/** Somebody who listens at an address; null when he is gone. */
export type Accept = (line: Line & { readonly host: string }) => Ear | null;

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

/** Ids of a caller's connections are so far from those of the next one. */
export const idsPerCaller = 1000;

/** `#3 c1`: the third that this process has made. */
export function lineName({ id, caller }: Pick<Line, "id" | "caller">): string {
  return `#${id % idsPerCaller} ${caller}`;
}

/** The process of an address: `source` of `source:1`. */
export function nameIn(host: string): string {
  return host.split(":")[0]!;
}

export function wireLabel(
  wire: Pick<Line, "id" | "caller"> & { readonly host: string; readonly purpose: string },
): string {
  return `${lineName(wire)}>${wire.host}${wire.purpose === "" ? "" : ` ${wire.purpose}`}`;
}

export class Connection implements Line {
  readonly id: number;
  readonly caller: string;
  /** Where. */
  readonly host: string;
  /** What it is for, once that is known: `inputs 0`. */
  purpose = "";
  isLinked = false;
  isRestored = false;
  readonly ends: Readonly<Record<Side, End>>;
  readonly #network: Network;

  constructor(network: Network, id: number, caller: string, host: string, ear: Ear | null) {
    this.#network = network;
    this.id = id;
    this.caller = caller;
    this.host = host;
    this.ends = { client: new End(ear), server: new End(null) };
  }

  get label(): string {
    return wireLabel(this);
  }

  /** Whether both ends have it. */
  get isWhole(): boolean {
    return this.ends.client.ear !== null && this.ends.server.ear !== null;
  }

  get isOver(): boolean {
    return this.ends.client.ear === null && this.ends.server.ear === null;
  }

  /** The same with other ears, in a world that goes on by itself. */
  fork(network: Network, earOf: EarOf): Connection {
    const twin = new Connection(network, this.id, this.caller, this.host, null);
    twin.purpose = this.purpose;
    twin.isLinked = this.isLinked;
    twin.isRestored = this.isRestored;
    for (const side of ["client", "server"] as const) {
      const { ear, isPaused, inbound, inboundBytes, backlog } = this.ends[side];
      const end = twin.ends[side];
      end.ear = ear === null ? null : earOf(twin, side);
      end.isPaused = isPaused;
      end.inbound.push(...inbound);
      end.inboundBytes = inboundBytes;
      end.backlog = backlog;
    }
    return twin;
  }

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

  /** Tells its states apart; `place` says when something was sent. */
  key(place: (order: number) => string): string {
    const ends = [this.ends.client, this.ends.server].map((end) => {
      const { inbound, isPaused, backlog } = end;
      const items = inbound.map((item) => `${itemName(item)}${place(item.order)}`).join("");
      const bytes = end.inboundBytes === 0 ? "" : markOfAll(inbound);
      return `${end.ear === null ? "-" : ""}${isPaused ? "p" : ""}${items}${bytes}${backlog || ""}`;
    });
    return `${this.id}${this.purpose}:${ends.join("/")}`;
  }

  #joined(end: End, first: Uint8Array): Uint8Array {
    if (end.inbound[0]?.kind !== "bytes") return first;
    const parts: Arrival[] = [{ kind: "bytes", order: 0, bytes: first }];
    while (end.inbound[0]?.kind === "bytes") parts.push(end.inbound.shift()!);
    return bytesOf(parts);
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

function itemName(item: Arrival): string {
  if (item.kind === "closed") return `closed ${item.failure?.detail ?? ""}`;
  return item.kind === "bytes" ? "b" : "c";
}

/** A number for what they say together. */
function markOfAll(items: readonly Arrival[]): number {
  const [first, second] = items;
  if (first?.kind === "bytes" && second?.kind !== "bytes") return markOf(first.bytes);
  return hashNumbers(bytesOf(items));
}

function bytesOf(items: readonly Arrival[]): Uint8Array {
  return joinBytes(items.flatMap((item) => (item.kind === "bytes" ? [item.bytes] : [])));
}

/** Who watches the wires. */
export interface NetworkOwner {
  sent(connection: Connection, from: Side, bytes: Uint8Array): void;
  changed(connection: Connection): void;
}

/** Who hears what arrives at a side. */
export type EarOf = (connection: Connection, side: Side) => Ear;

export class Network implements Lines {
  /** Bytes that one direction of a connection takes before its sender has a backlog. */
  readonly capacityBytes: number;
  readonly connections: Connection[] = [];
  readonly #owner: NetworkOwner;
  readonly #listeners = new Map<string, Accept>();
  /** Connections that each process has made. */
  readonly #calls = new Map<string, number>();
  #order = 0;

  constructor(owner: NetworkOwner, capacityBytes: number) {
    this.#owner = owner;
    this.capacityBytes = capacityBytes;
  }

  /** The same in a world that goes on by itself. */
  fork(owner: NetworkOwner, earOf: EarOf, acceptOf: (host: string) => Accept): Network {
    const twin = new Network(owner, this.capacityBytes);
    for (const connection of this.connections) twin.connections.push(connection.fork(twin, earOf));
    for (const host of this.#listeners.keys()) twin.#listeners.set(host, acceptOf(host));
    for (const [caller, count] of this.#calls) twin.#calls.set(caller, count);
    twin.#order = this.#order;
    return twin;
  }

  /** Makes a process known, so that its connections have numbers of their own: above this one. */
  join(caller: string): number {
    const idBase = this.#calls.size * idsPerCaller;
    this.#calls.set(caller, idBase);
    return idBase;
  }

  listen(host: string, accept: Accept): void {
    this.#listeners.set(host, accept);
  }

  deafen(host: string): void {
    this.#listeners.delete(host);
  }

  /** What happens in order of time, numbered. */
  nextOrder(): number {
    return this.#order++;
  }

  connect(caller: string, host: string, ear: Ear): Connection {
    const id = (this.#calls.get(caller) ?? 0) + 1;
    this.#calls.set(caller, id);
    const connection = new Connection(this, id, caller, host, ear);
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

  /** When what is under way was sent. */
  get orders(): number[] {
    return this.connections.flatMap(({ ends }) => {
      return [...ends.client.inbound, ...ends.server.inbound].map(({ order }) => order);
    });
  }

  line(id: number): Connection | null {
    return this.connections.find((connection) => connection.id === id) ?? null;
  }

  /** Tells its states apart. */
  key(place: (order: number) => string): string {
    return this.connections
      .map((connection) => connection.key(place))
      .sort()
      .join(" ");
  }
}
