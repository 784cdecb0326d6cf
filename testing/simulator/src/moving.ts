// What a host does about moves: one mover for each, the link between the movers, and what the
// mover wants of the server and of the guest.

import type { ConnectionKey, Instant } from "@caraway/channel";
import {
  type MoveTiming,
  moveName,
  PeerDoor,
  SourceMove,
  type SourceMoveInput,
  type SourceMoveOutput,
  TargetMove,
  type TargetMoveInput,
  type TargetMoveOutput,
  unknownMove,
} from "@caraway/migration";
import {
  defaultSourceMove,
  defaultTargetMove,
  type MoveMode,
  type ServerEvent,
} from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { eventText } from "./event-text.ts";
import { MiniGuest } from "./mini-guest.ts";
import type { Ear, Line, Lines } from "./network.ts";
import type { Task } from "./process.ts";
import type { Seat } from "./seat.ts";
import type { MoveEnd, MovingView } from "./views.ts";

/** What the process around it does for it. */
export interface MovingOwner {
  readonly name: string;
  readonly now: Instant;
  readonly network: Lines;
  readonly timing: Partial<MoveTiming>;
  do(work: () => void): void;
  later(label: string, run: () => void): Task;
  note(what: string): void;
  newSeat(): Seat;
  removeSeat(seat: Seat): void;
}

export interface MoveChoices {
  readonly mode: MoveMode;
  /** Patience with clients. */
  readonly answerWithinMs: number;
  /** Whether the servers speak with each other: those of other makes do not. */
  readonly peer: boolean;
}

/** Where the movers of a host are found. */
export function peerAddress(host: string): string {
  return `${host}:peer`;
}

interface Departure {
  readonly seat: Seat;
  readonly target: string;
  readonly choices: MoveChoices;
  readonly mover: SourceMove;
  readonly links: Map<ConnectionKey, Line>;
  /** The guest was told to stop, and has not. */
  isStopping: boolean;
  /** It is to run on then. */
  isRunWanted: boolean;
}

interface Arrival {
  readonly mover: TargetMove;
  seat: Seat | null;
  /** State of a guest that is being loaded. */
  loading: Uint8Array | null;
}

