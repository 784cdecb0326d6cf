// The GLZ window of a session: it decodes images, keeps those that later ones may refer to and
// forgets the others. See docs/formats/glz.md, "The window".

import { decodeGlzPixels, type GlzReferences, glzMissing } from "./glz.ts";
import { countGlzUnits, type GlzHeader, glzHeaderSize, readGlzHeader } from "./glz-header.ts";
import { flipRows } from "./image-size.ts";
import { checkEnd, checkPlausible, LzType } from "./lz-header.ts";
import { CodecError, type ColorImage, maxImagePixels } from "./pixel-image.ts";

/** The largest window, in pixels, that a client may ask a server for: its offsets have 25 bits. */
export const maxGlzWindowPixels = 1 << 25;

export type GlzOutcome =
  /**
   * `image.pixels` may be the window's own copy, to which later images refer: read it or copy it,
   * but neither write to it nor transfer its buffer.
   */
  | { readonly kind: "decoded"; readonly image: ColorImage }
  /**
   * Image `id` has to be decoded first: it is on its way on another display channel. Nothing has
   * changed; call `decode` again with the same bytes when it has come.
   */
  | { readonly kind: "missing"; readonly id: number };

interface WindowImage {
  /** In the order of the stream, rows padded as there. */
  readonly pixels: Uint32Array;
  readonly windowHead: number;
}

/** Owns the decoded images of one session, which all its display channels share. */
export class GlzWindow {
  #images = new Map<number, WindowImage>();
  #pixelCount = 0;
  /** INVARIANT: all images with smaller ids have come; this one has not. */
  #nextId = 0;
  /** INVARIANT: no image with a smaller id is held or can be referred to. */
  #headId = 0;
  readonly #maxPixels: number;

  /**
   * @param maxPixels Bound of the pixels held between images. It has to exceed the size announced
   *   in DISPLAY_INIT by what may wait while an earlier image is still on its way.
   */
  constructor(maxPixels: number = 2 * maxGlzWindowPixels) {
    this.#maxPixels = maxPixels;
  }

  /** Pixels held now. */
  get pixelCount(): number {
    return this.#pixelCount;
  }

  /** Images held now. */
  get imageCount(): number {
    return this.#images.size;
  }

  /** Whether an image has been decoded, even if it has been dropped since. */
  hasDecoded(id: number): boolean {
    return id < this.#nextId || this.#images.has(id);
  }

  /** Forgets everything: a new sequence of images begins, with `firstId`. */
  reset(firstId: number = 0): void {
    this.#images.clear();
    this.#pixelCount = 0;
    this.#nextId = firstId;
    this.#headId = firstId;
  }

  /**
   * Decodes a GLZ image: `argb` for the type RGBA, otherwise `xrgb` with a high byte of 0. The
   * palette types, which the reference never sends, need `palette` as in `decodeLz`.
   *
   * @throws CodecError when the stream is damaged, refers to an image that is gone for good,
   *   repeats an id, or would make the window larger than its bound. The window is unchanged.
   */
  decode(data: Uint8Array, palette: Uint32Array | null = null): GlzOutcome {
    const header = readGlzHeader(data);
    if (this.hasDecoded(header.id)) {
      throw new CodecError("GLZ", 21, `image ${header.id} has come before`);
    }
    const { units, pixelsPerUnit } = countGlzUnits(header);
    const size = units * pixelsPerUnit;
    checkPlausible("GLZ", data.length - glzHeaderSize, units);
    const pixelsAfter = this.#pixelCount + size - this.#countReleased(header);
    if (pixelsAfter > this.#maxPixels) {
      throw new CodecError("GLZ", 9, `the window would hold ${pixelsAfter} pixels`);
    }

    const pixels = new Uint32Array(size);
    const references = new References(this.#images, this.#headId, header);
    const end = decodeGlzPixels(data, header, palette, pixels, references);
    if (end === glzMissing) return { kind: "missing", id: references.missingId };
    checkEnd("GLZ", data, end);
    this.#add(header, pixels);
    return { kind: "decoded", image: toImage(header, pixels) };
  }

  /** Pixels of the images that go when this one has come. */
  #countReleased(header: GlzHeader): number {
    if (header.id !== this.#nextId) return 0;
    let count = 0;
    for (let id = this.#headId; id < header.id - header.windowHeadDistance; id++) {
      count += this.#images.get(id)?.pixels.length ?? 0;
    }
    return count;
  }

  #add(header: GlzHeader, pixels: Uint32Array): void {
    const windowHead = header.id - header.windowHeadDistance;
    this.#images.set(header.id, { pixels, windowHead });
    this.#pixelCount += pixels.length;

    let newest: WindowImage | undefined;
    for (;;) {
      const image = this.#images.get(this.#nextId);
      if (image === undefined) break;
      newest = image;
      this.#nextId++;
    }
    if (newest === undefined) return;
    for (; this.#headId < newest.windowHead; this.#headId++) {
      const image = this.#images.get(this.#headId);
      if (image === undefined) continue;
      this.#images.delete(this.#headId);
      this.#pixelCount -= image.pixels.length;
    }
  }
}

