// A client's display channel: takes what waits for the client from its queue whenever the client
// can take it, and encodes it then, by what the client has at that moment.

import type { ColorImage, GlzDictionary } from "@caraway/codecs";
import {
  ChannelType,
  type ClientMessage,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  ResourceType,
  type ServerMessage,
  SurfaceFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import { isKnownState } from "./bad-state.ts";
import { boxAround, intersection, isEmptyBox } from "./box-set.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import type { ClientCaches } from "./client-caches.ts";
import {
  cacheUsersMax,
  type DisplayData,
  decodeDisplayData,
  encodeDisplayData,
} from "./display-migration-data.ts";
import { type DisplayItem, DisplayQueue } from "./display-queue.ts";
import {
  type DisplayInit,
  type DisplayMonitors,
  decodeDisplayEarlyState,
  decodeDisplayState,
  encodeDisplayEarlyState,
  encodeDisplayState,
  type MovedDisplay,
  type MovedSurface,
} from "./display-state.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import { withImages } from "./drawing-images.ts";
import type { GuestPixels } from "./guest-drawing.ts";
import { bitmapImage } from "./guest-picture.ts";
import { LossyAreas } from "./lossy-areas.ts";
import {
  type CompressionName,
  compressionNumbers,
  type ServerOptions,
  type WanChoice,
} from "./options.ts";
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
import type { ServedSurface } from "./served-surface.ts";
import type { ServerTaskResult } from "./server-border.ts";
import type { TaskOwner, Wiring } from "./wiring.ts";

/** What the channel has to know of its client. */
export interface DisplayClient {
  readonly caches: ClientCaches;
  /** Whether its connection is slow; known some time after the session began. */
  readonly isSlow: boolean;
  /** Another server found it slow. */
  wasSlow(): void;
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
  readonly pixmaps: () => PixmapCache | null;
  readonly dictionary: () => GlzDictionary | null;
}

type ChannelState =
  | { readonly kind: "awaiting-init"; readonly until: number }
  /** Another server had it, and this is what is known of it by now. */
  | {
      readonly kind: "arriving";
      readonly data: DisplayData;
      readonly moved: MovedDisplay | null;
    }
  | { readonly kind: "running"; readonly stores: ClientStores }
  /** The client goes to another server with these. */
  | { readonly kind: "leaving"; readonly left: ReturnType<DisplayQueue["leave"]> };

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
  #init: DisplayInit | null = null;
  /** What the client was told. */
  #monitors: DisplayMonitors | null = null;
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
    if (this.#state.kind !== "running") return null;
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
        this.#begin(message.body);
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

  #begin(init: DisplayInit): void {
    if (this.#init !== null) throw this.#end.unexpected("INIT", "it has come before");
    this.#init = init;
    // It goes on elsewhere, with nothing.
    if (this.#state.kind !== "awaiting-init") return;
    this.#run(init);
    this.#send({ name: "INVAL_ALL_PALETTES", body: {} });
    this.#display.addView(this);
    this.#queue.begin();
    this.#pump();
  }

  #run({ pixmapCacheId, pixmapCacheSize, ...glz }: DisplayInit): void {
    const { caches } = this.#client;
    const stores = {
      pixmaps: () => caches.pixmaps(pixmapCacheId, pixmapCacheSize),
      dictionary: () => caches.dictionary(glz.glzDictionaryId, glz.glzDictionaryWindowSize),
    };
    this.#state = { kind: "running", stores };
    this.#end.openWindow(this.#client.isSlow ? ackWindowSlow : ackWindow);
  }

  // To another server.

  leaving(hasPeer: boolean): void {
    if (this.#state.kind !== "running") return;
    const unsent = this.#outgoing;
    this.#outgoing = null;
    if (unsent !== null) this.#queue.miss(unsent.done.surface, unsent.done.region);
    if (!hasPeer) this.#sendAll();
    this.#state = { kind: "leaving", left: this.#queue.leave() };
  }

  /** The other server is told of no more than surfaces: the client has to have all of them. */
  #sendAll(): void {
    for (let item = this.#queue.next(); item !== null; item = this.#queue.next()) {
      const done = drawingOf(item);
      if (done === null) {
        this.#handle(item);
        continue;
      }
      const outgoing = { done, jpegs: new Map(), missingJpegs: 0 };
      this.#transmit(outgoing, { ...this.#context(outgoing), mayLose: false });
    }
  }

  earlyState(isFirst: boolean): Uint8Array | null {
    if (this.#state.kind !== "running") return null;
    const part = this.#client.caches.early(this.#end.channel.id, isFirst);
    return part === null ? null : encodeDisplayEarlyState(part);
  }

  finalState(): Uint8Array | null {
    if (this.#state.kind !== "leaving" || this.#init === null) return null;
    const { surfaces, isMarked } = this.#state.left;
    return encodeDisplayState({
      init: this.#init,
      isSlow: this.#client.isSlow,
      isMarked,
      caches: this.#client.caches.final(),
      compression: this.#compression,
      palettes: this.#palettes.keys,
      surfaces: surfaces.map((surface) => ({
        ...surface,
        lossy: this.#lossy.of(surface.shape),
      })),
      monitors: this.#monitors,
    });
  }

  migrationData(): Uint8Array {
    const { isSlow, caches } = this.#client;
    const surfaces = this.#state.kind === "leaving" ? this.#state.left.surfaces : [];
    const init = this.#init ?? noInit;
    const data: DisplayData = {
      messageSerial: this.#end.nextSerial,
      init,
      isSlow,
      isFreezer: caches.freeze(),
      cacheUses: caches.lastUses(init.pixmapCacheId, cacheUsersMax),
      nextGlzId: caches.nextGlzId(init.glzDictionaryId),
      surfaces: new Map(
        surfaces.map(({ shape }) => {
          const lossy = this.#lossy.of(shape);
          return [shape.id, lossy.length === 0 ? null : boxAround(lossy)];
        }),
      ),
    };
    return encodeDisplayData(data, this.#allows(this.#options.jpeg));
  }

  // From another server.

  restoreMigrationData(body: Uint8Array): void {
    const data = decodeDisplayData(body);
    // DEVIATION: spice-server says the serial of MIGRATE_DATA twice.
    this.#end.continueFrom(data.messageSerial + 1n);
    this.#state = { kind: "arriving", data, moved: null };
  }

  restoreState(early: readonly Uint8Array[], final: Uint8Array): void {
    if (this.#state.kind !== "arriving" || !isKnownState(final)) return;
    const moved = decodeDisplayState(final);
    const { partCount, parts } = moved.caches;
    const earlier = early.filter(isKnownState).map(decodeDisplayEarlyState);
    this.#client.caches.take({ partCount, parts: [...earlier, ...parts] });
    this.#state = { ...this.#state, moved };
  }

  moved(outcome: "kept" | "rebuilt"): void {
    if (this.#state.kind !== "arriving") {
      this.opened();
      return;
    }
    const { data, moved } = this.#state;
    if ((moved ?? data).isSlow) this.#client.wasSlow();
    this.#init = (moved ?? data).init;
    this.#run(this.#init);
    const kept = outcome === "kept" ? moved : null;
    if (kept === null) this.#emptyCaches(data);
    else this.#keep(kept);
    this.#awaitCaches();
    this.#display.addView(this);
    const surfaces = (moved?.surfaces ?? this.#surfacesOf(data)).map((surface) => {
      return this.#sinceThen(surface, outcome);
    });
    this.#queue.resume(surfaces, moved?.isMarked ?? true);
    for (const { shape, lossy } of surfaces) {
      const there = this.#display.surface(shape.id);
      if (there === null || !this.#queue.has(there)) continue;
      for (const box of lossy) this.#lossy.sent(there, box, true);
    }
    const { monitors } = this.#display;
    if (JSON.stringify(monitors) !== JSON.stringify(this.#monitors)) this.#queue.monitorsChanged();
    this.#pump();
  }

  #keep({ compression, palettes, monitors }: MovedDisplay): void {
    this.#compression = compression;
    this.#palettes.restore(palettes);
    this.#monitors = monitors;
  }

  /** As spice-server does it: what the client keeps is not known. */
  #emptyCaches({ init, cacheUses, nextGlzId }: DisplayData): void {
    const { id } = this.#end.channel;
    const by = { display: id, serial: this.#end.nextSerial };
    if (this.#client.caches.restart(by, init, nextGlzId)) {
      const uses = cacheUses.map((serial, display) => ({ display, serial }));
      const others = uses.filter(({ display, serial }) => display !== id && serial > 0n);
      this.#send({ name: "INVAL_ALL_PIXMAPS", body: { waitList: waitsOf(others) } });
    }
    this.#send({ name: "INVAL_ALL_PALETTES", body: {} });
  }

  /** Does not use the image cache before it is empty. */
  #awaitCaches(): void {
    const { restartedBy } = this.#client.caches;
    if (restartedBy === null || restartedBy.display === this.#end.channel.id) return;
    this.#end.sendBase({ name: "WAIT_FOR_CHANNELS", body: { waitList: waitsOf([restartedBy]) } });
  }

  /** What MIGRATE_DATA tells of the client's surfaces: all of them are the guest's. */
  #surfacesOf({ surfaces }: DisplayData): MovedSurface[] {
    return [...surfaces].map(([id, lossy]) => {
      const { width, height, format } = this.#display.surface(id) ?? noShape;
      const box = { left: 0, top: 0, right: width, bottom: height };
      const inside =
        lossy === null ? [] : [intersection(lossy, box)].filter((one) => !isEmptyBox(one));
      return { shape: { id, width, height, format }, missing: [], lossy: inside };
    });
  }

  /** With what the guest has drawn since it came. */
  #sinceThen(moved: MovedSurface, outcome: "kept" | "rebuilt"): MovedSurface {
    const surface = this.#display.surface(moved.shape.id);
    if (surface === null) return moved;
    if (outcome === "rebuilt") return { ...moved, missing: [surface.box] };
    return { ...moved, missing: [...moved.missing, ...this.#display.changesOf(surface)] };
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
      pixels += this.#handle(item);
    }
  }

  /** Sends an item, or has its pictures compressed first; returns pixels to encode. */
  #handle(item: DisplayItem): number {
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
      case "refresh": {
        const done = drawingOf(item)!;
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
    const stores = this.#state.kind === "running" ? this.#state.stores : noStores;
    const lz4 = DisplayCapability.SPICE_DISPLAY_CAP_LZ4_COMPRESSION;
    return {
      compression: this.#compression,
      hasLz4: hasCapability(this.#end.capabilities, lz4),
      mayLose: this.#allows(jpeg) && encoders.jpeg && !this.#isRepairing && toleratesLosses(done),
      encoders,
      zlibGlz: this.#allows(zlibGlz),
      cache: mayBeCached(done.drawing) ? stores.pixmaps() : null,
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

  #allows(choice: WanChoice): boolean {
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
    const waitList = waitsOf(evicted.waits(this.#end.channel.id));
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
    this.#monitors = body;
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

function drawingOf(item: DisplayItem): DoneDrawing | null {
  if (item.kind === "draw") return item.done;
  return item.kind === "refresh" ? refreshDrawing(item.surface, item.box) : null;
}

const noStores: ClientStores = { pixmaps: () => null, dictionary: () => null };

const noInit: DisplayInit = {
  pixmapCacheId: 0,
  pixmapCacheSize: 0n,
  glzDictionaryId: 0,
  glzDictionaryWindowSize: 0,
};

const noShape = { width: 0, height: 0, format: SurfaceFormat["32_xRGB"] };

function waitsOf(waits: readonly ChannelWait[]) {
  return waits.map(({ display, serial }) => {
    return { channelType: ChannelType.DISPLAY, channelId: display, messageSerial: serial };
  });
}
