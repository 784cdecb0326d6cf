// A client's display channel: takes what waits for the client from its queue whenever the client
// can take it, and encodes it then, by what the client has at that moment.

import { boxAround, intersection, isEmptyBox } from "@caraway/canvas";
import {
  type ClientMessage,
  type Display,
  DisplayCapability,
  displayCodec,
  hasCapability,
  SurfaceFormat,
} from "@caraway/protocol";
import { isKnownState } from "./bad-state.ts";
import type { ChannelEnd, ChannelHandler } from "./channel-end.ts";
import {
  cacheUsersMax,
  type DisplayData,
  decodeDisplayData,
  encodeDisplayData,
} from "./display-migration-data.ts";
import { DisplayQueue } from "./display-queue.ts";
import { type DisplayClient, DisplaySender, waitsOf } from "./display-sender.ts";
import {
  type DisplayInit,
  decodeDisplayState,
  encodeDisplayEarlyState,
  encodeDisplayState,
  isSameMonitors,
  type MovedDisplay,
  type MovedSurface,
  movesMax,
} from "./display-state.ts";
import { DisplayVideos, type MovedVideo } from "./display-videos.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import type { MediaTime } from "./media-time.ts";
import { type CompressionName, compressionNumbers, type ServerOptions } from "./options.ts";
import type { SharedEncodings } from "./picture-encoder.ts";
import type { ServedDisplay } from "./served-display.ts";
import type { ServedSurface } from "./served-surface.ts";
import type { Wiring } from "./wiring.ts";

/** Messages between two acks, as spice-server has them. */
const ackWindow = 20;
const ackWindowSlow = 40;
/** How long a client may wait with INIT, as in spice-server. */
const initTimeoutMs = 30_000;
/** How long nothing was sent before losses are made good. */
const repairDelayMs = 500;
/** More than a client is likely to have been through where no server tells how many. */
const unknownMoves = 16;
/** Pixels that are encoded in one go, before others get their turn. */
const pixelsPerTurn = 1 << 21;

type ChannelState =
  | { readonly kind: "awaiting-init"; readonly until: number }
  /** Another server had it, and this is what is known of it by now. */
  | {
      readonly kind: "arriving";
      readonly data: DisplayData;
      readonly moved: MovedDisplay | null;
    }
  | { readonly kind: "running" }
  /** The client goes to another server with these. */
  | {
      readonly kind: "leaving";
      readonly left: ReturnType<DisplayQueue["leave"]>;
      readonly videos: readonly MovedVideo[];
    };

export class DisplayChannel implements ChannelHandler, DisplayView {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #display: ServedDisplay;
  readonly #client: DisplayClient;
  readonly #options: ServerOptions;
  readonly #queue: DisplayQueue;
  readonly #sender: DisplaySender;
  readonly #videos: DisplayVideos;
  #state: ChannelState = { kind: "awaiting-init", until: 0 };
  #init: DisplayInit | null = null;
  /** The turn is over, and there is more: go on at once. */
  #resumeAt: number | null = null;

  constructor(
    end: ChannelEnd,
    wiring: Wiring,
    display: ServedDisplay,
    client: DisplayClient,
    options: ServerOptions,
    shared: SharedEncodings,
    time: MediaTime,
  ) {
    this.#end = end;
    this.#wiring = wiring;
    this.#display = display;
    this.#client = client;
    this.#options = options;
    const ready = () => this.#pump();
    this.#sender = new DisplaySender(end, wiring, display, client, options, shared, ready);
    const can = (bit: number) => hasCapability(end.capabilities, bit);
    const abilities = {
      composite: can(DisplayCapability.SPICE_DISPLAY_CAP_COMPOSITE),
      a8Surfaces: can(DisplayCapability.SPICE_DISPLAY_CAP_A8_SURFACE),
    };
    this.#queue = new DisplayQueue(display, abilities, () => wiring.now);
    const queue = this.#queue;
    this.#videos = new DisplayVideos(end, wiring, display, queue, client, options, time);
  }

  opened(): void {
    this.#state = { kind: "awaiting-init", until: this.#wiring.now + initTimeoutMs };
  }