class References implements GlzReferences {
  missingId = -1;
  readonly #images: ReadonlyMap<number, WindowImage>;
  readonly #headId: number;
  readonly #header: GlzHeader;

  constructor(images: ReadonlyMap<number, WindowImage>, headId: number, header: GlzHeader) {
    this.#images = images;
    this.#headId = headId;
    this.#header = header;
  }

  lookUp(distance: number, offset: number): Uint32Array | null {
    const { id, windowHeadDistance } = this.#header;
    const wanted = id - distance;
    if (distance > windowHeadDistance || wanted < this.#headId) {
      throw new CodecError("GLZ", offset, `image ${wanted} is no longer in the window`);
    }
    const image = this.#images.get(wanted);
    if (image !== undefined) return image.pixels;
    this.missingId = wanted;
    return null;
  }
}

/** The image as others see it: rows from the top down, without padding. */
function toImage(header: GlzHeader, stream: Uint32Array): ColorImage {
  const { width, height } = header;
  const rowLength = stream.length / height;
  let pixels = stream;
  if (rowLength !== width) {
    pixels = new Uint32Array(width * height);
    for (let row = 0; row < height; row++) {
      pixels.set(stream.subarray(row * rowLength, row * rowLength + width), row * width);
    }
  } else if (!header.topDown) {
    pixels = stream.slice();
  }
  if (!header.topDown) flipRows(pixels, width);
  return { format: header.type === LzType.RGBA ? "argb" : "xrgb", width, height, pixels };
}

/**
 * Inflates one zlib stream that must give exactly `size` bytes. It has to take no more memory
 * than that and to throw a typed error when the stream is damaged, longer or shorter. Node's
 * zlib and fflate both serve.
 */
export type Inflate = (data: Uint8Array, size: number) => Uint8Array;

/** Deflate makes nothing more than this much smaller. */
const maxDeflateRatio = 1032;

/**
 * Unwraps a ZLIB_GLZ image: the GLZ stream for `GlzWindow.decode`. It needs no window, so images
 * can be unwrapped in any order.
 *
 * @param size The inflated size that the message announces (`glz_data_size`).
 * @throws CodecError when the size is impossible, or what `inflate` throws.
 */
export function inflateGlz(data: Uint8Array, size: number, inflate: Inflate): Uint8Array {
  // Literals of the largest image: four bytes a pixel in two passes, a control byte for each 32.
  const largest = glzHeaderSize + maxImagePixels * 4 + 2 * (maxImagePixels / 32 + 1);
  if (size < glzHeaderSize || size > largest || size > data.length * maxDeflateRatio) {
    throw new CodecError("ZLIB_GLZ", 0, `${data.length} bytes cannot hold ${size}`);
  }
  const stream = inflate(data, size);
  if (stream.length !== size) {
    throw new CodecError("ZLIB_GLZ", 0, `it holds ${stream.length} bytes instead of ${size}`);
  }
  return stream;
}
