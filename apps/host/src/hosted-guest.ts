// One guest of a host with its server: made here, or on its way from another host.

import type { ConnectionKey } from "@caraway/channel";
import { GuestServer, type ListenAddress } from "@caraway/node";
import type { Guest, SavableGuest, ServerCommand, ServerEvent, Ticket } from "@caraway/server";
import type { ApiGuestState, ApiSession } from "./api-types.ts";
import type { GuestKind } from "./guest-flags.ts";
import type { HostedVm } from "./hosted-vm.ts";
import { listenAddressText } from "./listen-address.ts";
import type { ServerSettings } from "./server-settings.ts";

export interface HostedGuestOptions {
  readonly name: string;
  readonly kind: GuestKind;
  /** Null: a move brings it. */
  readonly guest: Guest | null;
  /** Of kind `qemu`: where it is, also when it has not come yet. */
  readonly vm?: HostedVm;
  /** Until it is taken over, the VM is another process's. */
  readonly isHandedOver?: boolean;
  /** Whether it goes on at once, which is so when absent. */
  readonly run?: boolean;
  readonly settings: ServerSettings;
  /** In place of those in the settings; they go along when it moves. */
  readonly tickets: readonly Ticket[] | null;
  readonly onEvent: (event: ServerEvent, guest: HostedGuest) => void;
  readonly onFault: (error: unknown, guest: HostedGuest) => void;
}

type Session = Omit<ApiSession, "channels">;

/** How long a guest may take to stop. */
const stopWithinMs = 20_000;

export class HostedGuest {
  readonly name: string;
  readonly kind: GuestKind;
  /** What is to be done with bytes for the server of the other host. */
  onPeer: (bytes: Uint8Array) => void = () => {};
  state: ApiGuestState;
  /** It is over by itself, as a VM is that was shut down. */
  hasEnded = false;
  tickets: readonly Ticket[] | null;
  readonly #options: HostedGuestOptions;
  readonly #sessions = new Map<number, Session>();
  /** By client, whose channels may be there before it is said to have come. */
  readonly #channels = new Map<number, Map<string, ConnectionKey>>();
  readonly #listeners = new Set<(event: ServerEvent) => void>();
  #server: GuestServer | null = null;
  #isTaken = false;
  #guest: Guest | null;

  private constructor(options: HostedGuestOptions) {
    this.#options = options;
    this.name = options.name;
    this.kind = options.kind;
    this.#guest = options.guest;
    this.tickets = options.tickets;
    const isStopped = options.run === false;
    this.state = options.guest === null ? "arriving" : isStopped ? "stopped" : "running";
  }

