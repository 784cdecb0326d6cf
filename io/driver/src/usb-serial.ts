// A serial adapter by USB, with a line of the session's owner behind it.

import { type DeviceInput, type DeviceWork, type LineState, SerialDevice } from "@caraway/usbredir";
import { AttachedUsb, type UsbDeviceEvent } from "./usb-slots.ts";

/** A read of the line's. */
const readBytes = 4096;

/** The other end of a line; what goes wrong rejects. */
export interface SerialLine {
  /** What comes next, whenever it comes: a byte at least, `length` at most. Asked one at a time. */
  read(length: number): Promise<Uint8Array>;
  /** Settles when there is room for more. */
  write(data: Uint8Array): Promise<void>;
  /** The guest opened, closed or set up its end. */
  changed?(line: LineState): void;
  close(): Promise<void>;
}

export class UsbSerial extends AttachedUsb {
  readonly line: SerialLine;
  /** Lives in slots; what came for one that is over is the next one's. */
  #life = 0;
  #reading: Promise<void> | null = null;
  #left: Uint8Array = new Uint8Array(0);

  constructor(line: SerialLine, onEvent: (event: UsbDeviceEvent) => void = () => {}) {
    super((event) => {
      if (event.type === "line") line.changed?.(event.line);
      onEvent(event);
    });
    this.line = line;
  }

  make(): SerialDevice {
    this.#life += 1;
    return new SerialDevice();
  }

  async perform(task: number, work: DeviceWork): Promise<DeviceInput> {
    if (work.kind === "serial-write") {
      await this.line.write(work.data);
      return { type: "done", task, data: new Uint8Array(0) };
    }
    if (work.kind !== "serial-read") throw new Error(`a line cannot do ${work.kind}`);
    return { type: "done", task, data: await this.#read(work.length) };
  }

  protected async release(): Promise<void> {
    await this.line.close();
  }

  async #read(length: number): Promise<Uint8Array> {
    const life = this.#life;
    while (this.#left.length === 0) {
      this.#reading ??= this.line.read(readBytes).then(
        (data) => {
          this.#left = data;
          this.#reading = null;
        },
        (error: unknown) => {
          this.#reading = null;
          throw error;
        },
      );
      await this.#reading;
      if (life !== this.#life || !this.isPlugged) throw new Error("it was pulled out meanwhile");
    }
    const data = this.#left.subarray(0, length);
    this.#left = this.#left.subarray(length);
    return data;
  }
}
