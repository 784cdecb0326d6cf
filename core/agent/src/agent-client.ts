// The client's end of the agent: when it comes and goes, tokens, capabilities, clipboards, files,
// and what the client wants of the guest's desktop. What the guest should know is remembered, so
// that an agent that starts again, or that is found anew behind a migration, is told again without
// anybody asking; clipboards are offered and files are begun again.

import {
  AgentCapability,
  agentDataSizeMax,
  DisplayConfigFlag,
  hasCapability,
  MonitorsConfigFlag,
} from "@caraway/protocol";
import { faultOfBytes } from "./agent-fault.ts";
import { AgentOutbox, fillerPieces } from "./agent-outbox.ts";
import {
  type AgentContext,
  type AgentMessage,
  type AgentProtocolError,
  AgentReader,
  agentBytes,
} from "./agent-stream.ts";
import { capabilityNames, clientCapabilityWords, contextOf } from "./capability-context.ts";
import { ClipboardEnd, type ClipboardEvent, type ClipboardWant } from "./clipboard-end.ts";
import type { ClipboardFormat, ClipboardSelectionName } from "./clipboard-format.ts";
import { formatName, selectionName } from "./clipboard-format.ts";
import {
  type FileEvent,
  type FileRead,
  FileSender,
  type FileTag,
  type TransferKey,
} from "./file-sender.ts";

/** Tokens that the server gets: as many AGENT_DATA as it likes, as spice-gtk gives. */
const tokensForServer = 0xffffffff;

/** Largest message of a guest's agent beside a clipboard's content. */
const messageSizeMax = 1 << 16;

/** Content beyond this would not fit into what may wait for a server that reads nothing. */
const clipboardSizeCap = 48 << 20;
export const defaultMaxClipboard = 32 << 20;

/** 0 by 0 is a monitor that is off. */
export interface Monitor {
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
  /** Size in the world, where it is known. */
  readonly widthMm?: number;
  readonly heightMm?: number;
}

/** What the guest's desktop may leave out. */
export interface DisplayConfig {
  readonly wallpaper: boolean;
  readonly fontSmoothing: boolean;
  readonly animation: boolean;
  /** Bits of a pixel; null leaves it to the guest. */
  readonly colorDepth: number | null;
}

export interface AudioVolume {
  readonly kind: "playback" | "record";
  readonly mute: boolean;
  /** Of each channel, 0 to 65535. */
  readonly volume: readonly number[];
}

export type AgentEvent =
  | {
      readonly name: "agent";
      readonly connected: boolean;
      readonly capabilities: readonly string[];
      /** When it ended because its bytes made no sense. */
      readonly error: AgentProtocolError | null;
    }
  | ClipboardEvent
  | FileEvent
  /** A message that this client has no part in. */
  | { readonly name: "agent-message"; readonly message: AgentMessage };

export type AgentClientOutput =
  /** A main channel message, for this client to send. */
  | { readonly type: "send"; readonly name: "AGENT_START"; readonly body: { numTokens: number } }
  | { readonly type: "send"; readonly name: "AGENT_DATA"; readonly body: { data: Uint8Array } }
  | { readonly type: "event"; readonly event: AgentEvent }
  /** A piece of a file is wanted; answered by `fileRead`. */
  | ({ readonly type: "read" } & FileRead);

/** What the user and the embedder want of the agent. */
export type AgentCommand =
  /** What the guest's monitors should be; null leaves it to the guest. */
  | { readonly name: "monitors"; readonly monitors: readonly Monitor[] | null }
  | { readonly name: "display-config"; readonly config: DisplayConfig }
  | ({ readonly name: "volume" } & AudioVolume)
  /** There is content for the guest, in these formats; with none of them, none any more. */
  | {
      readonly name: "clipboard-offer";
      readonly selection: ClipboardSelectionName;
      readonly formats: readonly ClipboardFormat[];
    }
  /** Asks for the guest's content; answered by the event `clipboard-data`. */
  | ({ readonly name: "clipboard-request" } & ClipboardWant)
  /** Answers the event `clipboard-request`; null when there is nothing. */
  | ({ readonly name: "clipboard-data"; readonly data: Uint8Array | null } & ClipboardWant)
  /** Sends a file, whose pieces are asked for by `read`. The key is the embedder's. */
  | {
      readonly name: "file-send";
      readonly transfer: TransferKey;
      readonly fileName: string;
      readonly size: number;
    }
  | { readonly name: "file-cancel"; readonly transfer: TransferKey }
  /** A piece of a file, or null and why it could not be read. */
  | {
      readonly name: "file-data";
      readonly read: number;
      readonly bytes: Uint8Array | null;
      readonly detail: string;
    };

