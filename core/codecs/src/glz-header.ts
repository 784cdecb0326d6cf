// The header of GLZ images. See docs/formats/glz.md.

import { countPixels } from "./image-size.ts";
import {
  checkLzStart,
  checkStride,
  type LzHeader,
  LzType,
  lzIndexLayout,
  lzRowSize,
} from "./lz-header.ts";
import { CodecError } from "./pixel-image.ts";

export interface GlzHeader extends LzHeader {
  /** Number of the image in its session, from 0. */
  readonly id: number;
  /** How many images back the sender's window begins, seen from this image. */
  readonly windowHeadDistance: number;
}

export const glzHeaderSize = 33;

/**
 * Reads the header of a GLZ image.
 *
 * @throws CodecError when it is not one or when its numbers do not fit together.
 */
export function readGlzHeader(data: Uint8Array): GlzHeader {
  if (data.length < glzHeaderSize) {
    throw new CodecError("GLZ", data.length, "its header is cut off");
  }
  const view = new DataView(data.buffer, data.byteOffset, glzHeaderSize);
  checkLzStart("GLZ", view);
  const type = view.getUint8(8) & 15;
  if (type < LzType.PLT1_LE || type > LzType.RGBA) {
    throw new CodecError("GLZ", 8, `there is no type ${type}`);
  }
  const header: GlzHeader = {
    type: type as LzType,
    topDown: view.getUint8(8) >> 4 !== 0,
    width: view.getUint32(9),
    height: view.getUint32(13),
    stride: view.getUint32(17),
    id: view.getUint32(21) * 2 ** 32 + view.getUint32(25),
    windowHeadDistance: view.getUint32(29),
  };
  countPixels("GLZ", 9, header.width, header.height);
  checkStride("GLZ", 17, header);
  // Senders count from 0, so an id that a number cannot hold is never reached.
  if (!Number.isSafeInteger(header.id)) {
    throw new CodecError("GLZ", 21, `its id ${header.id} is too large`);
  }
  if (header.windowHeadDistance > header.id) {
    throw new CodecError("GLZ", 29, `its window begins before image 0`);
  }
  return header;
}

/** Units in the stream of one pass, and the pixels that each stands for. */
export function countGlzUnits(header: GlzHeader): { units: number; pixelsPerUnit: number } {
  const layout = lzIndexLayout(header.type);
  if (layout === undefined) return { units: header.width * header.height, pixelsPerUnit: 1 };
  return {
    units: lzRowSize(header.type, header.width) * header.height,
    pixelsPerUnit: 8 / layout.bits,
  };
}
