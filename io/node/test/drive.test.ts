import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Address, Instant, LinkTaskResult, Machine } from "@caraway/channel";
import type { Driver, DriverInput, DriverOutput } from "@caraway/driver";
import { afterEach, describe, expect, test } from "vitest";
import { drive } from "../src/drive.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

type Said = { readonly type: "said"; readonly text: string };
type OtherTask = {
  readonly type: "task";
  readonly task: number;
  readonly work: { kind: "decode" };
};
type Extra = Said | OtherTask;
type Command =
  | { readonly type: "do"; readonly output: DriverOutput | Extra }
  | { readonly type: "wake"; readonly in: number }
  | { readonly type: "throw" };
type Input = DriverInput | Command;

/** Does as it is told, tells what it hears, and fails the test where the law is broken. */
class Parrot implements Machine<Input, DriverOutput | Extra> {
  readonly inputs: Input[] = [];
  readonly breaches: string[] = [];
  #outputs: (DriverOutput | Extra)[] = [];
  #deadline: Instant | null = null;
  #drained = true;
  #last = Number.NEGATIVE_INFINITY;

  handle(input: Input, now: Instant): void {
    if (!this.#drained) this.breaches.push("an input before the outputs were drained");
    if (now < this.#last) this.breaches.push("the clock ran backwards");
    this.#last = now;
    this.#drained = false;
    this.inputs.push(input);
    if (input.type === "do") this.#outputs.push(input.output);
    else if (input.type === "wake") this.#deadline = now + input.in;
    else if (input.type === "throw") throw new Error("a fault of the machine");
    else this.#outputs.push({ type: "said", text: input.type });
    if (input.type === "timeout") {
      if (this.#deadline === null || now < this.#deadline) this.breaches.push("an early timeout");
      this.#deadline = null;
    }
  }

  poll(): DriverOutput | Extra | null {
    const output = this.#outputs.shift() ?? null;
    if (output === null) this.#drained = true;
    return output;
  }

  deadline(): Instant | null {
    if (!this.#drained) this.breaches.push("the deadline was asked for before the drain");
    return this.#deadline;
  }

  snapshot(): unknown {
    return this.inputs.length;
  }
}

interface World {
  readonly machine: Parrot;
  readonly driver: Driver<Command>;
  readonly said: Extra[];
  until(condition: () => boolean): Promise<void>;
}

function world(options: Partial<Parameters<typeof drive<Command, Extra>>[1]> = {}): World {
  const machine = new Parrot();
  const said: Extra[] = [];
  let wake: (() => void)[] = [];
  const driver = drive<Command, Extra>(machine, {
    ...options,
    onOutput: (output) => {
      said.push(output);
      options.onOutput?.(output);
      const waiting = wake;
      wake = [];
      for (const go of waiting) go();
    },
  });
  cleanups.push(() => driver.close());
  return {
    machine,
    driver,
    said,
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => wake.push(resolve));
    },
  };
}

async function serve(onSocket: (socket: Socket) => void): Promise<Address> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    cleanups.push(() => socket.destroy());
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

const types = (machine: Parrot): string[] =>
  machine.inputs.filter(({ type }) => type !== "do").map(({ type }) => type);
const connectTo = (address: Address, connection = 1): Command => ({
  type: "do",
  output: { type: "connect", connection, address, tls: null },
});

describe("a driven machine", () => {
  test("talks over the sockets that it asks for", async () => {
    const address = await serve((socket) => socket.pipe(socket));
    const { machine, driver, until } = world();
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("connected"));
    const bytes = new TextEncoder().encode("hello");
    driver.feed({ type: "do", output: { type: "transmit", connection: 1, bytes } });
    await until(() => types(machine).includes("received"));
    const received = machine.inputs.find((input) => input.type === "received");
    expect(received?.type === "received" && Buffer.from(received.bytes).toString()).toBe("hello");
    expect(machine.breaches).toEqual([]);
  });

  test("hears of the end of a connection once, and may then use its key again", async () => {
    const address = await serve((socket) => socket.end("bye"));
    const { machine, driver, until } = world();
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("closed"));
    expect(types(machine)).toEqual(["connected", "received", "closed"]);
    driver.feed(connectTo(address));
    await until(() => types(machine).filter((type) => type === "closed").length === 2);
    expect(machine.breaches).toEqual([]);
  });

  test("hears nothing of a connection that it has given up", async () => {
    let peer: Socket | undefined;
    const address = await serve((socket) => {
      peer = socket;
    });
    const { machine, driver, until } = world();
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("connected"));
    driver.feed({ type: "do", output: { type: "disconnect", connection: 1 } });
    peer?.write("too late");
    driver.feed({ type: "wake", in: 30 });
    await until(() => types(machine).includes("timeout"));
    expect(types(machine)).toEqual(["connected", "wake", "timeout"]);
  });

  test("is told why a connection never came to be", async () => {
    const { machine, driver, until } = world();
    driver.feed(connectTo({ kind: "unix", path: "/nowhere/at/all.sock" }));
    await until(() => types(machine).includes("closed"));
    expect(machine.inputs.at(-1)).toMatchObject({ failure: { kind: "unreachable" } });
  });