  /** Rejects when it cannot listen. */
  static async start(options: HostedGuestOptions): Promise<HostedGuest> {
    const hosted = new HostedGuest(options);
    const { settings, guest, run = true, vm } = options;
    hosted.#server = await GuestServer.start({
      guest,
      run: guest !== null && run,
      listen: settings.listen,
      ...(settings.tls !== null && { tls: settings.tls }),
      origins: settings.origins,
      server: { ...settings.server, tickets: options.tickets },
      videoEncoders: settings.videoEncoders,
      ...(settings.saslPasswords !== null && { saslPasswords: settings.saslPasswords }),
      onEvent: (event) => hosted.#note(event),
      onPeer: (bytes) => hosted.onPeer(bytes),
      onFault: (error) => options.onFault(error, hosted),
    });
    if (vm !== undefined) vm.guest.onChanged = () => hosted.#server?.drainGuest();
    return hosted;
  }

  get vm(): HostedVm | null {
    return this.#options.vm ?? null;
  }

  /** The VM that was handed over is this process's. */
  async takeVm(): Promise<void> {
    this.#isTaken = true;
    await this.vm?.guest.take();
  }

  get listening(): readonly ListenAddress[] {
    return this.#server?.addresses ?? [];
  }

  get addresses(): readonly string[] {
    return this.listening.map(listenAddressText);
  }

  get sessions(): readonly ApiSession[] {
    return [...this.#sessions.values()].map((session) => {
      return { ...session, channels: [...(this.#channels.get(session.client)?.keys() ?? [])] };
    });
  }

  /** For people: where the client is. */
  peerOf(client: number): string {
    return this.#sessions.get(client)?.peer ?? "?";
  }

  /** What has been sent to a client on one of its channels, such as `display 0`. */
  sentOn(client: number, channel: string): number {
    const connection = this.#channels.get(client)?.get(channel);
    return connection === undefined ? 0 : (this.#server?.sentOn(connection) ?? 0);
  }

  get facts(): Readonly<Record<string, number>> {
    return this.#guest?.facts?.() ?? {};
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    return this.#server?.traffic ?? { sent: 0, received: 0 };
  }

  /** Told every event of the server until the answer is called. */
  listen(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  command(command: ServerCommand): void {
    this.#server?.command(command);
  }

  peer(bytes: Uint8Array): void {
    this.#server?.peer(bytes);
  }

  setTickets(tickets: readonly Ticket[]): void {
    this.tickets = tickets;
    this.command({ name: "set-tickets", tickets });
  }

  run(): void {
    this.state = "running";
    const run = (): void => this.#server?.input({ type: "run" });
    // A VM that was about to leave may stand still only because of that.
    if (this.vm === null) run();
    else void this.vm.guest.cancel().then(run, run);
  }

  stop(): void {
    this.state = "stopped";
    this.#server?.input({ type: "stop" });
  }

  /** Stops it and gives its state. Rejects when it does not stop in time. */
  async stopAndSave(): Promise<Uint8Array> {
    this.state = "leaving";
    await this.#until(
      (event) => event.name === "guest-running" && !event.running,
      () => {
        this.#server?.input({ type: "stop" });
      },
    );
    // Behind the turn in which it said so, it is drained.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#guest === null) throw new Error("there is no guest to save");
    // The keeper has all that there is of a VM.
    if (this.vm !== null) return new Uint8Array();
    return (this.#guest as SavableGuest).save(performance.now());
  }

  /** The guest has come; resolves when it has described itself. It stays stopped. */
  async attach(guest: Guest): Promise<void> {
    this.#guest = guest;
    await this.#until(
      (event) => event.name === "guest-ready",
      () => {
        this.#server?.attachGuest(guest);
      },
    );
  }

  /** Ends all sessions, and the guest with them; `keep`: not a VM, which waits for another host. */
  async close({ keep = false } = {}): Promise<void> {
    this.#listeners.clear();
    await this.#server?.close();
    if (this.vm === null) return;
    const isAnothers = this.#options.isHandedOver === true && !this.#isTaken;
    if (keep || isAnothers) this.vm.guest.close();
    else await this.vm.guest.end();
  }

  async #until(isIt: (event: ServerEvent) => boolean, begin: () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        forget();
        reject(new Error(`guest ${this.name} does not answer`));
      }, stopWithinMs);
      const forget = this.listen((event) => {
        if (!isIt(event)) return;
        clearTimeout(timer);
        forget();
        resolve();
      });
      begin();
    });
  }

  #note(event: ServerEvent): void {
    switch (event.name) {
      case "client-joined": {
        const { client, peer, user, viewOnly } = event;
        const since = new Date().toISOString();
        this.#sessions.set(client, { client, peer, user, viewOnly, since });
        break;
      }
      case "client-left":
        this.#sessions.delete(event.client);
        this.#channels.delete(event.client);
        break;
      case "channel-linked": {
        const channels = this.#channels.get(event.client) ?? new Map<string, ConnectionKey>();
        this.#channels.set(event.client, channels.set(event.channel, event.connection));
        break;
      }
      case "guest-ended":
        this.hasEnded = true;
        break;
      case "channel-lost":
        this.#channels.get(event.client)?.delete(event.channel);
        break;
      default:
        break;
    }
    this.#options.onEvent(event, this);
    for (const listener of [...this.#listeners]) listener(event);
  }
}
