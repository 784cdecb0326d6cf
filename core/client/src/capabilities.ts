// The capabilities that this client announces, by channel: only what it really does.

import {
  CommonCapability,
  capabilityWords,
  DisplayCapability,
  MainCapability,
  PlaybackCapability,
  RecordCapability,
  SpicevmcCapability,
  VideoCodecType,
} from "@caraway/protocol";
import type { ChannelName } from "./channel-name.ts";
import type { SessionOptions } from "./options.ts";
import { isStreamName } from "./stream-event.ts";

export const commonCapabilities = capabilityWords([
  CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
  CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
  CommonCapability.SPICE_COMMON_CAP_AUTH_SASL,
  CommonCapability.SPICE_COMMON_CAP_MINI_HEADER,
]);

const videoCapabilities: Readonly<Partial<Record<VideoCodecType, number>>> = {
  [VideoCodecType.MJPEG]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_MJPEG,
  [VideoCodecType.VP8]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP8,
  [VideoCodecType.H264]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_H264,
  [VideoCodecType.VP9]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP9,
  [VideoCodecType.H265]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_H265,
};

const displayCapabilities = [
  DisplayCapability.SPICE_DISPLAY_CAP_SIZED_STREAM,
  DisplayCapability.SPICE_DISPLAY_CAP_STREAM_REPORT,
  DisplayCapability.SPICE_DISPLAY_CAP_MONITORS_CONFIG,
  DisplayCapability.SPICE_DISPLAY_CAP_COMPOSITE,
  DisplayCapability.SPICE_DISPLAY_CAP_A8_SURFACE,
  DisplayCapability.SPICE_DISPLAY_CAP_LZ4_COMPRESSION,
  DisplayCapability.SPICE_DISPLAY_CAP_MULTI_CODEC,
] as const;

const streamCapabilities = capabilityWords([
  SpicevmcCapability.SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4,
]);

function mainCapabilities(options: SessionOptions): number[] {
  const bits: number[] = [
    MainCapability.SPICE_MAIN_CAP_NAME_AND_UUID,
    MainCapability.SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS,
  ];
  if (options.migration !== "switch-host") {
    bits.push(MainCapability.SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE);
  }
  if (options.migration === "seamless") bits.push(MainCapability.SPICE_MAIN_CAP_SEAMLESS_MIGRATE);
  return capabilityWords(bits);
}

function playbackCapabilities({ opus }: SessionOptions): number[] {
  const bits: number[] = [
    PlaybackCapability.SPICE_PLAYBACK_CAP_VOLUME,
    PlaybackCapability.SPICE_PLAYBACK_CAP_LATENCY,
  ];
  if (opus) bits.push(PlaybackCapability.SPICE_PLAYBACK_CAP_OPUS);
  return capabilityWords(bits);
}

function recordCapabilities({ opusRecord }: SessionOptions): number[] {
  const bits: number[] = [RecordCapability.SPICE_RECORD_CAP_VOLUME];
  if (opusRecord) bits.push(RecordCapability.SPICE_RECORD_CAP_OPUS);
  return capabilityWords(bits);
}

export function channelCapabilities(name: ChannelName, options: SessionOptions): readonly number[] {
  if (name === "main") return mainCapabilities(options);
  if (name === "display") {
    const codecs = options.videoCodecs.flatMap((codec) => videoCapabilities[codec] ?? []);
    return capabilityWords([...displayCapabilities, ...codecs]);
  }
  if (isStreamName(name) && name !== "smartcard") return streamCapabilities;
  if (name === "playback") return playbackCapabilities(options);
  if (name === "record") return recordCapabilities(options);
  return [];
}