/** What a host tells the other one of the guest. */
const withPeer = "mini";
const withoutPeer = "mini, from a server that does not speak with ours";

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export class Moving implements MovingView {
  readonly ends: MoveEnd[] = [];
  readonly #owner: MovingOwner;
  readonly #departures = new Map<string, Departure>();
  readonly #arrivals = new Map<string, Arrival>();
  /** Links that came in, by the number that the movers know them by. */
  readonly #links = new Map<ConnectionKey, Line>();
  #begun = 0;

  constructor(owner: MovingOwner) {
    this.#owner = owner;
    owner.network.listen(peerAddress(owner.name), (connection) => this.#accept(connection));
  }

  /** Moves the guest of a seat. */
  depart(seat: Seat, target: string, choices: MoveChoices): void {
    const id = new Uint8Array(16);
    for (let index = 0; index < 8; index++) id[index] = this.#owner.name.charCodeAt(index) || 1;
    this.#begun += 1;
    id[15] = this.#begun;
    const { timing } = this.#owner;
    const description = bytesOf(choices.peer ? withPeer : withoutPeer);
    const mover = new SourceMove({ id, description, timing });
    const links = new Map<ConnectionKey, Line>();
    const departure = {
      seat,
      target,
      choices,
      mover,
      links,
      isStopping: false,
      isRunWanted: false,
    };
    this.#departures.set(moveName(id), departure);
    this.#owner.do(() => this.#sourceTurn(departure, { type: "start" }));
  }

  /** Moves that began here. */
  get begun(): number {
    return this.#begun;
  }

  /** Whether a move is under way that could be called off. */
  get isMoving(): boolean {
    return [...this.#departures.values()].some(({ mover }) => {
      return !["settling", "ended"].includes(mover.phase);
    });
  }

  /** Whether a guest came whose clients are not all back: it is not sent on before. */
  get isSettling(): boolean {
    return [...this.#arrivals.values()].some(({ mover }) => mover.phase === "owner");
  }

  get isExpecting(): boolean {
    return [...this.#arrivals.values()].some(({ mover }) => {
      return !["owner", "settled", "abandoned", "ended"].includes(mover.phase);
    });
  }

  /** Waits for an operator, or for the other host. */
  get isInDoubt(): boolean {
    const phases = [...this.#departures.values(), ...this.#arrivals.values()].map(
      ({ mover }) => mover.phase,
    );
    return phases.includes("in-doubt") || phases.includes("orphaned");
  }

  cancel(): void {
    const reason = "somebody has thought better of it";
    for (const departure of this.#departures.values()) {
      this.#owner.do(() => this.#sourceTurn(departure, { type: "cancel", reason }));
    }
    for (const arrival of this.#arrivals.values()) {
      this.#owner.do(() => this.#targetTurn(arrival, { type: "cancel", reason }));
    }
  }

  /** An operator says that the guest is this host's. */
  resolveHere(): void {
    for (const departure of this.#departures.values()) {
      const input = { type: "resolve", owner: "source" } as const;
      this.#owner.do(() => this.#sourceTurn(departure, input));
    }
    for (const arrival of this.#arrivals.values()) {
      const input = { type: "resolve", owner: "target" } as const;
      this.#owner.do(() => this.#targetTurn(arrival, input));
    }
  }

  deadline(): Instant | null {
    let earliest: Instant | null = null;
    for (const { mover } of [...this.#departures.values(), ...this.#arrivals.values()]) {
      const deadline = mover.deadline();
      if (deadline !== null) earliest = Math.min(earliest ?? deadline, deadline);
    }
    return earliest;
  }

  get isWaiting(): boolean {
    return this.deadline() !== null;
  }

  wake(): void {
    const { now } = this.#owner;
    const isDue = ({ mover }: { readonly mover: SourceMove | TargetMove }): boolean => {
      const deadline = mover.deadline();
      return deadline !== null && deadline <= now;
    };
    for (const departure of [...this.#departures.values()].filter(isDue)) {
      this.#sourceTurn(departure, { type: "timeout" });
    }
    for (const arrival of [...this.#arrivals.values()].filter(isDue)) {
      this.#targetTurn(arrival, { type: "timeout" });
    }
  }

  snapshot(now: Instant): unknown {
    const stateOf = (mover: SourceMove | TargetMove): unknown => {
      const deadline = mover.deadline();
      return [mover.snapshot(now), deadline === null ? null : deadline - now];
    };
    return {
      departures: [...this.#departures].map(([id, { seat, mover, links, ...rest }]) => {
        const { isStopping, isRunWanted } = rest;
        const from = seat.address;
        return [id, from, stateOf(mover), [...links.keys()], isStopping, isRunWanted];
      }),
      arrivals: [...this.#arrivals].map(([id, { seat, mover, loading }]) => {
        return [id, seat?.address ?? null, stateOf(mover), loading];
      }),
      links: [...this.#links.keys()],
    };
  }

  vanish(): void {
    this.#owner.network.deafen(peerAddress(this.#owner.name));
    const links = [...this.#departures.values()].flatMap((departure) => [...departure.links]);
    for (const [, connection] of links) connection.reset("client", `${this.#owner.name} died`);
    for (const connection of this.#links.values()) {
      connection.reset("server", `${this.#owner.name} died`);
    }
    this.#departures.clear();
    this.#arrivals.clear();
  }

  /** What a server says of the move that it is in. */
  heard(seat: Seat, event: ServerEvent): void {
    const departure = this.#departureOf(seat);
    const arrival = this.#arrivalOf(seat);
    switch (event.name) {
      case "move-ready":
        if (departure) this.#later(() => this.#sourceTurn(departure, { type: "clients-ready" }));
        break;
      case "move-left":
        if (departure) this.#later(() => this.#sourceTurn(departure, { type: "clients-left" }));
        break;
      case "move-cancelled":
        if (departure) {
          this.#later(() => this.#sourceTurn(departure, { type: "clients-cancelled" }));
        }
        break;
      case "move-settled": {
        const report = bytesOf(JSON.stringify(event.clients));
        if (arrival) this.#later(() => this.#targetTurn(arrival, { type: "settled", report }));
        break;
      }
      default:
        break;
    }
  }

  heardForPeer(seat: Seat, bytes: Uint8Array): void {
    const departure = this.#departureOf(seat);
    const arrival = this.#arrivalOf(seat);
    if (departure) this.#later(() => this.#sourceTurn(departure, { type: "peer", bytes }));
    else if (arrival) this.#later(() => this.#targetTurn(arrival, { type: "peer", bytes }));
  }

  #later(work: () => void): void {
    this.#owner.do(work);
  }

  #departureOf(seat: Seat): Departure | undefined {
    return [...this.#departures.values()].find((departure) => {
      return departure.seat === seat && departure.mover.phase !== "ended";
    });
  }

  #arrivalOf(seat: Seat): Arrival | undefined {
    return [...this.#arrivals.values()].find((arrival) => arrival.seat === seat);
  }

  // The source.

  #sourceTurn(departure: Departure, input: SourceMoveInput): void {
    const { mover } = departure;
    mover.handle(input, this.#owner.now);
    for (let output = mover.poll(); output !== null; output = mover.poll()) {
      this.#performSource(departure, output);
    }
  }

  #performSource(departure: Departure, output: SourceMoveOutput): void {
    const { seat, links } = departure;
    const tell = (input: SourceMoveInput): void => {
      this.#owner.do(() => this.#sourceTurn(departure, input));
    };
    switch (output.type) {
      case "connect":
        this.#connect(departure, output.connection, tell);
        break;
      case "transmit":
        links.get(output.connection)?.send("client", output.bytes);
        break;
      case "disconnect": {
        const connection = links.get(output.connection);
        links.delete(output.connection);
        connection?.leave("client");
        break;
      }
      case "begin-clients": {
        const [host = "", port = ""] = textOf(output.address).split(":");
        const target = { host, port: Number(port), tlsPort: null, certSubject: null };
        const { mode, answerWithinMs, peer } = departure.choices;
        const move = { ...defaultSourceMove, target, mode, answerWithinMs, peer };
        seat.command({ name: "migrate-begin", move });
        break;
      }
      case "switch-clients":
        seat.command({ name: "migrate-switch" });
        break;
      case "cancel-clients":
        seat.command({ name: "migrate-cancel" });
        break;
      case "stop-guest":
        departure.isStopping = true;
        this.#owner.later("the guest stops", () => {
          departure.isStopping = false;
          // A hypervisor does one thing after the other.
          if (departure.isRunWanted) return;
          seat.tellGuest({ type: "stop" });
          this.#owner.do(() => {
            const state = seat.guest?.save(this.#owner.now);
            if (state !== undefined) tell({ type: "guest-saved", state });
          });
        });
        break;
      case "run-guest":
        if (departure.isStopping) departure.isRunWanted = true;
        else seat.tellGuest({ type: "run" });
        break;
      case "destroy-guest":
        this.#owner.removeSeat(seat);
        break;
      case "peer":
        seat.heardFromPeer(output.bytes);
        break;
      case "event":
        this.#owner.note(`move: ${eventText(output.event)}`);
        if (output.event.name === "ended") {
          const { owner, error } = output.event;
          this.ends.push({ owner, error: error?.message ?? null });
        }
        break;
    }
  }

  #connect(
    { target, links }: Departure,
    key: ConnectionKey,
    tell: (input: SourceMoveInput) => void,
  ): void {
    const hear = (input: SourceMoveInput): void => {
      if (links.has(key)) tell(input);
    };
    const connection = this.#owner.network.connect(this.#owner.name, peerAddress(target), {
      connected: () => hear({ type: "connected", connection: key }),
      received: (bytes) => hear({ type: "received", connection: key, bytes }),
      backlog: () => {},
      closed: (failure) => {
        hear({ type: "closed", connection: key, detail: failure?.detail ?? null });
        links.delete(key);
      },
    });
    links.set(key, connection);
  }

  // The target.

  #accept(connection: Line): Ear {
    const key = connection.id;
    const door = new PeerDoor();
    let arrival: Arrival | null = null;
    const leave = (): void => {
      this.#links.delete(key);
      connection.leave("server");
    };
    const greet = (bytes: Uint8Array): void => {
      const found = door.push(bytes);
      if (found === null) return;
      const { now } = this.#owner;
      if (found.kind === "stream") throw new Error("nobody here has a hypervisor");
      if (found.kind === "prepare") {
        const { description } = found;
        const { timing } = this.#owner;
        const options = { description, connection: key, stateSizeMax: 1 << 20, timing };
        arrival = { mover: new TargetMove(options, now), seat: null, loading: null };
        this.#arrivals.set(found.move, arrival);
      } else {
        arrival = this.#arrivals.get(found.move) ?? null;
        if (arrival === null) {
          connection.send("server", unknownMove());
          leave();
          return;
        }
        arrival.mover.resume(key, found.question, now);
      }
      this.#drainTarget(arrival);
      if (found.rest.length > 0) {
        this.#targetTurn(arrival, { type: "received", connection: key, bytes: found.rest });
      }
    };
    return {
      connected: () => this.#links.set(key, connection),
      received: (bytes) => {
        this.#owner.do(() => {
          try {
            if (arrival === null) greet(bytes);
            else this.#targetTurn(arrival, { type: "received", connection: key, bytes });
          } catch (error) {
            if (!(error instanceof CarawayError)) throw error;
            leave();
          }
        });
      },
      backlog: () => {},
      closed: (failure) => {
        this.#links.delete(key);
        const detail = failure?.detail ?? null;
        this.#owner.do(() => {
          if (arrival !== null)
            this.#targetTurn(arrival, { type: "closed", connection: key, detail });
        });
      },
    };
  }

  #targetTurn(arrival: Arrival, input: TargetMoveInput): void {
    arrival.mover.handle(input, this.#owner.now);
    this.#drainTarget(arrival);
  }

  #drainTarget(arrival: Arrival): void {
    const { mover } = arrival;
    for (let output = mover.poll(); output !== null; output = mover.poll()) {
      this.#performTarget(arrival, output);
    }
  }

  #performTarget(arrival: Arrival, output: TargetMoveOutput): void {
    const tell = (input: TargetMoveInput): void => {
      this.#owner.do(() => this.#targetTurn(arrival, input));
    };
    switch (output.type) {
      case "transmit":
        this.#links.get(output.connection)?.send("server", output.bytes);
        break;
      case "disconnect": {
        const connection = this.#links.get(output.connection);
        this.#links.delete(output.connection);
        connection?.leave("server");
        break;
      }
      case "prepare": {
        const seat = this.#owner.newSeat();
        arrival.seat = seat;
        const peer = textOf(output.description) === withPeer;
        const strangers = peer ? "refuse" : "accept";
        seat.command({ name: "migrate-expect", move: { ...defaultTargetMove, peer, strangers } });
        tell({ type: "prepared", address: bytesOf(seat.address) });
        break;
      }
      case "load": {
        const { state } = output;
        arrival.loading = state;
        this.#owner.later("the guest is loaded", () => {
          arrival.loading = null;
          if (arrival.seat === null) return;
          arrival.seat.adopt(MiniGuest.load(state, this.#owner.now));
          tell({ type: "loaded" });
        });
        break;
      }
      case "own":
        arrival.seat?.command({ name: "migrate-hold" });
        break;
      case "drop":
        arrival.seat?.command({ name: "migrate-abandon" });
        if (arrival.seat !== null) this.#owner.removeSeat(arrival.seat);
        arrival.seat = null;
        break;
      case "peer":
        arrival.seat?.heardFromPeer(output.bytes);
        break;
      case "event":
        this.#owner.note(`arrival: ${eventText(output.event)}`);
        break;
    }
  }
}
