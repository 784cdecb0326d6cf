// Endpoints of a real device that are read, or written, without being asked for each packet:
// interrupts, bulk data that is read ahead, isochronous streams.

import { joinBytes } from "@caraway/wire";
import { UsbStatus } from "./constants.ts";
import type { TransferResult } from "./device-work.ts";

type Done = (result: TransferResult) => void;

interface ReceivingOptions {
  /** Of each transfer. */
  readonly length: number;
  readonly atOnce: number;
  readonly read: (length: number, done: Done) => void;
  /** `number` counts what arrives. */
  readonly arrived: (number: bigint, status: number, data: Uint8Array) => void;
  /** The endpoint gives no more; it is stopped. */
  readonly broken: (status: number) => void;
}

/** What comes after a stop is kept for the next start: transfers cannot be called back. */
export class Receiving {
  readonly #options: ReceivingOptions;
  #isOn = false;
  #isOver = false;
  #reads = 0;
  #number = 0n;
  #kept: TransferResult[] = [];

  constructor(options: ReceivingOptions) {
    this.#options = options;
  }

  isAs(length: number, atOnce: number): boolean {
    return this.#options.length === length && this.#options.atOnce === atOnce;
  }

  start(): void {
    this.#isOn = true;
    const kept = this.#kept;
    this.#kept = [];
    for (const result of kept) this.#take(result);
    this.#pump();
  }

  stop(): void {
    this.#isOn = false;
  }

  /** Nothing comes any more. */
  end(): void {
    this.#isOn = false;
    this.#isOver = true;
  }

  snapshot(): unknown {
    return { isOn: this.#isOn, reads: this.#reads, kept: this.#kept.length };
  }

  #pump(): void {
    const { length, atOnce, read } = this.#options;
    while (this.#isOn && this.#reads < atOnce) {
      this.#reads += 1;
      read(length, (result) => {
        this.#reads -= 1;
        if (this.#isOver) return;
        if (this.#isOn) this.#take(result);
        else this.#kept.push(result);
        this.#pump();
      });
    }
  }

  #take({ status, data }: TransferResult): void {
    if (status === UsbStatus.SUCCESS || status === UsbStatus.BABBLE) {
      this.#options.arrived(this.#number++, status, data);
    } else if (this.#isOn) {
      this.#isOn = false;
      this.#options.broken(status);
    }
  }
}

interface IsoReceivingOptions {
  readonly transfers: number;
  readonly read: (done: Done) => void;
  readonly arrived: (number: bigint, status: number, data: Uint8Array) => void;
  readonly broken: (status: number) => void;
}

export class IsoReceiving {
  readonly #options: IsoReceivingOptions;
  #isOn = false;
  #number = 0n;

  constructor(options: IsoReceivingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isOn = true;
    for (let count = 0; count < this.#options.transfers; count++) this.#read();
  }

  stop(): void {
    this.#isOn = false;
  }

  end(): void {
    this.#isOn = false;
  }

  snapshot(): unknown {
    return { isOn: this.#isOn };
  }

  #read(): void {
    this.#options.read(({ status, packets }) => {
      if (!this.#isOn) return;
      if (status !== UsbStatus.SUCCESS) {
        this.#isOn = false;
        this.#options.broken(status);
        return;
      }
      for (const packet of packets ?? []) {
        this.#options.arrived(this.#number++, packet.status, packet.data);
      }
      this.#read();
    });
  }
}

interface IsoSendingOptions {
  /** In one transfer. */
  readonly packets: number;
  readonly transfers: number;
  readonly write: (data: Uint8Array, lengths: number[], done: Done) => void;
  readonly broken: (status: number) => void;
}

/** What comes too fast is late anyway: the oldest of it is dropped. */
export class IsoSending {
  readonly #options: IsoSendingOptions;
  #isOn = true;
  #writes = 0;
  #waiting: Uint8Array[] = [];

  constructor(options: IsoSendingOptions) {
    this.#options = options;
  }

  packet(data: Uint8Array): void {
    const { packets, transfers } = this.#options;
    this.#waiting.push(data);
    if (this.#waiting.length > packets * transfers) this.#waiting.shift();
    this.#pump();
  }

  stop(): void {
    this.#isOn = false;
  }

  end(): void {
    this.#isOn = false;
  }

  snapshot(): unknown {
    return { isOn: this.#isOn, writes: this.#writes, waiting: this.#waiting.length };
  }

  #pump(): void {
    const { packets, transfers, write } = this.#options;
    while (this.#isOn && this.#writes < transfers && this.#waiting.length >= packets) {
      const parts = this.#waiting.splice(0, packets);
      const lengths = parts.map(({ length }) => length);
      this.#writes += 1;
      write(joinBytes(parts), lengths, ({ status }) => {
        this.#writes -= 1;
        if (status !== UsbStatus.SUCCESS && this.#isOn) {
          this.#isOn = false;
          this.#options.broken(status);
        }
        this.#pump();
      });
    }
  }
}
