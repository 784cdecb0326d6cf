// What a guest draws: the draw operations of the display channel before anything of them is
// encoded. The fields are those of the protocol's messages; only images differ, since a guest
// offers pixels and the server chooses how each client gets them.

import type { DisplayMessage } from "@caraway/canvas";
import type { BitmapFormat, Image } from "@caraway/protocol";
import type { Infer } from "@caraway/wire";

/**
 * Colours of an image of 1, 4 or 8 bits, `0x00RRGGBB`; 0555 where the image is drawn onto a
 * surface of 16 bits.
 */
export interface GuestPalette {
  /** Palettes with the same key have the same colours for ever; null: sent whenever it is used. */
  readonly key: bigint | null;
  readonly colors: readonly number[];
}

/** An image in the guest's memory; its bytes never change once they are handed over. */
export interface GuestPixels {
  readonly kind: "pixels";
  /**
   * Images with the same key have the same pixels for ever, so that clients may keep them in
   * their image cache. null: it will not be drawn again, and is not cached.
   */
  readonly key: bigint | null;
  readonly width: number;
  readonly height: number;
  /**
   * docs/formats/bitmap.md. 1BIT_LE and 4BIT_LE may be used as any other, though spice-gtk knows
   * them in masks only: with a palette they reach clients as 1BIT_BE and 4BIT_BE.
   */
  readonly format: BitmapFormat;
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** Whether the first row in `data` is the top one. */
  readonly topDown: boolean;
  /** At least `stride` bytes for each row. */
  readonly data: Uint8Array;
  /** There for the formats of 1, 4 and 8 bits, except in masks. */
  readonly palette: GuestPalette | null;
  /** 32BIT only: whoever reads alpha from it shall read 255 (`SPICE_IMAGE_FLAGS_HIGH_BITS_SET`). */
  readonly highBitsSet: boolean;
}

/** A surface of the same display as source, as it is when the operation is drawn. */
export interface GuestSurfaceImage {
  readonly kind: "surface";
  readonly surface: number;
}

export type GuestImage = GuestPixels | GuestSurfaceImage;

type EncodedImage = Infer<typeof Image>;

/** The same fields, with a guest's image wherever an encoded one stands. */
type WithGuestImages<T> = T extends EncodedImage
  ? GuestImage
  : T extends Uint8Array
    ? T
    : T extends readonly (infer E)[]
      ? readonly WithGuestImages<E>[]
      : T extends object
        ? { readonly [K in keyof T]: WithGuestImages<T[K]> }
        : T;

/**
 * One drawing: `{ name: "DRAW_FILL", body: { base, brush, ropDescriptor, mask } }` and so on for
 * every DRAW_ message and COPY_BITS of `core/protocol/src/display.ts`. It stays within its surface
 * or is clipped to it; one that makes no sense (no such surface, an image whose bytes are too few)
 * is left out and reported, and never harms a client.
 */
export type Drawing = WithGuestImages<
  Extract<DisplayMessage, { readonly name: `DRAW_${string}` | "COPY_BITS" }>
>;

export type DrawingName = Drawing["name"];

/** The fields of one kind of drawing. */
export type DrawingBody<N extends DrawingName> = Extract<Drawing, { readonly name: N }>["body"];

/** Rows of a surface, or of a part of it, from the top down, in the surface's own format. */
export interface SurfacePixels {
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** 4, 2 or 1 byte a pixel, lowest byte first; 1_A: one bit, the leftmost in the lowest bit. */
  readonly data: Uint8Array;
}
