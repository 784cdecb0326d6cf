// One of the two hosts: `caraway host` as a child process, and its API.

import type { ApiEvent, ApiGuest, ApiMigration, ApiNewMigration } from "caraway-host";
import { Child } from "./child.ts";

export interface HostProcessOptions {
  /** `left` or `right`; for people. */
  readonly name: string;
  readonly token: string;
  /** File with the key that both hosts share. */
  readonly peerKey: string;
  /** Name of a guest that is there from the beginning. */
  readonly guest: string | null;
  readonly onEvent: (event: ApiEvent) => void;
  /** It ended by itself. */
  readonly onEnd: (lastWords: string) => void;
}

/** A host answers at once, or something is wrong with it. */
const answerMs = 20_000;

const listening = /"event":"listening","api":"([^"]+)","peers":"([^"]+)"/;

export class HostProcess {
  readonly #options: HostProcessOptions;
  readonly #child: Child;
  readonly #api: string;
  /** Where the other host reaches it. */
  readonly peers: string;
  readonly #follow = new AbortController();

  private constructor(options: HostProcessOptions, child: Child, api: string, peers: string) {
    this.#options = options;
    this.#child = child;
    this.#api = api;
    this.peers = peers;
  }

  static async start(options: HostProcessOptions): Promise<HostProcess> {
    const { name, guest, peerKey, token, onEnd } = options;
    const words = [
      ...["host", "--name", name, "--json", "--log-level", "silent"],
      ...["--api-listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", "--peer-key", peerKey],
      ...["--size", "1024x768", ...(guest === null ? [] : ["--guest", guest])],
    ];
    const [child, [, api = "", peers = ""]] = await Child.start(
      words,
      { CARAWAY_HOST_TOKEN: token },
      listening,
      onEnd,
    );
    const host = new HostProcess(options, child, api, peers);
    void host.#listen();
    return host;
  }

  async guest(name: string): Promise<ApiGuest | null> {
    const { guests } = (await this.#ask("GET", "/v1/guests")) as { guests: ApiGuest[] };
    return guests.find((guest) => guest.name === name) ?? null;
  }

  async migrate(guest: string, wishes: ApiNewMigration): Promise<ApiMigration> {
    return (await this.#ask("POST", `/v1/guests/${guest}/migrations`, wishes)) as ApiMigration;
  }

  async migration(id: string): Promise<ApiMigration> {
    return (await this.#ask("GET", `/v1/migrations/${id}`)) as ApiMigration;
  }

  async cancel(id: string): Promise<void> {
    await this.#ask("POST", `/v1/migrations/${id}/cancel`);
  }

  async resolve(id: string, owner: "source" | "target"): Promise<void> {
    await this.#ask("POST", `/v1/migrations/${id}/resolve`, { owner });
  }

  get lastWords(): string {
    return this.#child.lastWords;
  }

  get isAlive(): boolean {
    return this.#child.isAlive;
  }

  async kill(): Promise<void> {
    this.#follow.abort();
    await this.#child.kill();
  }

  async end(): Promise<void> {
    this.#follow.abort();
    await this.#child.end();
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(new URL(path, this.#api), {
      method,
      headers: this.#headers,
      signal: AbortSignal.timeout(answerMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.trim()}`);
    return text === "" ? null : JSON.parse(text);
  }

  get #headers(): Record<string, string> {
    const authorization = `Bearer ${this.#options.token}`;
    return { authorization, "content-type": "application/json" };
  }

  /** Until the host ends. */
  async #listen(): Promise<void> {
    try {
      const response = await fetch(new URL("/v1/events", this.#api), {
        headers: this.#headers,
        signal: this.#follow.signal,
      });
      let rest = "";
      for await (const bytes of response.body ?? []) {
        const lines = (rest + Buffer.from(bytes).toString("utf8")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line.trim() !== "") this.#options.onEvent(JSON.parse(line) as ApiEvent);
        }
      }
    } catch {
      // It was ended; whoever did that knows.
    }
  }
}
