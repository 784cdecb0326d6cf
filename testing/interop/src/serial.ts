// The guest's two serial ports: a stream of lines that can be awaited (events of xevents), and a root shell.

import type { Socket } from "node:net";
import { createInterface } from "node:readline";

export class SerialError extends Error {
  constructor(description: string) {
    super(description);
    this.name = "SerialError";
  }
}

/** Lines that a guest writes to a serial port. All are kept. */
export class SerialLines {
  readonly lines: string[] = [];
  readonly #socket: Socket;
  readonly #watchers = new Set<() => void>();
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    const lines = createInterface({ input: socket });
    // It passes the socket's errors on; those have been handled.
    lines.on("error", () => undefined);
    lines.on("line", (line) => {
      this.lines.push(line.replaceAll("\r", ""));
      this.#notify();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#notify();
    });
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** The position of the first line at or after `since` that matches; waits for it. */
  async waitFor(pattern: RegExp, options: { since?: number; timeoutMs?: number } = {}) {
    const { since = 0, timeoutMs = 30_000 } = options;
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.#notify();
    }, timeoutMs);
    try {
      for (let index = since; ; index++) {
        while (index >= this.lines.length) {
          if (expired || this.#closed) {
            const reason = this.#closed ? "the machine ended" : `${timeoutMs} ms passed`;
            const last = this.lines.slice(-5).join("\n");
            throw new SerialError(`no line matched ${pattern} before ${reason}; last:\n${last}`);
          }
          await new Promise<void>((resolve) => this.#watchers.add(resolve));
        }
        if (pattern.test(this.lines[index]!)) return index;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}

/** The guest's root shell. Commands run one after the other; `DISPLAY` is set. */
export class SerialShell {
  readonly port: SerialLines;
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(port: SerialLines) {
    this.port = port;
  }

  /** Runs one line of shell and gives what it printed, both outputs. Throws `SerialError` when its status is not 0. */
  run(command: string, options: { timeoutMs?: number } = {}): Promise<string> {
    const result = this.#last.then(() => this.#run(command, options));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(command: string, { timeoutMs = 30_000 }: { timeoutMs?: number }): Promise<string> {
    if (command.includes("\n")) throw new SerialError("a command for the guest is one line");
    const mark = `@@${++this.#count}-${process.pid}`;
    const since = this.port.lines.length;
    const quoted = `'${command.replaceAll("'", "'\\''")}'`;
    // The echoes stand on lines of their own whatever the command prints last.
    this.port.write(
      `echo '${mark} begin'; eval ${quoted} </dev/null 2>&1; printf '\\n${mark} end %d\\n' $?\n`,
    );
    const begin = await this.port.waitFor(new RegExp(`^${mark} begin$`), { since, timeoutMs });
    const end = await this.port.waitFor(new RegExp(`^${mark} end \\d+$`), {
      since: begin,
      timeoutMs,
    });
    const output = this.port.lines
      .slice(begin + 1, end)
      .join("\n")
      .replace(/\n$/, "");
    const status = Number(this.port.lines[end]!.split(" ").pop());
    if (status !== 0) throw new SerialError(`${command}: status ${status}: ${output}`);
    return output;
  }
}
