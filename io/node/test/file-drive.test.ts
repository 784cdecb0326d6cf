import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientStreams } from "@caraway/driver";
import { bulkLengthFields, type Packet, PacketStream } from "@caraway/usbredir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFileDrive, type UsbDeviceEvent, UsbDevices } from "../src/index.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "usb-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const none = new Uint8Array(0);

/** A guest's slot, with the guest's end of usbredir behind it. */
class Slot {
  readonly streams: ClientStreams;
  readonly guest = new PacketStream({ role: "guest", version: "test", capabilities: [6] });
  readonly #key: number;
  readonly #waiting = new Map<bigint, (data: Uint8Array, status: number) => void>();
  readonly names: string[] = [];
  #nextId = 1n;

  constructor(drives: UsbDevices, key = 1) {
    this.#key = key;
    this.streams = new ClientStreams(
      (command) => {
        if (command.name === "stream-send") this.#take(command.bytes);
      },
      (stream) => drives.offer(stream),
    );
    const opened = { name: "stream-opened", stream: key, channel: "usbredir", id: 0 } as const;
    this.streams.handle({ ...opened, portName: null, guestOpen: true });
    this.#say(this.guest.hello());
  }

  close(): void {
    this.streams.handle({ name: "stream-closed", stream: this.#key });
  }

  bulk(endpoint: number, length: number, data: Uint8Array): Promise<Uint8Array> {
    const id = this.#nextId++;
    const body = { endpoint, status: 0, streamId: 0, ...bulkLengthFields(length), data };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (answer, status) => {
        if (status === 0) resolve(answer);
        else reject(new Error(`status ${status}`));
      });
      this.#say(this.guest.write({ name: "BULK_PACKET", id, body }));
    });
  }

  /** READ(10) or WRITE(10) of whole blocks; gives the data and the status. */
  async transfer(operation: 0x28 | 0x2a, block: number, data: Uint8Array) {
    const isRead = operation === 0x28;
    const view = new DataView(new ArrayBuffer(31));
    view.setUint32(0, 0x43425355, true);
    view.setUint32(8, data.length, true);
    view.setUint8(12, isRead ? 0x80 : 0);
    view.setUint8(14, 10);
    view.setUint8(15, operation);
    view.setUint32(17, block);
    view.setUint16(22, data.length / 512);
    await this.bulk(2, 31, new Uint8Array(view.buffer));
    const read = isRead ? await this.bulk(0x81, data.length, none) : none;
    if (!isRead) await this.bulk(2, data.length, data);
    const status = await this.bulk(0x81, 13, none);
    return { data: read, status: status[12] };
  }

  #say(bytes: Uint8Array): void {
    this.streams.handle({ name: "stream-data", stream: this.#key, bytes });
  }

  #take(bytes: Uint8Array): void {
    this.guest.push(bytes);
    this.streams.handle({ name: "stream-sent", stream: this.#key, bytes: bytes.length });
    for (let packet = this.guest.next(); packet !== null; packet = this.guest.next()) {
      this.#handle(packet);
    }
  }

  #handle(packet: Packet): void {
    this.names.push(packet.name);
    if (packet.name !== "BULK_PACKET") return;
    this.#waiting.get(packet.id)?.(packet.body.data, packet.body.status);
  }
}

function image(size: number): string {
  const file = join(directory, "image");
  writeFileSync(
    file,
    Uint8Array.from({ length: size }, (_, at) => Math.imul(at, 167) >>> 5),
  );
  return file;
}

describe("a drive that stands on a file", () => {
  it("reads and writes the file", async () => {
    const file = image(65_536);
    const before = readFileSync(file);
    const drive = await openFileDrive({ kind: "stick", file, readOnly: false });
    const slot = new Slot(new UsbDevices([drive]));
    const read = await slot.transfer(0x28, 3, new Uint8Array(4096));
    expect(read.status).toBe(0);
    expect(Buffer.compare(read.data, before.subarray(1536, 5632))).toBe(0);
    const wanted = new Uint8Array(2048).fill(0x5a);
    expect((await slot.transfer(0x2a, 8, wanted)).status).toBe(0);
    await drive.close();
    const after = readFileSync(file);
    expect(Buffer.compare(after.subarray(4096, 6144), wanted)).toBe(0);
    expect(after).toHaveLength(65_536);
  });

  it("is not written when it must not be", async () => {
    const file = image(8192);
    const before = readFileSync(file);
    const drive = await openFileDrive({ kind: "stick", file, readOnly: true });
    const slot = new Slot(new UsbDevices([drive]));
    expect((await slot.transfer(0x2a, 0, new Uint8Array(512))).status).toBe(1);
    await drive.close();
    expect(Buffer.compare(readFileSync(file), before)).toBe(0);
  });

  it("tells when the file breaks, and the guest hears of it", async () => {
    const file = image(8192);
    const events: UsbDeviceEvent[] = [];
    const drive = await openFileDrive({ kind: "stick", file, readOnly: true }, (event) => {
      events.push(event);
    });
    const slot = new Slot(new UsbDevices([drive]));
    writeFileSync(file, "short");
    expect((await slot.transfer(0x28, 0, new Uint8Array(512))).status).toBe(1);
    expect(events.map(({ type }) => type)).toEqual(["connected", "io-error"]);
    await drive.close();
  });

  it("takes the next slot when its own is gone", async () => {
    const drive = await openFileDrive({ kind: "cd", file: image(8192), readOnly: true });
    const drives = new UsbDevices([drive]);
    const first = new Slot(drives);
    const beside = new Slot(drives);
    expect(beside.names).toEqual(["HELLO"]);
    first.close();
    expect(beside.names).toContain("DEVICE_CONNECT");
    beside.close();
    expect(drive.isPlugged).toBe(false);
    const next = new Slot(drives);
    expect(next.names).toContain("DEVICE_CONNECT");
    drive.unplug();
    expect(next.names.at(-1)).toBe("DEVICE_DISCONNECT");
    await drives.close();
  });
});

it("a slot takes another drive when the first is pulled out, on the same connection", async () => {
  const file = (name: string) => {
    writeFileSync(join(directory, name), new Uint8Array(4096).fill(name.charCodeAt(0)));
    return openFileDrive({ kind: "stick", file: join(directory, name), readOnly: false });
  };
  const [first, second] = [await file("a"), await file("b")];
  const drives = new UsbDevices([first]);
  const slot = new Slot(drives);
  expect((await slot.transfer(0x28, 0, new Uint8Array(512))).data[0]).toBe(0x61);
  drives.add(second);
  expect(second.isPlugged).toBe(false);
  await drives.remove(first);
  await expect.poll(() => second.isPlugged).toBe(true);
  expect((await slot.transfer(0x28, 0, new Uint8Array(512))).data[0]).toBe(0x62);
  expect(slot.names.filter((name) => /^DEVICE_|HELLO/.test(name))).toEqual([
    ...["HELLO", "DEVICE_CONNECT", "DEVICE_DISCONNECT", "DEVICE_CONNECT"],
  ]);
  await drives.close();
});
