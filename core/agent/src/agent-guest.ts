// The agent's own end, inside a guest: what spice-vdagent is in a real one. It reads the chunks of
// its port, shares clipboards with the client, takes files, and hears what the client wants of the
// desktop. All of its state is plain data, so that a guest that holds one can move.

import { DisplayConfigFlag, MonitorsConfigFlag, VdiPort } from "@caraway/protocol";
import { ChunkReader, type ChunkState, chunksOf } from "./agent-chunks.ts";
import type { AudioVolume, DisplayConfig, Monitor } from "./agent-client.ts";
import { faultOfBytes } from "./agent-fault.ts";
import {
  type AgentContext,
  type AgentMessage,
  type AgentProtocolError,
  AgentReader,
  agentBytes,
} from "./agent-stream.ts";
import { contextOf, guestCapabilityWords } from "./capability-context.ts";
import { ClipboardEnd, type ClipboardEvent, type ClipboardState } from "./clipboard-end.ts";
import type { ClipboardFormat, ClipboardSelectionName } from "./clipboard-format.ts";
import { type FileArrival, FileReceiver, type ReceivedFileEvent } from "./file-receiver.ts";

/** Largest message of a client beside a clipboard's content: a piece of a file. */
const messageSizeMax = 1 << 20;

export type AgentGuestEvent =
  | ClipboardEvent
  | ReceivedFileEvent
  | { readonly name: "monitors"; readonly monitors: readonly Monitor[] }
  | { readonly name: "display-config"; readonly config: DisplayConfig }
  | ({ readonly name: "volume" } & AudioVolume)
  | {
      readonly name: "graphics-devices";
      /** Which monitor of which channel is which output of which device. */
      readonly displays: Extract<
        AgentMessage,
        { name: "GRAPHICS_DEVICE_INFO" }
      >["body"]["displays"];
    }
  | {
      readonly name: "mouse";
      readonly x: number;
      readonly y: number;
      /** `AgentMouseButtonMask` bits. */
      readonly buttons: number;
      readonly displayId: number;
    }
  /** The bytes make no sense: an agent closes its port then, and begins anew. */
  | { readonly name: "protocol-error"; readonly error: AgentProtocolError };

export type AgentGuestOutput =
  /** For the port. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: AgentGuestEvent };

/** A reader of one port's messages, as plain data. */
export interface ReaderState {
  /** Bytes of a message that is not whole yet. */
  readonly kept: Uint8Array;
  /** Of a clipboard's content that is passed over: bytes to come, and its size; 0 for none. */
  readonly skipLeft: number;
  readonly skipSize: number;
}

export interface AgentGuestState {
  readonly chunk: ChunkState;
  readonly fromClient: ReaderState;
  readonly fromServer: ReaderState;
  /** Capability words of the client; null before it announced them. */
  readonly capabilities: readonly number[] | null;
  readonly clipboard: ClipboardState;
  readonly files: readonly FileArrival[];
}

export class AgentGuest {
  readonly #outputs: AgentGuestOutput[] = [];
  readonly #clipboardSizeMax: number;
  #chunks = new ChunkReader();
  #fromClient: AgentReader;
  #fromServer: AgentReader;
  #capabilities: readonly number[] | null = null;
  #context: AgentContext = contextOf(null);
  readonly #clipboard: ClipboardEnd;
  readonly #files: FileReceiver;

  constructor(clipboardSizeMax: number) {
    this.#clipboardSizeMax = clipboardSizeMax;
    this.#fromClient = this.#newReader();
    this.#fromServer = this.#newReader();
    const outlet = {
      say: (message: AgentMessage) => this.#say(message),
      tell: (event: AgentGuestEvent) => this.#tell(event),
    };
    this.#clipboard = new ClipboardEnd("guest", clipboardSizeMax, outlet);
    this.#files = new FileReceiver(outlet);
  }

