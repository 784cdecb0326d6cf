// Encoder of GLZ images: the sender's side of the window that all display channels of a session
// share. See docs/formats/glz.md, "Encoding".

import {
  encodeGlzPass,
  type GlzPass,
  glzUnits,
  PositionTable,
  rememberGlzUnits,
} from "./glz-encode.ts";
import { glzHeaderSize } from "./glz-header.ts";
import { maxGlzWindowPixels } from "./glz-window.ts";
import { countPixels } from "./image-size.ts";
import { narrowPixels } from "./lz-encode.ts";
import { LzType, lzMagic, lzRowSize, lzVersion } from "./lz-header.ts";
import { CodecError, type ColorImage } from "./pixel-image.ts";

/** The types that a sender uses. */
export type GlzType =
  | typeof LzType.RGB16
  | typeof LzType.RGB24
  | typeof LzType.RGB32
  | typeof LzType.RGBA;

/** Entries of the hash tables: as many as the window has pixels, within these bounds. */
const maxColorHashBits = 20;
const maxAlphaHashBits = 16;
const minHashBits = 8;

/** An image of the window, as later ones refer to it. */
export interface GlzSentImage {
  readonly type: GlzType;
  /** 0555 for RGB16, otherwise with the alpha above, which counts for RGBA only. */
  readonly pixels: Uint32Array;
}

/** Encodes images one after the other and remembers what the receiver has. */
export class GlzDictionary {
  readonly #windowPixels: number;
  readonly #firstId: number;
  /** Images of the window, by serial (id less the first id) modulo the length, a power of two. */
  #images: (GlzSentImage | undefined)[] = new Array(64);
  #headSerial = 0;
  #nextSerial = 0;
  #pixelCount = 0;
  readonly #colors: PositionTable;
  readonly #alphas: PositionTable;

