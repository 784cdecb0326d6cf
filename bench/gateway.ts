// What the gateway costs: memory of idle connections, and processor time of bytes in both
// directions beside websockify in the same run.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensurePackages } from "@caraway/interop";
import { root } from "../tools/step.ts";
import type { BenchRow } from "./row.ts";

const peer = "websockify (Debian)";
const bulkBytes = 300 << 20;
const rounds = 5;
const idleSessions = 1000;
const channelsPerSession = 4;
/** Two sockets for each connection, in one process. */
const openFiles = 16_384;

export async function benchGateway(): Promise<BenchRow[]> {
  await ensurePackages(["websockify", "util-linux"]);
  await using bench = await GatewayBench.start();
  return [...(await bench.measureIdle()), ...(await bench.measureBytes())];
}

class GatewayBench implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "caraway-bench-"));
  readonly #children: ChildProcess[] = [];

  static async start(): Promise<GatewayBench> {
    return new GatewayBench();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await end(child);
    rmSync(this.#folder, { recursive: true });
  }

  async measureIdle(): Promise<BenchRow[]> {
    const gateway = await this.#gateway();
    // Code that was never run has to be compiled first, and is the same for all connections.
    await this.#idleClients(gateway.url, 25);
    await delay(2000);
    const before = residentKilobytes(gateway.pid);
    await this.#idleClients(gateway.url, idleSessions);
    // What the link stages have left behind goes when there is time.
    await delay(5000);
    const count = idleSessions * channelsPerSession;
    const value = (residentKilobytes(gateway.pid) - before) / count;
    await this.#endAll();
    const peerValue = await this.#websockifyMemory();
    return [
      {
        suite: "gateway",
        name: `memory of an idle connection, of ${count}`,
        value,
        unit: "kB",
        peer,
        peerValue,
        ceiling: 50,
      },
    ];
  }

  /** Its processes share their code: what is shared is counted once. */
  async #websockifyMemory(): Promise<number> {
    const { url, pid } = await this.#websockify();
    const before = proportionalKilobytes(pid);
    const count = 10;
    for (let each = 0; each < count; each++) {
      await this.#client(["bulk", url, "raw", "down", "1"]);
    }
    const value = (proportionalKilobytes(pid) - before) / count;
    await this.#endAll();
    return value;
  }

  async measureBytes(): Promise<BenchRow[]> {
    const sides = {
      ours: { kind: "spice", ...(await this.#gateway()) },
      peer: { kind: "raw", ...(await this.#websockify()) },
    } as const;
    const best = new Map<string, number>();
    // They take turns, so that a slow moment of the machine falls on both.
    for (let round = 0; round < rounds; round++) {
      for (const direction of ["down", "up"] as const) {
        for (const [side, { kind, url, pid }] of Object.entries(sides)) {
          const before = cpuSeconds(pid);
          const client = await this.#client(["bulk", url, kind, direction, `${bulkBytes}`]);
          const seconds = (cpuSeconds(pid) - before) / (bulkBytes / 1e9);
          await end(client);
          const name = `${side} ${direction}`;
          best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, seconds));
        }
      }
    }
    await this.#endAll();
    const row = (direction: string, name: string, floor: number): BenchRow => {
      const value = best.get(`ours ${direction}`)!;
      const peerValue = best.get(`peer ${direction}`)!;
      const ratio = peerValue / value;
      return { suite: "gateway", name, value, unit: "CPU s/GB", peer, peerValue, ratio, floor };
    };
    // At most 1.0 and 0.4 times what the peer needs.
    return [row("down", "bytes to the client", 1), row("up", "bytes from the client", 2.5)];
  }

  /** The built command, as an operator runs it. */
  async #gateway(): Promise<{ url: string; pid: number }> {
    const vmPort = await this.#vm("spice");
    const port = await freePort();
    const tokens = join(this.#folder, "tokens");
    writeFileSync(tokens, `bench: 127.0.0.1:${vmPort}\n`);
    const limit = `${idleSessions * channelsPerSession * 2}`;
    const child = this.#spawnServer(process.execPath, [
      `${root}apps/cli/bin/caraway.js`,
      ...["gateway", `127.0.0.1:${port}`, "--token-source", tokens, "--log-level", "warn"],
      ...["--max-connections-per-address", limit],
    ]);
    await untilListening(port);
    return { url: `ws://127.0.0.1:${port}/?token=bench`, pid: child.pid! };
  }

  async #websockify(): Promise<{ url: string; pid: number }> {
    const vmPort = await this.#vm("raw");
    const port = await freePort();
    const child = this.#spawnServer("websockify", [`127.0.0.1:${port}`, `127.0.0.1:${vmPort}`]);
    await untilListening(port);
    return { url: `ws://127.0.0.1:${port}/`, pid: child.pid! };
  }

  async #vm(kind: "spice" | "raw"): Promise<number> {
    const child = this.#spawnTool("vm.ts", [kind]);
    return Number(await firstLine(child));
  }

  async #idleClients(url: string, sessions: number): Promise<void> {
    await this.#client(["idle", url, `${sessions}`, `${channelsPerSession}`]);
  }

  /** Runs until it says that it is done; it stays connected. */
  async #client(clientArguments: readonly string[]): Promise<ChildProcess> {
    const child = this.#spawnTool("client.ts", clientArguments);
    if ((await firstLine(child)) !== "ready") throw new Error("a client of the bench failed");
    return child;
  }

  #spawnTool(name: string, toolArguments: readonly string[]): ChildProcess {
    // Not by the command tsx, which would be a parent that does not take the program along.
    const loader = ["--import", "tsx", "--conditions=@caraway/source"];
    const program = `${root}bench/gateway-peers/${name}`;
    return this.#spawn(process.execPath, [...loader, program, ...toolArguments], "inherit");
  }

  /** Whatever it prints is of no interest. */
  #spawnServer(program: string, programArguments: readonly string[]): ChildProcess {
    const child = this.#spawn(program, programArguments, "ignore");
    child.stdout!.resume();
    return child;
  }

  #spawn(
    program: string,
    programArguments: readonly string[],
    errors: "inherit" | "ignore",
  ): ChildProcess {
    // prlimit replaces itself with the program, so the child's id is the program's.
    const limited = [`--nofile=${openFiles}`, program, ...programArguments];
    const child = spawn("prlimit", limited, { stdio: ["pipe", "pipe", errors] });
    this.#children.push(child);
    child.stdin!.on("error", () => {});
    return child;
  }

  async #endAll(): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin!.end();
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  const ended = once(child, "exit").then(() => null);
  while (!text.includes("\n")) {
    const part = await Promise.race([once(child.stdout!, "data"), ended]);
    if (part === null) throw new Error("a program of the bench ended early");
    text += String(part[0]);
  }
  return text.split("\n")[0]!;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** Asks the kernel, so that no connection is made for it. */
async function untilListening(port: number): Promise<void> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  for (let waited = 0; waited < 20_000; waited += 50) {
    if (readFileSync("/proc/net/tcp", "utf8").includes(wanted)) return;
    await delay(50);
  }
  throw new Error("a program of the bench does not listen");
}

/** Of a process, its children, and those that have ended. */
function cpuSeconds(pid: number): number {
  const ticks = [pid, ...childrenOf(pid)].map((each) => {
    const fields = readFileSync(`/proc/${each}/stat`, "utf8").split(") ")[1]!.split(" ");
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / 100;
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8"));
  return lists
    .join(" ")
    .split(/\s+/)
    .filter((each) => each !== "")
    .map(Number);
}

function residentKilobytes(pid: number): number {
  return kilobytesOf(`/proc/${pid}/status`, "VmRSS");
}

function proportionalKilobytes(pid: number): number {
  const processes = [pid, ...childrenOf(pid)];
  return processes.reduce((sum, each) => sum + kilobytesOf(`/proc/${each}/smaps_rollup`, "Pss"), 0);
}

function kilobytesOf(path: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(path, "utf8"));
  return Number(found![1]);
}
