// MIGRATE_DATA of a display channel: what spice-server hands over, and all that is known of a
// channel that comes from one.

import type { Box } from "@caraway/canvas";
import { displayMigrationDataCodec, MigrationMagic, migrationVersion } from "@caraway/protocol";
import { BadState, expectState } from "./bad-state.ts";
import type { DisplayInit } from "./display-state.ts";

export interface DisplayData {
  /** Of the MIGRATE_DATA message itself. */
  readonly messageSerial: bigint;
  readonly init: DisplayInit;
  readonly isSlow: boolean;
  /** Whether this channel counts for the image cache that it shares with others. */
  readonly isFreezer: boolean;
  /** Serials with which display channels 0 to 3 used the image cache last. */
  readonly cacheUses: readonly bigint[];
  /** Id of the next image of the GLZ window. */
  readonly nextGlzId: bigint;
  /** Surfaces that the client has, each with what is lossy of it; null: with nothing. */
  readonly surfaces: ReadonlyMap<number, Box | null>;
}

/** Channels that share an image cache, as the layout has room for them. */
export const cacheUsersMax = 4;
/** As spice-server has it: encoders that share a GLZ window. */
const glzEncodersMax = 4;
/** Where the surfaces' block begins at the earliest. */
const fixedSize = 80;
const losslessSize = 4;
const lossySize = 20;

/** `withLosses`: the form that the target expects when its pictures may have losses. */
export function encodeDisplayData(data: DisplayData, withLosses: boolean): Uint8Array {
  const { init, surfaces } = data;
  const nowhere = { left: 0, top: 0, right: 0, bottom: 0 };
  return displayMigrationDataCodec.encode(
    {
      magic: MigrationMagic.DISPLAY,
      version: migrationVersion,
      messageSerial: data.messageSerial,
      lowBandwidthSetting: data.isSlow ? 1 : 0,
      pixmapCacheId: init.pixmapCacheId,
      pixmapCacheSize: init.pixmapCacheSize,
      pixmapCacheFreezer: data.isFreezer ? 1 : 0,
      pixmapCacheClients: data.cacheUses,
      glzDictId: init.glzDictionaryId,
      glzSize: init.glzDictionaryWindowSize >>> 0,
      glzMaxEncoders: glzEncodersMax,
      glzLastImageId: data.nextGlzId,
      surfacesAtClient: {
        count: surfaces.size,
        lossless: withLosses ? null : [...surfaces.keys()],
        lossy: withLosses ? [...surfaces].map(([id, box]) => ({ id, ...(box ?? nowhere) })) : null,
      },
    },
    new Set([withLosses ? "lossySurfaces" : "losslessSurfaces"]),
  );
}

/**
 * Which form the surfaces have follows from their size, and not from options of the source.
 *
 * @throws BadState or WireError.
 */
export function decodeDisplayData(body: Uint8Array): DisplayData {
  const form = body.length >= fixedSize ? surfacesForm(body) : "losslessSurfaces";
  const data = displayMigrationDataCodec.decode(body, new Set([form]));
  const isKnown = data.magic === MigrationMagic.DISPLAY && data.version <= migrationVersion;
  expectState(isKnown, `${data.magic} of version ${data.version} is no state of a display`);
  const { lossless, lossy } = data.surfacesAtClient;
  const surfaces = new Map<number, Box | null>(lossless?.map((id) => [id, null]) ?? []);
  for (const { id, left, top, right, bottom } of lossy ?? []) {
    const isEmpty = left >= right || top >= bottom;
    surfaces.set(id, isEmpty ? null : { left, top, right, bottom });
  }
  return {
    messageSerial: data.messageSerial,
    init: {
      pixmapCacheId: data.pixmapCacheId,
      pixmapCacheSize: data.pixmapCacheSize,
      glzDictionaryId: data.glzDictId,
      glzDictionaryWindowSize: data.glzSize | 0,
    },
    isSlow: data.lowBandwidthSetting !== 0,
    isFreezer: data.pixmapCacheFreezer !== 0,
    cacheUses: data.pixmapCacheClients,
    nextGlzId: data.glzLastImageId,
    surfaces,
  };
}

function surfacesForm(body: Uint8Array): "losslessSurfaces" | "lossySurfaces" {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const at = view.getUint32(fixedSize - 4, true);
  if (at > body.length - 4) throw new BadState("the surfaces stand outside of the state");
  const count = view.getUint32(at, true);
  const size = body.length - at - 4;
  if (size === count * losslessSize) return "losslessSurfaces";
  expectState(size === count * lossySize, `${count} surfaces in ${size} bytes`);
  return "lossySurfaces";
}
