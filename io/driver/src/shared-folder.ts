// A folder that the user shares with the guest, whatever it stands on: it takes the webdav channel of
// the session, and the next one when that is gone.

import { type Answered, type FolderAnswer, FolderServer, type FolderWork } from "@caraway/webdav";
import type { ClientStream } from "./client-stream.ts";

/** What has the folder. What goes wrong is an answer, or rejects. */
export interface FolderStore {
  readonly writable: boolean;
  perform(work: FolderWork): Promise<FolderAnswer>;
  /** Lets go of what is open; files that are not whole are gone. */
  close(): Promise<void>;
}

export type SharedFolderEvent =
  /** Whether somebody in the guest is there to use the folder. */
  | { readonly type: "guest"; readonly connected: boolean }
  /** A program in the guest asked, and was answered or refused. */
  | { readonly type: "request"; readonly request: Answered };

export interface SharedFolderOptions {
  readonly store: FolderStore;
  readonly readOnly?: boolean;
  /** A UUID of its own. */
  readonly seed: string;
  /** Milliseconds of a clock that only goes on. */
  readonly now: () => number;
  readonly fileBytesMax?: number;
  readonly onEvent?: (event: SharedFolderEvent) => void;
}

export class SharedFolder {
  readonly #options: SharedFolderOptions;
  readonly #server: FolderServer;
  #stream: ClientStream | null = null;
  /** The server waits for room in the stream. */
  #wantsRoom = false;
  #hasRoom = true;
  #isConnected = false;
  #isDraining = false;

  constructor(options: SharedFolderOptions) {
    this.#options = options;
    const { store, readOnly = false, seed, fileBytesMax } = options;
    this.#server = new FolderServer({
      readOnly: readOnly || !store.writable,
      seed,
      ...(fileBytesMax !== undefined && { fileBytesMax }),
    });
  }

  /** A stream of the session's; those of other channels are passed over. */
  offer(stream: ClientStream): void {
    if (stream.channel !== "webdav" || this.#stream !== null) return;
    this.#stream = stream;
    this.#hasRoom = true;
    stream.use({
      data: (bytes) => this.#handle(stream, { type: "received", bytes }),
      drained: () => {
        this.#hasRoom = true;
        this.#flush(stream);
      },
      signal: (signal) => {
        if (signal === "break") return;
        this.#handle(stream, { type: "reset" });
        this.#tellConnected(signal === "opened");
      },
      closed: () => this.#leave(stream),
    });
    stream.signal("opened");
    this.#tellConnected(stream.isGuestOpen);
  }

  /** Ends the sharing, as the guest learns. */
  async close(): Promise<void> {
    const stream = this.#stream;
    if (stream !== null) {
      stream.signal("closed");
      this.#leave(stream);
    }
    await this.#options.store.close();
  }

  #leave(stream: ClientStream): void {
    if (this.#stream !== stream) return;
    this.#handle(stream, { type: "reset" });
    this.#stream = null;
    this.#tellConnected(false);
  }

  #tellConnected(connected: boolean): void {
    if (connected === this.#isConnected) return;
    this.#isConnected = connected;
    this.#options.onEvent?.({ type: "guest", connected });
  }

  #handle(stream: ClientStream, input: Parameters<FolderServer["handle"]>[0]): void {
    // What was for an older stream is for nobody.
    if (this.#stream !== stream && input.type !== "done") return;
    this.#server.handle(input, this.#options.now());
    if (!this.#isDraining) this.#drain();
  }

  /** One input, then drain: what an output brings about comes behind the others. */
  #drain(): void {
    this.#isDraining = true;
    const stream = this.#stream;
    for (let output = this.#server.poll(); output !== null; output = this.#server.poll()) {
      switch (output.type) {
        case "transmit":
          if (stream !== null) this.#hasRoom = stream.write(output.bytes);
          break;
        case "flush":
          this.#wantsRoom = true;
          break;
        case "taken":
          stream?.taken(output.bytes);
          break;
        case "work":
          void this.#perform(stream, output.task, output.work);
          break;
        case "answered":
          this.#options.onEvent?.({ type: "request", request: output.request });
          break;
      }
    }
    this.#isDraining = false;
    if (stream !== null) this.#flush(stream);
  }

  #flush(stream: ClientStream): void {
    if (!this.#wantsRoom || !this.#hasRoom) return;
    this.#wantsRoom = false;
    this.#handle(stream, { type: "flushed" });
  }

  async #perform(stream: ClientStream | null, task: number, work: FolderWork): Promise<void> {
    let answer: FolderAnswer;
    try {
      answer = await this.#options.store.perform(work);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      answer = { kind: "failed", reason: "broken", detail };
    }
    if (stream !== null) this.#handle(stream, { type: "done", task, answer });
  }
}
