// Drawing as the driver of a QXL device describes it: drawables, images, brushes and cursors in the words of the protocol. qxl-memory.ts
// makes the device's structures of them.

export interface Rect {
  readonly left: number;
  readonly top: number;
  /** Right and bottom are exclusive. */
  readonly right: number;
  readonly bottom: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type QxlImage =
  | {
      readonly kind: "bitmap";
      /** `BitmapFormat`. */
      readonly format: number;
      readonly width: number;
      readonly height: number;
      /** Bytes from row to row. */
      readonly stride: number;
      /** Rows from the top. Default true. */
      readonly topDown?: boolean;
      /** `height * stride` bytes. */
      readonly data: Uint8Array;
      /** Colours as 0xRRGGBB, for formats of 8 bits and less. */
      readonly palette?: readonly number[];
      /** Asks the server to cache it under this number; different pictures need different numbers. */
      readonly cacheAs?: number;
    }
  | {
      readonly kind: "surface";
      readonly surface: number;
      readonly width: number;
      readonly height: number;
    };

export type QxlBrush =
  | { readonly kind: "none" }
  | { readonly kind: "solid"; readonly color: number }
  | { readonly kind: "pattern"; readonly image: QxlImage; readonly origin: Point };

export interface QxlMask {
  readonly image: QxlImage;
  readonly position: Point;
  /** `MaskFlag`. */
  readonly flags?: number;
}

/** 16.16 fixed point, row by row: x' = t00 x + t01 y + t02. */
export type QxlTransform = readonly [number, number, number, number, number, number];

export interface QxlPathSegment {
  /** `PathFlag`. */
  readonly flags: number;
  /** Pixels; sixteenths are kept. */
  readonly points: readonly Point[];
}

export interface QxlGlyph {
  readonly position: Point;
  readonly origin: Point;
  readonly width: number;
  readonly height: number;
  /** Rows of 1, 4 or 8 bits a pixel, each padded to bytes. */
  readonly data: Uint8Array;
}

interface Sourced {
  readonly source: QxlImage;
  readonly sourceArea: Rect;
}

/** One operation. Rops are `RopDescriptor` sums, `scaleMode` is `ScaleMode` (default 0, interpolate). */
export type QxlOperation =
  | {
      readonly kind: "fill";
      readonly brush: QxlBrush;
      readonly rop: number;
      readonly mask?: QxlMask;
    }
  | ({
      readonly kind: "opaque";
      readonly brush: QxlBrush;
      readonly rop: number;
      readonly scaleMode?: number;
      readonly mask?: QxlMask;
    } & Sourced)
  | ({
      readonly kind: "copy" | "blend";
      readonly rop: number;
      readonly scaleMode?: number;
      readonly mask?: QxlMask;
    } & Sourced)
  | { readonly kind: "copy-bits"; readonly from: Point }
  | { readonly kind: "blackness" | "whiteness" | "invers"; readonly mask?: QxlMask }
  | ({
      readonly kind: "rop3";
      readonly brush: QxlBrush;
      /** Ternary operation: bit (pattern << 2 | source << 1 | destination). */
      readonly rop3: number;
      readonly scaleMode?: number;
      readonly mask?: QxlMask;
    } & Sourced)
  | {
      readonly kind: "stroke";
      readonly path: readonly QxlPathSegment[];
      readonly brush: QxlBrush;
      readonly foreMode: number;
      readonly backMode?: number;
      /** Dashes in pixels: line and gap in turn. */
      readonly dashes?: readonly number[];
      readonly startWithGap?: boolean;
    }
  | {
      readonly kind: "text";
      /** `StringFlag`: one RASTER bit, and TOP_DOWN. */
      readonly flags: number;
      readonly glyphs: readonly QxlGlyph[];
      readonly backArea?: Rect;
      readonly foreBrush: QxlBrush;
      readonly backBrush?: QxlBrush;
      readonly foreMode: number;
      readonly backMode?: number;
    }
  | ({
      readonly kind: "transparent";
      readonly sourceColor: number;
      readonly trueColor: number;
    } & Sourced)
  | ({ readonly kind: "alpha-blend"; readonly alpha: number; readonly flags?: number } & Sourced)
  | {
      readonly kind: "composite";
      /** Operator, filters and repeats as in `CompositeFlag`; the HAS bits are added. */
      readonly flags: number;
      readonly source: QxlImage;
      readonly sourceTransform?: QxlTransform;
      readonly sourceOrigin?: Point;
      readonly mask?: QxlImage;
      readonly maskTransform?: QxlTransform;
      readonly maskOrigin?: Point;
    };

export interface QxlDrawable {
  /** Default 0, the primary. */
  readonly surface?: number;
  readonly box: Rect;
  readonly clip?: readonly Rect[];
  /** QXLEffectType: what the server may conclude about hidden drawables. Default 0, blend: nothing. */
  readonly effect?: number;
  readonly operation: QxlOperation;
}

export interface QxlCursorShape {
  /** `CursorType`. */
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly hotSpot: Point;
  /** Makes the server cache it; 0 or none: it does not. */
  readonly unique?: number;
  /** Pixels, and masks and palettes where the type has them. */
  readonly data: Uint8Array;
}

export type QxlCursorCommand =
  | {
      readonly kind: "set";
      readonly position: Point;
      readonly visible: boolean;
      readonly shape: QxlCursorShape;
    }
  | { readonly kind: "move"; readonly position: Point }
  | { readonly kind: "hide" }
  | { readonly kind: "trail"; readonly length: number; readonly frequency: number };

export interface QxlSurface {
  readonly id: number;
  /** `SurfaceFormat`. */
  readonly format: number;
  readonly width: number;
  readonly height: number;
  /** Bytes from row to row. */
  readonly stride: number;
}

export interface QxlMonitor extends Point {
  readonly id: number;
  readonly surface: number;
  readonly width: number;
  readonly height: number;
}
