// Capability bits of the link stage: bit n stands in word n / 32 at place n % 32. Keys are the C
// names, so that a search finds both worlds.

export const CommonCapability = {
  SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: 0,
  SPICE_COMMON_CAP_AUTH_SPICE: 1,
  SPICE_COMMON_CAP_AUTH_SASL: 2,
  SPICE_COMMON_CAP_MINI_HEADER: 3,
} as const;

export const MainCapability = {
  SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE: 0,
  SPICE_MAIN_CAP_NAME_AND_UUID: 1,
  /** Also a condition of spice-server for a seamless migration. */
  SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS: 2,
  SPICE_MAIN_CAP_SEAMLESS_MIGRATE: 3,
} as const;

export const DisplayCapability = {
  SPICE_DISPLAY_CAP_SIZED_STREAM: 0,
  SPICE_DISPLAY_CAP_MONITORS_CONFIG: 1,
  SPICE_DISPLAY_CAP_COMPOSITE: 2,
  SPICE_DISPLAY_CAP_A8_SURFACE: 3,
  SPICE_DISPLAY_CAP_STREAM_REPORT: 4,
  SPICE_DISPLAY_CAP_LZ4_COMPRESSION: 5,
  SPICE_DISPLAY_CAP_PREF_COMPRESSION: 6,
  SPICE_DISPLAY_CAP_GL_SCANOUT: 7,
  /** Without it MJPEG is assumed and the codec bits mean nothing. */
  SPICE_DISPLAY_CAP_MULTI_CODEC: 8,
  SPICE_DISPLAY_CAP_CODEC_MJPEG: 9,
  SPICE_DISPLAY_CAP_CODEC_VP8: 10,
  SPICE_DISPLAY_CAP_CODEC_H264: 11,
  SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE: 12,
  SPICE_DISPLAY_CAP_CODEC_VP9: 13,
  SPICE_DISPLAY_CAP_CODEC_H265: 14,
} as const;

export const InputsCapability = { SPICE_INPUTS_CAP_KEY_SCANCODE: 0 } as const;

export const PlaybackCapability = {
  SPICE_PLAYBACK_CAP_CELT_0_5_1: 0,
  SPICE_PLAYBACK_CAP_VOLUME: 1,
  SPICE_PLAYBACK_CAP_LATENCY: 2,
  SPICE_PLAYBACK_CAP_OPUS: 3,
} as const;

export const RecordCapability = {
  SPICE_RECORD_CAP_CELT_0_5_1: 0,
  SPICE_RECORD_CAP_VOLUME: 1,
  SPICE_RECORD_CAP_OPUS: 2,
} as const;

/** Channels of the spicevmc family: usbredir, port, webdav. */
export const SpicevmcCapability = { SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4: 0 } as const;

/** Sets bits in as few words as they need. */
export function capabilityWords(bits: Iterable<number>): number[] {
  const words: number[] = [];
  for (const bit of bits) {
    const word = bit >>> 5;
    while (words.length <= word) words.push(0);
    words[word] = (words[word]! | (1 << (bit & 31))) >>> 0;
  }
  return words;
}

export function hasCapability(words: readonly number[], bit: number): boolean {
  return ((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
}