  poll(): AgentGuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  /** Everything but outputs that were not polled. */
  state(): AgentGuestState {
    return {
      chunk: this.#chunks.state(),
      fromClient: readerState(this.#fromClient),
      fromServer: readerState(this.#fromServer),
      capabilities: this.#capabilities,
      clipboard: this.#clipboard.snapshot(),
      files: this.#files.state(),
    };
  }

  /** Goes on where another one was. */
  restore(state: AgentGuestState): void {
    this.#chunks.restore(state.chunk);
    restoreReader(this.#fromClient, state.fromClient);
    restoreReader(this.#fromServer, state.fromServer);
    this.#capabilities = state.capabilities;
    this.#context = contextOf(state.capabilities);
    this.#clipboard.restore(state.clipboard, this.#context);
    this.#files.restore(state.files);
  }

  /** The agent begins: its port is open, and nothing has been said. */
  begin(): void {
    this.reset();
    this.#announce(1);
  }

  /** The port was closed on either side: what had begun is over. */
  reset(): void {
    this.#chunks = new ChunkReader();
    this.#fromClient = this.#newReader();
    this.#fromServer = this.#newReader();
    this.#clientLeft();
  }

  data(bytes: Uint8Array): void {
    try {
      for (const { port, bytes: part } of this.#chunks.push(bytes)) {
        this.#read(port === VdiPort.CLIENT ? this.#fromClient : this.#fromServer, part);
      }
    } catch (error) {
      const fault = faultOfBytes(error);
      this.reset();
      this.#tell({ name: "protocol-error", error: fault });
    }
  }

  /** The guest has content in these formats; with none of them, none any more. */
  offer(selection: ClipboardSelectionName, formats: readonly ClipboardFormat[]): void {
    this.#clipboard.offer(selection, formats);
  }

  /** Asks for the client's content; answered by `clipboard-data`. */
  request(selection: ClipboardSelectionName, format: ClipboardFormat): void {
    this.#clipboard.request(selection, format);
  }

  /** Answers `clipboard-request`. */
  provide(
    selection: ClipboardSelectionName,
    format: ClipboardFormat,
    data: Uint8Array | null,
  ): void {
    this.#clipboard.provide(selection, format, data);
  }

  acceptFile(id: number): void {
    this.#files.accept(id);
  }

  /** `result` is a `FileXferStatus`; details as the protocol has them for it. */
  refuseFile(id: number, result: number, details?: Uint8Array): void {
    this.#files.refuse(
      id,
      result,
      this.#context.has("FILE_XFER_DETAILED_ERRORS") ? details : undefined,
    );
  }

  finishFile(id: number): void {
    this.#files.finish(id);
  }

  #read(reader: AgentReader, bytes: Uint8Array): void {
    reader.feed(bytes);
    for (;;) {
      const message = reader.next(this.#context);
      if (message === null) return;
      if (message.name === "oversized") this.#clipboard.oversized();
      else this.#handle(message);
    }
  }

  #handle(message: AgentMessage): void {
    switch (message.name) {
      case "ANNOUNCE_CAPABILITIES":
        this.#capabilitiesAre(message.body.caps, message.body.request !== 0);
        break;
      case "CLIPBOARD":
      case "CLIPBOARD_GRAB":
      case "CLIPBOARD_REQUEST":
      case "CLIPBOARD_RELEASE":
        this.#clipboard.handle(message);
        break;
      case "FILE_XFER_START":
      case "FILE_XFER_DATA":
      case "FILE_XFER_STATUS":
        this.#files.handle(message);
        break;
      case "MONITORS_CONFIG":
        this.#tell({ name: "monitors", monitors: monitorsOf(message.body) });
        this.#say({ name: "REPLY", body: { type: 2, error: 1 } });
        break;
      case "DISPLAY_CONFIG":
        this.#tell({ name: "display-config", config: displayConfigOf(message.body) });
        break;
      case "AUDIO_VOLUME_SYNC": {
        const { isPlayback, mute, volume } = message.body;
        const kind = isPlayback !== 0 ? "playback" : "record";
        this.#tell({ name: "volume", kind, mute: mute !== 0, volume });
        break;
      }
      case "MOUSE_STATE": {
        const { x, y, buttons, displayId } = message.body;
        this.#tell({ name: "mouse", x, y, buttons, displayId });
        break;
      }
      case "GRAPHICS_DEVICE_INFO":
        this.#tell({ name: "graphics-devices", displays: message.body.displays });
        break;
      case "CLIENT_DISCONNECTED":
        this.#clientLeft();
        break;
      default:
        break;
    }
  }

  /** Who asks for capabilities has only just come, and knows nothing of what was before. */
  #capabilitiesAre(words: readonly number[], isAsking: boolean): void {
    if (isAsking) {
      this.#clientLeft();
      this.#announce(0);
    }
    const isFirst = this.#capabilities === null;
    this.#capabilities = words;
    this.#context = contextOf(words);
    if (isFirst) this.#clipboard.begin(this.#context);
    else this.#clipboard.setPeer(this.#context);
  }

  #clientLeft(): void {
    this.#capabilities = null;
    this.#context = contextOf(null);
    this.#clipboard.reset();
    this.#files.reset();
  }

  #announce(request: number): void {
    this.#say({ name: "ANNOUNCE_CAPABILITIES", body: { request, caps: guestCapabilityWords } });
  }

  #say(message: AgentMessage): void {
    const bytes = agentBytes(message, this.#context);
    this.#outputs.push({ type: "send", bytes: chunksOf({ port: VdiPort.CLIENT, bytes }) });
  }

  #tell(event: AgentGuestEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #newReader(): AgentReader {
    return new AgentReader(messageSizeMax, this.#clipboardSizeMax);
  }
}

function readerState(reader: AgentReader): ReaderState {
  const { skipped } = reader;
  return { kept: reader.kept(), skipLeft: skipped?.left ?? 0, skipSize: skipped?.size ?? 0 };
}

function restoreReader(reader: AgentReader, { kept, skipLeft, skipSize }: ReaderState): void {
  if (skipLeft > 0) reader.skip(skipLeft, skipSize);
  reader.feed(kept);
}

type Body<N extends AgentMessage["name"]> = Extract<AgentMessage, { name: N }>["body"];

function monitorsOf({ flags, monitors, sizes }: Body<"MONITORS_CONFIG">): Monitor[] {
  const hasPlaces = (flags & MonitorsConfigFlag.USE_POS) !== 0;
  return monitors.map(({ width, height, x, y }, index) => {
    const size = sizes?.[index];
    return {
      width,
      height,
      x: hasPlaces ? x : 0,
      y: hasPlaces ? y : 0,
      ...(size !== undefined && { widthMm: size.width, heightMm: size.height }),
    };
  });
}

function displayConfigOf({ flags, depth }: Body<"DISPLAY_CONFIG">): DisplayConfig {
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    wallpaper: !has(DisplayConfigFlag.DISABLE_WALLPAPER),
    fontSmoothing: !has(DisplayConfigFlag.DISABLE_FONT_SMOOTH),
    animation: !has(DisplayConfigFlag.DISABLE_ANIMATION),
    colorDepth: has(DisplayConfigFlag.SET_COLOR_DEPTH) ? depth : null,
  };
}
