// Tells the frames of a stream of video that stand alone from those that need others before them: a
// browser's decoder wants to be told, and SPICE does not say.

import { VideoCodecType } from "@caraway/protocol";

/** Units of a byte stream that are looked at: a picture comes soon, or this is none. */
const unitsMax = 64;

/** Whether decoding can begin with this access unit. Never throws, whatever the bytes. */
export function isKeyFrame(codec: number, data: Uint8Array): boolean {
  switch (codec) {
    case VideoCodecType.VP8:
      // RFC 6386, 9.1: the lowest bit of the frame tag; then the start code.
      return (data[0]! & 1) === 0 && data[3] === 0x9d && data[4] === 0x01 && data[5] === 0x2a;
    case VideoCodecType.VP9:
      return isVp9Key(data);
    case VideoCodecType.H264:
      return hasUnit(data, (header) => (header & 0x1f) === 5);
    case VideoCodecType.H265:
      // The kinds of random access pictures.
      return hasUnit(data, (header) => header >> 1 >= 16 && header >> 1 <= 21);
    default:
      return false;
  }
}

/** The uncompressed header: marker (2 bits), profile (2, or 3), show_existing_frame, frame_type. */
function isVp9Key(data: Uint8Array): boolean {
  const first = data[0] ?? 0;
  if (first >> 6 !== 2) return false;
  // The profile's low bit comes first; profile 3 has a reserved bit behind it.
  const isProfile3 = ((first >> 4) & 3) === 3;
  const [existing, type] = isProfile3 ? [2, 1] : [3, 2];
  return ((first >> existing) & 1) === 0 && ((first >> type) & 1) === 0;
}

/** Whether one of the units (behind start codes of three bytes) is wanted, by its first byte. */
function hasUnit(data: Uint8Array, isWanted: (header: number) => boolean): boolean {
  let units = 0;
  for (let at = 0; at + 3 < data.length && units < unitsMax; at++) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1) continue;
    units += 1;
    if (isWanted(data[at + 3]! & 0x7f)) return true;
    at += 2;
  }
  return false;
}
