// What QEMU records, as it asks a listener (`org.qemu.Display1.AudioInListener`) for it. QEMU stands
// still until it is answered, so it is answered at once.
//
// PEER: QEMU asks as fast as it is answered, and records all that it gets. So it gets as much as time
// has passed, of what the client has sent; of what the client leaves out, silence, a little later.

import type { GuestOutput, SoundFormat } from "@caraway/server";
import type { DbusMessage } from "./dbus-message.ts";
import type { DbusValue } from "./dbus-value.ts";
import { voiceFormat } from "./voice-format.ts";

type Say = (output: GuestOutput) => void;

/** Voices that are remembered. */
const voicesMax = 16;
/** What may wait to be read: older sound is of no use. */
const waitingMax = 64 << 10;
/** How long the client's sound is waited for before there is silence in its place. */
const patienceMs = 100;
/** What QEMU has not asked for after so long is over. */
const latestMs = 500;
/** The most that is answered at a time. */
const readMax = 1 << 20;

export class RecordListener {
  readonly #device: number;
  readonly #say: Say;
  /** null: a format that clients do not send. */
  readonly #voices = new Map<bigint, SoundFormat | null>();
  #heard: bigint | null = null;
  #waiting: Uint8Array[] = [];
  #waitingSize = 0;
  /** When it was enabled, by the clock, and the bytes that were given since. */
  #since = 0;
  #given = 0;
  /** Milliseconds. */
  readonly #now: () => number;

  constructor(device: number, say: Say, now: () => number) {
    this.#device = device;
    this.#say = say;
    this.#now = now;
  }

  /** What is recorded now, for a server that comes later. */
  describe(): GuestOutput[] {
    const format = this.#heard === null ? null : (this.#voices.get(this.#heard) ?? null);
    return format === null ? [] : [{ type: "record-start", device: this.#device, format }];
  }

  push(samples: Uint8Array): void {
    this.#waiting.push(samples);
    this.#waitingSize += samples.length;
    while (this.#waitingSize > waitingMax) {
      this.#waitingSize -= this.#waiting.shift()?.length ?? this.#waitingSize;
    }
  }

  called({ member, body }: DbusMessage): {
    readonly signature: string;
    readonly body: readonly DbusValue[];
  } {
    const [id, ...rest] = body;
    if (member === "Read") {
      const [size] = rest;
      return { signature: "ay", body: [this.#read(id, typeof size === "bigint" ? size : 0n)] };
    }
    if (typeof id === "bigint") this.#handle(member, id, rest);
    return { signature: "", body: [] };
  }

  #handle(member: string | null, id: bigint, body: readonly DbusValue[]): void {
    switch (member) {
      case "Init":
        if (this.#voices.size < voicesMax) this.#voices.set(id, voiceFormat(body));
        break;
      case "Fini":
        this.#enable(id, false);
        this.#voices.delete(id);
        break;
      case "SetEnabled":
        this.#enable(id, body[0] === true);
        break;
      default:
        break;
    }
  }

  #enable(id: bigint, isEnabled: boolean): void {
    const format = this.#voices.get(id) ?? null;
    const device = this.#device;
    if (format === null || (this.#heard === id) === isEnabled) return;
    if (this.#heard !== null) this.#say({ type: "record-stop", device });
    this.#heard = isEnabled ? id : null;
    this.#waiting = [];
    this.#waitingSize = 0;
    this.#since = this.#now();
    this.#given = 0;
    if (isEnabled) this.#say({ type: "record-start", device, format });
  }

  #read(id: DbusValue | undefined, size: bigint): Uint8Array {
    const wanted = Number(size > BigInt(readMax) ? BigInt(readMax) : size);
    const format = id === this.#heard ? (this.#voices.get(this.#heard!) ?? null) : null;
    if (format === null) return new Uint8Array(wanted);
    const frame = format.channels * 2;
    const bytesOf = (ms: number): number => Math.floor((ms * format.frequency) / 1000) * frame;
    const now = this.#now();
    // What QEMU has not asked for in time it is not given later.
    const late = bytesOf(now - this.#since) - bytesOf(latestMs);
    this.#given = Math.max(this.#given, late);
    const due = Math.max(0, bytesOf(now - this.#since) - this.#given);
    const length = Math.min(wanted, due);
    const patient = Math.min(length, Math.max(0, due - bytesOf(patienceMs)));
    const given = Math.max(patient, Math.min(length, this.#waitingSize));
    const samples = new Uint8Array(given - (given % frame));
    for (let at = 0; at < samples.length && this.#waiting.length > 0; ) {
      const first = this.#waiting[0]!;
      const part = first.subarray(0, samples.length - at);
      samples.set(part, at);
      at += part.length;
      this.#waitingSize -= part.length;
      if (part.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(part.length);
    }
    this.#given += samples.length;
    return samples;
  }
}
