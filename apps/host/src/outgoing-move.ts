// A guest that leaves: the source's mover between the peer link, the guest's server and the API.

import { hostname } from "node:os";
import type { ConnectionKey } from "@caraway/channel";
import {
  beforeCommit,
  MoveError,
  type MoveOwner,
  SourceMove,
  type SourceMoveEvent,
  type SourceMoveInput,
  type SourceMoveOutput,
  streamGreeting,
} from "@caraway/migration";
import type { ByteStream } from "@caraway/node";
import type { MoveTarget, ServerEvent } from "@caraway/server";
import type { ApiNewMigration, ApiPostcopyState } from "./api-types.ts";
import type { HostedGuest } from "./hosted-guest.ts";
import type { HostedVm } from "./hosted-vm.ts";
import { MachineLoop } from "./machine-loop.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import {
  completeMigration,
  readOutcome,
  readTargetPapers,
  ticketPapers,
  writePapers,
} from "./move-papers.ts";
import { MoveRecord } from "./move-record.ts";
import { type Dialling, dialPeer, type PeerAddress, peerAddressText } from "./peer-network.ts";
import type { PeerSecurity } from "./peer-security.ts";

export interface OutgoingMoveOptions {
  /** 16 random bytes. */
  readonly id: Uint8Array;
  readonly guest: HostedGuest;
  readonly to: PeerAddress;
  readonly asked: ApiNewMigration;
  readonly security: PeerSecurity;
  readonly onEvent: (event: SourceMoveEvent, move: OutgoingMove) => void;
  /** How the rest of a VM's memory gets on. */
  readonly onPostcopy: (state: ApiPostcopyState, move: OutgoingMove) => void;
  /** A defect of this host has ended the move. */
  readonly onFault: (error: unknown, move: OutgoingMove) => void;
  /** The guest lives elsewhere: its copy here is of no use. */
  readonly onDestroy: (move: OutgoingMove) => void;
}

/** What the source's server gets for clients after the switch; the target holds the guest shorter. */
const switchWithinMs = 15_000;
/** A QEMU that is started, or that loads a VM, takes its time. */
export const vmAnswerMs = 30_000;
/** The mover's patience for the server, beyond that of the server for clients. */
const graceMs = 5000;

export class OutgoingMove {
  readonly record: MoveRecord;
  readonly guest: HostedGuest;
  readonly #options: OutgoingMoveOptions;
  readonly #wishes: ReturnType<typeof completeMigration>;
  readonly #machine: SourceMove;
  readonly #loop: MachineLoop<SourceMoveInput, SourceMoveOutput>;
  readonly #diallings = new Map<ConnectionKey, Dialling>();
  readonly #streams = new Map<ConnectionKey, ByteStream>();
  readonly #forget: () => void;
  readonly #whenSent: (() => void)[] = [];
  #stoppedAt: number | null = null;
  /** A defect behind the commit: nobody asks the other host any more, and an operator decides. */
  #isBroken = false;
  #measuring: { readonly since: number; readonly sent: number } | null = null;

