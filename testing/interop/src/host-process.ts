// Our own hosts as processes of their own, as an operator runs them, asked by their HTTP API.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ApiEvent, ApiGuest, ApiMigration, ApiNewMigration } from "caraway-host";
import { JsonProgram } from "./json-program.ts";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import type { SpiceAddress } from "./vm.ts";

const command = fileURLToPath(new URL("../../../apps/cli/bin/caraway.js", import.meta.url));
const token = "the-token-of-hosts-in-tests";

export interface HostProcessOptions {
  /** Guests that it has from the beginning. */
  readonly guests?: readonly string[];
  /** Further arguments of `caraway host`. */
  readonly flags?: readonly string[];
}

export class HostProcess implements AsyncDisposable {
  readonly name: string;
  /** For `caraway migrate --host`. */
  readonly api: string;
  /** `host:port`, for other hosts. */
  readonly peers: string;
  readonly #program: JsonProgram;
  readonly #directory: string;

  private constructor(name: string, program: JsonProgram, directory: string, where: ApiEvent) {
    this.name = name;
    this.#program = program;
    this.#directory = directory;
    this.api = where["api"] as string;
    this.peers = where["peers"] as string;
  }

  /** Resolves when it listens. */
  static async start(name: string, options: HostProcessOptions = {}): Promise<HostProcess> {
    const directory = makeOwnedDirectory("host");
    const key = join(directory, "peer.key");
    writeFileSync(key, "the key that all hosts in tests share");
    const program = new JsonProgram(
      process.execPath,
      [
        ...[command, "host", "--name", name, "--json", "--peer-key", key, "--log-level", "warn"],
        ...["--api-listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"],
        ...(options.guests ?? []).flatMap((guest) => ["--guest", guest]),
        ...(options.flags ?? []),
      ],
      { CARAWAY_HOST_TOKEN: token },
    );
    const listening = await program.waitFor("listening", { timeoutMs: 60_000 });
    return new HostProcess(name, program, directory, listening as unknown as ApiEvent);
  }

  get token(): string {
    return token;
  }

  get isAlive(): boolean {
    return this.#program.isAlive;
  }

  /** The most memory that it has had at a time, in MiB. */
  get peakMemory(): number {
    const status = readFileSync(`/proc/${this.#program.pid}/status`, "utf8");
    return Math.round(Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) / 1024);
  }

  /** What it has told so far. */
  get events(): readonly ApiEvent[] {
    return this.#program.events as unknown as ApiEvent[];
  }

  /** What it told of a move. */
  told(id: string): readonly ApiEvent[] {
    return this.events.filter(({ migration }) => migration === id);
  }

  async request<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.api + path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}: ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  async guests(): Promise<readonly ApiGuest[]> {
    return (await this.request<{ guests: ApiGuest[] }>("GET", "/v1/guests")).guests;
  }

  /** Waits until the guest is here and in this state. */
  async guestIn(name: string, state: ApiGuest["state"], timeoutMs = 30_000): Promise<ApiGuest> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const guest = (await this.guests()).find((one) => one.name === name);
      if (guest?.state === state) return guest;
      if (performance.now() > deadline) {
        throw new Error(`guest ${name} on host ${this.name} is ${guest?.state ?? "not there"}`);
      }
      await delay(20);
    }
  }

  /** Where a guest's server is. */
  async addressOf(name: string): Promise<SpiceAddress> {
    const { addresses } = await this.request<ApiGuest>("GET", `/v1/guests/${name}`);
    const url = new URL(addresses[0]!.replace(/^spice:/, "http:"));
    const [host, port] = [url.hostname, Number(url.port)];
    return { host, port, tlsPort: 0, unixPath: null, password: null };
  }

  /** Begins a move. */
  migrate(guest: string, asked: ApiNewMigration): Promise<ApiMigration> {
    return this.request<ApiMigration>("POST", `/v1/guests/${guest}/migrations`, asked);
  }

  cancel(id: string): Promise<ApiMigration> {
    return this.request<ApiMigration>("POST", `/v1/migrations/${id}/cancel`);
  }

  resolve(id: string, owner: "source" | "target"): Promise<ApiMigration> {
    return this.request<ApiMigration>("POST", `/v1/migrations/${id}/resolve`, { owner });
  }

  migration(id: string): Promise<ApiMigration> {
    return this.request<ApiMigration>("GET", `/v1/migrations/${id}`);
  }

  /** What a move is when it is over, or when it is in doubt. */
  async endOf(id: string, timeoutMs = 60_000): Promise<ApiMigration> {
    const ends = new Set(["migration-ended", "migration-in-doubt"]);
    const deadline = performance.now() + timeoutMs;
    while (!this.told(id).some(({ event }) => ends.has(event))) {
      if (!this.isAlive) throw new Error(`host ${this.name} has ended: ${this.#program.errors}`);
      if (performance.now() > deadline) {
        const last = this.told(id).slice(-6);
        throw new Error(
          `the move does not end:\n${last.map((one) => JSON.stringify(one)).join("\n")}`,
        );
      }
      await delay(5);
    }
    return await this.migration(id);
  }

  /** Resolves as soon as it tells that a move is in this phase. */
  async phase(id: string, phase: string, timeoutMs = 30_000): Promise<void> {
    await this.#program.waitFor("migration-phase", {
      where: (event) => event["migration"] === id && event["phase"] === phase,
      timeoutMs,
    });
  }

  /** As a power failure ends it. */
  async kill(): Promise<void> {
    await this.#program.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.close();
    removeOwnedDirectory(this.#directory);
  }
}
