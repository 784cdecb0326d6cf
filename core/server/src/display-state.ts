// What a display channel is, for the server that goes on with it: to bytes of the peer link and
// back, with every bound checked.

import { type Box, isEmptyBox, maxSurfaceSide } from "@caraway/canvas";
import {
  type ClientMessage,
  channelStateVersion,
  type Display,
  DisplayStateFlag,
  displayEarlyStateCodec,
  displayStateCodec,
  streamsMax,
} from "@caraway/protocol";
import { expectState } from "./bad-state.ts";
import { partsMax } from "./box-set.ts";
import type { CachesPart } from "./caches-departure.ts";
import type { CachesAccount } from "./client-caches.ts";
import type { ClientSurface } from "./display-queue.ts";
import type { MovedVideo } from "./display-videos.ts";
import { type CompressionName, compressionNumbers } from "./options.ts";
import { palettesMax } from "./palette-ledger.ts";
import type { MonitorHead } from "./served-display.ts";

export type DisplayInit = Extract<ClientMessage<typeof Display>, { readonly name: "INIT" }>["body"];

export interface DisplayMonitors {
  readonly maxAllowed: number;
  readonly heads: readonly MonitorHead[];
}

export interface MovedSurface extends ClientSurface {
  /** Where its pixels have losses. */
  readonly lossy: readonly Box[];
}

/** A display channel between two servers. */
export interface MovedDisplay {
  readonly init: DisplayInit;
  readonly isSlow: boolean;
  /** The client shows its primary surface. */
  readonly isMarked: boolean;
  /** Servers that the channel has come from, up to `movesMax`. */
  readonly moves: number;
  readonly caches: CachesAccount;
  readonly compression: CompressionName;
  /** Least recently used first. */
  readonly palettes: readonly bigint[];
  readonly surfaces: readonly MovedSurface[];
  /** What the client was told; null for nothing. */
  readonly monitors: DisplayMonitors | null;
  readonly videos: readonly MovedVideo[];
  /** What the client would rather have of video, best first. */
  readonly preferredVideoCodecs: readonly number[];
}

/** Moves that are counted. */
export const movesMax = 255;
const surfacesMax = 10_000;
const headsMax = 256;

export function encodeDisplayState(moved: MovedDisplay): Uint8Array {
  const { SLOW, MARKED } = DisplayStateFlag;
  return displayStateCodec.encode({
    version: channelStateVersion,
    flags: (moved.isSlow ? SLOW : 0) | (moved.isMarked ? MARKED : 0),
    moves: moved.moves,
    partCount: moved.caches.partCount,
    parts: moved.caches.parts,
    ...moved.init,
    compression: compressionNumbers[moved.compression],
    palettes: moved.palettes,
    surfaces: moved.surfaces.map(({ shape, missing, lossy }) => {
      const { id: surfaceId, width, height, format } = shape;
      return { surfaceId, width, height, format, missing, lossy };
    }),
    monitorsMaxAllowed: moved.monitors?.maxAllowed ?? 0,
    heads: moved.monitors?.heads ?? [],
    preferredVideoCodecs: moved.preferredVideoCodecs.slice(),
    streams: moved.videos.map(({ id: streamId, surface: surfaceId, ...rest }) => {
      return { streamId, surfaceId, ...rest };
    }),
  });
}

/** @throws BadState or WireError when no server of ours would have sent it. */
export function decodeDisplayState(bytes: Uint8Array): MovedDisplay {
  const state = displayStateCodec.decode(bytes);
  const { flags, partCount, parts, palettes, heads, monitorsMaxAllowed: maxAllowed } = state;
  const { pixmapCacheId, pixmapCacheSize, glzDictionaryId, glzDictionaryWindowSize } = state;
  const areDistinct = new Set(palettes).size === palettes.length;
  expectState(palettes.length <= palettesMax + 1 && areDistinct, "palettes");
  const ids = new Set(state.surfaces.map(({ surfaceId }) => surfaceId));
  const isPossible = ids.size === state.surfaces.length && ids.size <= surfacesMax;
  expectState(isPossible, `${state.surfaces.length} surfaces`);
  expectState(heads.length <= headsMax, `${heads.length} monitors`);
  return {
    init: { pixmapCacheId, pixmapCacheSize, glzDictionaryId, glzDictionaryWindowSize },
    isSlow: (flags & DisplayStateFlag.SLOW) !== 0,
    isMarked: (flags & DisplayStateFlag.MARKED) !== 0,
    moves: state.moves,
    caches: { partCount, parts },
    compression: compressionOf(state.compression),
    palettes,
    surfaces: state.surfaces.map((surface) => movedSurface(surface)),
    monitors: heads.length === 0 ? null : { maxAllowed, heads },
    videos: movedVideos(state.streams),
    preferredVideoCodecs: state.preferredVideoCodecs,
  };
}

type SurfaceState = ReturnType<typeof displayStateCodec.decode>["surfaces"][number];

function movedSurface(state: SurfaceState): MovedSurface {
  const { surfaceId: id, width, height, format, missing, lossy } = state;
  const isPossible = [width, height].every((side) => side > 0 && side <= maxSurfaceSide);
  expectState(isPossible, `surface ${id} has ${width} by ${height} pixels`);
  for (const boxes of [missing, lossy]) {
    const areInside = boxes.every(({ left, top, right, bottom }) => {
      return (
        left >= 0 && top >= 0 && left < right && top < bottom && right <= width && bottom <= height
      );
    });
    expectState(boxes.length <= partsMax && areInside, `areas of surface ${id}`);
  }
  const shape = { id, width, height, format: format as MovedSurface["shape"]["format"] };
  return { shape, missing, lossy };
}

type VideoStreamState = ReturnType<typeof displayStateCodec.decode>["streams"][number];

function movedVideos(streams: readonly VideoStreamState[]): MovedVideo[] {
  const areDistinct = new Set(streams.map(({ streamId }) => streamId)).size === streams.length;
  expectState(areDistinct && streams.every(({ streamId }) => streamId < streamsMax), "streams");
  return streams.map(({ streamId: id, surfaceId: surface, ...rest }) => {
    const { box } = rest;
    expectState(box.left >= 0 && box.top >= 0 && !isEmptyBox(box), `area of stream ${id}`);
    return { id, surface, ...rest };
  });
}

function compressionOf(wanted: number): CompressionName {
  for (const [name, value] of Object.entries(compressionNumbers)) {
    if (value === wanted) return name as CompressionName;
  }
  expectState(false, `compression ${wanted}`);
}

export function encodeDisplayEarlyState(early: CachesPart): Uint8Array {
  return displayEarlyStateCodec.encode({ version: channelStateVersion, early });
}

/** @throws WireError when it does not decode. */
export function decodeDisplayEarlyState(bytes: Uint8Array): CachesPart {
  return displayEarlyStateCodec.decode(bytes).early;
}

export function isSameMonitors(
  one: DisplayMonitors | null,
  other: DisplayMonitors | null,
): boolean {
  if (one === null || other === null) return one === other;
  if (one.maxAllowed !== other.maxAllowed || one.heads.length !== other.heads.length) return false;
  return one.heads.every((head, index) => {
    const there = other.heads[index]!;
    return headFields.every((field) => head[field] === there[field]);
  });
}

const headFields = ["monitorId", "surfaceId", "width", "height", "x", "y", "flags"] as const;
