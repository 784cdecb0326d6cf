// What a source tells the target of a channel beside MIGRATE_DATA, over the peer link between two
// Caraway servers: what the client has, so that the target sends only what changes. No client ever
// sees these; docs/extensions.md says when they travel and what happens without them.

import {
  bytes,
  count,
  enumOf,
  flagsOf,
  i32,
  i64,
  list,
  struct,
  u8,
  u16,
  u32,
  u64,
  unit,
} from "@caraway/wire";
import { CursorHeader } from "./cursor.ts";
import { Head } from "./display.ts";
import { Point16, Rect } from "./graphics.ts";

/** Version of every state below. Another one is refused, and the target begins with nothing. */
export const channelStateVersion = 3;

/** What is known of an image in a client's cache. */
export const CachedImageFlag = {
  /** It was compressed with losses. */
  LOSSY: 1,
  /** A lossless one took its place: it is asked for as FROM_CACHE_LOSSLESS. */
  REPLACED: 2,
} as const;

/** Display channel `displayId` used the image last with message `serial`. */
export const CachedImageUse = struct("CachedImageUse", { displayId: u8, serial: u64 });

export const CachedImageState = struct("CachedImageState", {
  imageId: u64,
  pixels: u32,
  /** How the client has it. */
  flags: flagsOf(u8, "CachedImageFlag", CachedImageFlag),
  useCount: count(u8, "uses"),
  uses: list(CachedImageUse, { count: "useCount" }),
});

/** Changes of one image cache, which all display channels of a session share. */
export const PixmapCacheState = struct("PixmapCacheState", {
  cacheId: u8,
  capacity: unit(u32, "pixels"),
  /** Images that the target knows of by now; 0: it forgets all that came before. */
  knownCount: u32,
  /** Images that are there no longer. */
  removedCount: count(u32, "removed"),
  removed: list(u64, { count: "removedCount" }),
  /** New and newly used images, least recently used first: all others were used before them. */
  imageCount: count(u32, "images"),
  images: list(CachedImageState, { count: "imageCount" }),
});

/** How the pixels of a window's image are kept: as the GLZ type of the image has them. */
export const GlzPixelKind = { RGB16: 6, RGB24: 7, RGB32: 8, RGBA: 9 } as const;

/** An image of a GLZ window. Its shape is of no account: references count pixels. */
export const GlzImageState = struct("GlzImageState", {
  kind: enumOf(u8, "GlzPixelKind", GlzPixelKind),
  pixels: u32,
  streamSize: count(u32, "stream"),
  /** An LZ image of one row, RGBA for RGBA and RGB32 otherwise; RGB16 as its 15 bits. */
  stream: bytes({ count: "streamSize" }),
});

/** Changes of one GLZ window, which all display channels of a session share. */
export const GlzWindowState = struct("GlzWindowState", {
  dictionaryId: u8,
  size: unit(u32, "pixels"),
  /** Images with smaller ids have left the window. */
  headId: u64,
  /** Id of the first image here; the next ones follow. Others before it are known already. */
  firstId: u64,
  imageCount: count(u32, "images"),
  images: list(GlzImageState, { count: "imageCount" }),
});

/**
 * A part of the account of what the display channels of a session share. The parts come with
 * whichever channel was asked first, and are of use when all of them are there.
 */
export const DisplayCachesPart = struct("DisplayCachesPart", {
  /** Counts the parts of a session from 0: they are taken in this order. */
  sequence: u8,
  pixmapCacheCount: count(u8, "pixmapCaches"),
  pixmapCaches: list(PixmapCacheState, { count: "pixmapCacheCount" }),
  glzWindowCount: count(u8, "glzWindows"),
  glzWindows: list(GlzWindowState, { count: "glzWindowCount" }),
});

/** Comes before the switch, while the guest runs. */
export const DisplayEarlyState = struct("DisplayEarlyState", {
  version: u16,
  early: DisplayCachesPart,
});

/** A surface that the client has. */
export const SurfaceState = struct("SurfaceState", {
  surfaceId: u32,
  width: u32,
  height: u32,
  format: u32,
  /** Where its pixels are not the guest's yet. */
  missingCount: count(u16, "missing"),
  missing: list(Rect, { count: "missingCount" }),
  /** Where they have losses. */
  lossyCount: count(u16, "lossy"),
  lossy: list(Rect, { count: "lossyCount" }),
});

