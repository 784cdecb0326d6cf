// Two hosts with a guest that moves between them, a gateway, and what may be broken; or only a
// gateway before somebody's own VM.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiEvent, ApiMigration, ApiNewMigration } from "caraway-host";
import { Child } from "./child.ts";
import { Front } from "./front.ts";
import { GuestCourses, type MoveCourse } from "./guest-courses.ts";
import { HostProcess } from "./host-process.ts";
import { type NetworkName, networks } from "./slow-line.ts";

export interface DemoOptions {
  /** Folder of the page. */
  readonly web: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Somebody's own VM, as a gateway's token file writes it; null for two hosts and a guest. */
  readonly vm: string | null;
  readonly onTrouble: (text: string) => void;
}

type HostName = "left" | "right";
const hostNames: readonly HostName[] = ["left", "right"];

/** What the page shows. */
export interface DemoState {
  readonly token: string;
  /** Where somebody's own VM is. */
  readonly vm: string | null;
  readonly hosts: readonly { readonly name: HostName; readonly state: "running" | "down" }[];
  /** Where the guest runs; null while that is not known. */
  readonly home: HostName | null;
  readonly move: ApiMigration | null;
  /** How the guest stood still in its latest moves, oldest first. */
  readonly courses: readonly MoveCourse[];
  readonly network: NetworkName;
  readonly gateway: "running" | "down";
}

const breakages = ["nothing", "kill-target", "refuse-links"] as const;
type Breakage = (typeof breakages)[number];
const modes = ["seamless", "semi-seamless", "switch-host"] as const;

const gatewayReady = /gateway at http:\/\/[\d.]+:(\d+)\//;
/** Two seconds are usual; a machine may be busy. */
const startMs = 120_000;
const guestName = "desk";
const token = "desk";
/** The target is killed as soon as the move is in one of these. */
const phasesUnderWay: ReadonlySet<string> = new Set(["linking", "stopping", "moving", "sending"]);

export class Demo {
  readonly #options: DemoOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "caraway-demo-"));
  readonly #hosts = new Map<HostName, HostProcess>();
  readonly #followers = new Set<(state: object) => void>();
  readonly #apiToken = randomBytes(32).toString("hex");
  #gateway: Child | null = null;
  #front: Front | null = null;
  /** 0 until it was started for the first time: it comes back to the same one. */
  #gatewayPort = 0;
  #home: HostName | null = null;
  #move: ApiMigration | null = null;
  readonly #courses = new GuestCourses();
  #moveFrom: HostName = "left";
  #isRefreshing = false;
  #isStale = false;
  #isClosing = false;

  private constructor(options: DemoOptions) {
    this.#options = options;
  }

