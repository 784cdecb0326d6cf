// Asks a host's HTTP API.

import { readFileSync } from "node:fs";
import type { ApiError, ApiEvent } from "caraway-host";
import { UsageError } from "./usage-error.ts";

export interface HostApiFlags {
  /** `http://host:port`. */
  readonly host: string;
  readonly tokenFile?: string;
}

/** The host said no: its code and words. */
export class HostRefusal extends Error {
  override readonly name = "HostRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class HostApi {
  readonly #base: string;
  readonly #token: string;

  /** @throws UsageError */
  constructor({ host, tokenFile }: HostApiFlags) {
    if (!URL.canParse(host) || !/^https?:$/.test(new URL(host).protocol)) {
      throw new UsageError(`--host ${host}: write http://host:port or https://host:port`);
    }
    this.#base = host.replace(/\/+$/, "");
    this.#token = readToken(tokenFile);
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#ask("GET", path)).json()) as T;
  }

  async post<T>(path: string, body: object = {}): Promise<T> {
    return (await (await this.#ask("POST", path, body)).json()) as T;
  }

  /** Events as they come, until `ended` aborts; rejects when the host is lost. */
  async *events(path: string, ended: AbortSignal): AsyncGenerator<ApiEvent> {
    const response = await this.#ask("GET", path, undefined, ended);
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes as Uint8Array, { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield JSON.parse(line) as ApiEvent;
    }
  }

  async #ask(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const response = await this.#reach(path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
    if (response.ok) return response;
    const said = (await response.json().catch(() => null)) as ApiError | null;
    throw new HostRefusal(response.status, said?.error.message ?? `HTTP ${response.status}`);
  }

  async #reach(path: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(this.#base + path, request);
    } catch (error) {
      if (request.signal?.aborted === true) throw error;
      const cause = error instanceof Error ? error.cause : null;
      const code = (cause as NodeJS.ErrnoException | null)?.code ?? "no answer";
      throw new Error(`the host at ${this.#base} cannot be reached: ${code}`, { cause: error });
    }
  }
}

function readToken(file: string | undefined): string {
  if (file === undefined) {
    const token = process.env["CARAWAY_HOST_TOKEN"];
    if (token !== undefined) return token;
    throw new UsageError("the host asks for a token: give --token-file or CARAWAY_HOST_TOKEN");
  }
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw new UsageError(`token file ${file}: ${reason}`);
  }
}