  test("reaches its peers where the embedder maps them", async () => {
    const real = await serve((socket) => socket.write("here"));
    const asked: Address[] = [];
    const { machine, driver, until } = world({
      mapAddress: (address) => {
        asked.push(address);
        return real;
      },
    });
    const internal: Address = { kind: "tcp", host: "10.255.255.1", port: 5900 };
    driver.feed(connectTo(internal));
    await until(() => types(machine).includes("received"));
    expect(asked).toEqual([internal]);
  });

  test("gets its timeout not before the deadline", async () => {
    const { machine, driver, until } = world();
    driver.feed({ type: "wake", in: 20 });
    driver.feed({ type: "wake", in: 5 });
    await until(() => types(machine).includes("timeout"));
    driver.feed({ type: "wake", in: 0 });
    await until(() => types(machine).filter((type) => type === "timeout").length === 2);
    expect(machine.breaches).toEqual([]);
  });

  test("gets what the embedder feeds from within its output only after the drain", async () => {
    const { machine, driver, said } = world({
      onOutput: (output) => {
        if (output.type !== "said" || output.text === "again") return;
        driver.feed({ type: "do", output: { type: "said", text: "again" } });
        expect(said.at(-1)).toEqual(output);
      },
    });
    driver.feed({ type: "do", output: { type: "said", text: "first" } });
    expect(said).toEqual([
      { type: "said", text: "first" },
      { type: "said", text: "again" },
    ]);
    expect(machine.breaches).toEqual([]);
  });

  test("hears nothing after its driver was closed", async () => {
    const address = await serve((socket) => socket.write("hello"));
    const { machine, driver, until } = world();
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("connected"));
    driver.feed({ type: "wake", in: 1 });
    driver.close();
    driver.feed({ type: "do", output: { type: "said", text: "ignored" } });
    const heard = machine.inputs.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(machine.inputs).toHaveLength(heard);
  });

  test("is closed with its connections when it throws", async () => {
    let ended: Promise<unknown> = Promise.resolve();
    const address = await serve((socket) => {
      socket.resume();
      ended = once(socket, "end");
    });
    const faults: unknown[] = [];
    const { machine, driver, until } = world({ onFault: (error) => faults.push(error) });
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("connected"));
    driver.feed({ type: "throw" });
    expect(faults).toHaveLength(1);
    await ended;
    const other = world();
    expect(() => other.driver.feed({ type: "throw" })).toThrow("a fault of the machine");
  });
});

describe("the tasks of a driven machine", () => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const publicKey = new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" }));

  async function run(
    work: (DriverOutput & { type: "task" })["work"],
    credentials: NonNullable<Parameters<typeof drive>[1]["credentials"]> | undefined,
  ): Promise<LinkTaskResult> {
    const address = await serve(() => {});
    const { machine, driver, until } = world(credentials === undefined ? {} : { credentials });
    driver.feed(connectTo(address));
    await until(() => types(machine).includes("connected"));
    driver.feed({ type: "do", output: { type: "task", task: 7, work } });
    await until(() => types(machine).includes("done"));
    const done = machine.inputs.at(-1);
    if (done?.type !== "done") throw new Error("no result");
    expect(done.task).toBe(7);
    return done.result;
  }

  test("give a ticket of the password that the embedder names for the address", async () => {
    const result = await run({ kind: "ticket", connection: 1, publicKey }, ({ kind, address }) => ({
      password: `${kind} for ${address.kind}`,
    }));
    if (result.kind !== "ticket") throw new Error(JSON.stringify(result));
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const clear = privateDecrypt(
      { key: keys.privateKey, padding, oaepHash: "sha1" },
      result.ticket,
    );
    expect(clear.toString()).toBe("ticket for tcp\0");
  });

  test("give a ticket of no password where none was configured", async () => {
    const result = await run({ kind: "ticket", connection: 1, publicKey }, undefined);
    expect(result.kind).toBe("ticket");
  });

  test("start SASL with a user and password", async () => {
    const work = { kind: "sasl-start", connection: 1, mechanisms: "PLAIN,SCRAM-SHA-256" } as const;
    const result = await run(work, { username: "me", password: "x" });
    expect(result).toMatchObject({ kind: "sasl-start", mechanism: "SCRAM-SHA-256" });
  });

  test.each([
    ["no credentials", () => null, "NO_CREDENTIALS"],
    ["no user name for SASL", { password: "x" }, "NO_CREDENTIALS"],
    ["a question that fails", () => Promise.reject(new Error("no terminal")), "CRYPTO"],
  ])("fail with a code where there is %s", async (_what, credentials, code) => {
    const work = { kind: "sasl-start", connection: 1, mechanisms: "SCRAM-SHA-1" } as const;
    expect(await run(work, credentials)).toMatchObject({ kind: "failed", code });
  });

  test("go to the embedder where the driver does not know them", () => {
    const { driver, said } = world();
    const task: OtherTask = { type: "task", task: 3, work: { kind: "decode" } };
    driver.feed({ type: "do", output: task });
    expect(said).toEqual([task]);
  });
});