  /** Rejects with what was said last when it does not start, or takes too long. */
  static async start(options: DemoOptions): Promise<Demo> {
    const demo = new Demo(options);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error("the demo takes too long to start")), startMs);
    });
    try {
      // What loses the race ends by itself, since everything is closed by then.
      const begun = demo.#begin();
      begun.catch(() => {});
      await Promise.race([begun, tooLong]);
    } catch (error) {
      const { lastWords } = demo;
      await demo.close();
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message}${lastWords === "" ? "" : `\n${lastWords}`}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    return demo;
  }

  /** What hosts and gateway said last, for whoever asks why something did not happen. */
  get lastWords(): string {
    const children = [...this.#hosts, ["gateway", this.#gateway] as const];
    return children
      .map(([name, child]) => `${name}: ${child?.lastWords.slice(-1500) ?? "not there"}`)
      .join("\n");
  }

  /** Where the page is. */
  get address(): string {
    return `http://127.0.0.1:${this.#front?.port}/`;
  }

  get state(): DemoState {
    return {
      token,
      vm: this.#options.vm === null ? null : withoutSecrets(this.#options.vm),
      hosts: hostNames
        .filter(() => this.#options.vm === null)
        .map((name) => ({
          name,
          state: this.#hosts.get(name)?.isAlive === true ? "running" : "down",
        })),
      home: this.#home,
      move: this.#move,
      courses: this.#courses.list,
      network: this.#front?.lines.kind ?? "fast",
      gateway: this.#gateway?.isAlive === true ? "running" : "down",
    };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#front?.close();
    await Promise.all([...this.#hosts.values(), this.#gateway].map((child) => child?.end()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    const { vm, port } = this.#options;
    writeFileSync(join(this.#folder, "key"), randomBytes(32).toString("hex"), { mode: 0o600 });
    if (vm === null) {
      await Promise.all(hostNames.map((name) => this.#startHost(name, name === "left")));
      await this.#refresh();
    } else this.#writeTokens(vm);
    await this.#startGateway();
    const host = {
      gatewayPort: this.#gatewayPort,
      follow: (tell: (state: object) => void) => {
        this.#followers.add(tell);
        tell(this.state);
        return () => this.#followers.delete(tell);
      },
      act: (action: string, wishes: Readonly<Record<string, unknown>>) => this.#act(action, wishes),
    };
    if (!this.#isClosing) this.#front = await Front.open(host, port);
  }

  async #startHost(name: HostName, hasGuest: boolean): Promise<void> {
    const host = await HostProcess.start({
      name,
      token: this.#apiToken,
      peerKey: join(this.#folder, "key"),
      guest: hasGuest ? guestName : null,
      onEvent: (event) => this.#hear(event),
      onEnd: (lastWords) => {
        this.#options.onTrouble(`the ${name} host ended: ${lastWords.trim().slice(-400)}`);
        this.#tell();
      },
    });
    if (this.#isClosing) await host.end();
    else this.#hosts.set(name, host);
    this.#tell();
  }

  #hear(event: ApiEvent): void {
    this.#courses.note(event);
    void this.#refresh();
  }

  async #startGateway(): Promise<void> {
    const words = [
      ...["gateway", `127.0.0.1:${this.#gatewayPort}`, "--web", this.#options.web],
      ...["--token-source", join(this.#folder, "tokens"), "--log-level", "warn"],
      ...["--state-dir", join(this.#folder, "state"), "--drain-timeout", "0"],
    ];
    const onEnd = (lastWords: string) => {
      this.#options.onTrouble(`the gateway ended: ${lastWords.trim().slice(-400)}`);
      this.#tell();
    };
    const [gateway, match] = await Child.start(words, {}, gatewayReady, onEnd);
    if (this.#isClosing) await gateway.end();
    this.#gateway = gateway;
    this.#gatewayPort = Number(match[1]);
    this.#tell();
  }

  #writeTokens(server: string): void {
    writeFileSync(join(this.#folder, "tokens"), `${token}: ${server} vm=${guestName}\n`, {
      mode: 0o600,
    });
  }

  // What the page asks for.

  async #act(action: string, wishes: Readonly<Record<string, unknown>>): Promise<void> {
    switch (action) {
      case "migrate":
        return await this.#migrate(
          oneOf(modes, wishes["mode"]),
          countOf(wishes["deadlineMs"]),
          oneOf(breakages, wishes["breakage"]),
        );
      case "cancel":
        if (this.#move === null) return;
        return await this.#host(this.#moveFrom).cancel(this.#move.id);
      case "resolve":
        if (this.#move === null) return;
        return await this.#host(this.#moveFrom).resolve(this.#move.id, "source");
      case "network":
        if (this.#front !== null) {
          const names = Object.keys(networks) as NetworkName[];
          this.#front.lines.kind = oneOf(names, wishes["kind"]);
        }
        return this.#tell();
      case "cut":
        return this.#front?.lines.cut();
      case "restart-gateway":
        await this.#gateway?.kill();
        this.#tell();
        return await this.#startGateway();
      default:
        throw new Error(`nothing is known of ${action}`);
    }
  }

  async #migrate(
    mode: ApiNewMigration["mode"] & string,
    deadlineMs: number,
    breakage: Breakage,
  ): Promise<void> {
    const from = this.#home;
    if (from === null) throw new Error("the guest is not there");
    if (this.#move !== null && this.#move.endedAt === null) {
      throw new Error("the guest is moving already");
    }
    const to = from === "left" ? "right" : "left";
    const [source, target] = [this.#host(from), this.#host(to)];
    if (!target.isAlive) throw new Error(`the ${to} host is down`);
    if (this.#front !== null) this.#front.refusesTargets = breakage === "refuse-links";
    this.#moveFrom = from;
    const holdMaxMs = Math.max(15_000, deadlineMs);
    const { peers } = target;
    this.#move = await source.migrate(guestName, { to: peers, mode, deadlineMs, holdMaxMs });
    this.#tell();
    void this.#follow(source, this.#move.id, breakage === "kill-target" ? to : null);
  }

  /** Looks after the move until it is over. */
  async #follow(source: HostProcess, id: string, victim: HostName | null): Promise<void> {
    let wantsDeath = victim !== null;
    try {
      for (;;) {
        const move = await source.migration(id);
        if (JSON.stringify(move) !== JSON.stringify(this.#move)) {
          this.#move = move;
          this.#tell();
        }
        if (wantsDeath && victim !== null && phasesUnderWay.has(move.phase)) {
          wantsDeath = false;
          await this.#host(victim).kill();
          this.#tell();
        }
        if (move.endedAt !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    } catch (error) {
      this.#options.onTrouble(error instanceof Error ? error.message : String(error));
    }
    if (this.#front !== null) this.#front.refusesTargets = false;
    if (victim !== null && !this.#host(victim).isAlive) await this.#startHost(victim, false);
    await this.#refresh();
  }

  #host(name: HostName): HostProcess {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`the ${name} host is not there`);
    return host;
  }

  /** Finds the guest, and writes down where a new session finds it. */
  async #refresh(): Promise<void> {
    if (this.#options.vm !== null) return;
    // What happens while the hosts are asked may be newer than their answers: they are asked again.
    this.#isStale = true;
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    while (this.#isStale) {
      this.#isStale = false;
      await this.#findGuest();
    }
    this.#isRefreshing = false;
    this.#tell();
  }

  async #findGuest(): Promise<void> {
    try {
      for (const [name, host] of this.#hosts) {
        if (!host.isAlive) continue;
        const guest = await host.guest(guestName);
        const [address] = guest?.addresses ?? [];
        if (guest?.state !== "running" || address === undefined || this.#home === name) continue;
        this.#home = name;
        this.#writeTokens(address);
      }
    } catch {
      // A host that was asked just as it ended; the next event asks again.
    }
  }

  #tell(): void {
    for (const tell of this.#followers) tell(this.state);
  }
}

/** A page brings a token, and never sees a password. */
function withoutSecrets(vm: string): string {
  return vm.trim().split(/[\s?]/)[0] ?? "";
}

function oneOf<T extends string>(names: readonly T[], value: unknown): T {
  const found = names.find((name) => name === value);
  if (found === undefined) throw new Error(`one of ${names.join(", ")} is expected`);
  return found;
}

function countOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > 60_000) {
    throw new Error("deadlineMs: milliseconds up to a minute are expected");
  }
  return value;
}
