// A reader of this machine as one of the guest's: the real pcscd, with a card of ours behind the virtual reader of vsmartcard.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Card, openFileCard, PcscReader, type SmartcardEvent } from "@caraway/node";
import { pivAid } from "@caraway/smartcard";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensurePackages } from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";

/** Of the virtual reader. */
const port = 35_963;
const socketPath = "/run/pcscd/pcscd.comm";
const select = Uint8Array.of(0, 0xa4, 4, 0, pivAid.length, ...pivAid, 0);

let daemon: ChildProcess | null = null;
let directory: string;
let card: Card;

beforeAll(async () => {
  await ensurePackages(["pcscd", "vsmartcard-vpcd"]);
  directory = makeOwnedDirectory("pcsc");
  const [certificate, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Card Test"];
  await runProgram("openssl", [...request, "-keyout", key, "-out", certificate]);
  card = await openFileCard({ keys: [{ slot: "9a", certificate, key }], pin: "123456" });
  // One daemon serves the machine: the one that runs, or ours.
  if (existsSync(socketPath)) return;
  daemon = spawn("pcscd", ["--foreground"], { stdio: "ignore" });
  for (let waited = 0; !existsSync(socketPath) && waited < 100; waited++) await delay(100);
}, 120_000);
afterAll(() => {
  daemon?.kill();
  removeOwnedDirectory(directory);
});

/** Puts the card into the virtual reader: messages of a length and as many bytes. */
async function insert(): Promise<Socket> {
  for (let waited = 0; ; waited++) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) {
      serve(socket);
      return socket;
    }
    if (waited === 100) throw new Error("the virtual reader does not listen");
    await delay(100);
  }
}

function serve(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  const say = (bytes: Uint8Array) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    socket.write(Buffer.concat([length, bytes]));
  };
  const take = async (message: Buffer) => {
    // A single byte is for the reader: 0 and 1 power, 2 a reset, 4 asks for the ATR.
    if (message.length > 1) say(await card.transmit(new Uint8Array(message)));
    else if (message[0] === 4) say(card.atr);
    else card.reset();
  };
  socket.on("error", () => {});
  socket.on("data", (data) => {
    waiting = Buffer.concat([waiting, data]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      void take(waiting.subarray(2, end));
      waiting = waiting.subarray(end);
    }
  });
}

it("a card in a reader is the guest's, answers, and comes and goes", async () => {
  let socket = await insert();
  const events: SmartcardEvent[] = [];
  await expect
    .poll(
      async () => {
        const reader = await PcscReader.open({ name: "Virtual PCD" });
        const found = reader.reader.card !== null;
        await reader.close();
        return found;
      },
      { timeout: 20_000, interval: 500 },
    )
    .toBe(true);
  const reader = await PcscReader.open({
    name: "Virtual PCD",
    onEvent: (event) => events.push(event),
  });
  try {
    const inside = () => reader.reader.card;
    expect(inside()?.atr).toEqual(card.atr);
    const answer = await inside()!.transmit(select);
    expect([...answer.subarray(-2)]).toEqual([0x90, 0]);
    expect(answer.length).toBeGreaterThan(10);
    // Nobody else gets it meanwhile.
    await expect(PcscReader.open({ name: "Virtual PCD" })).rejects.toThrow("another program");
    // What it was told is forgotten in a reset: a PIN is asked for again.
    const verify = [0, 0x20, 0, 0x80, 8, ...Buffer.from("123456"), 0xff, 0xff];
    expect([...(await inside()!.transmit(Uint8Array.from(verify)))]).toEqual([0x90, 0]);
    const tries = Uint8Array.of(0, 0x20, 0, 0x80);
    expect([...(await inside()!.transmit(tries))]).toEqual([0x90, 0]);
    inside()!.reset();
    await inside()!.transmit(select);
    expect([...(await inside()!.transmit(tries))][0]).toBe(0x63);
    socket.destroy();
    await expect.poll(inside, { timeout: 10_000 }).toBeNull();
    socket = await insert();
    await expect.poll(inside, { timeout: 10_000 }).not.toBeNull();
    expect([...(await inside()!.transmit(select)).subarray(-2)]).toEqual([0x90, 0]);
    expect(events).toEqual([]);
  } finally {
    await reader.close();
    socket.destroy();
  }
}, 90_000);

it("a machine without such a reader says which it has", async () => {
  await expect(PcscReader.open({ name: "Nobody's" })).rejects.toThrow("Virtual PCD");
});
