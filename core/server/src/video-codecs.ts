// Which codec the streams of a client get: the best that both ends have.

import { DisplayCapability, hasCapability, VideoCodecType } from "@caraway/protocol";

export type VideoCodecName = "mjpeg" | "vp8" | "h264" | "vp9" | "h265";

export const videoCodecNumbers: Readonly<Record<VideoCodecName, VideoCodecType>> = {
  mjpeg: VideoCodecType.MJPEG,
  vp8: VideoCodecType.VP8,
  h264: VideoCodecType.H264,
  vp9: VideoCodecType.VP9,
  h265: VideoCodecType.H265,
};

const capabilityOf: Readonly<Record<VideoCodecType, number>> = {
  [VideoCodecType.MJPEG]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_MJPEG,
  [VideoCodecType.VP8]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP8,
  [VideoCodecType.H264]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_H264,
  [VideoCodecType.VP9]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_VP9,
  [VideoCodecType.H265]: DisplayCapability.SPICE_DISPLAY_CAP_CODEC_H265,
};

export interface CodecChoice {
  /** What the server encodes, best first. */
  readonly ours: readonly VideoCodecType[];
  /** Of the client's display channel. */
  readonly capabilities: readonly number[];
  /** What the client would rather have, best first. */
  readonly preferred: readonly number[];
  /** What has failed at either end. */
  readonly failed: ReadonlySet<number>;
}

/** null when there is none. */
export function chooseVideoCodec(choice: CodecChoice): VideoCodecType | null {
  const { ours, capabilities, preferred, failed } = choice;
  // A client without codec bits is an old one, for which there is MJPEG only.
  const isOld = !hasCapability(capabilities, DisplayCapability.SPICE_DISPLAY_CAP_MULTI_CODEC);
  const possible = ours.filter((codec) => {
    if (failed.has(codec)) return false;
    return isOld
      ? codec === VideoCodecType.MJPEG
      : hasCapability(capabilities, capabilityOf[codec]);
  });
  const wanted = preferred.find((codec) => possible.some((one) => one === codec));
  return possible.find((codec) => codec === wanted) ?? possible[0] ?? null;
}
