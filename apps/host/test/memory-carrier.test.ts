// The thread is the compiled one (`tsc -b`), as the command runs it.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteStream } from "@caraway/node";
import { afterAll, expect, it } from "vitest";
import { MemoryCarrier } from "../src/memory-carrier.ts";
import { PeerListener } from "../src/peer-network.ts";
import { bySharedKey } from "../src/peer-security.ts";
import { sharedKey } from "./host-pair.ts";

const directory = mkdtempSync(join(tmpdir(), "caraway-carrier-"));
const path = join(directory, "outgoing");
const greeting = Uint8Array.of(1, 2, 3);
const size = 8 << 20;

afterAll(() => rmSync(directory, { recursive: true }));

it("carries what QEMU says to the other host behind the greeting, and back, to the end", async () => {
  const host = "127.0.0.1";
  const heard: Uint8Array[] = [];
  let isOver = false;
  let other: ByteStream | null = null;
  const listener = await PeerListener.open({ host, port: 0 }, sharedKey, (stream) => {
    other = stream;
    stream.listen({
      received: (bytes) => heard.push(bytes),
      backlog: () => {},
      closed: () => {
        isOver = true;
      },
    });
  });
  const to = { host, port: listener.port };
  const options = { to, material: sharedKey.material, greeting, path };
  const carrier = await MemoryCarrier.open(options);
  const qemu = connect({ path });
  await carrier.connected;
  const memory = Buffer.alloc(size, "memory ");
  qemu.write(memory);
  await expect.poll(() => Buffer.concat(heard).length).toBe(greeting.length + size);
  expect(Buffer.concat(heard).equals(Buffer.concat([greeting, memory]))).toBe(true);
  const answered = once(qemu, "data");
  other!.write(Uint8Array.of(9));
  expect((await answered)[0]).toEqual(Buffer.of(9));
  qemu.end();
  await expect.poll(() => isOver).toBe(true);
  listener.close();
});

it("says why the other host is not reached", async () => {
  const listener = await PeerListener.open({ host: "127.0.0.1", port: 0 }, sharedKey, () => {});
  const to = { host: "127.0.0.1", port: listener.port };
  const { material } = bySharedKey("another key of thirty-two characters");
  const opened = MemoryCarrier.open({ to, material, greeting, path });
  await expect(opened).rejects.toThrow(/ssl|decrypt|mac|closed/i);
  listener.close();
});
