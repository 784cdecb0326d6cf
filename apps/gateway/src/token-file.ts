// Tokens in a file, or in all files of a folder: a line each, `token: server`, as websockify has
// them. Read anew when they change, so that whoever writes them need not tell the gateway.

import { lstatSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { endpointOf } from "@caraway/node";
import { type TokenAnswer, type TokenSource, TokenSourceError } from "./token-source.ts";
import { parseVmLine } from "./vm-line.ts";

interface ReadFile {
  readonly changed: string;
  /** What stands behind each token, unread: a line that is wrong spoils no other. */
  readonly lines: ReadonlyMap<string, string>;
}

export class TokenFile implements TokenSource {
  readonly #path: string;
  readonly #files = new Map<string, ReadFile>();

  /** Throws TokenSourceError when there is no such file or folder. */
  constructor(path: string) {
    this.#path = path;
    this.#list();
  }

  async find(token: string): Promise<TokenAnswer | null> {
    for (const path of this.#list()) {
      const line = this.#read(path).lines.get(token);
      if (line !== undefined) return parseVmLine(line, token);
    }
    return null;
  }

  #list(): string[] {
    const path = this.#path;
    if (!stat(path).isDirectory()) return [path];
    const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map(({ name }) => join(path, name)).sort();
  }

  #read(path: string): ReadFile {
    const { mtimeMs, size, ino } = stat(path);
    const changed = `${mtimeMs} ${size} ${ino}`;
    const known = this.#files.get(path);
    if (known?.changed === changed) return known;
    const read = { changed, lines: readLines(path) };
    this.#files.set(path, read);
    return read;
  }
}

function stat(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readLines(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
  const lines = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#\s].*?)\s*:\s+(\S.*?)\s*$/.exec(line);
    // As websockify does: the first line of a token counts.
    if (match !== null && !lines.has(match[1]!)) lines.set(match[1]!, match[2]!);
  }
  return lines;
}

function unreadable(path: string, error: unknown): TokenSourceError {
  const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
  return new TokenSourceError(`token file ${path}: ${reason}`);
}

/** A token is the name of a unix socket in a folder. */
export class SocketFolder implements TokenSource {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async find(token: string): Promise<TokenAnswer | null> {
    if (!/^[\w.@-]+$/.test(token) || token.startsWith(".")) return null;
    const unixPath = join(this.#path, token);
    // A link might lead out of the folder.
    const found = lstatSync(unixPath, { throwIfNoEntry: false });
    if (found?.isSocket() !== true) return null;
    return {
      server: endpointOf({ unixPath }),
      vm: token,
      user: "",
      username: null,
      password: null,
      expiresAt: null,
      once: false,
    };
  }
}

/** One server for everybody: no token is asked for. */
export class FixedServer implements TokenSource {
  readonly #answer: TokenAnswer;

  constructor(answer: TokenAnswer) {
    this.#answer = answer;
  }

  async find(): Promise<TokenAnswer> {
    return this.#answer;
  }
}
