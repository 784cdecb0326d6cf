// A host: guests with their servers, and the moves that bring them and take them away.

import { randomBytes } from "node:crypto";
import { type MoveOwner, moveIdSize, PeerDoor, unknownMove } from "@caraway/migration";
import type { ByteStream, ByteStreamListener } from "@caraway/node";
import { noLeftovers, QemuLost, writeLeftovers } from "@caraway/qemu";
import {
  type ClientLeft,
  defaultTargetMove,
  type SavableGuest,
  type ServerEvent,
  type Ticket,
} from "@caraway/server";
import { findKeepers, type VmAdoption, type VmDescription } from "caraway-keeper";
import type { ApiGuest, ApiNewMigration } from "./api-types.ts";
import { type Departure, depart } from "./departure.ts";
import { EventLog } from "./event-log.ts";
import type { GuestKind } from "./guest-flags.ts";
import type { HostMetrics } from "./host-metrics.ts";
import { HostedGuest, type HostedGuestOptions } from "./hosted-guest.ts";
import { HostedVm } from "./hosted-vm.ts";
import { IncomingMove } from "./incoming-move.ts";
import { type MovePapers, type TargetPapers, ticketsOf } from "./move-papers.ts";
import { messageOf, OutgoingMove } from "./outgoing-move.ts";
import {
  type PeerAddress,
  PeerListener,
  parsePeerAddress,
  peerAddressText,
} from "./peer-network.ts";
import type { PeerSecurity } from "./peer-security.ts";
import { isLoopback, type ServerSettings } from "./server-settings.ts";
import { HostConflict, HostUsageError, NotHere } from "./usage-error.ts";

export interface HostOptions {
  readonly name: string;
  /** For the servers of all guests. */
  readonly settings: ServerSettings;
  /** Null: guests stay where they are. */
  readonly security: PeerSecurity | null;
  readonly peerListen: PeerAddress;
  /** The name by which clients, and other hosts, find this one; null: as they have found it. */
  readonly advertise: string | null;
  /** Subject of the servers' certificate, for clients to verify; null: they verify the name. */
  readonly certSubject: string | null;
  readonly metrics: HostMetrics;
  /** Where the keepers of VMs are. */
  readonly stateDirectory: string;
  /** All guests are another process's. */
  readonly onHandedOver?: () => void;
  /** A guest's server, or a move of it, has broken down; the other guests go on. */
  readonly onFault: (error: unknown, guest: string) => void;
}

type Move = OutgoingMove | IncomingMove;

/** Moves that are over and still known. */
const overMax = 200;
/** Moves at a time. */
const movesMax = 64;
/** How long a guest that comes back waits for its old copy to go. */
const oldCopyMs = 8000;
/** First words on a link from another host. */
const greetingMs = 10_000;
/** The answer to an API's request goes out first. */
const handedOverMs = 100;

export class Host {
  readonly events = new EventLog();
  readonly startedAt = new Date().toISOString();
  readonly #options: HostOptions;
  readonly #guests = new Map<string, HostedGuest>();
  readonly #moves = new Map<string, Move>();
  #peers: PeerListener | null = null;
  #peerListen: PeerAddress = { host: "", port: 0 };
  #closeBy = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | null = null;

  private constructor(options: HostOptions) {
    this.#options = options;
  }

  static async start(options: HostOptions): Promise<Host> {
    const host = new Host(options);
    await host.#listen(options.peerListen);
    return host;
  }