type Tag =
  | ({ readonly kind: "file" } & FileTag)
  | ({ readonly kind: "clipboard" } & ClipboardWant)
  | { readonly kind: "monitors" };

export class AgentClient {
  readonly #outputs: AgentClientOutput[] = [];
  readonly #clipboardSizeMax: number;
  #attached = false;
  #tokens = 0;
  #reader: AgentReader;
  readonly #outbox = new AgentOutbox<Tag>();
  /** Bytes that are missing of a message to an agent that is gone, as its server counts them. */
  #missing = 0;
  /**
   * Bytes that the guest may still take for the end of a message from before the session began
   * anew, and only then hear us. Nothing is lost by them otherwise: they are of no known type.
   *
   * PEER: what spice-server had not handed to the guest when it moved is lost in every mode but
   * the seamless one. spice-vdagentd finds out when its message ends inside of a chunk, and opens
   * its port anew; it must get that far.
   */
  #doubt = 0;
  /** Capability words of the guest's agent; null until it announced them. */
  #capabilities: readonly number[] | null = null;
  #context: AgentContext = contextOf(null);
  #monitors: readonly Monitor[] | null = null;
  #displayConfig: DisplayConfig | null = null;
  readonly #volumes = new Map<string, AudioVolume>();
  readonly #clipboard: ClipboardEnd;
  readonly #files: FileSender;

