import { SerialPortLine, streamsLine, type WebSerialPort } from "@caraway/browser";
import { describe, expect, it } from "vitest";

const line = { dataBits: 8, parity: "none", stopBits: 1, dtr: true, rts: true } as const;

/** A port as WebSerial has it: streams of its own for each time that it is open. */
class Port implements WebSerialPort {
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  readonly opened: object[] = [];
  readonly written: number[] = [];
  say: (bytes: readonly number[]) => void = () => {};

  async open(options: object): Promise<void> {
    if (this.readable !== null) throw new DOMException("it is open", "InvalidStateError");
    this.opened.push(options);
    this.readable = new ReadableStream({
      start: (controller) => {
        this.say = (bytes) => controller.enqueue(Uint8Array.from(bytes));
      },
    });
    this.writable = new WritableStream({ write: (data) => void this.written.push(...data) });
  }

  async close(): Promise<void> {
    if (this.readable?.locked) throw new TypeError("its streams are in use");
    this.readable = null;
    this.writable = null;
  }
}

describe("a line to a port of the user's", () => {
  it("opens it as the guest sets it up, and again when that changes", async () => {
    const port = new Port();
    const serial = new SerialPortLine(port);
    const read = serial.read(2);
    serial.changed({ ...line, baud: 9600, dtr: false });
    expect(port.opened).toEqual([]);
    serial.changed({ ...line, baud: 9600 });
    serial.changed({ ...line, baud: 115_200 });
    await serial.write(Uint8Array.of(1, 2));
    expect(port.written).toEqual([1, 2]);
    expect(port.opened).toMatchObject([{ baudRate: 9600 }, { baudRate: 115_200 }]);
    port.say([5, 6, 7]);
    expect(await read).toEqual(Uint8Array.of(5, 6));
    expect(await serial.read(10)).toEqual(Uint8Array.of(7));
    await serial.close();
    expect(port.readable).toBeNull();
  });
});

describe("a line of two streams", () => {
  it("carries what they carry, and says nothing any more when they have ended", async () => {
    const written: number[] = [];
    const serial = streamsLine({
      readable: new ReadableStream({
        start(controller) {
          controller.enqueue(Uint8Array.of(1, 2, 3));
          controller.close();
        },
      }),
      writable: new WritableStream({ write: (data) => void written.push(...data) }),
    });
    await serial.write(Uint8Array.of(9));
    expect(written).toEqual([9]);
    expect(await serial.read(2)).toEqual(Uint8Array.of(1, 2));
    expect(await serial.read(2)).toEqual(Uint8Array.of(3));
    const more = serial.read(1).then(() => "something");
    const nothing = new Promise((resolve) => setTimeout(() => resolve("nothing"), 20));
    expect(await Promise.race([more, nothing])).toBe("nothing");
  });
});