/** A video stream that the client shows, and that goes on. */
export const VideoStreamState = struct("VideoStreamState", {
  streamId: u32,
  surfaceId: u32,
  box: Rect,
  /** A `VideoCodecType`. */
  codec: u8,
  /** The `uniqueId` of STREAM_ACTIVATE_REPORT; 0: the client does not report. */
  reportId: u32,
  /** How well and how often frames are sent, from the best, 0. */
  rateStep: u8,
});

export const DisplayStateFlag = {
  /** The connection is slow: losses and the wider ack window are in order. */
  SLOW: 1,
  /** The client was told to show its primary surface. */
  MARKED: 2,
} as const;

/** Comes behind the last display message of the source. */
export const DisplayState = struct("DisplayState", {
  version: u16,
  /** Of connection and channel. */
  flags: flagsOf(u8, "DisplayStateFlag", DisplayStateFlag),
  /** Servers that the channel has come from, one after the other. */
  moves: u8,
  /** Parts that there are in all, early ones included. */
  partCount: u8,
  /** One or none here. */
  partsHere: count(u8, "parts"),
  parts: list(DisplayCachesPart, { count: "partsHere" }),
  /** As the client's INIT had them. */
  pixmapCacheId: u8,
  pixmapCacheSize: unit(i64, "pixels"),
  glzDictionaryId: u8,
  glzDictionaryWindowSize: unit(i32, "pixels"),
  /** An `ImageCompression`: what the client prefers, or the source's own choice. */
  compression: u8,
  /** Palettes that the client remembers, least recently used first. */
  paletteCount: count(u16, "palettes"),
  palettes: list(u64, { count: "paletteCount" }),
  surfaceCount: count(u16, "surfaces"),
  surfaces: list(SurfaceState, { count: "surfaceCount" }),
  /** What the client was told of the monitors; no heads: nothing. */
  monitorsMaxAllowed: u16,
  headCount: count(u16, "heads"),
  heads: list(Head, { count: "headCount" }),
  streamCount: count(u8, "streams"),
  streams: list(VideoStreamState, { count: "streamCount" }),
  /** Each a `VideoCodecType`: what the client would rather have of video, best first. */
  preferredVideoCodecCount: count(u8, "preferredVideoCodecs"),
  preferredVideoCodecs: list(u8, { count: "preferredVideoCodecCount" }),
});

export const CursorStateFlag = {
  VISIBLE: 1,
  /** The client has a shape: the one below. */
  SHAPE: 2,
  /** The shape has a key, by which it may be in the client's cache. */
  KEYED: 4,
} as const;

/** Comes behind the last cursor message of the source. */
export const CursorState = struct("CursorState", {
  version: u16,
  /** What the client shows. */
  flags: flagsOf(u8, "CursorStateFlag", CursorStateFlag),
  position: Point16,
  /** Zeros without a shape. */
  header: CursorHeader,
  dataSize: count(u32, "data"),
  data: bytes({ count: "dataSize" }),
  /** Keys of the client's cache, least recently used first. */
  cachedCount: count(u16, "cached"),
  cached: list(u64, { count: "cachedCount" }),
});

/** Comes behind the last word of the client to the source. */
export const InputsState = struct("InputsState", {
  version: u16,
  /** Motions since the last MOUSE_MOTION_ACK. */
  motionCount: u16,
  /** Lock LEDs as the client was told last. */
  modifiers: u16,
  /** `MouseButtonMask` bits that the client holds. */
  buttons: u16,
  /** Where the pointer is, in mode CLIENT. */
  x: u32,
  y: u32,
  displayId: u8,
  /** Keys that the client holds: a byte, 0xe000 and a byte, or 0xe11d45. */
  keyCount: count(u16, "keys"),
  keys: list(u32, { count: "keyCount" }),
  /** Bytes of a scancode that is not whole. */
  prefixSize: count(u8, "prefix"),
  prefix: bytes({ count: "prefixSize" }),
});

export const StreamStateFlag = {
  /** The client has its end of the port open. */
  OPEN: 1,
} as const;

/**
 * Comes behind the last word of the client to the source: by these counts, over all servers, both
 * ends know that no byte is missing and none comes twice.
 */
export const StreamState = struct("StreamState", {
  version: u16,
  flags: flagsOf(u8, "StreamStateFlag", StreamStateFlag),
  /** Of the guest's, sent to the client. */
  sentBytes: u64,
  /** Of the client's, received; and of them, those that the guest has. MIGRATE_DATA has the rest. */
  receivedBytes: u64,
  writtenBytes: u64,
});
