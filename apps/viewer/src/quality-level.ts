// What a level of quality means where pictures are never lossy by the client's choice: how much work
// both ends spend to make them small.

import { ImageCompression } from "@caraway/protocol";

const byLevel: readonly ImageCompression[] = [
  // 0 to 3: a slow network; images refer to earlier ones.
  ImageCompression.AUTO_GLZ,
  ImageCompression.AUTO_GLZ,
  ImageCompression.AUTO_GLZ,
  ImageCompression.AUTO_GLZ,
  // 4 to 6: photographs as QUIC, the rest as LZ.
  ImageCompression.AUTO_LZ,
  ImageCompression.AUTO_LZ,
  ImageCompression.AUTO_LZ,
  // 7 to 9: a fast network; the least work, and none.
  ImageCompression.LZ4,
  ImageCompression.LZ,
  ImageCompression.OFF,
];

/** `level` from 0 to 9. */
export function compressionForQuality(level: number): ImageCompression {
  return byLevel[Math.max(0, Math.min(9, Math.round(level)))]!;
}
