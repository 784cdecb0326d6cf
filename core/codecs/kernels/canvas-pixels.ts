// Pixels as SPICE has them (bytes B, G, R and one that means nothing) as a browser's canvas takes
// them (R, G, B, 255), in AssemblyScript for speed. Its caller is src/canvas-pixels.ts.

/** The first page holds the stub of the runtime. */
const pixels: usize = 0x400;
const opaque: v128 = i32x4.splat(0xff000000);

/** The address where so many pixels are put; 0 where there is no memory. */
export function room(count: usize): usize {
  // The last step reads and writes whole vectors.
  const pages = <i32>((pixels + (count << 2) + 16 + 0xffff) >>> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;
  return pixels;
}

/** Converts them in place. */
export function convert(count: usize): void {
  const end = pixels + (count << 2);
  for (let at = pixels; at < end; at += 16) {
    const four = v128.load(at);
    const turned = v128.shuffle<u8>(
      four,
      four,
      2,
      1,
      0,
      3,
      6,
      5,
      4,
      7,
      10,
      9,
      8,
      11,
      14,
      13,
      12,
      15,
    );
    v128.store(at, v128.or(turned, opaque));
  }
}