  constructor(maxClipboard = defaultMaxClipboard) {
    this.#clipboardSizeMax = Math.min(maxClipboard, clipboardSizeCap);
    this.#reader = this.#newReader();
    const tell = (event: AgentEvent) => this.#tell(event);
    this.#clipboard = new ClipboardEnd("client", this.#clipboardSizeMax, {
      say: (message) => this.#say(message, clipboardTag(message)),
      tell,
    });
    this.#files = new FileSender({
      say: (message, tag) => this.#say(message, tag === null ? null : { kind: "file", ...tag }),
      sayBulk: (message, tag) => {
        this.#outbox.pushBulk(agentBytes(message, this.#context), { kind: "file", ...tag });
        this.#drain();
      },
      drop: (wireId) => {
        this.#outbox.drop((tag) => tag.kind === "file" && tag.wireId === wireId);
      },
      bulkBytes: () => this.#outbox.bulkBytes,
      read: (read) => this.#outputs.push({ type: "read", ...read }),
      tell,
    });
  }

  poll(): AgentClientOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    return {
      attached: this.#attached,
      tokens: this.#tokens,
      missing: this.#missing,
      doubt: this.#doubt,
      outbox: this.#outbox.snapshot(),
      capabilities: this.#capabilities,
      clipboard: this.#clipboard.snapshot(),
      files: this.#files.snapshot(),
    };
  }

  /** The guest's agent is there (INIT, AGENT_CONNECTED, AGENT_CONNECTED_TOKENS). */
  attach(tokens: number): void {
    this.#reset(null);
    // What comes before AGENT_START costs no tokens, and is for nobody.
    for (const data of fillerPieces(this.#missing)) this.#sendData(data);
    this.#missing = 0;
    this.#attached = true;
    this.#tokens = tokens;
    this.#outputs.push({
      type: "send",
      name: "AGENT_START",
      body: { numTokens: tokensForServer },
    });
    this.#announce(1);
  }

  /** The agent is gone (AGENT_DISCONNECTED), its server stays. */
  detach(): void {
    this.#reset(null);
    this.#doubt = 0;
  }

  /** The session begins anew, with another server. */
  serverGone(): void {
    this.#doubt = Math.max(this.#doubt, this.#outbox.recentSize);
    this.#reset(null);
    this.#missing = 0;
  }

  /**
   * The guest is about to move in a mode that loses what is on its way to it: a file's pieces
   * wait, and are not lost in the middle of a message.
   */
  holdFiles(hold: boolean): void {
    this.#outbox.holdsBulk = hold;
    this.#drain();
  }

  /** The session is over. */
  end(): void {
    this.serverGone();
    this.#files.end();
  }

  /** AGENT_CONNECTED says nothing of tokens: those of INIT are still good. */
  get tokens(): number {
    return this.#tokens;
  }

  grantTokens(tokens: number): void {
    this.#tokens += tokens;
    this.#drain();
  }

  data(bytes: Uint8Array): void {
    if (!this.#attached) return;
    try {
      this.#reader.feed(bytes);
      for (;;) {
        const message = this.#reader.next(this.#context);
        if (message === null) return;
        if (message.name === "oversized") this.#clipboard.oversized();
        else this.#handle(message);
      }
    } catch (error) {
      this.#reset(faultOfBytes(error));
    }
  }

  command(command: AgentCommand): void {
    switch (command.name) {
      case "monitors":
        this.#monitors = command.monitors;
        this.#sayMonitors();
        break;
      case "display-config":
        this.#displayConfig = command.config;
        this.#sayDisplayConfig();
        break;
      case "volume":
        this.#volumes.set(command.kind, command);
        this.#sayVolume(command);
        break;
      case "clipboard-offer":
        this.#clipboard.offer(command.selection, command.formats);
        break;
      case "clipboard-request":
        this.#clipboard.request(command.selection, command.format);
        break;
      case "clipboard-data":
        this.#clipboard.provide(command.selection, command.format, command.data);
        break;
      case "file-send":
        this.#files.send(command.transfer, command.fileName, command.size);
        break;
      case "file-cancel":
        this.#files.cancel(command.transfer);
        break;
      case "file-data":
        this.#files.dataRead(command.read, command.bytes, command.detail);
        break;
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
      case "FILE_XFER_STATUS":
        this.#files.status(message.body.id, message.body.result, message.body.details);
        break;
      default:
        this.#tell({ name: "agent-message", message });
    }
  }

  #capabilitiesAre(words: readonly number[], isAsking: boolean): void {
    const isFirst = this.#capabilities === null;
    this.#capabilities = words;
    this.#doubt = 0;
    this.#context = contextOf(words);
    if (isAsking) this.#announce(0);
    if (!isFirst) {
      this.#clipboard.setPeer(this.#context);
      return;
    }
    const capabilities = capabilityNames(words);
    this.#tell({ name: "agent", connected: true, capabilities, error: null });
    this.#sayDisplayConfig();
    this.#sayMonitors();
    for (const volume of this.#volumes.values()) this.#sayVolume(volume);
    if (this.#context.has("MAX_CLIPBOARD")) {
      this.#say({ name: "MAX_CLIPBOARD", body: { max: this.#clipboardSizeMax } });
    }
    this.#clipboard.begin(this.#context);
    this.#files.connected(!this.#context.has("FILE_XFER_DISABLED"));
  }

  #announce(request: number): void {
    this.#say(this.#announcement(request));
  }

  #announcement(request: number): AgentMessage {
    const body = { request, caps: clientCapabilityWords };
    return { name: "ANNOUNCE_CAPABILITIES", body };
  }

  #sayMonitors(): void {
    if (this.#monitors === null || this.#capabilities === null) return;
    const isSparse = this.#context.has("SPARSE_MONITORS_CONFIG");
    const monitors = this.#monitors.filter(({ width }) => isSparse || width > 0);
    const hasPositions = hasCapability(
      this.#capabilities,
      AgentCapability.MONITORS_CONFIG_POSITION,
    );
    const sizes = monitors.map(({ widthMm = 0, heightMm = 0 }) => {
      return { height: heightMm, width: widthMm };
    });
    const hasSizes = sizes.some(({ width, height }) => width > 0 && height > 0);
    // Only the newest wish counts.
    this.#outbox.drop(({ kind }) => kind === "monitors");
    const body = {
      flags:
        (hasPositions ? MonitorsConfigFlag.USE_POS : 0) |
        (hasSizes ? MonitorsConfigFlag.PHYSICAL_SIZE : 0),
      monitors: monitors.map(({ width, height, x, y }) => {
        return { height, width, depth: 32, x, y };
      }),
      sizes: hasSizes ? sizes : null,
    };
    this.#say({ name: "MONITORS_CONFIG", body }, { kind: "monitors" });
  }

  #sayDisplayConfig(): void {
    if (this.#displayConfig === null || !this.#context.has("DISPLAY_CONFIG")) return;
    const { wallpaper, fontSmoothing, animation, colorDepth } = this.#displayConfig;
    const flags =
      (wallpaper ? 0 : DisplayConfigFlag.DISABLE_WALLPAPER) |
      (fontSmoothing ? 0 : DisplayConfigFlag.DISABLE_FONT_SMOOTH) |
      (animation ? 0 : DisplayConfigFlag.DISABLE_ANIMATION) |
      (colorDepth === null ? 0 : DisplayConfigFlag.SET_COLOR_DEPTH);
    this.#say({ name: "DISPLAY_CONFIG", body: { flags, depth: colorDepth ?? 0 } });
  }

  #sayVolume({ kind, mute, volume }: AudioVolume): void {
    if (!this.#context.has("AUDIO_VOLUME_SYNC")) return;
    const isPlayback = kind === "playback" ? 1 : 0;
    this.#say({ name: "AUDIO_VOLUME_SYNC", body: { isPlayback, mute: mute ? 1 : 0, volume } });
  }

  #say(message: AgentMessage, tag: Tag | null = null): void {
    this.#outbox.push(agentBytes(message, this.#context), tag);
    this.#drain();
  }

  #drain(): void {
    while (this.#attached && this.#tokens > 0) {
      if (this.#outbox.isEmpty) this.#dispelDoubt();
      const piece = this.#outbox.take();
      if (piece === null) return;
      this.#tokens -= 1;
      this.#sendData(piece.data);
      if (piece.done?.kind === "file") this.#files.sent(piece.done);
      else if (piece.done?.kind === "clipboard") {
        const { selection, format } = piece.done;
        this.#tell({ name: "clipboard-sent", selection, format });
      }
    }
  }

  /** Fills up what the guest may be waiting for, as long as it does not answer. */
  #dispelDoubt(): void {
    if (this.#doubt === 0 || this.#capabilities !== null) return;
    const [piece] = fillerPieces(agentDataSizeMax);
    this.#outbox.push(piece!);
    this.#doubt = Math.max(0, this.#doubt - agentDataSizeMax);
    // It may have missed the first one.
    if (this.#doubt === 0) this.#outbox.push(agentBytes(this.#announcement(1), this.#context));
  }

  #sendData(data: Uint8Array): void {
    this.#outputs.push({ type: "send", name: "AGENT_DATA", body: { data } });
  }

  #tell(event: AgentEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #reset(error: AgentProtocolError | null): void {
    const wasThere = this.#capabilities !== null || error !== null;
    const { tags, missing } = this.#outbox.clear();
    if (missing > 0) this.#missing = missing;
    this.#attached = false;
    this.#reader = this.#newReader();
    this.#capabilities = null;
    this.#context = contextOf(null);
    for (const tag of tags) {
      if (tag.kind === "clipboard") this.#clipboard.undelivered(tag, "agent-gone");
    }
    this.#clipboard.reset();
    this.#files.disconnected();
    if (wasThere) this.#tell({ name: "agent", connected: false, capabilities: [], error });
  }

  #newReader(): AgentReader {
    return new AgentReader(messageSizeMax, this.#clipboardSizeMax);
  }
}

/** Content on its way is told of when it does not arrive. */
function clipboardTag(message: AgentMessage): Tag | null {
  if (message.name !== "CLIPBOARD") return null;
  const selection = selectionName(message.body.selection?.selection ?? 0);
  const format = formatName(message.body.type);
  return selection === null || format === null ? null : { kind: "clipboard", selection, format };
}
