import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { GuestOutput } from "@caraway/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { QemuStream } from "../src/qemu-stream.ts";
import { openSocketHanding } from "../src/socket-handing.ts";

let directory: string;
let server: Server;
let device: Socket | null;
let outputs: GuestOutput[];
let stream: QemuStream;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "caraway-stream-"));
  device = null;
  outputs = [];
  // Nothing is read before a test says so.
  server = createServer({ pauseOnConnect: true }, (socket) => {
    device = socket;
  });
  const path = join(directory, "device");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const options = { use: "agent", id: 0, name: "agent", chardev: "agent", path } as const;
  stream = new QemuStream(options, await openSocketHanding(), (output) => outputs.push(output));
  await stream.connect();
  while (device === null) await delay(1);
});

afterEach(() => {
  stream.close();
  device?.destroy();
  server.close();
  rmSync(directory, { recursive: true });
});

function read(): Promise<Buffer> {
  return new Promise((resolve) => device!.once("data", resolve));
}

describe("a character device", () => {
  it("takes bytes as it reads them, and lets as many more come", async () => {
    stream.push(Uint8Array.of(1, 2, 3));
    device!.resume();
    expect([...(await read())]).toEqual([1, 2, 3]);
    while (outputs.length === 0) await delay(1);
    expect(outputs).toEqual([{ type: "stream-credit", stream: { use: "agent", id: 0 }, bytes: 3 }]);
  });

  it("knows which bytes QEMU has not read, to the byte", async () => {
    const bytes = Uint8Array.from({ length: 10_000 }, (_, at) => at & 0xff);
    stream.push(bytes);
    await delay(50);
    stream.freeze(true);
    expect(stream.leftovers().toGuest).toEqual(bytes);
    stream.freeze(false);
    device!.resume();
    const got = await read();
    device!.pause();
    await delay(50);
    stream.freeze(true);
    const rest = stream.leftovers().toGuest;
    const again = device!.read() as Buffer | null;
    const all = Buffer.concat([got, again ?? Buffer.alloc(0), rest]);
    expect(new Uint8Array(all)).toEqual(bytes);
  });

  it("has what QEMU said before the stop, as far as it was not granted", async () => {
    stream.grant(2);
    device!.write(Uint8Array.of(1, 2, 3, 4));
    await delay(20);
    device!.write(Uint8Array.of(5));
    stream.freeze(true);
    expect(outputs).toMatchObject([{ type: "stream-data", bytes: Uint8Array.of(1, 2) }]);
    expect([...stream.leftovers().fromGuest]).toEqual([3, 4, 5]);
  });

  it("goes on with what another QEMU has left", async () => {
    const left = { isConnected: true, toGuest: Uint8Array.of(7, 8), fromGuest: Uint8Array.of(9) };
    await stream.take(left);
    stream.push(Uint8Array.of(10));
    stream.freeze(false);
    device!.resume();
    const got = [...(await read())];
    if (got.length < 3) got.push(...(await read()));
    expect(got).toEqual([7, 8, 10]);
    stream.grant(1);
    expect(outputs).toContainEqual({
      ...{ type: "stream-data", stream: { use: "agent", id: 0 } },
      bytes: Uint8Array.of(9),
    });
  });

  it("is closed and opened as its client comes and goes", async () => {
    const first = device!;
    stream.setOpen(false);
    await new Promise((resolve) => first.resume().once("close", resolve));
    await stream.connect();
    while (device === first) await delay(1);
    expect(stream.leftovers().isConnected).toBe(true);
  });
});
