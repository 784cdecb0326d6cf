// The playback and record channels: sound from and to the guest.

import { bytes, count, list, message, openEnumOf, u8, u16, u32, unit } from "@caraway/wire";
import { baseClient, baseServer } from "./base.ts";
import { PlaybackCapability, RecordCapability } from "./capabilities.ts";
import { channel } from "./channel-schema.ts";
import { AudioDataMode, AudioFormat, ChannelType } from "./constants.ts";

const time = unit(u32, "ms of the multimedia clock, wraps");
const packet = { time, data: bytes({ rest: true }) } as const;
const mode = {
  time,
  mode: openEnumOf(u16, "AudioDataMode", AudioDataMode),
  data: bytes({ rest: true }),
} as const;
const format = {
  channels: u32,
  format: openEnumOf(u16, "AudioFormat", AudioFormat),
  frequency: unit(u32, "Hz"),
} as const;
const volume = {
  nchannels: count(u8, "volume"),
  volume: list(u16, { count: "nchannels" }),
} as const;

export const Playback = channel("playback", ChannelType.PLAYBACK, PlaybackCapability, {
  server: [
    ...baseServer,
    message("DATA", 101, packet, "Samples, or one Opus packet of 10 ms, from `time` on."),
    message("MODE", 102, mode, "How DATA is coded."),
    message("START", 103, { ...format, time }, "The guest starts to play."),
    message("STOP", 104, {}, "The guest stops playing."),
    message("VOLUME", 105, volume, "Volume per channel, 0-65535.", "SPICE_PLAYBACK_CAP_VOLUME"),
    message("MUTE", 106, { mute: u8 }, "Mute on or off.", "SPICE_PLAYBACK_CAP_VOLUME"),
    message(
      "LATENCY",
      107,
      { latencyMs: u32 },
      "Least latency with which sound stays in step with video.",
      "SPICE_PLAYBACK_CAP_LATENCY",
    ),
  ],
  client: [...baseClient],
});

export const Record = channel("record", ChannelType.RECORD, RecordCapability, {
  server: [
    ...baseServer,
    message("START", 101, format, "The guest starts to record."),
    message("STOP", 102, {}, "The guest stops recording."),
    message("VOLUME", 103, volume, "Volume per channel, 0-65535.", "SPICE_RECORD_CAP_VOLUME"),
    message("MUTE", 104, { mute: u8 }, "Mute on or off.", "SPICE_RECORD_CAP_VOLUME"),
  ],
  client: [
    ...baseClient,
    message("DATA", 101, packet, "Samples or one Opus packet."),
    message("MODE", 102, mode, "How DATA is coded."),
    message("START_MARK", 103, { time }, "After START with MODE, before the first DATA."),
  ],
});