  /**
   * @param windowPixels The size that the client announced in DISPLAY_INIT; at most 2^25 count.
   * @param firstId Where to go on after a migration.
   */
  constructor(windowPixels: number, firstId: number = 0) {
    this.#windowPixels = Math.min(windowPixels, maxGlzWindowPixels);
    this.#firstId = firstId;
    const bits = Math.max(minHashBits, Math.ceil(Math.log2(this.#windowPixels)));
    this.#colors = new PositionTable(Math.min(bits, maxColorHashBits));
    this.#alphas = new PositionTable(Math.min(bits, maxAlphaHashBits));
  }

  /** Pixels that the window holds at most. */
  get windowPixels(): number {
    return this.#windowPixels;
  }

  /** The id that the next image will have. */
  get nextId(): number {
    return this.#firstId + this.#nextSerial;
  }

  /** The id of the oldest image in the window; `nextId` when it is empty. */
  get headId(): number {
    return this.#firstId + this.#headSerial;
  }

  /** Pixels in the window now. */
  get pixelCount(): number {
    return this.#pixelCount;
  }

  /**
   * Encodes an image, rows from the top down, and enters it into the window. It must be sent, or
   * the receiver will wait for it. Null when the image is too large for the window: send it
   * another way.
   *
   * @throws CodecError when the size is impossible.
   */
  encode(image: ColorImage, type: GlzType = naturalType(image)): Uint8Array | null {
    const { width, height } = image;
    const size = countPixels("GLZ", 0, width, height);
    if (size >= this.#windowPixels) return null;
    if (this.#nextSerial >= 0x7fffffff) throw new CodecError("GLZ", 21, "ids are used up");

    const pixels = type === LzType.RGB16 ? narrowPixels(image) : image.pixels.slice();
    const serial = this.#enter({ type, pixels });
    const passes = type === LzType.RGBA ? 4 + 2 / 16 : 3 + 1 / 16;
    const stream = new Uint8Array(glzHeaderSize + Math.ceil(size * passes) + 64);
    this.#writeHeader(stream, type, width, height, serial);
    const pass: GlzPass = {
      pixels,
      stream,
      end: glzHeaderSize,
      serial,
      source: (candidate) => this.#source(candidate, type),
    };
    const unit = type === LzType.RGB16 ? glzUnits.sixteen : glzUnits.color;
    encodeGlzPass(pass, unit, this.#colors);
    if (type === LzType.RGBA) encodeGlzPass(pass, glzUnits.alpha, this.#alphas);
    return stream.slice(0, pass.end);
  }

  /** Images of the window from an id on, oldest first. Their pixels are the window's own. */
  *imagesFrom(id: number): Generator<GlzSentImage, void, undefined> {
    const first = Math.max(id - this.#firstId, this.#headSerial);
    for (let serial = first; serial < this.#nextSerial; serial++) {
      yield this.#images[serial & (this.#images.length - 1)]!;
    }
  }

  /**
   * Enters an image that another sender encoded and that the receiver has; it gets the next id.
   * The window keeps `pixels`. An image that is too large for the window empties it.
   */
  remember({ type, pixels }: GlzSentImage): void {
    if (pixels.length >= this.#windowPixels) {
      this.dropBefore(this.nextId);
      this.#headSerial = ++this.#nextSerial;
      return;
    }
    const serial = this.#enter({ type, pixels });
    const unit = type === LzType.RGB16 ? glzUnits.sixteen : glzUnits.color;
    rememberGlzUnits(pixels, serial, unit, this.#colors);
    if (type === LzType.RGBA) rememberGlzUnits(pixels, serial, glzUnits.alpha, this.#alphas);
  }

  /** Drops images that the receiver may have dropped. */
  dropBefore(id: number): void {
    while (this.#headSerial < this.#nextSerial && this.headId < id) this.#dropOldest();
  }

  #dropOldest(): void {
    const slot = this.#headSerial++ & (this.#images.length - 1);
    this.#pixelCount -= this.#images[slot]!.pixels.length;
    this.#images[slot] = undefined;
  }

  /** Drops the oldest images until the new one fits, and adds it; returns its serial. */
  #enter(image: GlzSentImage): number {
    while (this.#pixelCount + image.pixels.length > this.#windowPixels) this.#dropOldest();
    if (this.#nextSerial - this.#headSerial === this.#images.length) this.#grow();
    const serial = this.#nextSerial++;
    this.#images[serial & (this.#images.length - 1)] = image;
    this.#pixelCount += image.pixels.length;
    return serial;
  }

  #grow(): void {
    const larger: (GlzSentImage | undefined)[] = new Array(this.#images.length * 2);
    for (let serial = this.#headSerial; serial < this.#nextSerial; serial++) {
      larger[serial & (larger.length - 1)] = this.#images[serial & (this.#images.length - 1)];
    }
    this.#images = larger;
  }

  /** Pixels of an image that may be referred to; null when it left the window or differs in type. */
  #source(serial: number, type: GlzType): Uint32Array | null {
    if (serial < this.#headSerial) return null;
    const image = this.#images[serial & (this.#images.length - 1)]!;
    return image.type === type ? image.pixels : null;
  }

  #writeHeader(
    stream: Uint8Array,
    type: GlzType,
    width: number,
    height: number,
    serial: number,
  ): void {
    const id = this.#firstId + serial;
    const view = new DataView(stream.buffer);
    view.setUint32(0, lzMagic);
    view.setUint32(4, lzVersion);
    view.setUint8(8, type | 16);
    view.setUint32(9, width);
    view.setUint32(13, height);
    view.setUint32(17, lzRowSize(type, width));
    view.setUint32(21, Math.floor(id / 2 ** 32));
    view.setUint32(25, id % 2 ** 32);
    view.setUint32(29, serial - this.#headSerial);
  }
}

function naturalType(image: ColorImage): GlzType {
  return image.format === "argb" ? LzType.RGBA : LzType.RGB32;
}
