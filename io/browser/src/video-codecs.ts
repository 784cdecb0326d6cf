// The codecs of video that this browser decodes: not what it says, but what it has shown with a tiny
// key frame. Pages that were not served securely have no such decoders.

import { VideoCodecType } from "@caraway/protocol";

/** What a decoder is told of a codec: a profile that holds all that servers send. */
const names: Readonly<Partial<Record<number, string>>> = {
  [VideoCodecType.VP8]: "vp8",
  [VideoCodecType.H264]: "avc1.640034",
  [VideoCodecType.VP9]: "vp09.00.51.08",
  [VideoCodecType.H265]: "hev1.1.6.L153.B0",
};

/** One frame of 64 by 64 pixels, all of one colour. */
const keyFrames: readonly (readonly [VideoCodecType, string])[] = [
  [
    VideoCodecType.VP8,
    "kAMAnQEqQABAAABHCIWFiIWEiAICAnWqA/gCBuhKMBVkQe7MTgD+6ez//PTNeYP8nP/nYNiXa8AA",
  ],
  [VideoCodecType.VP9, "gkmDQgAD8AP2ADgkHBhKAAAwYAAAZz/+WJ////6JP///8iJ1EwA="],
  [
    VideoCodecType.H264,
    "AAAAAWdCwArZBCbARAAAAwAEAAADAMg8SJkgAAAAAWjLgRLIAAABZYiECvEYoAAgAxwABAajgACAjJycnXXXXXXXXXXXXg==",
  ],
  [
    VideoCodecType.H265,
    "AAAAAUABDAH//wFgAAADAJAAAAMAAAMAHpWYCQAAAAFCAQEBYAAAAwCQAAADAAADAB6gIIEFllZpJMrwFoCAAAADAIAAAAyEAAAAAUQBwXK0IkAAAAEoAa8E2P1dfppVqm7VhuA=",
  ],
];
const keyFrameSide = 64;
const patienceMs = 2000;
/** A picture that is higher is taken for HD where nothing is said: GStreamer's rule, and so SPICE's. */
const sdHeightMax = 576;

/** @throws TypeError for a codec that has no name. */
export function decoderConfig(codec: number, height: number): VideoDecoderConfig {
  const name = names[codec];
  if (name === undefined) throw new TypeError(`no codec ${codec}`);
  return {
    codec: name,
    optimizeForLatency: true,
    // The others say in their own headers how their colours are meant.
    ...(codec === VideoCodecType.VP8 && { colorSpace: colorsOf(height) }),
  };
}

function colorsOf(height: number): VideoColorSpaceInit {
  const matrix = height > sdHeightMax ? "bt709" : "smpte170m";
  return { primaries: matrix, transfer: matrix, matrix, fullRange: false };
}

let found: Promise<readonly VideoCodecType[]> | null = null;

/** Beside MJPEG, which every browser shows. Looked for once in a thread. */
export function findVideoCodecs(): Promise<readonly VideoCodecType[]> {
  found ??= Promise.all(keyFrames.map(([codec, frame]) => decodes(codec, fromBase64(frame)))).then(
    (all) => keyFrames.map(([codec]) => codec).filter((_codec, at) => all[at]),
  );
  return found;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

async function decodes(codec: VideoCodecType, keyFrame: Uint8Array): Promise<boolean> {
  if (!("VideoDecoder" in globalThis)) return false;
  try {
    const config = decoderConfig(codec, keyFrameSide);
    const { supported } = await VideoDecoder.isConfigSupported(config);
    return supported === true && (await decodesOne(config, keyFrame));
  } catch {
    return false;
  }
}

function decodesOne(config: VideoDecoderConfig, data: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isDecoded: boolean) => {
      clearTimeout(limit);
      if (decoder.state !== "closed") decoder.close();
      resolve(isDecoded);
    };
    const limit = setTimeout(() => end(false), patienceMs);
    const decoder = new VideoDecoder({
      output: (frame) => {
        const isRight = frame.displayWidth === keyFrameSide && frame.displayHeight === keyFrameSide;
        frame.close();
        end(isRight);
      },
      error: () => end(false),
    });
    decoder.configure(config);
    decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data }));
    decoder.flush().catch(() => end(false));
  });
}