  closed(): void {
    this.#videos.closed();
    this.#display.removeView(this);
  }

  deadline(): number | null {
    if (this.#state.kind === "awaiting-init") return this.#state.until;
    if (this.#state.kind !== "running") return null;
    if (this.#resumeAt !== null) return this.#resumeAt;
    const { lossy, isBusy, lastSentAt } = this.#sender;
    const mayRepair = !lossy.isEmpty && this.#queue.isEmpty && !isBusy;
    const repairAt = mayRepair ? lastSentAt + repairDelayMs : null;
    const videoAt = this.#videos.deadline();
    if (repairAt === null || videoAt === null) return repairAt ?? videoAt;
    return Math.min(repairAt, videoAt);
  }

  #isRepairDue(): boolean {
    const { lossy, isBusy, lastSentAt } = this.#sender;
    if (lossy.isEmpty || !this.#queue.isEmpty || isBusy) return false;
    return this.#wiring.now >= lastSentAt + repairDelayMs;
  }

  timeout(): void {
    const { now } = this.#wiring;
    if (this.#state.kind === "awaiting-init") {
      if (now >= this.#state.until) {
        throw this.#end.unexpected("silence", "INIT has not come");
      }
      return;
    }
    if (this.#state.kind !== "running") return;
    if (this.#resumeAt === null && this.#isRepairDue()) this.#repair();
    else this.#pump();
  }

  writable(): void {
    this.#pump();
  }

  snapshot(now: number): unknown {
    return {
      state: this.#state.kind,
      queue: this.#queue.snapshot(now),
      sender: this.#sender.snapshot(),
      videos: this.#videos.snapshot(),
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
          if (value === wanted) this.#sender.compression = name as CompressionName;
        }
        break;
      }
      case "PREFERRED_VIDEO_CODEC_TYPE":
        this.#videos.prefer(message.body.codecs);
        this.#pump();
        break;
      case "STREAM_REPORT":
        this.#videos.report(message.body);
        this.#pump();
        break;
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
    this.#sender.send({ name: "INVAL_ALL_PALETTES", body: {} });
    this.#display.addView(this);
    this.#queue.begin();
    this.#pump();
  }

  #run(init: DisplayInit): void {
    this.#sender.use(init);
    this.#state = { kind: "running" };
    this.#end.openWindow(this.#client.isSlow ? ackWindowSlow : ackWindow);
  }

  // To another server.

  leaving(hasPeer: boolean): void {
    if (this.#state.kind !== "running") return;
    const unsent = this.#sender.takeUnsent();
    if (unsent !== null) this.#queue.miss(unsent.surface, unsent.region);
    if (hasPeer) this.#videos.unclip();
    else this.#videos.endAll();
    // Without a peer the other server is told of no more than surfaces: the client has to have all.
    for (let item = hasPeer ? null : this.#queue.next(); item !== null; item = this.#queue.next()) {
      this.#sender.sendNow(item);
    }
    const videos = this.#videos.leave();
    this.#state = { kind: "leaving", left: this.#queue.leave(), videos };
  }

  earlyState(isFirst: boolean): Uint8Array | null {
    if (this.#state.kind !== "running") return null;
    const part = this.#client.caches.early(this.#end.channel.id, isFirst);
    return part === null ? null : encodeDisplayEarlyState(part);
  }

  finalState(): Uint8Array | null {
    if (this.#state.kind !== "leaving" || this.#init === null) return null;
    const { videos } = this.#state;
    const { surfaces, isMarked } = this.#state.left;
    const sender = this.#sender;
    return encodeDisplayState({
      init: this.#init,
      isSlow: this.#client.isSlow,
      isMarked,
      moves: Math.min(this.#end.moves, movesMax),
      caches: this.#client.caches.final(),
      compression: sender.compression,
      palettes: sender.palettes.keys,
      surfaces: surfaces.map((surface) => ({ ...surface, lossy: sender.lossy.of(surface.shape) })),
      monitors: sender.monitors,
      videos,
      preferredVideoCodecs: this.#videos.preferred,
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
          const lossy = this.#sender.lossy.of(shape);
          return [shape.id, lossy.length === 0 ? null : boxAround(lossy)];
        }),
      ),
    };
    return encodeDisplayData(data, this.#sender.allows(this.#options.jpeg));
  }

  // From another server.

  restoreMigrationData(body: Uint8Array): void {
    const data = decodeDisplayData(body);
    // DEVIATION: spice-server uses the serial of MIGRATE_DATA again, and has clients that count by
    // themselves one ahead: they would take waits for done one message too early.
    this.#end.continueFrom(data.messageSerial + 1n, unknownMoves);
    this.#state = { kind: "arriving", data, moved: null };
  }

  restoreState(final: Uint8Array): void {
    if (this.#state.kind !== "arriving" || !isKnownState(final)) return;
    const moved = decodeDisplayState(final);
    this.#client.caches.take(moved.caches);
    this.#end.continueFrom(this.#end.nextSerial, moved.moves + 1);
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
      for (const box of lossy) this.#sender.lossy.sent(there, box, true);
    }
    this.#videos.resume(kept?.videos ?? []);
    const isTold = isSameMonitors(this.#display.monitors, this.#sender.monitors);
    if (!isTold) this.#queue.monitorsChanged();
    this.#pump();
  }

  #keep({ compression, palettes, monitors, preferredVideoCodecs }: MovedDisplay): void {
    this.#sender.compression = compression;
    this.#videos.prefer(preferredVideoCodecs);
    this.#sender.palettes.restore(palettes);
    this.#sender.told(monitors);
  }

  /** As spice-server does it: what the client keeps is not known. */
  #emptyCaches({ init, cacheUses, nextGlzId }: DisplayData): void {
    const { id } = this.#end.channel;
    const by = { display: id, serial: this.#end.nextSerial };
    if (this.#client.caches.restart(by, init, nextGlzId)) {
      const uses = cacheUses.map((serial, display) => ({ display, serial }));
      const others = uses.filter(({ display, serial }) => display !== id && serial > 0n);
      this.#sender.send({ name: "INVAL_ALL_PIXMAPS", body: { waitList: waitsOf(others) } });
    }
    this.#sender.send({ name: "INVAL_ALL_PALETTES", body: {} });
    this.#sender.send({ name: "STREAM_DESTROY_ALL", body: {} });
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
    if (this.#state.kind === "running") this.#videos.endOn(surface);
    this.#queue.destroying(surface);
    this.#sender.lossy.forget(surface);
    this.#pump();
  }

  drawn(done: DoneDrawing): void {
    this.#queue.drawn(done);
    this.#videos.painted(done.surface, done.region);
    this.#pump();
  }

  updated(
    surface: ServedSurface,
    box: { left: number; top: number; right: number; bottom: number },
  ) {
    this.#queue.updated(surface, box);
    this.#videos.painted(surface, [box]);
    this.#pump();
  }

  monitorsChanged(): void {
    this.#queue.monitorsChanged();
    this.#pump();
  }

  videosChanged(): void {
    this.#pump();
  }

  // To the client.

  #pump(): void {
    if (this.#state.kind !== "running") return;
    this.#videos.pump();
    this.#resumeAt = null;
    let pixels = 0;
    while (!this.#sender.isBusy && this.#end.leavesRoom(this.#videos.reserve)) {
      if (pixels > pixelsPerTurn) {
        this.#resumeAt = this.#wiring.now;
        return;
      }
      const item = this.#queue.next();
      if (item === null) {
        this.#sender.isRepairing = false;
        return;
      }
      pixels += this.#sender.begin(item);
    }
  }

  /** Sends what was sent with losses once more, now that there is time. */
  #repair(): void {
    this.#sender.isRepairing = true;
    for (const [surface, boxes] of this.#sender.lossy.takeAll()) this.#queue.miss(surface, boxes);
    this.#pump();
  }
}

const noInit: DisplayInit = {
  pixmapCacheId: 0,
  pixmapCacheSize: 0n,
  glzDictionaryId: 0,
  glzDictionaryWindowSize: 0,
};

const noShape = { width: 0, height: 0, format: SurfaceFormat["32_xRGB"] };
