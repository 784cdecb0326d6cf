// A guest that comes: the target's mover between the peer link, the new server and the API.

import type { ConnectionKey } from "@caraway/channel";
import {
  MoveError,
  type MoveOwner,
  TargetMove,
  type TargetMoveEvent,
  type TargetMoveInput,
  type TargetMoveOutput,
} from "@caraway/migration";
import type { ByteStream } from "@caraway/node";
import type { ClientMoved, Guest, ServerEvent } from "@caraway/server";
import { loadTestcard } from "@caraway/testcard";
import { CarawayError } from "@caraway/wire";
import type { ApiMoveOutcome } from "./api-types.ts";
import type { HostedGuest } from "./hosted-guest.ts";
import { MachineLoop } from "./machine-loop.ts";
import { type MovePapers, readMovePapers, type TargetPapers, writePapers } from "./move-papers.ts";
import { MoveRecord } from "./move-record.ts";
import { messageOf, vmAnswerMs } from "./outgoing-move.ts";

export interface IncomingMoveOptions {
  /** In hexadecimal. */
  readonly id: string;
  readonly description: Uint8Array;
  readonly stream: ByteStream;
  /** Who is at the other end. */
  readonly peer: string;
  /** Makes the server; rejects with a reason that the source's host is told. */
  readonly prepare: (papers: MovePapers) => Promise<HostedGuest>;
  /** Where clients reach the server that was made. */
  readonly addressOf: (guest: HostedGuest) => TargetPapers;
  readonly onEvent: (event: TargetMoveEvent, move: IncomingMove) => void;
  /** A defect of this host has ended the move. */
  readonly onFault: (error: unknown, move: IncomingMove) => void;
  /** The copy and its server go. */
  readonly onDrop: (move: IncomingMove) => void;
}

/** Largest state of a guest that is taken. */
const stateSizeMax = 512 << 20;

type Question = Parameters<TargetMove["resume"]>[1];

export class IncomingMove {
  readonly record: MoveRecord;
  readonly papers: MovePapers;
  guest: HostedGuest | null = null;
  readonly #options: IncomingMoveOptions;
  readonly #machine: TargetMove;
  readonly #loop: MachineLoop<TargetMoveInput, TargetMoveOutput>;
  readonly #streams = new Map<ConnectionKey, ByteStream>();
  #nextConnection: ConnectionKey = 2;
  #hold: Pick<ApiMoveOutcome, "holdMs" | "holdReason"> = { holdMs: 0, holdReason: "" };
  #ranAt = 0;
  #isDropped = false;
  #isOurs = false;
  /** A defect has ended it: what the source asks of it is not known any more. */
  #isBroken = false;

