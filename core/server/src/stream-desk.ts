// The guest's devices that one client at a time has: usbredir, smartcard, ports, webdav. Who has
// which, and who gets it next.

import type { ChannelId } from "./channel-name.ts";
import type { ClientKey } from "./events.ts";
import type { GuestStream } from "./guest-stream.ts";
import type { Wiring } from "./wiring.ts";

/** A client's channel, as the device's stream sees it. */
export interface StreamHolder {
  readonly client: ClientKey;
  /** It has left with the guest, whose device stays its own. */
  readonly isGone: boolean;
  guestData(bytes: Uint8Array): void;
  guestOpened(open: boolean): void;
  guestCredited(): void;
}

interface Seat {
  readonly stream: GuestStream;
  holder: StreamHolder | null;
}

export class StreamDesk {
  readonly #wiring: Wiring;
  /** A device was taken or is free again. */
  readonly #changed: () => void;
  readonly #seats = new Map<string, Seat>();

  constructor(wiring: Wiring, changed: () => void) {
    this.#wiring = wiring;
    this.#changed = changed;
  }

  /** The device behind a channel. */
  stream({ name, id }: ChannelId): GuestStream | null {
    return this.#seats.get(`${name} ${id}`)?.stream ?? null;
  }

  /** Whether nobody else has it; true for channels that are no streams. */
  isFreeFor(client: ClientKey, { name, id }: ChannelId): boolean {
    const holder = this.#seats.get(`${name} ${id}`)?.holder ?? null;
    return holder === null || holder.client === client;
  }

  /** Who takes a device has to release it. */
  take(stream: GuestStream, holder: StreamHolder): void {
    const seat = this.#seatOf(stream);
    if (seat === null) return;
    seat.holder = holder;
    this.#tell(stream, holder.client);
  }

  release(stream: GuestStream, holder: StreamHolder): void {
    const seat = this.#seatOf(stream);
    if (seat === null || seat.holder !== holder) return;
    seat.holder = null;
    this.#tell(stream, null);
  }

  // From the guest.

  attached(stream: GuestStream, isRunning: boolean): void {
    this.#seats.set(labelOf(stream), { stream, holder: null });
    if (isRunning) stream.setOpen(false);
  }

  detached(stream: GuestStream): void {
    this.#seats.delete(labelOf(stream));
  }

  /** A guest that goes on, here, learns which of its streams have nobody at this end. */
  running(): void {
    let isAnyFree = false;
    for (const { stream, holder } of [...this.#seats.values()]) {
      if (holder?.isGone) this.release(stream, holder);
      if (holder !== null && !holder.isGone) continue;
      stream.setOpen(false);
      isAnyFree = true;
    }
    // Nobody was offered what somebody else might have brought along.
    if (isAnyFree) this.#changed();
  }

  opened(stream: GuestStream, open: boolean): void {
    this.#seatOf(stream)?.holder?.guestOpened(open);
  }

  /** What comes while nobody is there is for nobody. */
  data(stream: GuestStream, bytes: Uint8Array): void {
    this.#seatOf(stream)?.holder?.guestData(bytes);
  }

  credited(stream: GuestStream): void {
    this.#seatOf(stream)?.holder?.guestCredited();
  }

  snapshot(): unknown {
    return [...this.#seats].map(([label, { holder }]) => [label, holder?.client ?? null]);
  }

  #seatOf(stream: GuestStream): Seat | null {
    const seat = this.#seats.get(labelOf(stream)) ?? null;
    return seat?.stream === stream ? seat : null;
  }

  #tell(stream: GuestStream, client: ClientKey | null): void {
    this.#wiring.event({ name: "stream-owner", stream: labelOf(stream), client });
    this.#changed();
  }
}

function labelOf({ name: { use, id } }: GuestStream): string {
  return `${use} ${id}`;
}
