// Clients that the source has told to come anew (SWITCH_HOST). They link as anybody does, so those
// that come next are taken for them; nobody waits for them but whoever wants to know what became
// of each.

import { type ChannelId, channelLabel } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { ChannelMoved, ClientMoved } from "./moves.ts";
import type { ServedClient } from "./served-client.ts";
import type { Wiring } from "./wiring.ts";

export interface ReturningOwner {
  readonly wiring: Wiring;
  newClientKey(): ClientKey;
}

interface Returning {
  /** What it had at the source, and what it took over from others who come anew. */
  channels: readonly ChannelId[];
  served: ServedClient | null;
  readonly outcomes: Map<string, ChannelMoved>;
}

const reason = "switch-host";

export class ReturningClients {
  readonly #owner: ReturningOwner;
  readonly #since: number;
  readonly #patienceMs: number;
  readonly #returning: Returning[] = [];
  /** Those who came, and were not awaited yet. */
  readonly #newcomers: ServedClient[] = [];
  #until: number;
  /** Whether the source has still to say who is told to come anew. */
  #isUntold: boolean;

  /**
   * @param isTold Whether the source will say who comes.
   * @param patienceMs How long it is waited for that, and for the next channel of a client.
   */
  constructor(owner: ReturningOwner, isTold: boolean, patienceMs: number) {
    this.#owner = owner;
    this.#isUntold = isTold;
    this.#since = owner.wiring.now;
    this.#patienceMs = patienceMs;
    this.#until = this.#since + patienceMs;
  }

  /** The source's word: these clients, with these channels. */
  expect(clients: readonly (readonly ChannelId[])[]): void {
    if (!this.#isUntold) return;
    this.#isUntold = false;
    for (const channels of clients) {
      this.#returning.push({ channels, served: null, outcomes: new Map() });
    }
    this.#progressed();
  }

  /** Somebody came whom nobody knows. */
  joined(served: ServedClient): void {
    if (this.isSettled) return;
    this.#newcomers.push(served);
    this.#progressed();
  }

  /** A client may have a channel more. */
  linked(served: ServedClient): void {
    if (this.#returning.some((one) => one.served === served)) this.#progressed();
  }

  ended(served: ServedClient): void {
    const at = this.#newcomers.indexOf(served);
    if (at >= 0) this.#newcomers.splice(at, 1);
    for (const one of this.#returning) {
      if (one.served === served) this.#lose(one, "the client left");
    }
  }

  /** What has not come has had its time. */
  giveUp(): void {
    this.#isUntold = false;
    for (const one of this.#returning) this.#lose(one, "the client has not come back in time");
  }

  get isSettled(): boolean {
    return !this.#isUntold && this.#returning.every(isComplete);
  }

  get reports(): readonly ClientMoved[] {
    return this.#returning.map(({ served, outcomes }) => ({
      client: served?.key ?? this.#owner.newClientKey(),
      session: served?.sessionId ?? 0,
      mode: "switch-host",
      channels: [...outcomes.values()],
    }));
  }

  deadline(): number | null {
    return this.isSettled ? null : this.#until;
  }

  timeout(): void {
    if (!this.isSettled && this.#until <= this.#owner.wiring.now) this.giveUp();
  }

  snapshot(now: number): unknown {
    if (this.isSettled) return null;
    const waiting = this.#returning.map(({ channels, outcomes }) => {
      return channels.length - outcomes.size;
    });
    return { isUntold: this.#isUntold, until: this.#until - now, waiting };
  }

  #progressed(): void {
    this.#until = this.#owner.wiring.now + this.#patienceMs;
    for (const one of this.#returning) {
      one.served ??= this.#newcomers.shift() ?? null;
      const { served } = one;
      if (served === null) continue;
      for (const channel of served.channels) this.#takeOver(one, channel);
      for (const channel of one.channels) if (served.has(channel)) this.#decide(one, channel, "");
    }
  }

  /** Nobody knows which of them is which: a device may be with another than it was. */
  #takeOver(one: Returning, channel: ChannelId): void {
    const label = channelLabel(channel);
    const isIt = (other: ChannelId) => channelLabel(other) === label;
    if (one.channels.some(isIt)) return;
    const former = this.#returning.find(({ channels, outcomes }) => {
      return channels.some(isIt) && !outcomes.has(label);
    });
    if (former === undefined) return;
    former.channels = former.channels.filter((other) => !isIt(other));
    one.channels = [...one.channels, channel];
  }

  #lose(one: Returning, why: string): void {
    for (const channel of one.channels) this.#decide(one, channel, why);
  }

  /** `lost`: why the channel is not there; empty where it is. */
  #decide({ served, outcomes }: Returning, id: ChannelId, lost: string): void {
    const channel = channelLabel(id);
    if (outcomes.has(channel)) return;
    const { wiring } = this.#owner;
    const moved: ChannelMoved = {
      session: served?.sessionId ?? 0,
      channel,
      outcome: lost === "" ? "rebuilt" : "lost",
      reason: lost === "" ? reason : lost,
      gapMs: wiring.now - this.#since,
    };
    outcomes.set(channel, moved);
    if (served !== null) wiring.event({ name: "move-channel", client: served.key, ...moved });
  }
}

function isComplete({ channels, outcomes }: Returning): boolean {
  return outcomes.size === channels.length;
}
