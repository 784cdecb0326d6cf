// A card made of files, in the reader of a real Linux guest: its pcscd and OpenSC read it and sign with it, also while the guest moves.

import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  openFileCard,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
} from "@caraway/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  connectCaraway,
  JsonProgram,
  startMigrationTarget,
  startSavedVm,
  type Vm,
} from "../src/index.ts";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";
import { usbMachine } from "../src/usb-machine.ts";

const command = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));
const pin = "123456";
let vm: Vm;
let directory: string;
let certificate: string;
let key: string;

beforeAll(async () => {
  directory = makeOwnedDirectory("card");
  certificate = join(directory, "cert.pem");
  key = join(directory, "key.pem");
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Card Test"];
  await runProgram("openssl", [...request, "-keyout", key, "-out", certificate]);
  vm = await startSavedVm(usbMachine);
  // The reader is at a controller of USB 1, which the guest does not look for by itself.
  await vm.shell.run("modprobe uhci_hcd; udevadm settle; pcscd");
}, 900_000);
afterAll(async () => {
  await vm?.close();
  removeOwnedDirectory(directory);
});

async function withCard(
  use: (reader: SmartcardReader, events: SmartcardEvent[]) => Promise<void>,
): Promise<void> {
  const events: SmartcardEvent[] = [];
  const card = await openFileCard({ keys: [{ slot: "9a", certificate, key }], pin });
  const reader = new SmartcardReader("Caraway", card, (event) => events.push(event));
  const readers = new SmartcardReaders([reader]);
  await using client = connectCaraway(vm, {
    session: { channels: ["main", "smartcard"] },
    onStream: (stream) => readers.offer(stream),
  });
  try {
    await use(reader, events);
  } finally {
    client.close();
    await readers.close();
  }
}

function inGuest(command: string, timeoutMs = 300_000): Promise<string> {
  return vm.shell.run(`( ${command} )`, { timeoutMs });
}

async function cardIsSeen(there: boolean): Promise<void> {
  const test = there ? "opensc-tool -a" : "! opensc-tool -a";
  await inGuest(`for i in $(seq 60); do ${test} 2>/dev/null && exit 0; sleep 0.5; done; false`);
}

it("a guest's OpenSC sees the card, reads its certificate and signs with its key", async () => {
  await withCard(async (reader, events) => {
    await cardIsSeen(true);
    expect(events).toEqual([{ type: "connected" }]);
    expect(await inGuest("opensc-tool -l")).toContain("CCID Interface");
    expect(await inGuest("opensc-tool -n 2>/dev/null")).toContain("Personal Identity Verification");
    const read = await inGuest("pkcs15-tool --read-certificate 01 2>/dev/null");
    const x509 = new X509Certificate(readFileSync(certificate));
    expect(new X509Certificate(read).fingerprint256).toBe(x509.fingerprint256);
    await signs(x509, "first");
    const sign = "pkcs15-crypt -s --pkcs1 --sha-256 -k 01 -R -i /tmp/hash -o /tmp/none";
    expect(await inGuest(`! ${sign} --pin 999999 2>&1`)).toContain("PIN code or key incorrect");
    reader.remove();
    await cardIsSeen(false);
  });
}, 400_000);

it("a card stays in its reader while its guest moves, and signs before, behind and during the move", async () => {
  const x509 = new X509Certificate(readFileSync(certificate));
  await withCard(async (_, events) => {
    await cardIsSeen(true);
    await signs(x509, "before");
    const target = await startMigrationTarget(vm);
    // The card is read without a pause while the guest moves.
    const loop =
      "for n in 1 2 3 4 5 6; do pkcs15-tool --read-certificate 01 2>/tmp/fault || exit 1; done";
    await inGuest(`( ( ${loop} ) > /tmp/read; echo $? > /tmp/done ) > /dev/null 2>&1 &`);
    const source = vm;
    await source.migrateTo(target);
    vm = target;
    expect(await inGuest("[ -e /tmp/done ] || echo reading")).toBe("reading");
    await source.close();
    await inGuest("for i in $(seq 600); do [ -e /tmp/done ] && exit 0; sleep 0.2; done; false");
    expect(await inGuest("cat /tmp/done /tmp/fault")).toContain("0");
    const all = await inGuest("cat /tmp/read");
    const read = all.split(/(?=-----BEGIN)/);
    expect(read.map((text) => new X509Certificate(text).fingerprint256)).toEqual(
      Array(6).fill(x509.fingerprint256),
    );
    await signs(x509, "behind");
    expect(events).toEqual([{ type: "connected" }]);
  });
}, 400_000);

/** Signs a text in the guest. */
async function signs(x509: X509Certificate, text: string): Promise<void> {
  const hash = createHash("sha256").update(text).digest("hex");
  const bytes = hash.replaceAll(/../g, "\\x$&");
  const sign = `pkcs15-crypt -s --pkcs1 --sha-256 -k 01 -R --pin ${pin} -i /tmp/hash -o /tmp/signature`;
  await inGuest(`printf '${bytes}' > /tmp/hash && ${sign} 2>/tmp/fault || cat /tmp/fault`);
  const signature = Buffer.from(await inGuest("base64 -w0 /tmp/signature"), "base64");
  expect(verify("sha256", Buffer.from(text), x509.publicKey, signature)).toBe(true);
}

it("`caraway connect --smartcard` shows the guest the card of two files", async () => {
  const uri = `spice://${vm.spice.host}:${vm.spice.port}`;
  const card = `cert=${certificate},key=${key},pin=${pin}`;
  await using program = new JsonProgram(process.execPath, [
    ...[command, "connect", uri, "--json", "--smartcard", card],
  ]);
  await program.waitFor("smartcard", { where: ({ type }) => type === "connected" });
  await cardIsSeen(true);
  await signs(new X509Certificate(readFileSync(certificate)), "by the command");
}, 400_000);
