// USB devices that a session's owner gives to the guest, whatever they are: each takes one of the
// guest's slots for redirected devices, and the next one that comes when that is gone.

import {
  type DeviceInput,
  type DeviceWork,
  type UsbDevice,
  UsbHost,
  type UsbHostInput,
  type UsbHostOutput,
} from "@caraway/usbredir";
import type { ClientStream } from "./client-stream.ts";

export type UsbDeviceEvent =
  | Exclude<UsbHostOutput, { readonly type: "transmit" | "work" }>
  /** What the device stands on could not be read or written; the guest was told. */
  | { readonly type: "io-error"; readonly error: unknown };

/** Work under way from which on nothing more is taken from the guest. */
const defaultWorkMax = 32;

/** A device, plugged into at most one slot at a time. */
export abstract class AttachedUsb {
  readonly #onEvent: (event: UsbDeviceEvent) => void;
  #slot: Slot | null = null;
  #isWanted = true;

  constructor(onEvent: (event: UsbDeviceEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** What it is to a slot, anew for each life in one. */
  abstract make(): UsbDevice;

  /** Does the device's work, and gives the answer; what goes wrong rejects. */
  abstract perform(task: number, work: DeviceWork): Promise<DeviceInput>;

  /** Gives up what it stands on. */
  protected abstract release(): Promise<void>;

  /** How much of its work may be under way. */
  get workMax(): number {
    return defaultWorkMax;
  }

  get isPlugged(): boolean {
    return this.#slot !== null;
  }

  /** Whether it takes a slot that is free: not when it was pulled out, or a guest refused it. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Pulls it out, as the guest learns. */
  unplug(): void {
    this.#isWanted = false;
    this.#slot?.feed({ type: "unplug" });
  }

  /** Closes what it stands on, too. */
  async close(): Promise<void> {
    this.#slot?.release();
    await this.release();
  }

  /** For its slot alone. */
  tell(event: UsbDeviceEvent): void {
    if (event.type === "disconnected") this.#isWanted = false;
    this.#onEvent(event);
  }

  /** For its slot alone. */
  at(slot: Slot | null): void {
    this.#slot = slot;
  }

  protected feed(input: DeviceInput): void {
    this.#slot?.feed(input);
  }
}

type Work = Extract<UsbHostOutput, { readonly type: "work" }>;

/** One of the guest's slots, as long as its stream lives, with a device in it or without. */
export class Slot {
  readonly #host = new UsbHost();
  readonly #stream: ClientStream;
  /** It is free, or its stream is over. */
  readonly #changed: (slot: Slot) => void;
  /** Work that waits until the stream has room for its answer. */
  readonly #waiting: Work[] = [];
  #device: AttachedUsb | null = null;
  #hasRoom = true;
  #working = 0;
  #untaken = 0;
  #isOver = false;

  constructor(stream: ClientStream, changed: (slot: Slot) => void) {
    this.#stream = stream;
    this.#changed = changed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isFree(): boolean {
    return this.#device === null && !this.#isOver;
  }

  start(): void {
    this.#stream.use({
      data: (bytes) => {
        this.#untaken += bytes.length;
        this.feed({ type: "received", bytes });
      },
      drained: () => {
        this.#hasRoom = true;
        this.#drain();
      },
      closed: () => this.#end(),
    });
    this.#drain();
  }

  plug(device: AttachedUsb): void {
    this.#device = device;
    device.at(this);
    this.feed({ type: "plug", device: device.make() });
  }

  feed(input: UsbHostInput): void {
    if (this.#isOver) return;
    this.#host.handle(input);
    this.#drain();
  }

  /** The device is not there any more: nothing of it is read or written from now on. */
  release(): void {
    const device = this.#device;
    if (device === null) return;
    this.#device = null;
    this.#waiting.length = 0;
    device.at(null);
    this.feed({ type: "unplug" });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#device?.at(null);
    this.#device = null;
    this.#changed(this);
  }

  #drain(): void {
    for (let output = this.#host.poll(); output !== null; output = this.#host.poll()) {
      if (output.type === "transmit") this.#hasRoom = this.#stream.write(output.bytes);
      else if (output.type === "work") this.#waiting.push(output);
      else {
        const device = this.#device;
        if (output.type === "disconnected") this.#isLeft();
        device?.tell(output);
      }
    }
    while (this.#hasRoom && this.#working < (this.#device?.workMax ?? defaultWorkMax)) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#working += 1;
      void this.#perform(next);
    }
    if (this.#waiting.length > 0 || this.#untaken === 0) return;
    this.#stream.taken(this.#untaken);
    this.#untaken = 0;
  }

  #isLeft(): void {
    this.#device?.at(null);
    this.#device = null;
    this.#waiting.length = 0;
    // Behind this turn: another device may follow.
    void Promise.resolve().then(() => this.#changed(this));
  }

  async #perform({ task, work }: Work): Promise<void> {
    const device = this.#device;
    let answer: DeviceInput = { type: "done", task, data: null };
    try {
      if (device !== null) answer = await device.perform(task, work);
    } catch (error) {
      // Of a device that was pulled out meanwhile, nobody wants to know.
      if (device === this.#device) device?.tell({ type: "io-error", error });
    }
    this.#working -= 1;
    this.feed(answer);
  }
}

/** The devices of a session, or of several that follow each other: each takes a slot that is free. */
export class UsbDevices {
  readonly #devices: AttachedUsb[];
  #slots: Slot[] = [];

  constructor(devices: readonly AttachedUsb[]) {
    this.#devices = [...devices];
  }

  get devices(): readonly AttachedUsb[] {
    return this.#devices;
  }

  /** Slots that the guest has for this client. */
  get slots(): number {
    return this.#slots.length;
  }

  /** A stream of the session's; those of other channels are passed over. */
  offer(stream: ClientStream): void {
    if (stream.channel !== "usbredir") return;
    const slot = new Slot(stream, (changed) => {
      if (changed.isOver) this.#slots = this.#slots.filter((other) => other !== changed);
      this.#plugAll();
    });
    this.#slots.push(slot);
    slot.start();
    this.#plugAll();
  }

  /** One more, which is plugged in as soon as there is a slot for it. */
  add(device: AttachedUsb): void {
    this.#devices.push(device);
    this.#plugAll();
  }

  /** Pulls it out and closes it. */
  async remove(device: AttachedUsb): Promise<void> {
    const at = this.#devices.indexOf(device);
    if (at >= 0) this.#devices.splice(at, 1);
    device.unplug();
    await device.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.close()));
  }

  #plugAll(): void {
    for (const device of this.#devices) {
      if (device.isPlugged || !device.isWanted) continue;
      this.#slots.find(({ isFree }) => isFree)?.plug(device);
    }
  }
}
