// A guest on one of our hosts works with a client's drives at full rate while it moves to another host and back: our own client's sticks,
// and the CD drive that spice-gtk makes. What the guest counts of its requests says whether each was answered, once.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { defaultSessionOptions } from "@caraway/client";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  type HostProcess,
} from "@caraway/interop";
import {
  openFileCard,
  openFileDrive,
  SmartcardReader,
  SmartcardReaders,
  UsbDevices,
} from "@caraway/node";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "../src/ownership.ts";
import { connectGtkTo, demand, demandKept, HostSetting } from "./host-setting.ts";

const moves = 10;
const settleMs = 10_000;

type Facts = Readonly<Record<string, number>>;

async function factsAt(host: HostProcess): Promise<Facts> {
  const [guest] = await host.guests();
  demand(guest !== undefined, "the guest is not there");
  return guest.facts;
}

/** Waits until a slot's device has done so many commands. */
async function worked(host: HostProcess, slot: number, commands: number): Promise<Facts> {
  const end = Date.now() + settleMs;
  for (;;) {
    const facts = await factsAt(host);
    if (facts[`usb${slot}.commands`]! >= commands) return facts;
    demand(Date.now() < end, `slot ${slot}: ${JSON.stringify(facts)}`);
    await delay(50);
  }
}

/** Moves there and back; what is demanded holds behind each move, and the work goes on. */
async function moveAgainAndAgain(hosts: HostSetting, slots: number): Promise<Facts> {
  const { a, b } = hosts;
  let facts: Facts = {};
  for (let round = 0; round < moves; round++) {
    const [from, to] = round % 2 === 0 ? [a, b] : [b, a];
    demandKept(await hosts.move(from, to), 1);
    for (let slot = 0; slot < slots; slot++) {
      const now = await factsAt(to);
      facts = await worked(to, slot, now[`usb${slot}.commands`]! + 20);
      const fact = (name: string) => facts[`usb${slot}.${name}`]!;
      for (const [name, value] of [
        ["plugged", 1],
        ["unplugged", 0],
        ["lost", 0],
        ["strangers", 0],
        ["wrong", 0],
      ] as const) {
        demand(fact(name) === value, `slot ${slot}, move ${round + 1}: ${name} is ${fact(name)}`);
      }
      demand(fact("asked") === fact("answered") + fact("open"), "requests and answers differ");
    }
  }
  return facts;
}

function words(facts: Facts, slots: number): string {
  const list = Array.from({ length: slots }, (_, slot) => {
    const fact = (name: string) => facts[`usb${slot}.${name}`]!;
    const megabytes = (fact("readBytes") + fact("writtenBytes")) / (1 << 20);
    return `${fact("answered")} requests answered once, ${fact("cancelled")} called off, ${megabytes.toFixed(0)} MB`;
  });
  return `${moves} moves; ${list.join("; ")}`;
}

async function ourSticks(): Promise<CellResult> {
  const directory = makeOwnedDirectory("sticks");
  await using hosts = await HostSetting.start({
    ...{ freezeAtMs: 1000, size: "320x240" },
    sourceFlags: ["--usb", "2"],
  });
  try {
    const drives = new UsbDevices(
      await Promise.all(
        [0, 1].map((number) => {
          const file = join(directory, `${number}.img`);
          writeFileSync(file, new Uint8Array(2 << 20));
          return openFileDrive({ kind: "stick", file, readOnly: false });
        }),
      ),
    );
    await using client = new CarawayClient(endpointOf(await hosts.a.addressOf("desk")), {
      session: { channels: [...defaultSessionOptions.channels, "usbredir"] },
      onStream: (stream) => drives.offer(stream),
    });
    for (const slot of [0, 1]) await worked(hosts.a, slot, 50);
    const facts = await moveAgainAndAgain(hosts, 2);
    client.close();
    await drives.close();
    return { outcome: "passed", detail: words(facts, 2) };
  } finally {
    removeOwnedDirectory(directory);
  }
}

async function gtkDisc(): Promise<CellResult> {
  const directory = makeOwnedDirectory("disc");
  await using hosts = await HostSetting.start({
    ...{ freezeAtMs: 1000, size: "320x240" },
    sourceFlags: ["--usb", "1"],
  });
  try {
    const file = join(directory, "disc.iso");
    writeFileSync(file, randomBytes(4 << 20));
    await using client = await connectGtkTo(hosts.a);
    client.send(`share-cd ${file}`);
    const { error } = await client.waitFor("usb");
    demand(error === "", `spice-gtk: ${error}`);
    await worked(hosts.a, 0, 50);
    const facts = await moveAgainAndAgain(hosts, 1);
    return { outcome: "passed", detail: words(facts, 1) };
  } finally {
    removeOwnedDirectory(directory);
  }
}

async function ourCard(): Promise<CellResult> {
  const directory = makeOwnedDirectory("card");
  await using hosts = await HostSetting.start({
    ...{ freezeAtMs: 1000, size: "320x240" },
    sourceFlags: ["--smartcard"],
  });
  try {
    const [certificate, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Card"];
    await runProgram("openssl", [...request, "-keyout", key, "-out", certificate]);
    const card = await openFileCard({ keys: [{ slot: "9a", certificate, key }], pin: "123456" });
    const readers = new SmartcardReaders([new SmartcardReader("Caraway", card)]);
    await using client = new CarawayClient(endpointOf(await hosts.a.addressOf("desk")), {
      session: { channels: [...defaultSessionOptions.channels, "smartcard"] },
      onStream: (stream) => readers.offer(stream),
    });
    let facts: Facts = {};
    for (let round = 0; round < moves; round++) {
      const [from, to] = round % 2 === 0 ? [hosts.a, hosts.b] : [hosts.b, hosts.a];
      if (round > 0) demandKept(await hosts.move(to, from), 1);
      const wanted = ((await factsAt(from))["card.objects"] ?? 0) + 5;
      for (const end = Date.now() + settleMs; ; await delay(50)) {
        facts = await factsAt(from);
        if (facts["card.objects"]! >= wanted) break;
        demand(Date.now() < end, `move ${round}: ${JSON.stringify(facts)}`);
      }
      const fact = (name: string) => facts[`card.${name}`]!;
      const odd = fact("removed") + fact("lost") + fact("wrong") + fact("strangers");
      demand(odd === 0 && fact("inserted") === 1, `move ${round}: ${JSON.stringify(facts)}`);
      demand(fact("commands") === fact("answers") + fact("open"), "commands and answers differ");
    }
    client.close();
    await readers.close();
    const detail = `${facts["card.answers"]} commands answered once, ${facts["card.objects"]} certificates read`;
    return { outcome: "passed", detail: `${moves - 1} moves; ${detail}` };
  } finally {
    removeOwnedDirectory(directory);
  }
}

export const cells: readonly Cell[] = [
  { name: "our client's sticks through ten moves", run: ourSticks },
  { name: "spice-gtk's CD drive through ten moves", run: gtkDisc },
  { name: "our client's smartcard through moves", run: ourCard },
];
