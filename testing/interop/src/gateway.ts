// Our gateway in front of real machines, with a token file as an operator writes it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Endpoint, gatewayEndpoint, mapTargetThrough } from "@caraway/client";
import { GatewayServer, gatewayOptions } from "caraway-gateway";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import type { Vm } from "./vm.ts";

export interface GatewayTestOptions {
  /** CA of the machines' servers. */
  readonly targetCaFile?: string;
  /** Folder of a page to serve. */
  readonly web?: string;
}

export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly text: string;
  readonly [field: string]: unknown;
}

export class TestGateway implements AsyncDisposable {
  readonly log: LogLine[] = [];
  readonly #directory = makeOwnedDirectory("gateway");
  readonly #options: GatewayTestOptions;
  readonly #lines: string[] = [];
  #server: GatewayServer | null = null;
  #port = 0;

  private constructor(options: GatewayTestOptions) {
    this.#options = options;
  }

  static async start(options: GatewayTestOptions = {}): Promise<TestGateway> {
    const gateway = new TestGateway(options);
    await gateway.#listen();
    return gateway;
  }

  get port(): number {
    return this.#port;
  }

  /** Of the page. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Without query. */
  get url(): string {
    return `ws://127.0.0.1:${this.#port}/spice`;
  }

  /** Gives the machine a token; `settings` stand behind the address. */
  addToken(token: string, vm: Vm, settings = ""): void {
    const { host, port, tlsPort, unixPath, password } = vm.spice;
    const address =
      unixPath !== null
        ? `spice+unix://${unixPath}`
        : port === 0
          ? `spice+tls://${host}:${tlsPort}`
          : `spice://${host}:${port}${tlsPort === 0 ? "" : `?tls-port=${tlsPort}`}`;
    const secret = password === null ? "" : ` password="${password}"`;
    this.#lines.push(`${token}: ${address}${secret} ${settings}`);
    this.#writeTokens();
  }

  /** Redeems a token. */
  async session(token: string): Promise<string> {
    const body = JSON.stringify({ token });
    const url = `http://127.0.0.1:${this.#port}/session`;
    const response = await fetch(url, { method: "POST", body });
    if (response.status !== 200) throw new Error(`the token was refused: ${response.status}`);
    return ((await response.json()) as { session: string }).session;
  }

  endpoint(session: string): Endpoint {
    return gatewayEndpoint(this.url, session);
  }

  get mapTarget(): (target: Endpoint) => Endpoint | null {
    return mapTargetThrough(this.url);
  }

  /** Ends it as a crash would for its clients, and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.#server?.close(0);
    await this.#listen();
  }

  async close(): Promise<void> {
    await this.#server?.close(0);
    removeOwnedDirectory(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #writeTokens(): void {
    writeFileSync(join(this.#directory, "tokens"), `${this.#lines.join("\n")}\n`);
  }

  async #listen(): Promise<void> {
    this.#writeTokens();
    const note = (level: LogLine["level"]) => (fields: object, text: string) => {
      this.log.push({ level, text, ...fields });
    };
    this.#server = new GatewayServer({
      ...gatewayOptions({
        listen: `127.0.0.1:${this.#port}`,
        tokenSource: join(this.#directory, "tokens"),
        stateDir: join(this.#directory, "state"),
        ...this.#options,
      }),
      log: { info: note("info"), warn: note("warn"), error: note("error") },
      onFault: (error) => {
        throw error;
      },
    });
    this.#port = (await this.#server.listen())!;
  }
}