  constructor(options: OutgoingMoveOptions) {
    this.#options = options;
    this.guest = options.guest;
    this.#wishes = completeMigration(options.asked);
    const { mode, policies, deadlineMs, holdMaxMs, lateMaxMs, waitClientsMs } = this.#wishes;
    const { measureMs } = this.#wishes;
    const { name, kind, tickets } = options.guest;
    const id = Buffer.from(options.id).toString("hex");
    const peer = peerAddressText(options.to);
    this.record = new MoveRecord({ id, guest: name, direction: "out", peer, mode }, "waiting");
    this.#machine = new SourceMove({
      id: options.id,
      description: writePapers({
        ...{ guest: name, kind, mode, policies, deadlineMs, holdMaxMs, lateMaxMs, measureMs },
        vm: options.guest.vm?.description ?? null,
        postcopy: this.#wishes.postcopy,
        keeper: this.#wishes.handOver ? (options.guest.vm?.directory ?? null) : null,
        tickets: ticketPapers(tickets, performance.now()),
      }),
      live: this.#isLive,
      timing: {
        ...(options.guest.vm !== null && { answerWithinMs: vmAnswerMs }),
        clientsWithinMs: waitClientsMs + graceMs,
        leaveWithinMs: switchWithinMs + graceMs,
        settleWithinMs: holdMaxMs + lateMaxMs + measureMs + graceMs,
      },
    });
    this.#loop = new MachineLoop(
      this.#machine,
      (output) => this.#perform(output),
      (error) => this.#broke(error),
    );
    this.#forget = this.guest.listen((event) => this.#serverEvent(event));
  }

  get isOver(): boolean {
    return this.record.endedAt !== null;
  }

  start(): void {
    this.guest.onPeer = (bytes) => this.#loop.input({ type: "peer", bytes });
    const { measureMs } = this.#wishes;
    if (measureMs === 0) {
      this.#loop.input({ type: "start" });
      return;
    }
    this.#measuring = { since: performance.now(), sent: this.guest.traffic.sent };
    setTimeout(() => this.#loop.input({ type: "start" }), measureMs).unref();
  }

  cancel(reason: string): void {
    this.#loop.input({ type: "cancel", reason });
  }

  resolve(owner: MoveOwner): void {
    if (!this.#isBroken) {
      this.#loop.input({ type: "resolve", owner });
      return;
    }
    const isSource = owner === "source";
    if (isSource) this.guest.run();
    const error = isSource ? new MoveError("MOVE_RESOLVED", "an operator runs it here") : null;
    this.#ended(owner, error);
    if (!isSource) this.#options.onDestroy(this);
  }

  /** Whether it can be called off still. */
  get isBeforeCommit(): boolean {
    return !this.isOver && beforeCommit.has(this.#machine.phase);
  }

  /** The process ends. */
  close(): void {
    this.#over();
    for (const stream of this.#streams.values()) stream.destroy();
  }

  /** The loop is over, and the other host hears no more of it. */
  #broke(error: unknown): void {
    const wasEarly = beforeCommit.has(this.#machine.phase) || this.#machine.phase === "cancelling";
    this.#options.onFault(error, this);
    for (const stream of this.#streams.values()) stream.destroy();
    const defect = new MoveError("MOVE_DEFECT", `a defect of this host: ${messageOf(error)}`);
    if (wasEarly) {
      this.guest.command({ name: "migrate-cancel" });
      if (this.guest.state !== "running") this.guest.run();
      this.#ended("source", defect);
    } else if (!this.isOver) {
      this.#isBroken = true;
      const committed = this.#machine.phase !== "committing";
      this.#event({ name: "phase", phase: "in-doubt" });
      this.#event({ name: "in-doubt", committed, detail: defect.message });
    }
  }

  #ended(owner: MoveOwner, error: MoveError | null): void {
    this.#event({ name: "phase", phase: "ended" });
    this.#event({ name: "ended", owner, error });
  }

  #over(): void {
    this.#forget();
    this.#loop.stop();
    this.guest.onPeer = () => {};
    for (const dialling of this.#diallings.values()) dialling.abort();
  }

  #perform(output: SourceMoveOutput): void {
    const { guest } = this;
    switch (output.type) {
      case "connect":
        this.#connect(output.connection);
        break;
      case "transmit":
        this.#streams.get(output.connection)?.write(output.bytes);
        break;
      case "disconnect":
        this.#diallings.get(output.connection)?.abort();
        this.#diallings.delete(output.connection);
        this.#streams.get(output.connection)?.end();
        this.#streams.delete(output.connection);
        break;
      case "begin-clients":
        this.#begin(output.address);
        break;
      case "switch-clients":
        guest.command({ name: "migrate-switch" });
        break;
      case "cancel-clients":
        guest.command({ name: "migrate-cancel" });
        break;
      case "stop-guest":
        this.#stop();
        break;
      case "run-guest":
        guest.run();
        break;
      case "destroy-guest":
        this.#options.onDestroy(this);
        break;
      case "peer":
        guest.peer(output.bytes);
        break;
      case "event":
        this.#event(output.event);
        break;
    }
  }

  #connect(connection: ConnectionKey): void {
    const { to, security } = this.#options;
    const dialling = dialPeer(
      to,
      security,
      (stream) => {
        this.#diallings.delete(connection);
        this.#streams.set(connection, stream);
        stream.listen({
          received: (bytes) => this.#loop.input({ type: "received", connection, bytes }),
          backlog: () => {},
          closed: (failure) => {
            this.#streams.delete(connection);
            const detail = failure?.detail ?? null;
            this.#loop.input({ type: "closed", connection, detail });
          },
        });
        this.#loop.input({ type: "connected", connection });
      },
      (detail) => {
        this.#diallings.delete(connection);
        this.#loop.input({ type: "closed", connection, detail });
      },
    );
    this.#diallings.set(connection, dialling);
  }

  #begin(address: Uint8Array): void {
    let target: MoveTarget;
    try {
      const papers = readTargetPapers(address);
      const found = this.#wishes.handOver ? hostname() : this.#options.to.host;
      target = { ...papers, host: papers.host ?? found };
    } catch (error) {
      this.#loop.input({ type: "guest-failed", reason: messageOf(error) });
      return;
    }
    const { mode, policies, waitClientsMs } = this.#wishes;
    const move = {
      ...{ target, mode, policies, peer: true },
      answerWithinMs: waitClientsMs,
      switchWithinMs,
    };
    this.guest.command({ name: "migrate-begin", move });
  }

  #stop(): void {
    const { vm } = this.guest;
    if (!this.#isLive) this.#stands();
    const saved = vm !== null && this.#isLive ? this.#sendVm(vm) : this.guest.stopAndSave();
    saved.then(
      (state) => this.#loop.input({ type: "guest-saved", state }),
      (error: unknown) => this.#loop.input({ type: "guest-failed", reason: messageOf(error) }),
    );
  }

  /** A VM that is only served by another process stands still for a moment, as others do. */
  get #isLive(): boolean {
    return this.guest.vm !== null && !this.#wishes.handOver;
  }

  /** The VM goes over by a link of its own, and stops when QEMU stops it. */
  async #sendVm(vm: HostedVm): Promise<Uint8Array> {
    const carrier = await this.#openCarrier(vm);
    const { bandwidth, downtimeLimitMs, postcopyBandwidth } = this.#options.asked;
    const { autoConverge, postcopy } = this.#wishes;
    const parameters = {
      ...(bandwidth !== undefined && { bandwidth }),
      ...(downtimeLimitMs !== undefined && { downtimeLimitMs }),
      ...(postcopyBandwidth !== undefined && { postcopyBandwidth }),
      ...{ autoConverge, postcopy },
    };
    vm.guest.onPostcopy = (state, detail) => this.#postcopyIs(state, detail);
    const { leftovers, downtimeMs, isPostcopy } = await vm.send(carrier, parameters, (progress) => {
      const { sent, total, ...memory } = progress;
      this.record.memory = memory;
      this.#loop.input({ type: "guest-progress", sent, total });
      if (this.isSending) this.#options.onEvent({ name: "progress", sent, total }, this);
    });
    this.record.downtimeMs = downtimeMs;
    if (isPostcopy) this.#postcopyIs("active", null);
    return leftovers;
  }

  /** Whether memory of the VM is still to be sent, which may run at the other host already. */
  get isSending(): boolean {
    const { postcopy } = this.record;
    return postcopy !== null && postcopy !== "completed" && postcopy !== "failed";
  }

  /** Resolves when nothing of the VM is to be sent any more. Rejects when it cannot be. */
  async whenSent(): Promise<void> {
    if (this.isSending) await new Promise<void>((resolve) => this.#whenSent.push(resolve));
    if (this.record.postcopy === "failed") throw new Error(this.record.detail ?? "it failed");
  }

  /** The way on which memory followed was lost: goes on, on another one. @throws Error */
  async recover(): Promise<void> {
    const { vm } = this.guest;
    if (vm === null || this.record.postcopy !== "paused") throw new Error("nothing is paused");
    this.#postcopyIs("recovering", null);
    try {
      await vm.sendAgain(await this.#openCarrier(vm));
    } catch (error) {
      this.#postcopyIs("paused", messageOf(error));
      throw error;
    }
  }

  #postcopyIs(state: ApiPostcopyState, detail: string | null): void {
    const { record } = this;
    if (record.postcopy === state) return;
    record.postcopy = state;
    record.detail = detail;
    this.#options.onPostcopy(state, this);
    if (!this.isSending) for (const resolve of this.#whenSent.splice(0)) resolve();
  }

  /** A way between the two hypervisors. */
  async #openCarrier(vm: HostedVm): Promise<MemoryCarrier> {
    const { to, security, id } = this.#options;
    return await MemoryCarrier.open({
      ...{ to, material: security.material },
      greeting: streamGreeting(id),
      path: vm.guest.outgoingPath,
    });
  }

  #stands(): void {
    this.#stoppedAt = performance.now();
    if (this.#measuring !== null) {
      const { since, sent } = this.#measuring;
      const share = this.#wishes.measureMs / (this.#stoppedAt - since);
      this.record.sentBeforeBytes = Math.round((this.guest.traffic.sent - sent) * share);
    }
  }

  #serverEvent(event: ServerEvent): void {
    switch (event.name) {
      case "move-client": {
        const { client, state, mode, detail } = event;
        const peer = this.guest.peerOf(client);
        this.record.clients.set(client, { client, peer, state, mode, detail });
        break;
      }
      case "move-ready":
        this.#loop.input({ type: "clients-ready" });
        break;
      case "move-left":
        for (const { client, mode } of event.clients) {
          const before = this.record.clients.get(client);
          const peer = before?.peer ?? this.guest.peerOf(client);
          this.record.clients.set(client, { client, peer, state: "left", mode, detail: "" });
        }
        this.#loop.input({ type: "clients-left" });
        break;
      case "move-cancelled":
        this.#loop.input({ type: "clients-cancelled" });
        break;
      case "guest-running":
        if (event.running || this.#machine.phase !== "moving") break;
        this.guest.state = "leaving";
        this.#stands();
        break;
      default:
        break;
    }
  }

  #event(event: SourceMoveEvent): void {
    const { record } = this;
    switch (event.name) {
      case "phase":
        record.phase = event.phase;
        if (event.phase === "switching" && this.#stoppedAt !== null) {
          record.stoppedMs = performance.now() - this.#stoppedAt;
        }
        if (event.phase === "in-doubt") this.guest.state = "in-doubt";
        if (event.phase === "switching") this.guest.state = "leaving";
        break;
      case "progress":
        record.progress = { sent: event.sent, total: event.total };
        break;
      case "link-lost":
      case "in-doubt":
        record.detail = event.detail;
        break;
      case "link-back":
        record.detail = null;
        break;
      case "outcome":
        try {
          record.outcome = readOutcome(event.report);
        } catch (error) {
          record.detail = messageOf(error);
        }
        break;
      case "ended":
        record.end(event.owner, event.error);
        break;
      default:
        break;
    }
    this.#options.onEvent(event, this);
    if (event.name === "ended") this.#over();
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
