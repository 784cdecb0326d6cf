// Sends what is next for a client's display: encodes pictures by what the client has at that moment,
// and keeps account of what it has behind each message.

import type { ColorImage, GlzDictionary } from "@caraway/codecs";
import {
  ChannelType,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  ResourceType,
  type ServerMessage,
  SurfaceFlag,
} from "@caraway/protocol";
import type { ChannelEnd } from "./channel-end.ts";
import type { ClientCaches } from "./client-caches.ts";
import type { DisplayItem } from "./display-queue.ts";
import type { DisplayInit, DisplayMonitors } from "./display-state.ts";
import type { DoneDrawing } from "./display-view.ts";
import { withImages } from "./drawing-images.ts";
import type { ClientKey } from "./events.ts";
import type { GuestPixels } from "./guest-drawing.ts";
import { bitmapImage } from "./guest-picture.ts";
import { LossyAreas } from "./lossy-areas.ts";
import type { CompressionName, ServerOptions, WanChoice } from "./options.ts";
import { placeholder, refreshDrawing, surfaceImage, toleratesLosses } from "./outgoing-drawing.ts";
import { PaletteLedger } from "./palette-ledger.ts";
import {
  encodePicture,
  type JpegOutcome,
  type MessageContext,
  type SharedEncodings,
  wantsJpeg,
} from "./picture-encoder.ts";
import { type ChannelWait, EvictedImages, type PixmapCache } from "./pixmap-cache.ts";
import { mayBeCached } from "./portable-drawing.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

/** What the channel has to know of its client. */
export interface DisplayClient {
  readonly caches: ClientCaches;
  /** Whether its connection is slow; known some time after the session began. */
  readonly isSlow: boolean;
  /** Another server found it slow. */
  wasSlow(): void;
  readonly key: ClientKey;
  /** A frame of video came so long before its time; sound is heard `audioDelayMs` after it came. */
  videoMargin(marginMs: number, audioDelayMs: number): void;
}

/** A drawing on its way out, whose pictures may still be with a task. */
interface Outgoing {
  readonly done: DoneDrawing;
  /** Whether its pictures may refer to others, and others to them. */
  readonly usesWindow: boolean;
  readonly jpegs: Map<GuestPixels, JpegOutcome>;
  missingJpegs: number;
}

interface ClientStores {
  readonly pixmaps: () => PixmapCache | null;
  readonly dictionary: () => GlzDictionary | null;
}

type Body<N extends ServerMessage<typeof Display>["name"]> = Extract<
  ServerMessage<typeof Display>,
  { readonly name: N }
>["body"];

export class DisplaySender {
  readonly palettes = new PaletteLedger();
  readonly lossy = new LossyAreas();
  compression: CompressionName;
  /** Areas are being made good: what goes out now has no losses. */
  isRepairing = false;
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #display: ServedDisplay;
  readonly #client: DisplayClient;
  readonly #options: ServerOptions;
  readonly #shared: SharedEncodings;
  readonly #ready: () => void;
  #stores: ClientStores = { pixmaps: () => null, dictionary: () => null };
  #monitors: DisplayMonitors | null = null;
  #outgoing: Outgoing | null = null;
  #lastSentAt = 0;

