// A client's display channel: takes what waits for the client from its queue whenever the client
// can take it, and encodes it then, by what the client has at that moment.

import type { WireImage } from "@caraway/canvas";
import type { ColorImage, GlzDictionary } from "@caraway/codecs";
import {
  ChannelType,
  type ClientMessage,
  ClipType,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  ImageType,
  ResourceType,
  RopDescriptor,
  type ServerMessage,
  SurfaceFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { ClientCaches } from "./client-caches.ts";
import { type DisplayItem, DisplayQueue } from "./display-queue.ts";
import { withImages } from "./drawing-images.ts";
import { shapeOf } from "./drawing-shape.ts";
import type { Drawing, GuestPixels } from "./guest-drawing.ts";
import { bitmapImage } from "./guest-picture.ts";
import { LossyAreas } from "./lossy-areas.ts";
import { type CompressionName, compressionNumbers, type ServerOptions } from "./options.ts";
import { PaletteLedger } from "./palette-ledger.ts";
import {
  encodePicture,
  type JpegOutcome,
  type MessageContext,
  type SharedEncodings,
  wantsJpeg,
} from "./picture-encoder.ts";
import { EvictedImages, type PixmapCache } from "./pixmap-cache.ts";
import { mayBeCached } from "./portable-drawing.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServedSurface } from "./served-surface.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

/** What the channel has to know of its client. */
export interface DisplayClient {
  readonly caches: ClientCaches;
  /** Whether its connection is slow; known some time after the session began. */
  readonly isSlow: boolean;
}

/** Messages between two acks, as spice-server has them. */
const ackWindow = 20;
const ackWindowSlow = 40;
/** How long a client may wait with INIT, as in spice-server. */
const initTimeoutMs = 30_000;
/** How long nothing was sent before losses are made good. */
const repairDelayMs = 500;
/** Pixels that are encoded in one go, before others get their turn. */
const pixelsPerTurn = 1 << 21;

/** A drawing on its way out, whose pictures may still be with a task. */
interface Outgoing {
  readonly done: DoneDrawing;
  readonly jpegs: Map<GuestPixels, JpegOutcome>;
  missingJpegs: number;
}

interface ClientStores {
  readonly pixmaps: PixmapCache | null;
  readonly dictionary: () => GlzDictionary | null;
}

type ChannelState =
  | { readonly kind: "awaiting-init"; readonly until: number }
  | { readonly kind: "running"; readonly stores: ClientStores };

type Body<N extends ServerMessage<typeof Display>["name"]> = Extract<
  ServerMessage<typeof Display>,
  { readonly name: N }
>["body"];

export class DisplayChannel implements ChannelHandler, DisplayView {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #display: ServedDisplay;
  readonly #client: DisplayClient;
  readonly #options: ServerOptions;
  readonly #shared: SharedEncodings;
  readonly #queue: DisplayQueue;
  readonly #palettes = new PaletteLedger();
  readonly #lossy = new LossyAreas();
  #state: ChannelState = { kind: "awaiting-init", until: 0 };
  #compression: CompressionName;
  #outgoing: Outgoing | null = null;
  /** The turn is over, and there is more: go on at once. */
  #resumeAt: number | null = null;
  #lastSentAt = 0;
  /** Areas that are being made good: what goes out now has no losses. */
  #isRepairing = false;

  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    display: ServedDisplay,
    client: DisplayClient,
    options: ServerOptions,
    shared: SharedEncodings,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#display = display;
    this.#client = client;
    this.#options = options;
    this.#shared = shared;
    this.#compression = options.compression;
    const can = (bit: number) => hasCapability(end.capabilities, bit);
    const abilities = {
      composite: can(DisplayCapability.SPICE_DISPLAY_CAP_COMPOSITE),
      a8Surfaces: can(DisplayCapability.SPICE_DISPLAY_CAP_A8_SURFACE),
    };
    this.#queue = new DisplayQueue(display, abilities, () => wiring.now);
  }

  opened(): void {
    this.#state = { kind: "awaiting-init", until: this.#wiring.now + initTimeoutMs };
  }

  closed(): void {
    this.#display.removeView(this);
  }

  deadline(): number | null {
    if (this.#state.kind === "awaiting-init") return this.#state.until;
    if (this.#resumeAt !== null) return this.#resumeAt;
    const mayRepair = !this.#lossy.isEmpty && this.#queue.isEmpty && this.#outgoing === null;
    return mayRepair ? this.#lastSentAt + repairDelayMs : null;
  }

  timeout(): void {
    const { now } = this.#wiring;
    if (this.#state.kind === "awaiting-init") {
      if (now >= this.#state.until) {
        throw this.#end.unexpected("silence", "INIT has not come");
      }
      return;
    }
    if (this.#resumeAt !== null && now >= this.#resumeAt) this.#pump();
    else if (now >= (this.deadline() ?? Number.POSITIVE_INFINITY)) this.#repair();
  }

  writable(): void {
    this.#pump();
  }

  snapshot(now: number): unknown {
    return {
      state: this.#state.kind,
      compression: this.#compression,
      queue: this.#queue.snapshot(now),
      awaitedJpegs: this.#outgoing?.missingJpegs ?? null,
      lossy: this.#lossy.snapshot(),
      palettes: this.#palettes.size,
    };
  }

  // From the client.

  message(id: number, body: Uint8Array): void {
    const message = this.#decode(id, body);
    if (message === null) throw this.#end.unknown(id);
    switch (message.name) {
      case "INIT":
        this.#init(message.body);
        break;
      case "PREFERRED_COMPRESSION": {
        const wanted = message.body.imageCompression;
        for (const [name, value] of Object.entries(compressionNumbers)) {
          if (value === wanted) this.#compression = name as CompressionName;
        }
        break;
      }
      default:
        throw this.#end.unexpected(message.name, "it belongs to what was not offered");
    }
  }

  #decode(id: number, body: Uint8Array): ClientMessage<typeof Display> | null {
    try {
      return displayCodec.client.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #init(body: Extract<ClientMessage<typeof Display>, { name: "INIT" }>["body"]): void {
    if (this.#state.kind !== "awaiting-init") {
      throw this.#end.unexpected("INIT", "it has come before");
    }
    const { caches } = this.#client;
    const { glzDictionaryId: id, glzDictionaryWindowSize: window } = body;
    this.#state = {
      kind: "running",
      stores: {
        pixmaps: caches.pixmaps(body.pixmapCacheId, body.pixmapCacheSize),
        dictionary: () => caches.dictionary(id, window),
      },
    };
    this.#end.openWindow(this.#client.isSlow ? ackWindowSlow : ackWindow);
    this.#send({ name: "INVAL_ALL_PALETTES", body: {} });
    this.#display.addView(this);
    this.#queue.begin();
    this.#pump();
  }

  /** The image cache of the session is not to be used any more. */
  breakCaches(): void {
    if (this.#state.kind !== "running") return;
    this.#state = { kind: "running", stores: { pixmaps: null, dictionary: () => null } };
  }

  // From the display.

  created(surface: ServedSurface): void {
    this.#queue.created(surface);
    this.#pump();
  }

  destroying(surface: ServedSurface): void {
    this.#queue.destroying(surface);
    this.#lossy.forget(surface);
    this.#pump();
  }

  drawn(done: DoneDrawing): void {
    this.#queue.drawn(done);
    this.#pump();
  }

  updated(
    surface: ServedSurface,
    box: { left: number; top: number; right: number; bottom: number },
  ) {
    this.#queue.updated(surface, box);
    this.#pump();
  }

  monitorsChanged(): void {
    this.#queue.monitorsChanged();
    this.#pump();
  }

  // To the client.

  #pump(): void {
    if (this.#state.kind !== "running") return;
    this.#resumeAt = null;
    let pixels = 0;
    while (this.#outgoing === null && this.#end.canSend) {
      if (pixels > pixelsPerTurn) {
        this.#resumeAt = this.#wiring.now;
        return;
      }
      const item = this.#queue.next();
      if (item === null) {
        this.#isRepairing = false;
        return;
      }
      pixels += this.#begin(item);
    }
  }

  /** Sends an item, or has its pictures compressed first; returns pixels to encode. */
  #begin(item: DisplayItem): number {
    switch (item.kind) {
      case "create": {
        const { id: surfaceId, width, height, format, isPrimary } = item.surface;
        const flags = isPrimary ? SurfaceFlag.PRIMARY : 0;
        this.#send({ name: "SURFACE_CREATE", body: { surfaceId, width, height, format, flags } });
        return 0;
      }
      case "destroy":
        this.#send({ name: "SURFACE_DESTROY", body: { surfaceId: item.surface.id } });
        return 0;
      case "monitors":
        this.#sendMonitors();
        return 0;
      case "mark":
        this.#sendMonitors();
        this.#send({ name: "MARK", body: {} });
        return 0;
      case "draw":
        this.#draw(item.done);
        return item.done.shape.imageBytes >> 2;
      case "refresh": {
        const done = refreshDrawing(item.surface, item.box);
        this.#draw(done);
        return done.shape.imageBytes >> 2;
      }
    }
  }

  #draw(done: DoneDrawing): void {
    const outgoing: Outgoing = { done, jpegs: new Map(), missingJpegs: 0 };
    const context = this.#context(outgoing);
    const wanted: [GuestPixels, ColorImage][] = [];
    if (context.mayLose) {
      withImages(done.drawing, (image, role) => {
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
        this.#pump();
      },
    };
    const quality = this.#options.jpegQuality;
    this.#wiring.task(owner, this.#end.connection, { kind: "jpeg", image, quality });
  }

  #context({ done, jpegs }: Outgoing): MessageContext {
    const { encoders, jpeg, zlibGlz } = this.#options;
    const { isSlow } = this.#client;
    const wan = (choice: ServerOptions["jpeg"]) =>
      choice === "always" || (choice === "auto" && isSlow);
    const stores = this.#state.kind === "running" ? this.#state.stores : noStores;
    const lz4 = DisplayCapability.SPICE_DISPLAY_CAP_LZ4_COMPRESSION;
    return {
      compression: this.#compression,
      hasLz4: hasCapability(this.#end.capabilities, lz4),
      mayLose: wan(jpeg) && encoders.jpeg && !this.#isRepairing && toleratesLosses(done),
      encoders,
      zlibGlz: wan(zlibGlz),
      cache: mayBeCached(done.drawing) ? stores.pixmaps : null,
      palettes: this.#palettes,
      dictionary: stores.dictionary,
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

  #transmit({ done }: Outgoing, context: MessageContext): void {
    // A mask goes as a bitmap: clients take no other.
    const message = withImages(done.drawing, (image, role) => {
      if (image.kind === "surface") return surfaceImage(image.surface, done);
      return role === "mask" ? bitmapImage(image) : encodePicture(image, context);
    });
    this.#sendEvictions(context);
    const serial = this.#end.nextSerial;
    this.#send(message);
    context.cache?.used(context.used, this.#end.channel.id, serial);
    this.#lossy.drawn(done, context.isLossy);
  }

  /**
   * DEVIATION: spice-server puts these into sub-messages of the drawing; they mean the same as
   * messages of their own before it.
   */
  #sendEvictions({ evicted, evictedPalettes }: MessageContext): void {
    for (const id of evictedPalettes) this.#send({ name: "INVAL_PALETTE", body: { id } });
    if (evicted.keys.length === 0) return;
    const waitList = evicted.waits(this.#end.channel.id).map(({ display, serial }) => {
      return { channelType: ChannelType.DISPLAY, channelId: display, messageSerial: serial };
    });
    if (waitList.length > 0) {
      this.#end.sendBase({ name: "WAIT_FOR_CHANNELS", body: { waitList } });
    }
    const resources = evicted.keys.map((id) => ({ type: ResourceType.PIXMAP, id }));
    this.#send({ name: "INVAL_LIST", body: { resources } });
  }

  #sendMonitors(): void {
    const { monitors } = this.#display;
    const monitorsConfig = DisplayCapability.SPICE_DISPLAY_CAP_MONITORS_CONFIG;
    if (monitors === null || !hasCapability(this.#end.capabilities, monitorsConfig)) return;
    const body: Body<"MONITORS_CONFIG"> = {
      maxAllowed: monitors.maxAllowed,
      heads: monitors.heads.slice(),
    };
    this.#send({ name: "MONITORS_CONFIG", body });
  }

  /** Sends what was sent with losses once more, now that there is time. */
  #repair(): void {
    this.#isRepairing = true;
    for (const [surface, boxes] of this.#lossy.takeAll()) this.#queue.miss(surface, boxes);
    this.#pump();
  }

  #send(message: ServerMessage<typeof Display>): void {
    this.#lastSentAt = this.#wiring.now;
    this.#end.send(displayCodec.server.encode(message));
  }
}

const noStores: ClientStores = { pixmaps: null, dictionary: () => null };

/** Stands for an image where only the visit matters. */
const placeholder: WireImage = {
  id: 0n,
  type: ImageType.SURFACE,
  flags: 0,
  width: 0,
  height: 0,
  surfaceId: 0,
};

function surfaceImage(surfaceId: number, { reads }: DoneDrawing): WireImage {
  const found = reads.find(({ surface }) => surface.id === surfaceId)?.surface;
  const { width, height } = found ?? { width: 0, height: 0 };
  return { id: 0n, type: ImageType.SURFACE, flags: 0, width, height, surfaceId };
}

/** Copying the pixels that are there now. */
function refreshDrawing(surface: ServedSurface, box: Body<"DRAW_COPY">["srcArea"]): DoneDrawing {
  const picture = surface.read(box);
  const { width, height } = picture;
  const drawing: Drawing = {
    name: "DRAW_COPY",
    body: {
      base: { surfaceId: surface.id, box, clip: { type: ClipType.NONE } },
      srcBitmap: picture,
      srcArea: { left: 0, top: 0, right: width, bottom: height },
      ropDescriptor: RopDescriptor.OP_PUT,
      scaleMode: 0,
      mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
    },
  };
  const shape = shapeOf(drawing);
  return { drawing, surface, region: [box], bounds: box, reads: [], shape, isFirst: false };
}

/** Where losses are seen for a moment, and do no more harm than that. */
function toleratesLosses({ drawing, surface }: DoneDrawing): boolean {
  const { format } = surface;
  if (format !== SurfaceFormat["32_xRGB"] && format !== SurfaceFormat["32_ARGB"]) return false;
  switch (drawing.name) {
    case "DRAW_COPY":
      return drawing.body.ropDescriptor === RopDescriptor.OP_PUT;
    case "DRAW_ALPHA_BLEND":
    case "DRAW_COMPOSITE":
      return true;
    default:
      return false;
  }
}
