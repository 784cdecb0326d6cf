// Requests of one endpoint, where what answers them takes its time: bytes go on in their order, each
// once, whatever the guest calls off meanwhile.

import { UsbStatus } from "./constants.ts";

/** Requests that may wait; a guest that asks for more is refused. */
const requestsMax = 256;
const none = new Uint8Array(0);

/** What a transfer gave. */
export interface Arrival {
  readonly status: number;
  readonly data: Uint8Array;
}

export interface InPipeOwner {
  /** `arrived` is to be called when there is something. */
  read(length: number): void;
  answer(id: bigint, arrival: Arrival): void;
}

/**
 * To the guest. A transfer that has begun cannot be called back: what it gives is kept for the next
 * request.
 */
export class InPipe {
  readonly #owner: InPipeOwner;
  readonly #readsMax: number;
  #requests: { readonly id: bigint; readonly length: number }[] = [];
  #arrivals: Arrival[] = [];
  #reads = 0;

  /** @param readsMax How many transfers may be under way at once. */
  constructor(readsMax: number, owner: InPipeOwner) {
    this.#readsMax = readsMax;
    this.#owner = owner;
  }

  request(id: bigint, length: number): void {
    if (this.#requests.length >= requestsMax) {
      this.#owner.answer(id, { status: UsbStatus.IOERROR, data: none });
      return;
    }
    this.#requests.push({ id, length });
    this.#pump();
  }

  /** False: there is no such request. */
  cancel(id: bigint): boolean {
    const index = this.#requests.findIndex((request) => request.id === id);
    if (index < 0) return false;
    this.#requests.splice(index, 1);
    this.#owner.answer(id, { status: UsbStatus.CANCELLED, data: none });
    return true;
  }

  arrived(arrival: Arrival): void {
    this.#reads -= 1;
    this.#arrivals.push(arrival);
    this.#pump();
  }

  /** Requests end without an answer; transfers go on. */
  forget(): void {
    this.#requests = [];
  }

  /** Transfers have ended, too, with what they gave. */
  restart(): void {
    this.#requests = [];
    this.#arrivals = [];
    this.#reads = 0;
  }

  snapshot(): unknown {
    return {
      requests: this.#requests.length,
      arrivals: this.#arrivals.length,
      reads: this.#reads,
    };
  }

  #pump(): void {
    while (this.#requests.length > 0 && this.#arrivals.length > 0) {
      const { id, length } = this.#requests.shift()!;
      const { status, data } = this.#arrivals[0]!;
      if (data.length > length) this.#arrivals[0] = { status, data: data.subarray(length) };
      else this.#arrivals.shift();
      // How a transfer ended is told with its last bytes.
      const isWhole = data.length <= length;
      this.#owner.answer(id, {
        status: isWhole ? status : UsbStatus.SUCCESS,
        data: data.subarray(0, length),
      });
    }
    while (this.#reads < Math.min(this.#requests.length, this.#readsMax)) {
      const { length } = this.#requests[this.#reads]!;
      this.#reads += 1;
      this.#owner.read(length);
    }
  }
}

export interface OutPipeOwner {
  /** `ended` is to be called for each, in any order. */
  write(id: bigint, data: Uint8Array): void;
  answer(id: bigint, status: number, length: number): void;
}

interface OutRequest {
  readonly id: bigint;
  readonly data: Uint8Array;
  state: "waiting" | "written" | { readonly status: number; readonly length: number };
}

/** From the guest. Answers go in the order of the requests. */
export class OutPipe {
  readonly #owner: OutPipeOwner;
  readonly #writesMax: number;
  #requests: OutRequest[] = [];

  /** @param writesMax How many transfers may be under way at once. */
  constructor(writesMax: number, owner: OutPipeOwner) {
    this.#writesMax = writesMax;
    this.#owner = owner;
  }

  request(id: bigint, data: Uint8Array): void {
    if (this.#requests.length >= requestsMax) {
      this.#owner.answer(id, UsbStatus.IOERROR, 0);
      return;
    }
    this.#requests.push({ id, data, state: "waiting" });
    this.#pump();
  }

  /** False: there is no such request, or it is too late. */
  cancel(id: bigint): boolean {
    const index = this.#requests.findIndex((each) => each.id === id && each.state === "waiting");
    if (index < 0) return false;
    this.#requests.splice(index, 1);
    this.#owner.answer(id, UsbStatus.CANCELLED, 0);
    return true;
  }

  ended(id: bigint, status: number, length: number): void {
    const request = this.#requests.find((each) => each.id === id && each.state === "written");
    if (request === undefined) return;
    request.state = { status, length };
    this.#pump();
  }

  restart(): void {
    this.#requests = [];
  }

  snapshot(): unknown {
    return { requests: this.#requests.length };
  }

  #pump(): void {
    for (;;) {
      const state = this.#requests[0]?.state;
      if (typeof state !== "object") break;
      const { id } = this.#requests.shift()!;
      this.#owner.answer(id, state.status, state.length);
    }
    let writes = this.#requests.filter(({ state }) => state === "written").length;
    for (const request of this.#requests) {
      if (writes >= this.#writesMax) break;
      if (request.state !== "waiting") continue;
      request.state = "written";
      writes += 1;
      this.#owner.write(request.id, request.data);
    }
  }
}