  /** `ready` is called when what took a task is out. */
  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    display: ServedDisplay,
    client: DisplayClient,
    options: ServerOptions,
    shared: SharedEncodings,
    ready: () => void,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#display = display;
    this.#client = client;
    this.#options = options;
    this.#shared = shared;
    this.#ready = ready;
    this.compression = options.compression;
  }

  /** Uses what the client announced of caches. */
  use({ pixmapCacheId, pixmapCacheSize, ...glz }: DisplayInit): void {
    const { caches } = this.#client;
    this.#lastSentAt = this.#wiring.now;
    this.#stores = {
      pixmaps: () => caches.pixmaps(pixmapCacheId, pixmapCacheSize),
      dictionary: () => caches.dictionary(glz.glzDictionaryId, glz.glzDictionaryWindowSize),
    };
  }

  /** Whether pictures are with a task. */
  get isBusy(): boolean {
    return this.#outgoing !== null;
  }

  get lastSentAt(): number {
    return this.#lastSentAt;
  }

  /** What the client was told of the monitors; null for nothing. */
  get monitors(): DisplayMonitors | null {
    return this.#monitors;
  }

  /** Another server told it. */
  told(monitors: DisplayMonitors | null): void {
    this.#monitors = monitors;
  }

  snapshot(): unknown {
    return {
      compression: this.compression,
      awaitedJpegs: this.#outgoing?.missingJpegs ?? null,
      lossy: this.lossy.snapshot(),
      palettes: this.palettes.size,
    };
  }

  /** Gives up what is with a task. */
  takeUnsent(): DoneDrawing | null {
    const unsent = this.#outgoing;
    this.#outgoing = null;
    return unsent?.done ?? null;
  }

  /** Sends an item at once, without losses. */
  sendNow(item: DisplayItem): void {
    const outgoing = outgoingOf(item);
    if (outgoing === null) {
      this.begin(item);
      return;
    }
    this.#transmit(outgoing, { ...this.#context(outgoing), mayLose: false });
  }

  /** Sends an item, or has its pictures compressed first; returns pixels to encode. */
  begin(item: DisplayItem): number {
    switch (item.kind) {
      case "create": {
        const { id: surfaceId, width, height, format, isPrimary } = item.surface;
        const flags = isPrimary ? SurfaceFlag.PRIMARY : 0;
        this.send({ name: "SURFACE_CREATE", body: { surfaceId, width, height, format, flags } });
        return 0;
      }
      case "destroy":
        this.send({ name: "SURFACE_DESTROY", body: { surfaceId: item.surface.id } });
        return 0;
      case "monitors":
        this.#sendMonitors();
        return 0;
      case "mark":
        this.#sendMonitors();
        this.send({ name: "MARK", body: {} });
        return 0;
      case "draw":
      case "refresh": {
        const outgoing = outgoingOf(item)!;
        this.#draw(outgoing);
        return outgoing.done.shape.imageBytes >> 2;
      }
    }
  }

  #draw(outgoing: Outgoing): void {
    const context = this.#context(outgoing);
    const wanted: [GuestPixels, ColorImage][] = [];
    if (context.mayLose) {
      withImages(outgoing.done.drawing, (image, role) => {
        const colors = image.kind === "pixels" && role === "picture" && wantsJpeg(image, context);
        if (colors) wanted.push([image as GuestPixels, colors]);
        return placeholder;
      });
    }
    if (wanted.length === 0) {
      this.#transmit(outgoing, context);
      return;
    }
    this.#outgoing = outgoing;
    outgoing.missingJpegs = wanted.length;
    for (const [picture, image] of wanted) this.#compress(outgoing, picture, image);
  }

  #compress(outgoing: Outgoing, picture: GuestPixels, image: ColorImage): void {
    const owner: TaskOwner = {
      done: (result: ServerTaskResult) => {
        outgoing.jpegs.set(picture, result.kind === "jpeg" ? { data: result.data } : null);
        outgoing.missingJpegs -= 1;
        if (outgoing.missingJpegs > 0 || this.#outgoing !== outgoing) return;
        this.#outgoing = null;
        this.#transmit(outgoing, this.#context(outgoing));
        this.#ready();
      },
    };
    const quality = this.#options.jpegQuality;
    this.#wiring.task(owner, this.#end.connection, { kind: "jpeg", image, quality });
  }

  #context({ done, usesWindow, jpegs }: Outgoing): MessageContext {
    const { encoders, jpeg, zlibGlz } = this.#options;
    const lz4 = DisplayCapability.SPICE_DISPLAY_CAP_LZ4_COMPRESSION;
    return {
      compression: this.compression,
      hasLz4: hasCapability(this.#end.capabilities, lz4),
      mayLose: this.allows(jpeg) && encoders.jpeg && !this.isRepairing && toleratesLosses(done),
      encoders,
      zlibGlz: this.allows(zlibGlz),
      cache: mayBeCached(done.drawing) ? this.#stores.pixmaps() : null,
      palettes: this.palettes,
      dictionary: usesWindow ? this.#stores.dictionary : () => null,
      jpegs,
      shared: this.#display.viewCount > 1 ? this.#shared : null,
      evicted: new EvictedImages(),
      evictedPalettes: [],
      used: new Set(),
      decoded: new Map(),
      codecs: new Map(),
      isLossy: false,
    };
  }

  /** Whether what may be lost or costs time is in order. */
  allows(choice: WanChoice): boolean {
    return choice === "always" || (choice === "auto" && this.#client.isSlow);
  }

  #transmit({ done }: Outgoing, context: MessageContext): void {
    // A mask goes as a bitmap: clients take no other.
    const message = withImages(done.drawing, (image, role) => {
      if (image.kind === "surface") return surfaceImage(image.surface, done);
      return role === "mask" ? bitmapImage(image) : encodePicture(image, context);
    });
    this.#sendEvictions(context);
    const serial = this.#end.nextSerial;
    this.send(message);
    context.cache?.used(context.used, this.#end.channel.id, serial);
    this.lossy.drawn(done, context.isLossy);
  }

  /**
   * DEVIATION: spice-server puts these into sub-messages of the drawing; they mean the same as
   * messages of their own before it.
   */
  #sendEvictions({ evicted, evictedPalettes }: MessageContext): void {
    for (const id of evictedPalettes) this.send({ name: "INVAL_PALETTE", body: { id } });
    if (evicted.keys.length === 0) return;
    const waitList = waitsOf(evicted.waits(this.#end.channel.id));
    if (waitList.length > 0) {
      this.#end.sendBase({ name: "WAIT_FOR_CHANNELS", body: { waitList } });
    }
    const resources = evicted.keys.map((id) => ({ type: ResourceType.PIXMAP, id }));
    this.send({ name: "INVAL_LIST", body: { resources } });
  }

  #sendMonitors(): void {
    const { monitors } = this.#display;
    const monitorsConfig = DisplayCapability.SPICE_DISPLAY_CAP_MONITORS_CONFIG;
    if (monitors === null || !hasCapability(this.#end.capabilities, monitorsConfig)) return;
    const body: Body<"MONITORS_CONFIG"> = {
      maxAllowed: monitors.maxAllowed,
      heads: monitors.heads.slice(),
    };
    this.#monitors = body;
    this.send({ name: "MONITORS_CONFIG", body });
  }

  send(message: ServerMessage<typeof Display>): void {
    this.#lastSentAt = this.#wiring.now;
    this.#end.send(displayCodec.server.encode(message));
  }
}

/**
 * As in spice-server, the first sight of a screen stays out of the GLZ window: it is seldom seen
 * again, and a client that only looks on needs no window at all.
 */
function outgoingOf(item: DisplayItem): Outgoing | null {
  const jpegs = new Map<GuestPixels, JpegOutcome>();
  switch (item.kind) {
    case "draw":
      return { done: item.done, usesWindow: true, jpegs, missingJpegs: 0 };
    case "refresh": {
      const done = refreshDrawing(item.surface, item.box);
      return { done, usesWindow: !item.isFirst, jpegs, missingJpegs: 0 };
    }
    default:
      return null;
  }
}

/** As WAIT_FOR_CHANNELS has them. */
export function waitsOf(waits: readonly ChannelWait[]) {
  return waits.map(({ display, serial }) => {
    return { channelType: ChannelType.DISPLAY, channelId: display, messageSerial: serial };
  });
}