  /** @throws Error when the papers are not in order. */
  constructor(options: IncomingMoveOptions) {
    this.#options = options;
    this.papers = readMovePapers(options.description);
    const { guest, mode } = this.papers;
    const { id, peer, description } = options;
    this.record = new MoveRecord({ id, guest, direction: "in", peer, mode }, "preparing");
    const timing = this.papers.kind === "qemu" ? { answerWithinMs: vmAnswerMs } : {};
    const about = { description, connection: 1, stateSizeMax, timing };
    this.#machine = new TargetMove(about, performance.now());
    this.#loop = new MachineLoop(
      this.#machine,
      (output) => this.#perform(output),
      (error) => this.#broke(error),
    );
  }

  /** Whether the guest is ours, and its clients are still on their way. */
  get isSettling(): boolean {
    return this.#machine.phase === "owner" && !this.#isBroken;
  }

  get isOver(): boolean {
    return this.#machine.phase === "ended" || this.#isBroken;
  }

  get isBeforeCommit(): boolean {
    return !this.#isOurs && !this.#isDropped && !this.isOver;
  }

  /** `rest`: what came behind PREPARE. */
  start(rest: Uint8Array): void {
    this.#listen(1, this.#options.stream);
    this.#loop.do(() => {});
    this.#loop.input({ type: "received", connection: 1, bytes: rest });
  }

  /** The source has come back over another link. */
  resume(stream: ByteStream, question: Question, rest: Uint8Array): void {
    const connection = this.#nextConnection++;
    this.#listen(connection, stream);
    this.#loop.do((now) => this.#machine.resume(connection, question, now));
    this.#loop.input({ type: "received", connection, bytes: rest });
  }

  /** What the source's hypervisor says to ours. @throws Error when none is awaited. */
  carry(stream: ByteStream, rest: Uint8Array): void {
    const vm = this.guest?.vm ?? null;
    const isAgain = this.#isOurs && this.papers.postcopy;
    if (vm === null || (this.#machine.phase !== "prepared" && !isAgain)) {
      throw new Error("no VM is awaited");
    }
    if (isAgain) vm.receiveAgain(stream, rest).catch(() => stream.destroy());
    else vm.receive(stream, rest);
  }

  cancel(reason: string): void {
    this.#loop.input({ type: "cancel", reason });
  }

  resolve(owner: MoveOwner): void {
    this.#loop.input({ type: "resolve", owner });
  }

  close(): void {
    this.#loop.stop();
    for (const stream of this.#streams.values()) stream.destroy();
  }

  #listen(connection: ConnectionKey, stream: ByteStream): void {
    this.#streams.set(connection, stream);
    stream.listen({
      received: (bytes) => this.#loop.input({ type: "received", connection, bytes }),
      backlog: () => {},
      closed: (failure) => {
        this.#streams.delete(connection);
        this.#loop.input({ type: "closed", connection, detail: failure?.detail ?? null });
      },
    });
  }

  #perform(output: TargetMoveOutput): void {
    switch (output.type) {
      case "transmit":
        this.#streams.get(output.connection)?.write(output.bytes);
        break;
      case "disconnect":
        this.#streams.get(output.connection)?.end();
        this.#streams.delete(output.connection);
        break;
      case "prepare":
        void this.#prepare();
        break;
      case "load":
        void this.#load(output.state);
        break;
      case "own":
        this.#own();
        break;
      case "drop":
        this.#drop();
        break;
      case "peer":
        this.guest?.peer(output.bytes);
        break;
      case "event":
        this.#event(output.event);
        break;
    }
  }

  #own(): void {
    this.#isOurs = true;
    if (this.guest !== null) this.guest.state = "arriving";
    this.guest?.vm?.own();
    if (this.papers.keeper !== null) this.guest?.takeVm().catch(() => {});
    this.guest?.command({ name: "migrate-hold" });
  }

  #drop(): void {
    this.#isDropped = true;
    this.guest?.command({ name: "migrate-abandon" });
    this.#options.onDrop(this);
  }

  /** The loop is over, and the source hears no more of it. What is ours stays. */
  #broke(error: unknown): void {
    this.#isBroken = true;
    this.#options.onFault(error, this);
    for (const stream of this.#streams.values()) stream.destroy();
    const { phase } = this.#machine;
    const isOurs = this.#isOurs || phase === "owner" || phase === "settled";
    const defect = new MoveError("MOVE_DEFECT", `a defect of this host: ${messageOf(error)}`);
    if (isOurs && !this.#isOurs) this.#own();
    if (!isOurs && !this.#isDropped) this.#drop();
    const owner = isOurs ? "target" : "source";
    this.record.end(owner, defect);
    this.record.phase = "ended";
    this.#options.onEvent({ name: "decided", owner, error: defect }, this);
  }

  async #prepare(): Promise<void> {
    const { policies, deadlineMs, holdMaxMs, lateMaxMs } = this.papers;
    try {
      const guest = await this.#options.prepare(this.papers);
      this.guest = guest;
      if (this.#isDropped) {
        this.#options.onDrop(this);
        return;
      }
      guest.onPeer = (bytes) => this.#loop.input({ type: "peer", bytes });
      guest.listen((event) => this.#serverEvent(event));
      const move = {
        ...{ policies, deadlineMs, holdMaxMs, lateMaxMs },
        ...{ peer: true, strangers: "refuse" as const },
      };
      guest.command({ name: "migrate-expect", move });
      const address = writePapers(this.#options.addressOf(guest));
      this.#loop.input({ type: "prepared", address });
    } catch (error) {
      this.#loop.input({ type: "refused", reason: messageOf(error) });
    }
  }

  async #load(state: Uint8Array): Promise<void> {
    try {
      await this.guest?.attach(await this.#guestOf(state));
      this.#loop.input({ type: "loaded" });
    } catch (error) {
      const what = error instanceof CarawayError ? "its state is damaged: " : "";
      this.#loop.input({ type: "refused", reason: what + messageOf(error) });
    }
  }

  async #guestOf(state: Uint8Array): Promise<Guest> {
    const vm = this.guest?.vm ?? null;
    if (vm === null) return loadTestcard(state, performance.now());
    if (this.papers.keeper !== null) await vm.guest.peek();
    else {
      await vm.guest.arrive(state);
      await vm.guest.attach();
    }
    return vm.guest;
  }

  #serverEvent(event: ServerEvent): void {
    switch (event.name) {
      case "hold-ended":
        this.#hold = { holdMs: event.ms, holdReason: event.reason };
        this.#ranAt = performance.now();
        if (this.guest !== null) this.guest.state = "running";
        break;
      case "move-settled":
        this.#measured(event.clients);
        break;
      default:
        break;
    }
  }

  /** Behind the time for which it is to be counted what clients are sent. */
  #measured(clients: readonly ClientMoved[]): void {
    const { measureMs } = this.papers;
    const left = measureMs === 0 ? 0 : this.#ranAt + measureMs - performance.now();
    if (left <= 0) this.#settled(clients);
    else setTimeout(() => this.#settled(clients), left).unref();
  }

  #settled(clients: readonly ClientMoved[]): void {
    const outcome: ApiMoveOutcome = {
      ...this.#hold,
      sentBytes: this.guest?.traffic.sent ?? 0,
      clients: clients.map(({ client, mode, channels }) => {
        return {
          ...{ client, peer: this.guest?.peerOf(client) ?? "?", mode },
          channels: channels.map(({ channel, outcome: kept, reason, gapMs }) => {
            const sentBytes = this.guest?.sentOn(client, channel) ?? 0;
            return { channel, outcome: kept, reason, gapMs, sentBytes };
          }),
        };
      }),
    };
    this.record.outcome = outcome;
    this.#loop.input({ type: "settled", report: writePapers(outcome) });
  }

  #event(event: TargetMoveEvent): void {
    const { record } = this;
    switch (event.name) {
      case "phase":
        if (event.phase !== "ended") record.phase = event.phase;
        if (event.phase === "settled") record.end("target", null);
        if (event.phase === "orphaned" && this.guest !== null) this.guest.state = "in-doubt";
        break;
      case "progress":
        record.progress = { sent: event.received, total: event.received };
        break;
      case "link-lost":
      case "in-doubt":
        record.detail = event.detail;
        break;
      case "link-back":
        record.detail = null;
        break;
      case "decided":
        record.owner = event.owner;
        if (event.owner === "source") record.end("source", event.error);
        break;
      default:
        break;
    }
    this.#options.onEvent(event, this);
    if (event.name === "ended") this.#loop.stop();
  }
}
