// A guest with a webdav device in which real programs are at home: the testcard, and beside it what
// spice-webdavd is, so that WebDAV programs of this machine reach a client's folder through our
// server. It also has a console, of a sort: a port that says what it heard in capitals.

import { GuestServer, type ServeOptions } from "@caraway/node";
import type { Guest, GuestInput, GuestOutput } from "@caraway/server";
import { createTestcard, type Testcard } from "@caraway/testcard";
import type { SpiceAddress } from "./vm.ts";
import { WebdavDaemon } from "./webdav-daemon.ts";

const stream = { use: "webdav", id: 0 } as const;
const port = { use: "port", id: 0 } as const;
export const loudPort = "org.caraway.loud";
/** Bytes that the server may be ahead. */
const windowBytes = 256 << 10;

export class FolderGuest implements Guest {
  readonly #testcard: Testcard;
  readonly #outputs: GuestOutput[] = [];
  readonly #queue: Uint8Array[] = [];
  readonly #changed: () => void;
  readonly daemon: WebdavDaemon;
  #isReady = false;
  #isRunning = false;
  #credit = 0;

  /** `changed`: the guest has something to say that no input of the server's brought about. */
  constructor(changed: () => void) {
    this.#testcard = createTestcard({ width: 320, height: 240 });
    this.#changed = changed;
    this.daemon = new WebdavDaemon((bytes) => {
      this.#queue.push(bytes);
      this.#say();
      this.#changed();
    });
  }

  handle(input: GuestInput, now: number): void {
    if (!("stream" in input) || !(input.stream.use === "webdav" || input.stream.use === "port")) {
      this.#testcard.handle(input, now);
      return;
    }
    if (input.stream.use === "port") {
      this.#answerLoudly(input);
      return;
    }
    if (input.type === "stream-credit") this.#credit += input.bytes;
    if (input.type === "stream-data") {
      this.daemon.received(input.bytes);
      this.#outputs.push({ type: "stream-credit", stream, bytes: input.bytes.length });
    }
    this.#say();
  }

  poll(): GuestOutput | null {
    const output = this.#testcard.poll();
    if (output?.type === "running") this.#isRunning = output.running;
    if (output?.type === "ready" && !this.#isReady) {
      this.#isReady = true;
      const name = "org.spice-space.webdav.0";
      this.#outputs.push(
        { type: "stream-credit", stream, bytes: windowBytes },
        { type: "stream-open", stream, open: true },
        { type: "attach", device: { kind: "stream", ...port, name: loudPort } },
        { type: "stream-credit", stream: port, bytes: windowBytes },
        { type: "stream-open", stream: port, open: true },
        output,
      );
      return { type: "attach", device: { kind: "stream", ...stream, name } };
    }
    if (output !== null) return output;
    this.#say();
    return this.#outputs.shift() ?? null;
  }

  deadline(): number | null {
    return this.#testcard.deadline();
  }

  snapshot(now: number): unknown {
    return this.#testcard.snapshot(now);
  }

  #answerLoudly(input: GuestInput): void {
    if (input.type === "stream-break") this.#speak("<BREAK>");
    if (input.type !== "stream-data") return;
    this.#outputs.push({ type: "stream-credit", stream: port, bytes: input.bytes.length });
    this.#speak(new TextDecoder().decode(input.bytes).toUpperCase());
  }

  #speak(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#outputs.push({ type: "stream-data", stream: port, bytes });
  }

  /** What it has leave for. */
  #say(): void {
    while (this.#isRunning && this.#credit > 0) {
      const first = this.#queue.shift();
      if (first === undefined) return;
      const bytes = first.subarray(0, this.#credit);
      if (bytes.length < first.length) this.#queue.unshift(first.subarray(bytes.length));
      this.#credit -= bytes.length;
      this.#outputs.push({ type: "stream-data", stream, bytes });
    }
  }
}

const [control, letterV] = [0x1d, 0x2f];

/** Our server with such a guest; programs find the folder at `url`. */
export async function serveFolderGuest(options: Partial<Omit<ServeOptions, "guest">> = {}) {
  const guest: FolderGuest = new FolderGuest(() => server.drainGuest());
  const davPort = await guest.daemon.listen();
  const server = await GuestServer.start({
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
    ...options,
    guest,
  });
  const [listened] = server.addresses;
  const address: SpiceAddress = {
    host: "127.0.0.1",
    port: listened?.kind === "tcp" ? listened.port : 0,
    tlsPort: 0,
    unixPath: null,
    password: null,
  };
  const close = async () => {
    await server.close();
    await guest.daemon[Symbol.asyncDispose]();
  };
  /** Ctrl+V in the guest. */
  const pressPaste = () => {
    for (const code of [control, letterV]) server.input({ type: "key", code, down: true });
    for (const code of [letterV, control]) server.input({ type: "key", code, down: false });
  };
  /** What its editor has. */
  const text = () => (guest.snapshot(0) as { editor: { text: string } }).editor.text;
  const url = `http://127.0.0.1:${davPort}`;
  return { address, url, pressPaste, text, [Symbol.asyncDispose]: close };
}
