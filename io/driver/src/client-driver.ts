// A whole client: a session and its renderer, driven by a platform's connections and decoders. What
// it shows can be read at any time; nothing is drawn anywhere.

import {
  type DecodeJob,
  type DecodeOutcome,
  Renderer,
  type RenderInput,
  type RenderOutput,
} from "@caraway/canvas";
import type { ConnectionKey, Sender } from "@caraway/channel";
import {
  ClientSession,
  type Endpoint,
  type RenderCommand,
  type SessionCommand,
  type SessionEvent,
  type SessionInput,
  type SessionOptions,
  type SessionOutput,
} from "@caraway/client";
import { type ClientStream, ClientStreams } from "./client-stream.ts";
import { type Driver, type DriverInput, type DriverOutput, drive } from "./drive.ts";
import { type FileSource, FileSources } from "./file-sources.ts";
import type { CredentialsSource } from "./link-tasks.ts";
import type { Platform } from "./platform.ts";
import { Screens } from "./screens.ts";

/** What a session says beside what the driver does for it. */
type SessionExtra = Exclude<SessionOutput, DriverOutput>;
type SessionFeed = Exclude<SessionInput, DriverInput>;

/** What the renderer says that is of interest outside. */
export type PictureEvent = Exclude<RenderOutput, { type: "applied" | "decode" | "failed" }>;

/** Decodes an image somewhere and says when it has: at once, or later and in any order. */
export type DecodeImage = (job: DecodeJob, done: (outcome: DecodeOutcome) => void) => void;

export interface ClientDriverOptions {
  readonly session: SessionOptions;
  readonly credentials?: CredentialsSource;
  readonly onEvent?: (event: SessionEvent) => void;
  /** A device of the guest is there for this client, on one of the session's channels. */
  readonly onStream?: (stream: ClientStream) => void;
  readonly onPicture?: (event: PictureEvent) => void;
  /** Sees each drawing command on its way to the renderer. */
  readonly onRender?: (command: RenderCommand) => void;
  /** Sees the bytes of every connection. */
  readonly onBytes?: (connection: ConnectionKey, from: Sender, bytes: Uint8Array) => void;
  /** A fault in the program itself: everything is closed by then. Thrown when absent. */
  readonly onFault?: (error: unknown) => void;
}

export class ClientDriver {
  readonly renderer: Renderer;
  readonly screens: Screens;
  readonly #options: ClientDriverOptions;
  readonly #session: ClientSession;
  readonly #driver: Driver<SessionFeed>;
  readonly #platform: Platform;
  readonly #decode: DecodeImage;
  readonly #files = new FileSources((command) => this.command(command));
  readonly #streams: ClientStreams | null;
  readonly #waiting: RenderInput[] = [];
  #running = false;
  #ended = false;

  /** Begins to connect at once. */
  constructor(platform: Platform, decode: DecodeImage, options: ClientDriverOptions) {
    this.renderer = new Renderer({ videoCodecs: options.session.videoCodecs });
    this.screens = new Screens(this.renderer);
    this.#options = options;
    this.#platform = platform;
    this.#decode = decode;
    const { onStream } = options;
    const command = (what: SessionCommand) => this.command(what);
    this.#streams = onStream === undefined ? null : new ClientStreams(command, onStream);
    this.#session = new ClientSession(options.session);
    this.#driver = drive<SessionFeed, SessionExtra>(this.#session, platform, {
      ...(options.credentials !== undefined && { credentials: options.credentials }),
      ...(options.onFault && { onFault: options.onFault }),
      ...(options.onBytes && { onBytes: options.onBytes }),
      onOutput: (output) => this.#take(output),
    });
    this.command({ name: "open" });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Where the session is attached: another server after the VM has moved. */
  get endpoint(): Endpoint {
    return this.#session.endpoint;
  }

  /** What is stamped with this `mm_time` is to be seen and heard now; null before the first word. */
  get mediaTime(): number | null {
    return this.#session.mediaTime(this.#platform.now());
  }

  command(command: SessionCommand): void {
    this.#driver.feed({ type: "command", command });
  }

  /**
   * Sends a file to the guest, where its agent puts it into the user's folder for downloads. Events
   * `file` tell how it goes under this key, which is the caller's; `file-cancel` calls it off.
   */
  sendFile(transfer: number, source: FileSource): void {
    if (this.#ended) source.close();
    else this.#files.send(transfer, source);
  }

  /** Ends the session, at once or in a moment, and closes everything; `ended` is the last event. */
  close(): void {
    this.command({ name: "close" });
  }

  /** Closes everything at once and tells nothing more. */
  destroy(): void {
    this.#ended = true;
    this.#driver.close();
    this.#files.closeAll();
  }

  #take(output: SessionExtra): void {
    if (output.type === "render") {
      this.#render(output.command);
      return;
    }
    if (output.type === "read") {
      void this.#files.read(output);
      return;
    }
    this.#files.hear(output.event);
    if (output.event.name === "ended") {
      this.#ended = true;
      this.#driver.close();
    }
    this.#options.onEvent?.(output.event);
    this.#streams?.handle(output.event);
  }

  #render(command: RenderCommand): void {
    this.#options.onRender?.(command);
    const display = command.type === "reset" ? command.display : null;
    const dropped = display === null ? 0 : this.renderer.pending(display);
    this.#handle(command);
    // The session counts an answer for each message, also for those that a reset drops.
    for (let count = 0; display !== null && count < dropped; count++) {
      this.#driver.feed({ type: "rendered", display });
    }
  }

  /** One input, then drain; what comes meanwhile waits its turn. */
  #handle(input: RenderInput): void {
    this.#waiting.push(input);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.renderer.handle(next);
      for (let output = this.renderer.poll(); output !== null; output = this.renderer.poll()) {
        this.#takePicture(output);
      }
    }
    this.#running = false;
  }

  #takePicture(output: RenderOutput): void {
    switch (output.type) {
      case "applied":
        this.#driver.feed({ type: "rendered", display: output.display });
        break;
      case "failed": {
        const { display, error } = output;
        this.#driver.feed({ type: "render-failed", display, error });
        break;
      }
      case "decode": {
        const { task, job } = output;
        this.#decode(job, (outcome) => {
          this.#handle({ type: "decoded", task, outcome });
        });
        break;
      }
      default:
        this.screens.note(output);
        this.#options.onPicture?.(output);
    }
  }
}