  async #listen(where: PeerAddress): Promise<void> {
    const { security } = this.#options;
    if (security === null) return;
    const before = this.#peers;
    this.#peers = await PeerListener.open(where, security, (stream, peer) => {
      this.#greet(stream, peer);
    });
    this.#peerListen = where;
    before?.close();
  }

  /** Listens for other hosts elsewhere from now on. Rejects when the address cannot be had. */
  async movePeers(where: PeerAddress): Promise<void> {
    await this.#listen(where);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Where other hosts reach it; null when guests stay where they are. */
  get peerAddress(): string | null {
    if (this.#peers === null) return null;
    const host = this.#options.advertise ?? this.#peerListen.host;
    return peerAddressText({ host, port: this.#peers.port });
  }

  /** The same without a name; 0 when guests cannot move. */
  get peerPort(): number {
    return this.#peers?.port ?? 0;
  }

  get guests(): readonly HostedGuest[] {
    return [...this.#guests.values()];
  }

  get moves(): readonly Move[] {
    return [...this.#moves.values()];
  }

  /** @throws NotHere */
  guest(name: string): HostedGuest {
    const guest = this.#guests.get(name);
    if (guest === undefined) throw new NotHere(`there is no guest ${name} here`);
    return guest;
  }

  /** @throws NotHere */
  move(id: string): Move {
    const move = this.#moves.get(id);
    if (move === undefined) throw new NotHere(`there is no migration ${id} here`);
    return move;
  }

  describe(guest: HostedGuest): ApiGuest {
    const { name, kind, state, addresses, sessions, traffic } = guest;
    const migration = this.#moveOf(guest)?.record.id ?? null;
    const { sent: sentBytes, received: receivedBytes } = traffic;
    const { facts } = guest;
    const bytes = { sentBytes, receivedBytes };
    return { name, kind, state, addresses, sessions, migration, ...bytes, facts };
  }

  /** @throws HostConflict when there is one of that name. */
  async addGuest(name: string, kind: GuestKind, guest: SavableGuest): Promise<HostedGuest> {
    if (this.#guests.has(name)) throw new HostConflict(`there is a guest ${name} already`);
    const { tickets = null } = this.#options.settings.server;
    return await this.#start(name, kind, { guest }, tickets);
  }

  /** Starts a VM, or adopts one that runs. @throws HostConflict, HostUsageError */
  async addVm(name: string, vm: VmDescription, adopt: VmAdoption | null): Promise<HostedGuest> {
    if (this.#guests.has(name)) throw new HostConflict(`there is a guest ${name} already`);
    try {
      const { stateDirectory } = this.#options;
      const hosted = await HostedVm.start(name, vm, adopt, stateDirectory);
      return await this.#serveVm(name, hosted, adopt === null);
    } catch (error) {
      throw error instanceof QemuLost ? new HostUsageError(error.message) : error;
    }
  }

  /**
   * Awaits a VM from a QEMU with SPICE of its own, where `client_migrate_info` and `migrate` are to
   * name this guest's address and `incoming`. @throws HostConflict, HostUsageError
   */
  async expectVm(name: string, vm: VmDescription, incoming: string): Promise<HostedGuest> {
    if (this.#guests.has(name)) throw new HostConflict(`there is a guest ${name} already`);
    const { stateDirectory, settings } = this.#options;
    try {
      const hosted = await HostedVm.arrive(name, vm, stateDirectory, { uri: incoming });
      const { tickets = null } = settings.server;
      const guest = await this.#start(name, "qemu", { guest: null, vm: hosted }, tickets);
      const move = { ...defaultTargetMove, peer: false, strangers: "accept" as const };
      guest.command({ name: "migrate-expect", move });
      void this.#welcome(guest, hosted);
      return guest;
    } catch (error) {
      throw error instanceof QemuLost ? new HostUsageError(error.message) : error;
    }
  }

  async #welcome(guest: HostedGuest, vm: HostedVm): Promise<void> {
    try {
      await vm.guest.arrive(writeLeftovers(noLeftovers));
      await vm.guest.attach();
      await guest.attach(vm.guest);
      vm.own();
      const forget = guest.listen(({ name }) => {
        if (name !== "hold-ended") return;
        guest.state = "running";
        forget();
      });
      guest.command({ name: "migrate-hold" });
    } catch (error) {
      this.#tell("guest-lost", guest.name, null, { reason: messageOf(error) });
      await this.#remove(guest);
    }
  }

  /**
   * Sends a VM to a QEMU with SPICE of its own, and its clients with it; then nothing is left here.
   *
   * @throws HostConflict: it is still here, and runs
   */
  async sendAway(name: string, departure: Departure): Promise<readonly ClientLeft[]> {
    const guest = this.guest(name);
    const isFree = guest.state === "running" && this.#moveOf(guest) === null;
    if (!isFree) throw new HostConflict(`guest ${name} is ${guest.state}, or on its way`);
    const clients = await depart(guest, departure);
    await this.#remove(guest);
    return clients;
  }

  /** VMs that an earlier host has left with their keepers. */
  async findVms(): Promise<void> {
    for (const found of findKeepers(this.#options.stateDirectory)) {
      const { name } = found.order;
      if (!this.#guests.has(name)) await this.#serveVm(name, await HostedVm.find(found), false);
    }
  }

  async #serveVm(name: string, vm: HostedVm, isNew: boolean): Promise<HostedGuest> {
    const { isRunning } = await vm.guest.attach();
    // One that was found and stands still may be another host's: an operator runs it.
    const run = isNew || isRunning;
    const { tickets = null } = this.#options.settings.server;
    return await this.#start(name, "qemu", { guest: vm.guest, vm, run }, tickets);
  }

  async removeGuest(name: string): Promise<void> {
    const guest = this.guest(name);
    if (this.#moveOf(guest) !== null) throw new HostConflict(`guest ${name} is on its way`);
    await this.#remove(guest);
  }

  /** @throws HostConflict when it is on its way. */
  setRunning(name: string, running: boolean): HostedGuest {
    const guest = this.guest(name);
    if (guest.state !== "running" && guest.state !== "stopped") {
      throw new HostConflict(`guest ${name} is ${guest.state}`);
    }
    if (this.#moveOf(guest) !== null) throw new HostConflict(`guest ${name} is on its way`);
    if (running) guest.run();
    else guest.stop();
    return guest;
  }

  /**
   * Begins to move a guest. One that has just come is settled first.
   *
   * @throws HostConflict, HostUsageError, NotHere
   */
  migrate(name: string, asked: ApiNewMigration): OutgoingMove {
    const { security } = this.#options;
    const guest = this.guest(name);
    if (security === null) {
      throw new HostConflict("this host knows no others: start it with --peer-key or --peer-tls");
    }
    const to = parsePeerAddress(asked.to);
    const before = this.#moveOf(guest);
    const maySettle = before instanceof IncomingMove && before.isSettling;
    if (before !== null && !maySettle) {
      throw new HostConflict(`guest ${name} is on its way: migration ${before.record.id}`);
    }
    if (guest.state === "stopped") throw new HostConflict(`guest ${name} is stopped: run it first`);
    this.#makeRoom();
    const move = new OutgoingMove({
      id: randomBytes(moveIdSize),
      ...{ guest, to, asked, security },
      onEvent: (event, { record }) => {
        const { name: what, ...about } = event;
        const memory = event.name === "progress" ? record.memory : null;
        const more = memory === null ? about : { ...about, memory };
        this.#tell(`migration-${what}`, record.guest, record.id, more);
        if (event.name !== "ended") return;
        this.#options.metrics.moved(record);
        // On its way it could not be removed.
        if (guest.hasEnded && record.owner === "source") void this.#remove(guest);
      },
      onPostcopy: (state, { record }) => {
        const { detail } = record;
        this.#tell("migration-postcopy", record.guest, record.id, { state, detail });
      },
      onFault: (error, { record }) => this.#options.onFault(error, record.guest),
      onDestroy: (left) => {
        // Until the other host has all of its memory, it is needed.
        left.whenSent().then(
          () => this.#remove(guest, asked.handOver === true),
          () => {},
        );
      },
    });
    this.#moves.set(move.record.id, move);
    const { id, peer, mode } = move.record;
    this.#tell("migration-began", name, id, { direction: "out", peer, mode });
    if (before === null) move.start();
    else this.#startBehind(move, before as IncomingMove);
    return move;
  }

  /**
   * Gives all guests to another process on this machine, with their sessions; VMs stay with their
   * keepers. @throws HostConflict when one of them does not go: all others have gone
   */
  async handOver(to: string): Promise<void> {
    const moves = this.guests.map(({ name }) => this.migrate(name, { to, handOver: true }));
    while (moves.some(({ isOver }) => !isOver)) await pause(20);
    const stays = moves.find(({ record }) => record.owner !== "target");
    if (stays === undefined) {
      // Behind the answer to whoever has asked for it.
      setTimeout(() => this.#options.onHandedOver?.(), handedOverMs);
      return;
    }
    throw new HostConflict(
      `guest ${stays.record.guest} stays here: ${stays.record.error?.message}`,
    );
  }

  cancel(id: string): Move {
    const move = this.move(id);
    if (!move.isBeforeCommit) {
      throw new HostConflict(`migration ${id} cannot be called off any more: ${move.record.phase}`);
    }
    move.cancel("somebody called it off");
    return move;
  }

  /** Post-copy that has lost its way goes on. @throws HostConflict, NotHere */
  async recover(id: string): Promise<Move> {
    const move = this.move(id);
    if (!(move instanceof OutgoingMove) || move.record.postcopy !== "paused") {
      throw new HostConflict(`migration ${id} has no post-copy here that is paused`);
    }
    try {
      await move.recover();
    } catch (error) {
      throw new HostConflict(`migration ${id} is still paused: ${messageOf(error)}`);
    }
    return move;
  }

  resolve(id: string, owner: MoveOwner): Move {
    const move = this.move(id);
    const { phase } = move.record;
    if (phase !== "in-doubt" && phase !== "orphaned") {
      throw new HostConflict(`migration ${id} is not in doubt: ${phase}`);
    }
    move.resolve(owner);
    return move;
  }

  /**
   * Moves that can be called off are; those that are committed get so long to end. Then everything
   * is closed. May be called again, to hurry.
   */
  close(withinMs: number): Promise<void> {
    this.#closeBy = Math.min(this.#closeBy, performance.now() + withinMs);
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const move of this.#moves.values()) if (move.isBeforeCommit) move.cancel("the host ends");
    while (performance.now() < this.#closeBy && this.#isAnyMoving()) await pause(50);
    this.#peers?.close();
    for (const move of this.#moves.values()) move.close();
    await Promise.all(this.guests.map((guest) => this.#remove(guest, true)));
  }

  #isAnyMoving(): boolean {
    return [...this.#moves.values()].some((move) => {
      return move instanceof OutgoingMove ? !move.isOver || move.isSending : move.isSettling;
    });
  }

  #moveOf(guest: HostedGuest): Move | null {
    for (const move of this.#moves.values()) {
      const isUnderWay = move instanceof OutgoingMove ? !move.isOver : move.record.endedAt === null;
      if (move.guest === guest && isUnderWay) return move;
    }
    return null;
  }

  #startBehind(move: OutgoingMove, before: IncomingMove): void {
    const check = async (): Promise<void> => {
      while (before.isSettling && !move.isOver) await pause(20);
      if (!move.isOver) move.start();
    };
    void check();
  }

  async #start(
    name: string,
    kind: GuestKind,
    what: Pick<HostedGuestOptions, "guest" | "vm" | "run" | "isHandedOver">,
    tickets: readonly Ticket[] | null,
  ): Promise<HostedGuest> {
    const hosted = await HostedGuest.start({
      ...{ name, kind, ...what, tickets },
      settings: this.#options.settings,
      onEvent: (event, from) => this.#serverEvent(event, from),
      onFault: (error, from) => {
        this.#options.onFault(error, from.name);
        const move = this.#moveOf(from);
        if (move?.isBeforeCommit === true) move.cancel("the guest's server has broken down");
        // A VM goes on: its keeper waits for another host.
        void this.#remove(from, true);
      },
    });
    if (this.#guests.has(name)) {
      await hosted.close();
      throw new HostConflict(`there is a guest ${name} already`);
    }
    this.#guests.set(name, hosted);
    this.#tell("guest-added", name, null, { kind, addresses: hosted.addresses });
    return hosted;
  }

  async #remove(guest: HostedGuest, keep = false): Promise<void> {
    if (this.#guests.get(guest.name) === guest) this.#guests.delete(guest.name);
    await guest.close({ keep });
    this.#options.metrics.forget(guest.name);
    this.#tell("guest-removed", guest.name, null);
  }

  #serverEvent(event: ServerEvent, guest: HostedGuest): void {
    const { name, ...about } = event;
    if (name === "guest-ended" && this.#moveOf(guest) === null) void this.#remove(guest);
    this.#options.metrics.note(event, guest.name);
    const peer = "client" in event && event.client !== null ? guest.peerOf(event.client) : null;
    const whom = peer === null || "peer" in about ? about : { ...about, peer };
    this.#tell(name, guest.name, this.#moveOf(guest)?.record.id ?? null, whom);
  }

  #tell(event: string, guest: string | null, migration: string | null, about: object = {}): void {
    this.events.add(event, { guest, migration }, about);
  }

  // Guests that come.

  /** Reads what a link is about; the move then hears the rest of it. */
  #greet(stream: ByteStream, peer: string): void {
    const door = new PeerDoor();
    const timer = setTimeout(() => stream.destroy(), greetingMs);
    let heir: ByteStreamListener | null = null;
    const inherited: ByteStream = {
      listen: (listener) => {
        heir = listener;
      },
      write: (bytes) => stream.write(bytes),
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      end: () => stream.end(),
      destroy: () => stream.destroy(),
    };
    const first = (bytes: Uint8Array): void => {
      const found = door.push(bytes);
      if (found === null) return;
      clearTimeout(timer);
      if (found.kind === "stream") this.#carry(inherited, found.move, found.rest);
      else if (found.kind === "resolve") this.#resume(inherited, found);
      else this.#arrive(inherited, peer, found);
    };
    stream.listen({
      received: (bytes) => {
        if (heir !== null) {
          heir.received(bytes);
          return;
        }
        try {
          first(bytes);
        } catch (error) {
          clearTimeout(timer);
          stream.destroy();
          this.#tell("peer-refused", null, null, { peer, reason: messageOf(error) });
        }
      },
      backlog: () => {},
      closed: (failure) => {
        clearTimeout(timer);
        heir?.closed(failure);
      },
    });
  }

  #carry(stream: ByteStream, id: string, rest: Uint8Array): void {
    const move = this.#moves.get(id);
    if (!(move instanceof IncomingMove)) throw new Error("it brings a guest of which nobody knows");
    move.carry(stream, rest);
  }

  #resume(
    stream: ByteStream,
    found: Extract<ReturnType<PeerDoor["push"]>, { kind: "resolve" }>,
  ): void {
    const move = this.#moves.get(found.move);
    if (move instanceof IncomingMove && !move.isOver) {
      move.resume(stream, found.question, found.rest);
      return;
    }
    stream.write(unknownMove());
    stream.end();
  }

  #arrive(
    stream: ByteStream,
    peer: string,
    found: Extract<ReturnType<PeerDoor["push"]>, { kind: "prepare" }>,
  ): void {
    if (this.#moves.has(found.move)) throw new Error("a move of that name is known already");
    this.#makeRoom();
    const move = new IncomingMove({
      id: found.move,
      description: found.description,
      ...{ stream, peer },
      prepare: (papers) => this.#prepare(papers),
      addressOf: (guest) => this.#addressOf(guest),
      onEvent: (event, { record }) => {
        const { name: what, ...about } = event;
        this.#tell(`migration-${what}`, record.guest, record.id, about);
        if (event.name === "decided") this.#options.metrics.arrived(event.owner);
      },
      onFault: (error, { record }) => this.#options.onFault(error, record.guest),
      onDrop: ({ guest }) => {
        if (guest !== null) void this.#remove(guest);
      },
    });
    this.#moves.set(found.move, move);
    const { guest, mode } = move.record;
    this.#tell("migration-began", guest, found.move, { direction: "in", peer, mode });
    move.start(found.rest);
  }

  async #prepare(papers: MovePapers): Promise<HostedGuest> {
    if (this.#closed !== null) throw new HostConflict("this host is about to end");
    const until = performance.now() + oldCopyMs;
    // It was here before: its old copy goes as soon as the other host says that it may.
    while (this.#guests.get(papers.guest)?.state === "leaving" && performance.now() < until) {
      await pause(20);
    }
    if (this.#guests.has(papers.guest)) {
      throw new HostConflict(`there is a guest ${papers.guest} already`);
    }
    const tickets = ticketsOf(papers.tickets, performance.now());
    const { guest: name, kind, vm, keeper } = papers;
    if (kind === "testcard") return await this.#start(name, kind, { guest: null }, tickets);
    if (vm === null) throw new HostUsageError("the papers do not say how the VM is started");
    const { stateDirectory } = this.#options;
    if (keeper !== null) {
      const found = findKeepers(stateDirectory).find(({ directory }) => directory === keeper);
      if (found === undefined) throw new HostUsageError("the VM's keeper is not among ours");
      const kept = await HostedVm.find(found);
      return await this.#start(name, kind, { guest: null, vm: kept, isHandedOver: true }, tickets);
    }
    const hosted = await HostedVm.arrive(name, vm, stateDirectory, { postcopy: papers.postcopy });
    return await this.#start(name, kind, { guest: null, vm: hosted }, tickets);
  }

  #addressOf(guest: HostedGuest): TargetPapers {
    const { advertise, certSubject } = this.#options;
    const ports = { plain: null as number | null, tls: null as number | null };
    let host = advertise;
    for (const address of guest.listening) {
      if (address.kind !== "tcp") continue;
      if (address.tls) ports.tls ??= address.port;
      else ports.plain ??= address.port;
      if (isLoopback(address.host)) host ??= address.host;
    }
    if (ports.plain === null && ports.tls === null) {
      throw new HostUsageError("clients from elsewhere do not reach this host: it has no TCP port");
    }
    return { host, port: ports.plain, tlsPort: ports.tls, certSubject };
  }

  #makeRoom(): void {
    const over = [...this.#moves.values()].filter(({ isOver }) => isOver);
    for (const { record } of over.slice(0, Math.max(0, over.length - overMax))) {
      this.#moves.delete(record.id);
    }
    const open = [...this.#moves.values()].filter(({ record }) => record.endedAt === null);
    if (open.length >= movesMax) throw new HostConflict("too many moves at a time");
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
