// How fast files and clipboards pass the agent of a real guest, next door and half a tenth of a second
// away: our client and spice-gtk in turn at the same guest, the better of two rounds each. To the
// guest it is the server's ten tokens of 2 KiB that set the pace of whoever is far away, for both
// clients alike.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SessionEvent } from "@caraway/client";
import {
  CarawayClient,
  ClipboardUser,
  endpointOf,
  SlowNetwork,
  type SpiceAddress,
  startGtkClient,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import { copyInGuest, hashOfPaste } from "../testing/interop/cells/agent.ts";
import type { BenchRow } from "./row.ts";

const suite = "agent";
const unit = "MB/s";
/** `VD_AGENT_CLIPBOARD_IMAGE_PNG`, whose content nobody looks into. */
const png = 2;
/** Bytes of each thing, by the round trip in milliseconds. */
const distances = [
  { roundTripMs: 0, file: 20e6, toGuest: 10e6, fromGuest: 10e6 },
  { roundTripMs: 50, file: 3e6, toGuest: 3e6, fromGuest: 10e6 },
] as const;
/** Both are held back by the same guest and the same server; the rest is chance. */
const floor = 0.8;
const rounds = 2;
const pastes = 3;
/** What a guest that has just woken up does first is slow, whoever asks. */
const warmUp = { roundTripMs: 0, file: 2e6, toGuest: 1e6, fromGuest: 1e6 };

/** Somebody at a client. */
interface Person {
  sendFile(path: string): Promise<void>;
  /** Copies the file's content, so that the guest can paste it. */
  copy(path: string): Promise<void>;
  /** Pastes what was copied in the guest. */
  paste(): Promise<Uint8Array>;
  close(): Promise<void>;
}

interface Rates {
  readonly file: number;
  readonly toGuest: number;
  readonly fromGuest: number;
}

export async function benchAgent(): Promise<BenchRow[]> {
  const vm = await startSavedVm("qxl-vga");
  const folder = mkdtempSync(join(tmpdir(), "caraway-bench-"));
  try {
    const rows: BenchRow[] = [];
    await measure(vm, await ourPerson(vm.spice), folder, warmUp);
    for (const distance of distances) {
      await using network = await networkTo(vm, distance.roundTripMs);
      const address = network === null ? vm.spice : { ...vm.spice, port: network.port };
      let [ours, gtk]: Rates[] = [nothing, nothing];
      for (let round = 0; round < rounds; round++) {
        ours = best(ours!, await measure(vm, await ourPerson(address), folder, distance));
        gtk = best(gtk!, await measure(vm, await gtkPerson(address, folder), folder, distance));
      }
      const where = `${distance.roundTripMs} ms away`;
      const row = (name: string, key: keyof Rates): BenchRow => {
        const [value, peerValue] = [ours![key], gtk![key]];
        const ratio = value / peerValue;
        return {
          suite,
          unit,
          name: `${name}, ${where}`,
          value,
          peer: "spice-gtk",
          peerValue,
          ratio,
          floor,
        };
      };
      rows.push(
        row("file to the guest", "file"),
        row("clipboard to the guest", "toGuest"),
        row("clipboard from the guest", "fromGuest"),
      );
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
    await vm.close();
  }
}

const nothing: Rates = { file: 0, toGuest: 0, fromGuest: 0 };

function best(a: Rates, b: Rates): Rates {
  return {
    file: Math.max(a.file, b.file),
    toGuest: Math.max(a.toGuest, b.toGuest),
    fromGuest: Math.max(a.fromGuest, b.fromGuest),
  };
}

/** Null: nothing is between. */
async function networkTo(vm: Vm, roundTripMs: number): Promise<SlowNetwork | null> {
  if (roundTripMs === 0) return null;
  const way = { delayMs: roundTripMs / 2 };
  const target = { host: vm.spice.host, port: vm.spice.port };
  return await SlowNetwork.open({ target, toTarget: way, toClient: way, queueBytes: 1 << 20 });
}

async function measure(
  vm: Vm,
  person: Person,
  folder: string,
  sizes: { readonly file: number; readonly toGuest: number; readonly fromGuest: number },
): Promise<Rates> {
  try {
    const make = (name: string, size: number) => {
      const content = randomBytes(size);
      const path = join(folder, name);
      writeFileSync(path, content);
      return { path, hash: createHash("sha256").update(content).digest("hex") };
    };
    const file = make("sent.bin", sizes.file);
    await vm.shell.run("rm -rf $HOME/transfers/*");
    const fileRate = await rate(sizes.file, () => person.sendFile(file.path));
    const sent = await vm.shell.run("sha256sum $HOME/transfers/sent.bin", { timeoutMs: 60_000 });
    expectSame(sent.slice(0, 64), file.hash, "file");

    const image = make("copied.png", sizes.toGuest);
    await person.copy(image.path);
    const list = "timeout 2 xclip -selection clipboard -t TARGETS -o 2>/dev/null";
    const offered = `for n in $(seq 60); do ${list} | grep -q image/png && break; sleep 0.3; done`;
    await vm.shell.run(offered, { timeoutMs: 90_000 });
    await delay(500);
    const toGuest = await rate(sizes.toGuest, async () => {
      expectSame(await hashOfPaste(vm, "clipboard -t image/png"), image.hash, "paste in the guest");
    });

    await vm.shell.run(`head -c ${sizes.fromGuest} /dev/urandom > /tmp/copied`);
    const hash = (await vm.shell.run("sha256sum /tmp/copied", { timeoutMs: 60_000 })).slice(0, 64);
    let fromGuest = 0;
    // Most of a paste's time is the guest's own, which differs from one to the next.
    for (let time = 0; time < pastes; time++) {
      await copyInGuest(vm, "cat /tmp/copied", "clipboard -t image/png");
      await delay(2000);
      let pasted: Uint8Array = new Uint8Array(0);
      const pasteRate = await rate(sizes.fromGuest, async () => {
        pasted = await person.paste();
      });
      expectSame(createHash("sha256").update(pasted).digest("hex"), hash, "paste here");
      fromGuest = Math.max(fromGuest, pasteRate);
    }
    return { file: fileRate, toGuest, fromGuest };
  } finally {
    await person.close();
    await delay(500);
  }
}

async function rate(size: number, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return size / 1e6 / ((performance.now() - began) / 1000);
}

function expectSame(found: string, wanted: string, what: string): void {
  if (found !== wanted) throw new Error(`${what}: another content arrived`);
}

async function ourPerson(address: SpiceAddress): Promise<Person> {
  const client = new CarawayClient(endpointOf(address), {
    onEvent: (event: SessionEvent) => user?.answer(event),
  });
  const user: ClipboardUser = new ClipboardUser(client);
  await user.agentIsThere();
  return {
    async sendFile(path) {
      const { phase } = await user.sent(await user.send(path));
      if (phase !== "done") throw new Error("the file failed");
    },
    async copy(path) {
      user.copy(new Map([["IMAGE_PNG", readFileSync(path)]]));
    },
    async paste() {
      return (await user.paste("IMAGE_PNG")) ?? new Uint8Array(0);
    },
    async close() {
      client.close();
    },
  };
}

async function gtkPerson(address: SpiceAddress, folder: string): Promise<Person> {
  const client = await startGtkClient(address);
  await client.waitFor("agent", { where: ({ connected }) => connected === true });
  const pasted = join(folder, "pasted");
  return {
    async sendFile(path) {
      const { error } = await client.ask(`send-file ${path}`, "file-sent");
      if (error !== "") throw new Error(`spice-gtk: ${error}`);
    },
    async copy(path) {
      await client.ask(`offer ${png} ${path}`, "offered");
    },
    async paste() {
      await client.ask(`paste ${png} ${pasted}`, "pasted");
      return readFileSync(pasted);
    },
    close: () => client.close(),
  };
}
